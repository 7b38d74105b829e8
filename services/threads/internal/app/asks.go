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

// AskReader reads asks. Their recipients stand as they are kept: overdue is told by At.
type AskReader interface {
	// Ask returns an ask with the right that the member has on its space. No ask is NotFound.
	Ask(ctx context.Context, ws, member, ask uuid.UUID) (domain.Ask, auth.Right, error)
	// Asks lists asks of the spaces that the member may read, the newest first.
	Asks(ctx context.Context, ws, member uuid.UUID, q AskQuery) (page.Result[domain.Ask, AskCursor], error)
}

// AskTx reads and writes asks in a transaction.
type AskTx interface {
	// Settings are the workspace's; its defaults where they are not known.
	Settings(ctx context.Context) (Settings, error)
	// Askable returns those of the members who may be asked in a space: who have joined and may read it.
	Askable(ctx context.Context, space uuid.UUID, members []uuid.UUID) ([]uuid.UUID, error)
	// AskableTeams returns by team, of those that there are, the members who may be asked in a space without the asker.
	// Of more than one message may ask it returns just too many.
	AskableTeams(ctx context.Context, asker, space uuid.UUID, teams []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error)
	// LockAsk is AskReader.Ask under the lock that puts the ask's events in order.
	LockAsk(ctx context.Context, member, ask uuid.UUID) (LockedAsk, error)
	// LockRepliedAsks locks those asks of a message that a reply of the member answers. The thread is locked already.
	LockRepliedAsks(ctx context.Context, member, thread uuid.UUID, sequence int64) ([]domain.Ask, error)
	// LockOpenAsks locks the open asks of a message. The thread is locked already.
	LockOpenAsks(ctx context.Context, thread uuid.UUID, sequence int64) ([]domain.Ask, error)
	// AddAsks adds the new asks of a message.
	AddAsks(ctx context.Context, asks []domain.Ask) error
	// SaveAsks keeps what locked asks have become.
	SaveAsks(ctx context.Context, asks []domain.Ask) error
}

// Settings are what a workspace says about urgency.
type Settings struct {
	// UrgentRole is the least role that may send URGENT messages.
	UrgentRole auth.Role
	// Windows are how long people have, by urgency.
	Windows map[domain.Urgency]time.Duration
}

// LockedAsk is a locked ask with what decides about it.
type LockedAsk struct {
	domain.Ask
	Have auth.Right
	// ThreadState is the thread's, Excerpt the beginning of the message.
	ThreadState domain.ThreadState
	Excerpt     string
}

// AskQuery is what a list of asks is asked for. Zero fields ask nothing.
type AskQuery struct {
	// Recipient is whom the asks still wait for.
	Recipient, Asker, Thread uuid.UUID
	// Sequence narrows to a message of the thread.
	Sequence int64
	State    domain.AskState
	Kind     domain.AskKind
	// Never says that the conditions exclude each other.
	Never bool
	Page  page.Request[AskCursor]
}

// AskCursor is where a page of asks ends.
type AskCursor struct {
	Time time.Time `json:"t"`
	Ask  uuid.UUID `json:"i"`
}

// Ask gets one ask.
func (a *App) Ask(ctx context.Context, id uuid.UUID) (domain.Ask, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Ask{}, err
	}
	var found domain.Ask
	err = a.confirmed(ctx, caller, func() error {
		ask, have, err := a.store.Ask(ctx, caller.Workspace, caller.Member, id)
		found = ask
		if err != nil {
			return err
		}
		return refuse(ctx, have, ask.Space, domain.AskName(caller.Workspace, id))
	})
	if err != nil {
		return domain.Ask{}, err
	}
	return found.At(a.now()), nil
}

