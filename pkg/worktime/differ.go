package worktime

import (
	"slices"
	"time"
)

// Differ is the shortest interval that holds all of a range in which two calendars differ; false where they do not.
func Differ(a, b *Calendar, start, end time.Time) (Interval, bool) {
	var hull Interval
	left, right := slices.Collect(a.Stretches(start, end)), slices.Collect(b.Stretches(start, end))
	for len(left) > 0 && len(right) > 0 {
		l, r := left[0], right[0]
		to := earlier(l.End, r.End)
		if l.Kind != r.Kind || l.Name != r.Name {
			if hull.End.IsZero() {
				hull.Start = later(l.Start, r.Start)
			}
			hull.End = to
		}
		if l.End.Equal(to) {
			left = left[1:]
		}
		if r.End.Equal(to) {
			right = right[1:]
		}
	}
	return hull, !hull.End.IsZero()
}
