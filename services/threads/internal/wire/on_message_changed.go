package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

func onMessageEdited(a *app.App) func(context.Context, eventbus.Event[*threadsv1.MessageEdited]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.MessageEdited]) error {
		return onBody(ctx, a, e.Workspace, e.Payload)
	}
}

func onMessageDeleted(a *app.App) func(context.Context, eventbus.Event[*threadsv1.MessageDeleted]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.MessageDeleted]) error {
		return onBody(ctx, a, e.Workspace, e.Payload)
	}
}

// changed is what events of a message that stood before have in common.
type changed interface {
	GetMessage() *threadsv1.Message
	GetThread() string
	GetSpace() string
}

func onBody(ctx context.Context, a *app.App, ws uuid.UUID, e changed) error {
	message, err := messageFrom(ws, e.GetThread(), e.GetMessage())
	if err != nil {
		return err
	}
	space, err := idOf("space", e.GetSpace())
	if err != nil {
		return err
	}
	return a.OnBody(ctx, message, space)
}
