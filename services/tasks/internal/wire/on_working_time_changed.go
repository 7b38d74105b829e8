package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func onWorkingTimeChanged(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.WorkingTimeChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.WorkingTimeChanged]) error {
		member, err := uuid.Parse(domain.LastID(e.Payload.GetMember()))
		if err != nil {
			return fault.InvalidField("member", "must end with a UUID")
		}
		return a.OnWorkingTime(ctx, e.Workspace, member)
	}
}
