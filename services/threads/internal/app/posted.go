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

// Posted is a message that was posted, as our own event tells it.
type Posted struct {
	Message domain.Message
	Space   uuid.UUID
	Title   string
}

// OnPosted follows a message that was posted: the thread's activity moves, and its words can be found.
func (a *App) OnPosted(ctx context.Context, p Posted) error {
	return a.store.InTx(ctx, p.Message.Workspace, func(ctx context.Context, tx Tx) error {
		first, err := tx.First(ctx)
		if err != nil || !first {
			return err
		}
		if err := tx.Index(ctx, entryOf(p.Message, p.Space)); err != nil {
			return err
		}
		return tx.Activity(ctx, p.Message.Thread, p.Message.CreateTime)
	})
}
