package resource

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/etag"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Rotation is the resource of a rotation as it is at an instant.
func Rotation(r domain.Rotation, at time.Time) *availabilityv1.Rotation {
	turns, upcoming := r.In(at)
	out := &availabilityv1.Rotation{
		Name: domain.RotationName(r.Workspace, r.Team, r.ID), Uid: r.ID.String(), DisplayName: r.Name, Turns: turnsOf(r.Workspace, turns),
		Etag: etag.Of(r.Revision), CreateTime: Timestamp(r.CreateTime), UpdateTime: Timestamp(r.UpdateTime),
	}
	for _, t := range upcoming {
		out.UpcomingTurns = append(out.UpcomingTurns, turnsOf(r.Workspace, t))
	}
	return out
}

func turnsOf(ws uuid.UUID, t domain.Turns) *availabilityv1.Turns {
	out := &availabilityv1.Turns{
		Members: members(ws, t.Members), Unit: availabilityv1.Turns_Unit(availabilityv1.Turns_Unit_value[string(t.Unit)]),
		EffectiveTime: Timestamp(t.Start),
	}
	if t.Unit != domain.FollowTheSun {
		out.Every, out.TimeZone, out.FirstDate, out.HandOverTime = int32(t.Every), t.Zone, Date(t.First), clock(t.At)
	}
	return out
}

func members(ws uuid.UUID, ids []uuid.UUID) []string {
	var names []string
	for _, id := range ids {
		names = append(names, domain.MemberName(ws, id))
	}
	return names
}

// member is the name of a member; empty for none.
func member(ws, id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return domain.MemberName(ws, id)
}

// Shift is the resource of a shift.
func Shift(ws uuid.UUID, s domain.Shift) *availabilityv1.Shift {
	return &availabilityv1.Shift{StartTime: Timestamp(s.Start), EndTime: Timestamp(s.End), Members: members(ws, s.Members)}
}

// Override is the resource of an override of a rotation.
func Override(ws, team, rotation uuid.UUID, o domain.Override) *availabilityv1.RotationOverride {
	out := &availabilityv1.RotationOverride{
		Name: domain.OverrideName(ws, team, rotation, o.ID), Uid: o.ID.String(), StartTime: Timestamp(o.Start), EndTime: Timestamp(o.End),
		OutMember: member(ws, o.Out), InMember: member(ws, o.In), Etag: etag.Of(domain.OverrideRevision), CreateTime: Timestamp(o.CreateTime),
	}
	if o.Swap != uuid.Nil {
		out.Swap = domain.SwapName(ws, team, rotation, o.Swap)
	}
	return out
}

// Swap is the resource of a swap of a rotation.
func Swap(ws, team, rotation uuid.UUID, s domain.Swap) *availabilityv1.RotationSwap {
	out := &availabilityv1.RotationSwap{
		Name: domain.SwapName(ws, team, rotation, s.ID), Uid: s.ID.String(), Member: member(ws, s.Member), ToMember: member(ws, s.To),
		StartTime: Timestamp(s.Start), EndTime: Timestamp(s.End),
		State: availabilityv1.RotationSwap_State(availabilityv1.RotationSwap_State_value[string(s.State)]),
		Taker: member(ws, s.Taker), Etag: etag.Of(s.Revision), CreateTime: Timestamp(s.CreateTime), UpdateTime: Timestamp(s.UpdateTime),
	}
	if s.Override != uuid.Nil {
		out.Override = domain.OverrideName(ws, team, rotation, s.Override)
	}
	return out
}

// CoreHours is the resource of a team's core hours.
func CoreHours(c domain.CoreHours) *availabilityv1.CoreHours {
	return &availabilityv1.CoreHours{
		Name: domain.CoreHoursName(c.Workspace, c.Team), TimeZone: c.Zone, Windows: Windows(c.Windows), Need: int32(c.Need),
		Etag: etag.Of(c.Revision), UpdateTime: Timestamp(c.UpdateTime),
	}
}
