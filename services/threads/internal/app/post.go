package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/groupcommit"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// CreateMessage is what a new message is asked for.
type CreateMessage struct {
	Thread uuid.UUID
	Body   string
	// ReplyTo is the sequence of the message it answers, 0 for none.
	ReplyTo int64
	// Urgency is 0 where none was given.
	Urgency      domain.Urgency
	UrgentReason string
	// Asks have neither ids nor recipients yet.
	Asks []domain.AskDraft
}

// CreateMessage posts a message. It is the hot path: a plain message is posted together with what else arrives for the
// workspace. One that asks, is URGENT, or that the group leaves apart is posted alone: one statement checks the right,
// takes the sequence and locks the thread; then all that is written goes with the commit. Mentions, asks, urgency and a
// reply each add a look of their own there.
func (a *App) CreateMessage(ctx context.Context, cmd CreateMessage) (domain.Message, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Message{}, err
	}
	if err := domain.CheckBody("message.body", cmd.Body); err != nil {
		return domain.Message{}, err
	}
	draft, err := draftOf(caller, cmd)
	if err != nil {
		return domain.Message{}, err
	}
	if plain(draft) {
		posted, err := a.posts.Do(ctx, caller.Workspace, Post{
			Context: ctx, Caller: caller, Thread: cmd.Thread, Draft: draft, Need: auth.Need(ctx), Handles: domain.Handles(draft.Body),
		})
		switch {
		case errors.Is(err, ErrTaken):
			return a.repeated(ctx, caller, cmd.Thread)
		case !errors.Is(err, groupcommit.ErrAlone):
			return posted, err
		}
	}
	return a.postAlone(ctx, caller, cmd.Thread, draft)
}

// repeated returns what a request made before has posted.
func (a *App) repeated(ctx context.Context, caller auth.Caller, thread uuid.UUID) (domain.Message, error) {
	prior, found, err := a.store.Prior(ctx, caller.Workspace)
	if err == nil && !found {
		err = ErrTaken
	}
	if err != nil {
		return domain.Message{}, err
	}
	return a.replayedMessage(ctx, caller, thread, prior)
}

func (a *App) postAlone(ctx context.Context, caller auth.Caller, thread uuid.UUID, draft domain.Draft) (domain.Message, error) {
	var posted domain.Message
	var prior string
	err := a.asking(ctx, func() error {
		var err error
		prior, err = a.create(ctx, caller, func(ctx context.Context, tx Tx) error {
			var err error
			posted, err = a.post(ctx, tx, caller, thread, draft)
			return err
		})
		return err
	})
	if err != nil {
		return domain.Message{}, err
	}
	if prior != "" {
		return a.replayedMessage(ctx, caller, thread, prior)
	}
	if len(posted.Asks) > 0 {
		a.pending()
	}
	return posted, nil
}

// draftOf is what a member wants to post, as far as it can be told without a look.
func draftOf(caller auth.Caller, cmd CreateMessage) (domain.Draft, error) {
	draft := domain.Draft{
		Author: caller.Member, Body: cmd.Body, ReplyTo: cmd.ReplyTo, Urgency: cmp.Or(cmd.Urgency, domain.Normal),
		UrgentReason: cmd.UrgentReason, Asks: cmd.Asks,
	}
	if err := domain.CheckUrgency("message.urgent_reason", draft.Urgency, draft.UrgentReason); err != nil {
		return draft, err
	}
	if err := domain.CheckAsks(caller.Member, draft.Asks); err != nil {
		return draft, err
	}
	var err error
	if draft.ID, err = uuid.NewV7(); err != nil {
		return draft, fmt.Errorf("make a message's id: %w", err)
	}
	for i := range draft.Asks {
		if draft.Asks[i].ID, err = uuid.NewV7(); err != nil {
			return draft, fmt.Errorf("make an ask's id: %w", err)
		}
	}
	return draft, nil
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
	if err := prepare(ctx, tx, caller, t.Space, &draft); err != nil {
		return domain.Message{}, err
	}
	now := a.now()
	m, events, err := t.Post(draft, now)
	if err != nil {
		return domain.Message{}, err
	}
	answered, err := answerByReply(ctx, tx, t, m, now)
	if err != nil {
		return domain.Message{}, err
	}
	events = append(events, answered...)
	if t.Version != m.Version {
		// It reopened the thread.
		if err := tx.SaveThread(ctx, t); err != nil {
			return domain.Message{}, err
		}
	}
	if err := tx.AddMessages(ctx, now, m); err != nil {
		return domain.Message{}, err
	}
	if len(m.Asks) > 0 {
		if err := tx.AddAsks(ctx, m.Asks); err != nil {
			return domain.Message{}, err
		}
	}
	if err := tx.ReadOwnPosts(ctx, now, ownPosts([]domain.Thread{t}, []domain.Message{m})...); err != nil {
		return domain.Message{}, err
	}
	return m, publish(ctx, tx, caller, now, events)
}

// answerByReply answers the REPLY asks that a reply is the answer to.
func answerByReply(ctx context.Context, tx Tx, t domain.Thread, m domain.Message, now time.Time) ([]domain.Event, error) {
	if m.ReplyTo == 0 {
		return nil, nil
	}
	asks, err := tx.LockRepliedAsks(ctx, m.Author, m.Thread, m.ReplyTo)
	if err != nil {
		return nil, err
	}
	var answered []domain.Ask
	var events []domain.Event
	for _, ask := range asks {
		if ask.CheckWaits(m.Author) != nil {
			continue // it was settled while this waited for the lock
		}
		ask.Title = t.Title
		news, err := ask.Answer(m.Author, domain.AskAnswer{Message: m.Sequence}, now)
		if err != nil {
			return nil, err
		}
		answered, events = append(answered, ask), append(events, news...)
	}
	if len(answered) == 0 {
		return nil, nil
	}
	return events, tx.SaveAsks(ctx, answered)
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
	// The right came between the two statements: it is looked at once more.
	return &refused{space: t.Space, fault: fault.New(fault.Aborted, fault.ReasonUnavailable, "the caller's right changed meanwhile; try again")}
}

func (a *App) replayedMessage(ctx context.Context, caller auth.Caller, thread uuid.UUID, name string) (domain.Message, error) {
	sequence, err := strconv.ParseInt(domain.LastID(name), 10, 64)
	if err != nil {
		return domain.Message{}, fmt.Errorf("a replayed message's name: %w", err)
	}
	return a.message(ctx, caller, thread, sequence)
}
