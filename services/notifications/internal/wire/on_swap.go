package wire

import (
	"context"
	"strings"

	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

func onSwapChanged(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.RotationSwapChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.RotationSwapChanged]) error {
		s, err := swapping(e.Meta, e.Payload)
		if err != nil {
			return err
		}
		switch e.Payload.GetSwap().GetState() {
		case availabilityv1.RotationSwap_OFFERED:
			return a.OnSwapOffered(ctx, s)
		case availabilityv1.RotationSwap_DECLINED:
			return a.OnSwapDeclined(ctx, s)
		case availabilityv1.RotationSwap_WITHDRAWN, availabilityv1.RotationSwap_TAKEN, availabilityv1.RotationSwap_EXPIRED,
			availabilityv1.RotationSwap_STATE_UNSPECIFIED:
		}
		return a.OnSwapWithdrawn(ctx, s)
	}
}

func onShiftSwapped(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.ShiftSwapped]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.ShiftSwapped]) error {
		s, err := swapping(e.Meta, e.Payload)
		if err != nil {
			return err
		}
		return a.OnSwapTaken(ctx, s)
	}
}

// swapEvent is what events of a swap have in common.
type swapEvent interface {
	GetSwap() *availabilityv1.RotationSwap
	GetRotation() string
	GetDisplayName() string
}

func swapping(meta eventbus.Meta, e swapEvent) (domain.Swapping, error) {
	one := e.GetSwap()
	if err := eventbus.Known("swap.state", one.GetState()); err != nil {
		return domain.Swapping{}, err
	}
	s := domain.Swapping{Happening: withoutSpace(meta), Span: domain.Span{Start: instant(one.GetStartTime()), End: instant(one.GetEndTime())}}
	s.Source, s.Context, s.Title = one.GetName(), e.GetRotation(), e.GetDisplayName()
	if s.Title == "" {
		s.Title = "A shift" // an event of before the name was told
	}
	if one.GetState() != availabilityv1.RotationSwap_OFFERED {
		s.Ended = strings.ToLower(one.GetState().String())
	}
	var err error
	if s.Member, err = idOf("swap.member", one.GetMember()); err != nil {
		return s, err
	}
	if s.To, err = optionalID("swap.to_member", one.GetToMember()); err != nil {
		return s, err
	}
	s.Taker, err = optionalID("swap.taker", one.GetTaker())
	return s, err
}
