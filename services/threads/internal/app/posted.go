package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// EventTx makes the effect of an event happen once.
type EventTx interface {
	// First claims the event under way for its consumer; false says that its effect was made before.
	First(ctx context.Context) (bool, error)
}

// Posted is a message, as our own event tells it.
type Posted struct {
	Message domain.Message
	Space   uuid.UUID
}

// OnPosted follows a message that was posted: the thread's activity moves, its words can be found, and whom it mentions
// follows the thread. An imported one has nobody follow.
func (a *App) OnPosted(ctx context.Context, p Posted) error {
	mentions := p.Message.Mentions
	if p.Message.Imported {
		mentions = nil
	}
	f, err := a.mentioned(ctx, p.Message, mentions)
	if err != nil {
		return err
	}
	return a.once(ctx, p.Message.Workspace, func(ctx context.Context, tx Tx) error {
		if err := tx.Index(ctx, entryOf(p.Message, p.Space)); err != nil {
			return err
		}
		if err := tx.Activity(ctx, p.Message.Thread, p.Message.CreateTime); err != nil || p.Message.Imported {
			return err
		}
		return a.follow(ctx, tx, f)
	})
}
