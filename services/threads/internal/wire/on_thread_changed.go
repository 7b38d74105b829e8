package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func onThreadCreated(a *app.App) func(context.Context, eventbus.Event[*threadsv1.ThreadCreated]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.ThreadCreated]) error {
		return onTitle(ctx, a, e.Workspace, e.Payload.GetThread())
	}
}

func onThreadUpdated(a *app.App) func(context.Context, eventbus.Event[*threadsv1.ThreadUpdated]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.ThreadUpdated]) error {
		return onTitle(ctx, a, e.Workspace, e.Payload.GetThread())
	}
}

func onTitle(ctx context.Context, a *app.App, ws uuid.UUID, t *threadsv1.Thread) error {
	out := domain.Thread{Workspace: ws, Title: t.GetTitle(), Version: t.GetVersion(), CreateTime: t.GetCreateTime().AsTime()}
	var err error
	if out.ID, err = idOf("thread.name", t.GetName()); err != nil {
		return err
	}
	if out.Space, err = idOf("thread.space", t.GetSpace()); err != nil {
		return err
	}
	if out.Creator, err = idOf("thread.creator", t.GetCreator()); err != nil {
		return err
	}
	return a.OnTitle(ctx, out)
}
