package rpc

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// rotations implements availabilityv1.RotationServiceServer.
type rotations struct {
	availabilityv1.UnimplementedRotationServiceServer
	app *app.App
}

func rotation(r app.ShownRotation) *availabilityv1.Rotation {
	out := resource.Rotation(r.Rotation, r.At)
	out.PreviewShifts = shifts(r.Workspace, r.Preview)
	return out
}

func shifts(ws uuid.UUID, all []domain.Shift) []*availabilityv1.Shift {
	return each(all, func(s domain.Shift) *availabilityv1.Shift { return resource.Shift(ws, s) })
}

// GetRotation implements availabilityv1.RotationServiceServer.
func (s *rotations) GetRotation(ctx context.Context, req *availabilityv1.GetRotationRequest) (*availabilityv1.Rotation, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(rotation)(s.app.Rotation(ctx, ref))
}

// ListRotations implements availabilityv1.RotationServiceServer.
func (s *rotations) ListRotations(
	ctx context.Context, req *availabilityv1.ListRotationsRequest,
) (*availabilityv1.ListRotationsResponse, error) {
	id, err := ids(ctx, teamPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Rotations(ctx, id[0], id[1], p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListRotationsResponse{
		Rotations: each(found.Items, rotation), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateRotation implements availabilityv1.RotationServiceServer.
func (s *rotations) CreateRotation(
	ctx context.Context, req *availabilityv1.CreateRotationRequest,
) (*availabilityv1.Rotation, error) {
	id, err := ids(ctx, teamPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	turns, err := turnsOf(id[0], req.GetRotation().GetTurns())
	if err != nil {
		return nil, err
	}
	dry := req.GetValidateOnly()
	return tried(dry, rotation)(s.app.CreateRotation(ctx, id[0], id[1], req.GetRotation().GetDisplayName(), turns, dry))
}

// turnsOf reads turns: when they change is given but where they follow the sun.
func turnsOf(ws uuid.UUID, t *availabilityv1.Turns) (domain.Turns, error) {
	const field = "rotation.turns"
	out := domain.Turns{Unit: domain.Unit(t.GetUnit().String()), Every: int(t.GetEvery()), Zone: t.GetTimeZone()}
	var err error
	for i, name := range t.GetMembers() {
		member, err := memberOf(ws, fmt.Sprintf("%s.members[%d]", field, i), name)
		if err != nil {
			return out, err
		}
		out.Members = append(out.Members, member)
	}
	if out.Start, err = instantOf(field+".effective_time", t.GetEffectiveTime()); err != nil {
		return out, err
	}
	first, err := dateOf(field+".first_date", t.GetFirstDate())
	if err != nil {
		return out, err
	}
	if out.At, err = clockOf(field+".hand_over_time", t.GetHandOverTime()); err != nil {
		return out, err
	}
	if out.Unit != domain.FollowTheSun {
		if first == nil {
			return out, fault.InvalidField(field+".first_date", "must be given")
		}
		out.First = *first
		return out, nil
	}
	for name, given := range map[string]bool{
		"every": t.GetEvery() != 0, "time_zone": t.GetTimeZone() != "", "first_date": first != nil, "hand_over_time": t.GetHandOverTime() != nil,
	} {
		if given {
			return out, fault.InvalidField(field+"."+name, "must not be given where the unit is FOLLOW_THE_SUN")
		}
	}
	return out, nil
}

// UpdateRotation implements availabilityv1.RotationServiceServer.
func (s *rotations) UpdateRotation(
	ctx context.Context, req *availabilityv1.UpdateRotationRequest,
) (*availabilityv1.Rotation, error) {
	wanted := req.GetRotation()
	ref, _, err := rotationOf(ctx, rotationPattern, "rotation.name", wanted.GetName())
	if err != nil {
		return nil, err
	}
	changes, err := changedFields(wanted, req.GetUpdateMask(), "display_name", "turns")
	if err != nil {
		return nil, err
	}
	var change domain.RotationChange
	if changes("display_name") {
		name := wanted.GetDisplayName()
		change.Name = &name
	}
	if changes("turns") {
		turns, err := turnsOf(ref.Workspace, wanted.GetTurns())
		if err != nil {
			return nil, err
		}
		change.Turns = &turns
	}
	return answer(rotation)(s.app.UpdateRotation(ctx, ref, fresh("rotation.etag", wanted.GetEtag()), change, req.GetValidateOnly()))
}

// DeleteRotation implements availabilityv1.RotationServiceServer.
func (s *rotations) DeleteRotation(
	ctx context.Context, req *availabilityv1.DeleteRotationRequest,
) (*availabilityv1.Rotation, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(rotation)(s.app.DeleteRotation(ctx, ref, fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}