// Asks lists asks that the caller may read.
func (a *App) Asks(ctx context.Context, q AskQuery) (page.Result[domain.Ask, AskCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil || q.Never {
		return page.Result[domain.Ask, AskCursor]{}, err
	}
	if q.Thread != uuid.Nil {
		// The projection catches up on the thread's space; that it cannot be read is no fault of a list.
		if _, err := a.thread(ctx, caller, q.Thread, auth.Reader); err != nil && !fault.Is(err, fault.NotFound) {
			return page.Result[domain.Ask, AskCursor]{}, err
		}
	}
	found, err := a.store.Asks(ctx, caller.Workspace, caller.Member, q)
	if err != nil {
		return page.Result[domain.Ask, AskCursor]{}, err
	}
	now := a.now()
	for i := range found.Items {
		found.Items[i] = found.Items[i].At(now)
	}
	return found, nil
}

// AnswerAsk answers an ask without a message.
func (a *App) AnswerAsk(ctx context.Context, id uuid.UUID, comment string, fresh Fresh) (domain.Ask, error) {
	if err := domain.CheckComment("comment", comment); err != nil {
		return domain.Ask{}, err
	}
	return a.changeAsk(ctx, id, fresh, func(_ context.Context, _ Tx, c *askChange) ([]domain.Event, error) {
		return c.ask.Answer(c.caller.Member, domain.AskAnswer{Comment: comment}, c.now)
	})
}

// DeclineAsk declines an ask.
func (a *App) DeclineAsk(ctx context.Context, id uuid.UUID, reason string, fresh Fresh) (domain.Ask, error) {
	if err := domain.CheckReason("reason", reason); err != nil {
		return domain.Ask{}, err
	}
	return a.changeAsk(ctx, id, fresh, func(_ context.Context, _ Tx, c *askChange) ([]domain.Event, error) {
		return c.ask.Decline(c.caller.Member, reason, c.now)
	})
}

// ReassignAsk hands an ask to another member.
func (a *App) ReassignAsk(ctx context.Context, id, to uuid.UUID, comment string, fresh Fresh) (domain.Ask, error) {
	if err := domain.CheckComment("comment", comment); err != nil {
		return domain.Ask{}, err
	}
	var reassigned domain.Ask
	err := a.asking(ctx, func() error {
		var err error
		reassigned, err = a.changeAsk(ctx, id, fresh, func(ctx context.Context, tx Tx, c *askChange) ([]domain.Event, error) {
			if err := c.ask.CheckWaits(c.caller.Member); err != nil {
				return nil, err
			}
			if err := checkAskable(ctx, tx, c.caller.Workspace, c.ask.Space, []named{{member: to, field: "member"}}); err != nil {
				return nil, err
			}
			return c.ask.Reassign(c.caller.Member, domain.Handover{
				To: to, Comment: comment, Excerpt: c.ask.Excerpt, ThreadState: c.ask.ThreadState,
			}, c.now)
		})
		return err
	})
	if err != nil {
		return domain.Ask{}, err
	}
	a.pending()
	return reassigned, nil
}

// WithdrawAsk takes an ask back.
func (a *App) WithdrawAsk(ctx context.Context, id uuid.UUID, reason string, fresh Fresh) (domain.Ask, error) {
	if err := domain.CheckComment("reason", reason); err != nil {
		return domain.Ask{}, err
	}
	return a.changeAsk(ctx, id, fresh, func(_ context.Context, _ Tx, c *askChange) ([]domain.Event, error) {
		return c.ask.Withdraw(c.caller.Member, c.ask.Have >= auth.Manager, reason, c.now)
	})
}

// askChange is a change of an ask under way, the ask locked.
type askChange struct {
	caller auth.Caller
	now    time.Time
	ask    LockedAsk
}

// changeAsk is the frame of every change of an ask: lock, right, replay, etag, rule, save, publish.
func (a *App) changeAsk(
	ctx context.Context, id uuid.UUID, fresh Fresh,
	rule func(ctx context.Context, tx Tx, c *askChange) ([]domain.Event, error),
) (domain.Ask, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Ask{}, err
	}
	name := domain.AskName(caller.Workspace, id)
	var changed domain.Ask
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		locked, err := tx.LockAsk(ctx, caller.Member, id)
		if err != nil {
			return err
		}
		if err := refuse(ctx, locked.Have, locked.Space, name); err != nil {
			return err
		}
		c := askChange{caller: caller, now: a.now(), ask: locked}
		changed = c.ask.At(c.now)
		if replayed, err := tx.Replay(ctx, name); err != nil || replayed {
			return err
		}
		if err := fresh.check(locked.Version); err != nil {
			return err
		}
		events, err := rule(ctx, tx, &c)
		if err != nil {
			return err
		}
		changed = c.ask.At(c.now)
		if err := tx.SaveAsks(ctx, []domain.Ask{c.ask.Ask}); err != nil {
			return err
		}
		return publish(ctx, tx, caller, c.now, events)
	})
	if err != nil {
		return domain.Ask{}, err
	}
	return changed, nil
}
