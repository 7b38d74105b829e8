package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

func onTaskCreated(a *app.App) func(context.Context, eventbus.Event[*tasksv1.TaskCreated]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.TaskCreated]) error {
		return assigned(ctx, a, e.Meta, e.Payload.GetTask())
	}
}

func onTaskAssigned(a *app.App) func(context.Context, eventbus.Event[*tasksv1.TaskAssigned]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.TaskAssigned]) error {
		if e.Payload.GetTask().GetHolder() == e.Payload.GetPreviousHolder() {
			return nil // only the team changed
		}
		return assigned(ctx, a, e.Meta, e.Payload.GetTask())
	}
}

func assigned(ctx context.Context, a *app.App, meta eventbus.Meta, task *tasksv1.Task) error {
	holder, err := optionalID("task.holder", task.GetHolder())
	if err != nil || holder == uuid.Nil {
		return err
	}
	h, err := happening(meta, task.GetSpace())
	if err != nil {
		return err
	}
	h.Source, h.Context, h.Title, h.Excerpt = task.GetName(), task.GetName(), task.GetTitle(), markdown.Excerpt(task.GetDescription())
	return a.OnTaskAssigned(ctx, domain.Assigning{Happening: h, Key: task.GetKey(), Holder: holder})
}
