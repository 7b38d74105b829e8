package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

func override(o app.ShownOverride) *availabilityv1.RotationOverride {
	out := resource.Override(o.Ref.Workspace, o.Ref.Team, o.Ref.Rotation, o.Override)
	out.PreviewShifts = shifts(o.Ref.Workspace, o.Preview)
	return out
}

func swap(s app.ShownSwap) *availabilityv1.RotationSwap {
	out := resource.Swap(s.Ref.Workspace, s.Ref.Team, s.Ref.Rotation, s.Swap)
	out.PreviewShifts = shifts(s.Ref.Workspace, s.Preview)
	return out
}

// optionalMember reads the name of a member; uuid.Nil for none.
func optionalMember(ws uuid.UUID, field, name string) (uuid.UUID, error) {
	if name == "" {
		return uuid.Nil, nil
	}
	return memberOf(ws, field, name)
}

// GetRotationOverride implements availabilityv1.RotationServiceServer.
func (s *rotations) GetRotationOverride(
	ctx context.Context, req *availabilityv1.GetRotationOverrideRequest,
) (*availabilityv1.RotationOverride, error) {
	ref, id, err := rotationOf(ctx, overridePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(override)(s.app.Override(ctx, ref, id[0]))
}

// ListRotationOverrides implements availabilityv1.RotationServiceServer.
func (s *rotations) ListRotationOverrides(
	ctx context.Context, req *availabilityv1.ListRotationOverridesRequest,
) (*availabilityv1.ListRotationOverridesResponse, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Overrides(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListRotationOverridesResponse{
		RotationOverrides: each(found.Items, override), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateRotationOverride implements availabilityv1.RotationServiceServer.
func (s *rotations) CreateRotationOverride(
	ctx context.Context, req *availabilityv1.CreateRotationOverrideRequest,
) (*availabilityv1.RotationOverride, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	const field = "rotation_override"
	var o domain.Override
	wanted := req.GetRotationOverride()
	if o.Start, err = instantOf(field+".start_time", wanted.GetStartTime()); err != nil {
		return nil, err
	}
	if o.End, err = instantOf(field+".end_time", wanted.GetEndTime()); err != nil {
		return nil, err
	}
	if o.Out, err = optionalMember(ref.Workspace, field+".out_member", wanted.GetOutMember()); err != nil {
		return nil, err
	}
	if o.In, err = optionalMember(ref.Workspace, field+".in_member", wanted.GetInMember()); err != nil {
		return nil, err
	}
	dry := req.GetValidateOnly()
	return tried(dry, override)(s.app.CreateOverride(ctx, ref, o, dry))
}

// DeleteRotationOverride implements availabilityv1.RotationServiceServer.
func (s *rotations) DeleteRotationOverride(
	ctx context.Context, req *availabilityv1.DeleteRotationOverrideRequest,
) (*availabilityv1.RotationOverride, error) {
	ref, id, err := rotationOf(ctx, overridePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(override)(s.app.DeleteOverride(ctx, ref, id[0], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// GetRotationSwap implements availabilityv1.RotationServiceServer.
func (s *rotations) GetRotationSwap(ctx context.Context, req *availabilityv1.GetRotationSwapRequest) (*availabilityv1.RotationSwap, error) {
	ref, id, err := rotationOf(ctx, swapPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(swap)(s.app.Swap(ctx, ref, id[0]))
}

// ListRotationSwaps implements availabilityv1.RotationServiceServer.
func (s *rotations) ListRotationSwaps(
	ctx context.Context, req *availabilityv1.ListRotationSwapsRequest,
) (*availabilityv1.ListRotationSwapsResponse, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Swaps(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListRotationSwapsResponse{
		RotationSwaps: each(found.Items, swap), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateRotationSwap implements availabilityv1.RotationServiceServer.
func (s *rotations) CreateRotationSwap(
	ctx context.Context, req *availabilityv1.CreateRotationSwapRequest,
) (*availabilityv1.RotationSwap, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	const field = "rotation_swap"
	var out domain.Swap
	wanted := req.GetRotationSwap()
	if out.Start, err = instantOf(field+".start_time", wanted.GetStartTime()); err != nil {
		return nil, err
	}
	if out.End, err = instantOf(field+".end_time", wanted.GetEndTime()); err != nil {
		return nil, err
	}
	if out.Member, err = optionalMember(ref.Workspace, field+".member", wanted.GetMember()); err != nil {
		return nil, err
	}
	if out.To, err = optionalMember(ref.Workspace, field+".to_member", wanted.GetToMember()); err != nil {
		return nil, err
	}
	dry := req.GetValidateOnly()
	return tried(dry, swap)(s.app.CreateSwap(ctx, ref, out, dry))
}

// TakeRotationSwap implements availabilityv1.RotationServiceServer.
func (s *rotations) TakeRotationSwap(ctx context.Context, req *availabilityv1.TakeRotationSwapRequest) (*availabilityv1.RotationSwap, error) {
	ref, id, err := rotationOf(ctx, swapPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(swap)(s.app.TakeSwap(ctx, ref, id[0], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// DeclineRotationSwap implements availabilityv1.RotationServiceServer.
func (s *rotations) DeclineRotationSwap(
	ctx context.Context, req *availabilityv1.DeclineRotationSwapRequest,
) (*availabilityv1.RotationSwap, error) {
	ref, id, err := rotationOf(ctx, swapPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(swap)(s.app.DeclineSwap(ctx, ref, id[0], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// WithdrawRotationSwap implements availabilityv1.RotationServiceServer.
func (s *rotations) WithdrawRotationSwap(
	ctx context.Context, req *availabilityv1.WithdrawRotationSwapRequest,
) (*availabilityv1.RotationSwap, error) {
	ref, id, err := rotationOf(ctx, swapPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(swap)(s.app.WithdrawSwap(ctx, ref, id[0], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}
