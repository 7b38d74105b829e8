package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// MessageReader reads messages.
type MessageReader interface {
	// Message returns a message as the member sees it, its space and the right the member has there. No message is
	// NotFound.
	Message(ctx context.Context, ws, member, thread uuid.UUID, sequence int64) (SeenMessage, error)
	// Messages lists messages of a thread, with its space and the right the member has there; without the right to
	// read it lists none. No thread is NotFound.
	Messages(ctx context.Context, ws, member uuid.UUID, q MessageQuery) (MessagePage, error)
	// Revisions lists the bodies of a message after a revision, the oldest first, with the space and the right as
	// above.
	Revisions(ctx context.Context, ws, member uuid.UUID, q RevisionQuery) (RevisionPage, error)
}

// MessageTx reads and writes messages in a transaction that holds the lock on their thread.
type MessageTx interface {
	// LockedMessage returns a message of a locked thread as the member sees it. No message is NotFound.
	LockedMessage(ctx context.Context, member, thread uuid.UUID, sequence int64) (domain.Message, error)
	// Mentions finds the members and teams of these handles that may read the space, in the handles' order.
	Mentions(ctx context.Context, space uuid.UUID, handles []string) ([]domain.Mention, error)
	// AddMessages adds new messages of that time.
	AddMessages(ctx context.Context, at time.Time, messages ...domain.Message) error
	// SaveEdit keeps an edited message, and the body it had as a revision.
	SaveEdit(ctx context.Context, m domain.Message) error
	// SaveDeletion keeps a tombstone and removes all that the message held.
	SaveDeletion(ctx context.Context, m domain.Message) error
	// AddReaction and RemoveReaction keep what the message's reactions have become by one member's choice.
	AddReaction(ctx context.Context, m domain.Message, member uuid.UUID, emoji string) error
	RemoveReaction(ctx context.Context, m domain.Message, member uuid.UUID, emoji string) error
}

// SeenMessage is a message with what decides whether it may be seen.
type SeenMessage struct {
	domain.Message
	Space uuid.UUID
	Have  auth.Right
}

// MessageQuery is what a list of messages is asked for.
type MessageQuery struct {
	Thread uuid.UUID
	// First and Last are the bounds of the sequences, both included.
	First, Last int64
	// Desc lists the newest first.
	Desc bool
	Page page.Request[SequenceCursor]
}

// SequenceCursor is where a page of messages or revisions ends.
type SequenceCursor struct {
	Sequence int64 `json:"s"`
}

// MessagePage is a page of messages with what decides whether it may be seen.
type MessagePage struct {
	page.Result[domain.Message, SequenceCursor]
	Space uuid.UUID
	Have  auth.Right
}

// RevisionQuery is what a list of revisions is asked for.
type RevisionQuery struct {
	Thread   uuid.UUID
	Sequence int64
	Page     page.Request[SequenceCursor]
}

// RevisionPage is a page of revisions with what decides whether it may be seen.
type RevisionPage struct {
	page.Result[domain.Revision, SequenceCursor]
	Space uuid.UUID
	Have  auth.Right
}

// Message gets one message.
func (a *App) Message(ctx context.Context, thread uuid.UUID, sequence int64) (domain.Message, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Message{}, err
	}
	return a.message(ctx, caller, thread, sequence)
}

func (a *App) message(ctx context.Context, caller auth.Caller, thread uuid.UUID, sequence int64) (domain.Message, error) {
	var found SeenMessage
	err := a.confirmed(ctx, caller, func() error {
		var err error
		found, err = a.store.Message(ctx, caller.Workspace, caller.Member, thread, sequence)
		if err != nil {
			return err
		}
		return refuseBelow(found.Have, auth.Reader, found.Space, domain.MessageName(caller.Workspace, thread, sequence))
	})
	if err != nil {
		return domain.Message{}, err
	}
	return found.At(a.now()), nil
}

// Messages lists messages of a thread.
func (a *App) Messages(ctx context.Context, q MessageQuery) (page.Result[domain.Message, SequenceCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Message, SequenceCursor]{}, err
	}
	var found MessagePage
	err = a.confirmed(ctx, caller, func() error {
		found, err = a.store.Messages(ctx, caller.Workspace, caller.Member, q)
		if err != nil {
			return err
		}
		return refuse(ctx, found.Have, found.Space, domain.ThreadName(caller.Workspace, q.Thread))
	})
	if err != nil {
		return page.Result[domain.Message, SequenceCursor]{}, err
	}
	now := a.now()
	for i := range found.Items {
		found.Items[i] = found.Items[i].At(now)
	}
	return found.Result, nil
}

