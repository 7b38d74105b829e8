package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

func onWorkingTimeChanged(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.WorkingTimeChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.WorkingTimeChanged]) error {
		member, err := idOf("member", e.Payload.GetMember())
		if err != nil {
			return err
		}
		return a.OnWorkingTimeChanged(ctx, e.Workspace, member)
	}
}

func onDefaultScheduleChanged(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.DefaultScheduleChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.DefaultScheduleChanged]) error {
		return a.OnWorkingTimeChanged(ctx, e.Workspace, uuid.Nil)
	}
}

func onMemberActivated(a *app.App) func(context.Context, eventbus.Event[*directoryv1.MemberActivated]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.MemberActivated]) error {
		member, err := idOf("member.name", e.Payload.GetMember().GetName())
		if err != nil {
			return err
		}
		return a.OnMemberActivated(ctx, e.Workspace, member)
	}
}
