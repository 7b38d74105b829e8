package worktime

import (
	"slices"
	"time"
)

// Change is a stretch of time that is of another kind, or another holiday, in one calendar than in another.
type Change struct {
	Interval
	Before, After Kind
}

// Changes are where two calendars differ within a range, in order, each as long as it can be.
func Changes(before, after *Calendar, start, end time.Time) []Change {
	var all []Change
	left, right := slices.Collect(before.Stretches(start, end)), slices.Collect(after.Stretches(start, end))
	for len(left) > 0 && len(right) > 0 {
		l, r := left[0], right[0]
		common := Interval{later(l.Start, r.Start), earlier(l.End, r.End)}
		if l.Kind != r.Kind || l.Name != r.Name {
			all = append(all, Change{Interval: common, Before: l.Kind, After: r.Kind})
		}
		if l.End.Equal(common.End) {
			left = left[1:]
		}
		if r.End.Equal(common.End) {
			right = right[1:]
		}
	}
	return all
}

// Differs is the shortest interval that holds all of a range in which clocks in two zones differ; false where they do not.
func (z *Zone) Differs(other *Zone, start, end time.Time) (Interval, bool) {
	var all []Interval
	for at, last := start.Unix(), end.Unix(); at < last; {
		a, b := z.spanAt(at), other.spanAt(at)
		to := min(a.end, b.end, last)
		if a.offset != b.offset {
			all = append(all, Interval{instant(at), instant(to)})
		}
		at = to
	}
	if len(all) == 0 {
		return Interval{}, false
	}
	return Interval{all[0].Start, all[len(all)-1].End}, true
}

// Differ is the shortest interval that holds all of a range in which two calendars differ; false where they do not.
func Differ(a, b *Calendar, start, end time.Time) (Interval, bool) {
	all := Changes(a, b, start, end)
	if len(all) == 0 {
		return Interval{}, false
	}
	return Interval{all[0].Start, all[len(all)-1].End}, true
}