// Revisions lists the bodies that a message has had.
func (a *App) Revisions(ctx context.Context, q RevisionQuery) (page.Result[domain.Revision, SequenceCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Revision, SequenceCursor]{}, err
	}
	var found RevisionPage
	err = a.confirmed(ctx, caller, func() error {
		found, err = a.store.Revisions(ctx, caller.Workspace, caller.Member, q)
		if err != nil {
			return err
		}
		return refuse(ctx, found.Have, found.Space, domain.MessageName(caller.Workspace, q.Thread, q.Sequence))
	})
	if err != nil {
		return page.Result[domain.Revision, SequenceCursor]{}, err
	}
	return found.Result, nil
}

// EditMessage replaces the body of the caller's own message.
func (a *App) EditMessage(ctx context.Context, thread uuid.UUID, sequence int64, body string, fresh Fresh) (domain.Message, error) {
	if err := domain.CheckBody("message.body", body); err != nil {
		return domain.Message{}, err
	}
	return a.changeMessage(ctx, thread, sequence, fresh, func(ctx context.Context, tx Tx, c *messageChange) error {
		var mentions []domain.Mention
		if handles := domain.Handles(body); len(handles) > 0 {
			var err error
			if mentions, err = tx.Mentions(ctx, c.thread.Space, handles); err != nil {
				return err
			}
		}
		events, err := c.thread.Edit(&c.message, c.caller.Member, body, mentions, c.now)
		if err != nil || len(events) == 0 {
			return err
		}
		c.events = events
		return tx.SaveEdit(ctx, c.message)
	})
}

// DeleteMessage makes a message its tombstone, and takes back what it still asks.
func (a *App) DeleteMessage(ctx context.Context, thread uuid.UUID, sequence int64, fresh Fresh) (domain.Message, error) {
	return a.changeMessage(ctx, thread, sequence, fresh, func(ctx context.Context, tx Tx, c *messageChange) error {
		asked := len(c.message.Asks) > 0
		events, err := c.thread.Delete(&c.message, c.caller.Member, c.have >= auth.Manager, c.now)
		if err != nil || len(events) == 0 {
			return err
		}
		c.events = events
		if asked {
			withdrawn, err := takeBack(ctx, tx, c)
			if err != nil {
				return err
			}
			c.events = append(c.events, withdrawn...)
		}
		return tx.SaveDeletion(ctx, c.message)
	})
}

// takeBack withdraws the open asks of a message that is deleted.
func takeBack(ctx context.Context, tx Tx, c *messageChange) ([]domain.Event, error) {
	asks, err := tx.LockOpenAsks(ctx, c.message.Thread, c.message.Sequence)
	if err != nil || len(asks) == 0 {
		return nil, err
	}
	for i := range asks {
		asks[i].Title = c.thread.Title
	}
	events := domain.TakeBack(asks, c.now)
	return events, tx.SaveAsks(ctx, asks)
}

// messageChange is a change of a message under way, its thread locked.
type messageChange struct {
	caller  auth.Caller
	have    auth.Right
	now     time.Time
	thread  domain.Thread
	message domain.Message
	events  []domain.Event
}

// changeMessage is the frame of every change of a message: lock, right, replay, etag, rule, save, publish.
func (a *App) changeMessage(
	ctx context.Context, thread uuid.UUID, sequence int64, fresh Fresh,
	rule func(ctx context.Context, tx Tx, c *messageChange) error,
) (domain.Message, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Message{}, err
	}
	name := domain.MessageName(caller.Workspace, thread, sequence)
	var changed domain.Message
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		t, have, err := tx.LockThread(ctx, caller.Member, thread)
		if err != nil {
			return renamed(err, name)
		}
		if err := refuse(ctx, have, t.Space, name); err != nil {
			return err
		}
		m, err := tx.LockedMessage(ctx, caller.Member, thread, sequence)
		if err != nil {
			return err
		}
		now := a.now()
		m = m.At(now)
		changed = m
		if replayed, err := tx.Replay(ctx, name); err != nil || replayed {
			return err
		}
		if err := fresh.check(m.Revision); err != nil {
			return err
		}
		c := messageChange{caller: caller, have: have, now: now, thread: t, message: m}
		if err := rule(ctx, tx, &c); err != nil {
			return err
		}
		changed = c.message
		if len(c.events) == 0 {
			return nil
		}
		if err := tx.SaveThreadVersion(ctx, c.thread); err != nil {
			return err
		}
		return publish(ctx, tx, caller, c.now, c.events)
	})
	if err != nil {
		return domain.Message{}, err
	}
	return changed, nil
}

// renamed makes the fault of a thread that is not there the fault of the message that was asked for.
func renamed(err error, name string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundName(name)
	}
	return err
}
