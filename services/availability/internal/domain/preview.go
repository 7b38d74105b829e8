package domain

import (
	"slices"
	"time"

	"github.com/meridianhq/meridian/pkg/worktime"
)

const (
	// PreviewRange is how far a preview looks ahead, from where the change begins.
	PreviewRange = 28 * 24 * time.Hour
	// maxPreview is how many changes it tells at most.
	maxPreview = 1000
)

// Preview is what a change would do.
type Preview struct {
	// Changes are those of the member's time, in order.
	Changes []worktime.Change
	// Inheriting is how many members would have a workspace's default hours.
	Inheriting int
}

// Foresee is what is to come of a change that begins at an instant, from what is known of a member before and after it.
func Foresee(before, after Record, from time.Time) (Preview, error) {
	was, err := before.Lay()
	if err != nil {
		return Preview{}, err
	}
	is, err := after.Lay()
	if err != nil {
		return Preview{}, err
	}
	changes := worktime.Changes(was.Calendar, is.Calendar, from, from.Add(PreviewRange))
	return Preview{Changes: changes[:min(len(changes), maxPreview)]}, nil
}

// WithLayer is the record with the layer as it is.
func (r Record) WithLayer(l Layer) Record {
	r.Layers = with(r.Layers, l, func(o Layer) bool { return o.ID == l.ID })
	return r
}

// WithTimeOff is the record with the time off as it is.
func (r Record) WithTimeOff(t TimeOff) Record {
	r.TimeOffs = with(r.TimeOffs, t, func(o TimeOff) bool { return o.ID == t.ID })
	return r
}

// WithSchedule is the record with new hours, which cut those before them.
func (r Record) WithSchedule(s Schedule) Record {
	all := make([]Schedule, 0, len(r.Schedules)+1)
	for _, former := range r.Schedules {
		if former.End.IsZero() || former.End.After(s.Start) {
			former.End = s.Start
			if former.Start.After(s.Start) {
				former.End = former.Start
			}
		}
		all = append(all, former)
	}
	all = append(all, s)
	r.Schedules = all
	return r
}

// with are the things with one in the place of its former self, or at the end.
func with[T any](things []T, thing T, same func(T) bool) []T {
	all := slices.Clone(things)
	if i := slices.IndexFunc(all, same); i >= 0 {
		all[i] = thing
		return all
	}
	return append(all, thing)
}
