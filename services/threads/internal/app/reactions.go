package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// AddReaction adds the caller's reaction to a message.
func (a *App) AddReaction(ctx context.Context, thread uuid.UUID, sequence int64, emoji string) (domain.Message, error) {
	if err := domain.CheckEmoji(emoji); err != nil {
		return domain.Message{}, err
	}
	return a.changeMessage(ctx, thread, sequence, nil, func(ctx context.Context, tx Tx, c *messageChange) error {
		events, err := c.thread.React(&c.message, c.caller.Member, emoji)
		if err != nil || len(events) == 0 {
			return err
		}
		c.events = events
		return tx.AddReaction(ctx, c.message, c.caller.Member, emoji)
	})
}

// RemoveReaction takes the caller's reaction to a message back.
func (a *App) RemoveReaction(ctx context.Context, thread uuid.UUID, sequence int64, emoji string) (domain.Message, error) {
	if err := domain.CheckEmoji(emoji); err != nil {
		return domain.Message{}, err
	}
	return a.changeMessage(ctx, thread, sequence, nil, func(ctx context.Context, tx Tx, c *messageChange) error {
		events, err := c.thread.Unreact(&c.message, c.caller.Member, emoji)
		if err != nil || len(events) == 0 {
			return err
		}
		c.events = events
		return tx.RemoveReaction(ctx, c.message, c.caller.Member, emoji)
	})
}
