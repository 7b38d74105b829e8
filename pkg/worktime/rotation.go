package worktime

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// Rotation is who is on, over time. It never changes, and may be used by many goroutines.
//
// Its first turns begin it: before that nobody is on. From then on it says at every instant who is, once. Of what has been
// nothing changes when turns are added that take over later, or an override that is Known since then.
type Rotation struct {
	turns     []Turns
	overrides []RotationOverride
}

// RotationOverride changes who is on from Start until End. One out and another in is a replacement, which two of them make
// a swap. They are applied in their order: Out, when on, is no longer; In takes that place. Without an Out, In is on beside
// the others; without an In, nobody takes the place. When nobody is left, the next in order is on whom no override in force
// puts out; there may be none, and then nobody is.
type RotationOverride struct {
	Start, End time.Time
	// Out and In are names, empty for nobody; one of them is given.
	Out, In string
	Known
}

// Shift is a time in which the same members are on: a turn, or a part of one.
type Shift struct {
	Interval
	// Members are empty only when overrides put all of them out.
	Members []string
}

// RotationError says what is wrong with turns or an override of a rotation.
type RotationError struct {
	// Part is "turns" or "overrides", Index its place there, Field the field's name in lower case and Rule what holds for it.
	Part        string
	Index       int
	Field, Rule string
}

// Error implements error.
func (e *RotationError) Error() string {
	return fmt.Sprintf("worktime: %s %d: its %s %s", e.Part, e.Index, e.Field, e.Rule)
}

// NewRotation makes a rotation. Its error is a *RotationError.
func NewRotation(turns []Turns, overrides []RotationOverride) (*Rotation, error) {
	for i := range turns {
		if field, rule := turns[i].wrong(); field != "" {
			return nil, &RotationError{"turns", i, field, rule}
		}
	}
	r := &Rotation{turns: slices.Clone(turns)}
	slices.SortStableFunc(r.turns, func(a, b Turns) int { return a.From.Compare(b.From) })
	for i, o := range overrides {
		switch {
		case !o.Start.Before(o.End):
			return nil, &RotationError{"overrides", i, "end", "must be after its start"}
		case o.Out == "" && o.In == "":
			return nil, &RotationError{"overrides", i, "in", "or its out must be given"}
		case o.Out == o.In:
			return nil, &RotationError{"overrides", i, "in", "must not be the one that is out"}
		}
		if clipped, counts := (Interval{o.Start, o.End}).clip(o.Since, o.Until); counts {
			o.Start, o.End = clipped.Start, clipped.End
			r.overrides = append(r.overrides, o)
		}
	}
	return r, nil
}

// On are who is on at an instant.
func (r *Rotation) On(at time.Time) []string {
	for s := range r.Shifts(at, at.Add(1)) {
		return s.Members
	}
	return nil
}

// Shifts are all of the time from one instant until another in which the rotation holds, in order, without a gap, one by
// one. Each is as long as its members stay the same, but for a hand-over, which begins a new one even to the same member;
// where a rotation follows the sun, only another member is a hand-over.
func (r *Rotation) Shifts(from, to time.Time) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		var next Shift
		var of turn // that of next
		some := false
		for t := range r.base(from, to) {
			for _, part := range r.cut(t.Interval) {
				members := r.who(&t, part.Start)
				if some && of.version == t.version && of.number == t.number && slices.Equal(next.Members, members) {
					next.End = part.End
					continue
				}
				if some && !yield(next) {
					return
				}
				next, of, some = Shift{part, members}, t, true
			}
		}
		if some {
			yield(next)
		}
	}
}

// cut parts an interval where an override begins or ends.
func (r *Rotation) cut(whole Interval) []Interval {
	edges := []time.Time{whole.Start, whole.End}
	for _, o := range r.overrides {
		for _, edge := range []time.Time{o.Start, o.End} {
			if edge.After(whole.Start) && edge.Before(whole.End) {
				edges = append(edges, edge)
			}
		}
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)
	parts := make([]Interval, len(edges)-1)
	for i := range parts {
		parts[i] = Interval{edges[i], edges[i+1]}
	}
	return parts
}

// who are on at an instant of a turn.
func (r *Rotation) who(t *turn, at time.Time) []string {
	on := []string{t.members[t.first]}
	var out []string
	for _, o := range r.overrides {
		if o.Start.After(at) || !o.End.After(at) {
			continue
		}
		place := len(on)
		if o.Out != "" {
			out = append(out, o.Out)
			if place = slices.Index(on, o.Out); place < 0 {
				continue
			}
			on = slices.Delete(on, place, place+1)
		}
		if o.In != "" && !slices.Contains(on, o.In) {
			on = slices.Insert(on, place, o.In)
		}
	}
	for i := 0; len(on) == 0 && i < len(t.members); i++ {
		if next := t.members[(t.first+i)%len(t.members)]; !slices.Contains(out, next) {
			on = append(on, next)
		}
	}
	return on
}
