package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

func onDefaultScheduleChanged(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.DefaultScheduleChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.DefaultScheduleChanged]) error {
		return a.OnDefaultSchedule(ctx, e.Workspace)
	}
}
