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
		edited, err := postedFrom(e.Workspace, e.Payload)
		if err != nil {
			return err
		}
		added, err := mentionsFrom("added_mentions", e.Payload.GetAddedMentions())
		if err != nil {
			return err
		}
		return a.OnEdited(ctx, edited, added)
	}
}

func onMessageDeleted(a *app.App) func(context.Context, eventbus.Event[*threadsv1.MessageDeleted]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.MessageDeleted]) error {
		deleted, err := postedFrom(e.Workspace, e.Payload)
		if err != nil {
			return err
		}
		return a.OnDeleted(ctx, deleted)
	}
}

// about is what events of a message have in common.
type about interface {
	GetMessage() *threadsv1.Message
	GetThread() string
	GetSpace() string
}

func postedFrom(ws uuid.UUID, e about) (app.Posted, error) {
	message, err := messageFrom(ws, e.GetThread(), e.GetMessage())
	if err != nil {
		return app.Posted{}, err
	}
	space, err := idOf("space", e.GetSpace())
	return app.Posted{Message: message, Space: space}, err
}
