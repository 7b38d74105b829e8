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
		t, err := threadFrom(e.Workspace, e.Payload.GetThread())
		if err != nil {
			return err
		}
		return a.OnThreadCreated(ctx, t)
	}
}

func onThreadUpdated(a *app.App) func(context.Context, eventbus.Event[*threadsv1.ThreadUpdated]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.ThreadUpdated]) error {
		t, err := threadFrom(e.Workspace, e.Payload.GetThread())
		if err != nil {
			return err
		}
		return a.OnTitle(ctx, t)
	}
}

// threadFrom reads the thread that an event carries, as far as reactions need it.
func threadFrom(ws uuid.UUID, t *threadsv1.Thread) (domain.Thread, error) {
	out := domain.Thread{
		Workspace: ws, Title: t.GetTitle(), Version: t.GetVersion(), CreateTime: t.GetCreateTime().AsTime(), Imported: t.GetImported(),
	}
	var err error
	if out.ID, err = idOf("thread.name", t.GetName()); err != nil {
		return out, err
	}
	if out.Space, err = idOf("thread.space", t.GetSpace()); err != nil {
		return out, err
	}
	out.Creator, err = idOf("thread.creator", t.GetCreator())
	return out, err
}
