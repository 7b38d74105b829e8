package app

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// CreateMessage is what a new message is asked for.
type CreateMessage struct {
	Thread uuid.UUID
	Body   string
	// ReplyTo is the sequence of the message it answers, 0 for none.
	ReplyTo int64
}

// CreateMessage posts a message. It is the hot path, in two round trips: one statement that checks the right, takes the
// sequence and locks the thread; then all that is written, with the commit.
func (a *App) CreateMessage(ctx context.Context, cmd CreateMessage) (domain.Message, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Message{}, err
	}
	if err := domain.CheckBody("message.body", cmd.Body); err != nil {
		return domain.Message{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return domain.Message{}, fmt.Errorf("make a message's id: %w", err)
	}
	draft := domain.Draft{ID: id, Author: caller.Member, Body: cmd.Body, ReplyTo: cmd.ReplyTo}
	var posted domain.Message
	prior, err := a.create(ctx, caller, func(ctx context.Context, tx Tx) error {
		var err error
		posted, err = a.post(ctx, tx, caller, cmd.Thread, draft)
		return err
	})
	if err != nil {
		return domain.Message{}, err
	}
	if prior != "" {
		return a.replayedMessage(ctx, caller, cmd.Thread, prior)
	}
	return posted, nil
}

func (a *App) post(ctx context.Context, tx Tx, caller auth.Caller, thread uuid.UUID, draft domain.Draft) (domain.Message, error) {
	t, taken, err := tx.TakeSequence(ctx, caller.Member, thread, auth.Need(ctx))
	if err != nil {
		return domain.Message{}, err
	}
	if !taken {
		return domain.Message{}, a.refusedPost(ctx, tx, caller, thread)
	}
	tx.Claim(ctx, domain.MessageName(caller.Workspace, thread, t.LastSequence))
	if handles := domain.Handles(draft.Body); len(handles) > 0 {
		if draft.Mentions, err = tx.Mentions(ctx, t.Space, handles); err != nil {
			return domain.Message{}, err
		}
	}
	now := a.now()
	m, events, err := t.Post(draft, now)
	if err != nil {
		return domain.Message{}, err
	}
	if t.Version != m.Version {
		// It reopened the thread.
		if err := tx.SaveThread(ctx, t); err != nil {
			return domain.Message{}, err
		}
	}
	if err := tx.AddMessage(ctx, m); err != nil {
		return domain.Message{}, err
	}
	if err := tx.ReadOwnPost(ctx, t, m); err != nil {
		return domain.Message{}, err
	}
	return m, publish(ctx, tx, caller, now, events)
}

// refusedPost says why no sequence could be taken.
func (a *App) refusedPost(ctx context.Context, tx Tx, caller auth.Caller, thread uuid.UUID) error {
	t, have, err := tx.LockThread(ctx, caller.Member, thread)
	if err != nil {
		return err
	}
	if err := refuse(ctx, have, t.Space, domain.ThreadName(caller.Workspace, thread)); err != nil {
		return err
	}
	return fault.New(fault.Aborted, fault.ReasonUnavailable, "the caller's right changed meanwhile; try again")
}

func (a *App) replayedMessage(ctx context.Context, caller auth.Caller, thread uuid.UUID, name string) (domain.Message, error) {
	sequence, err := strconv.ParseInt(domain.LastID(name), 10, 64)
	if err != nil {
		return domain.Message{}, fmt.Errorf("a replayed message's name: %w", err)
	}
	return a.message(ctx, caller, thread, sequence)
}
