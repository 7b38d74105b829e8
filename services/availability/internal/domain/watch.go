package domain

import (
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// Shifts are all of the time from one instant until another in which the rotation holds, in order, without a gap.
func (w Watch) Shifts(from, to time.Time) iter.Seq[Shift] {
	if !w.end.IsZero() && w.end.Before(to) {
		to = w.end
	}
	return func(yield func(Shift) bool) {
		if !from.Before(to) {
			return
		}
		for s := range w.rotation.Shifts(from, to) {
			if !yield(shiftOf(s)) {
				return
			}
		}
	}
}

func shiftOf(s worktime.Shift) Shift {
	shift := Shift{Start: s.Start.UTC(), End: s.End.UTC()}
	for _, name := range s.Members {
		shift.Members = append(shift.Members, uuid.MustParse(name))
	}
	return shift
}

// At is the shift that holds an instant, as far as it is within a span of it to both sides; false where the rotation does
// not hold.
func (w Watch) At(at time.Time, span time.Duration) (Shift, bool) {
	const near = 8 * 24 * time.Hour // which holds most shifts whole
	s, on := w.within(at, at.Add(-near), at.Add(near))
	if on && s.Start.After(at.Add(-near)) && s.End.Before(at.Add(near)) {
		return s, on
	}
	return w.within(at, at.Add(-span), at.Add(span))
}

// within is the shift that holds an instant, cut to a range.
func (w Watch) within(at, from, to time.Time) (Shift, bool) {
	for s := range w.Shifts(from, to) {
		if s.End.After(at) {
			return s, !s.Start.After(at)
		}
	}
	return Shift{}, false
}

// ChangesFrom is from when on events of a rotation change who is on, false where they do not.
func ChangesFrom(events []Event, now time.Time) (time.Time, bool) {
	for _, event := range events {
		if changed, ok := event.(RotationChanged); ok {
			return later(changed.Start, now), true
		}
	}
	return time.Time{}, false
}

// Preview are the shifts of the weeks that follow an instant.
func (w Watch) Preview(now time.Time) []Shift {
	var all []Shift
	for s := range w.Shifts(now, now.Add(PreviewTime)) {
		if len(all) == MaxPreview {
			break
		}
		all = append(all, s)
	}
	return all
}

// Holds says whether a member is on throughout from start until end.
func (w Watch) Holds(member uuid.UUID, start, end time.Time) bool {
	at := start
	for s := range w.Shifts(start, end) {
		if !s.Start.Equal(at) || !slices.Contains(s.Members, member) {
			return false
		}
		at = s.End
	}
	return at.Equal(end)
}

// Touches says whether a member is on at some time from start until end.
func (w Watch) Touches(member uuid.UUID, start, end time.Time) bool {
	for s := range w.Shifts(start, end) {
		if slices.Contains(s.Members, member) {
			return true
		}
	}
	return false
}

const (
	// TellAhead is how far ahead the next boundary of a shift is looked for: without one it is looked for again then.
	TellAhead = 32 * 24 * time.Hour
	// maxTold is how many boundaries are told of at once; what is left comes next.
	maxTold = 100
)

// ToldFrom is the instant from which a rotation must be laid to tell of its shifts: until TellAhead after now.
func (r *Rotation) ToldFrom() time.Time {
	if r.Told.Start.IsZero() {
		return r.CreateTime
	}
	return r.Told.Start
}

// Tell tells of the boundaries of shifts since the last shift that was told of, until now, each once, and says when the next
// is due. A shift is told of by its start: where another begins at the very instant, who is on may still change there.
func (r *Rotation) Tell(w Watch, now time.Time) []Event {
	var events []Event
	r.Due = now.Add(TellAhead)
	for s := range w.Shifts(r.ToldFrom(), now.Add(TellAhead)) {
		if s.Start.Equal(r.Told.Start) && slices.Equal(s.Members, r.Told.Members) {
			continue
		}
		if s.Start.After(now) || len(events) >= maxTold {
			r.Due = s.Start
			return events
		}
		events = append(events, r.ended(s.Start)...)
		r.Told = Shift{Start: s.Start, Members: s.Members}
		events = append(events, ShiftStarted{Rotation: *r, Shift: r.Told, Version: r.Next()})
	}
	switch {
	case w.end.IsZero():
	case w.end.After(now):
		r.Due = w.end
	default:
		events = append(events, r.ended(w.end)...)
		r.Told, r.Due = Shift{}, time.Time{}
	}
	return events
}

// ended tells that the shift that was last told of is over; nothing where there was none.
func (r *Rotation) ended(end time.Time) []Event {
	if r.Told.Start.IsZero() {
		return nil
	}
	over := r.Told
	over.End = end
	return []Event{ShiftEnded{Rotation: *r, Shift: over, Version: r.Next()}}
}
