package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

func onWorkingTimeChanged(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.WorkingTimeChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.WorkingTimeChanged]) error {
		change, err := workingTimeFrom(e)
		if err != nil {
			return err
		}
		return a.OnWorkingTime(ctx, change)
	}
}

func workingTimeFrom(e eventbus.Event[*availabilityv1.WorkingTimeChanged]) (app.WorkingTimeChange, error) {
	change := app.WorkingTimeChange{Workspace: e.Workspace}
	if from := e.Payload.GetStartTime(); from != nil {
		change.From = from.AsTime()
	}
	if until := e.Payload.GetEndTime(); until != nil {
		change.Until = until.AsTime()
	}
	var err error
	change.Member, err = idOf("member", e.Payload.GetMember())
	return change, err
}
