package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// OverrideRevision is the only one of an override, which does not change: its etag.
const OverrideRevision = 1

// Override changes who of a rotation is on from Start until End. Out is no longer on, In takes that place; each may be nil,
// not both.
type Override struct {
	ID         uuid.UUID
	Start, End time.Time
	Out, In    uuid.UUID
	// Swap is what made it, uuid.Nil for one that was made by itself.
	Swap uuid.UUID
	// It counts from CreateTime until DeleteTime, zero for ever.
	CreateTime, DeleteTime time.Time
}

// known is the override as it is reckoned with.
func (o *Override) known() worktime.RotationOverride {
	name := func(member uuid.UUID) string {
		if member == uuid.Nil {
			return ""
		}
		return member.String()
	}
	return worktime.RotationOverride{
		Start: o.Start, End: o.End, Out: name(o.Out), In: name(o.In), Known: worktime.Known{Since: o.CreateTime, Until: o.DeleteTime},
	}
}

// left is what of it counts from an instant on.
func (o *Override) left(now time.Time) (start, end time.Time, some bool) {
	start = o.Start
	if start.Before(now) {
		start = now
	}
	return start, o.End, start.Before(o.End)
}

// AddOverride makes an override of the rotation.
func (r *Rotation) AddOverride(o Override, now time.Time) (Override, []Event, error) {
	const field = "rotation_override"
	if err := checkSpan(field, o.Start, o.End); err != nil {
		return Override{}, nil, err
	}
	start, end, some := o.left(now)
	switch {
	case !some:
		return Override{}, nil, fault.InvalidField(field+".end_time", "must not have passed")
	case o.Out == uuid.Nil && o.In == uuid.Nil:
		return Override{}, nil, fault.InvalidField(field+".in_member", "or out_member must be given")
	case o.Out == o.In:
		return Override{}, nil, fault.InvalidField(field+".in_member", "must not be out_member")
	}
	return r.override(o, start, end, now)
}

// override adds a checked one, of which what is from start until end counts.
func (r *Rotation) override(o Override, start, end, now time.Time) (Override, []Event, error) {
	standing := 0
	for _, other := range r.Overrides {
		if _, _, some := other.left(now); some && other.DeleteTime.IsZero() {
			standing++
		}
	}
	if standing >= MaxOverrides {
		return Override{}, nil, r.limit("at most 1000 overrides may not be over")
	}
	o.CreateTime = now
	r.Overrides = append(r.Overrides, o)
	return o, []Event{r.changed(start, end, now)}, nil
}

// checkSpan refuses times that are no range of at most MaxOverride.
func checkSpan(field string, start, end time.Time) error {
	if err := CheckInstant(field+".start_time", start); err != nil {
		return err
	}
	if err := CheckInstant(field+".end_time", end); err != nil {
		return err
	}
	switch {
	case !end.After(start):
		return fault.InvalidField(field+".end_time", "must be after start_time")
	case end.Sub(start) > MaxOverride:
		return fault.InvalidField(field+".end_time", "must be at most 366 days after start_time")
	}
	return nil
}

// EndOverride takes an override back from now on. It has no event when it is over.
func (r *Rotation) EndOverride(o *Override, now time.Time) []Event {
	o.DeleteTime = now
	for i := range r.Overrides {
		if r.Overrides[i].ID == o.ID {
			r.Overrides[i].DeleteTime = now
		}
	}
	start, end, some := o.left(now)
	if !some {
		return nil
	}
	return []Event{r.changed(start, end, now)}
}
