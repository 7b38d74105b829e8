package app

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// ThreadReader reads threads.
type ThreadReader interface {
	// Thread returns a thread and the right that the member has on its space. No thread is NotFound.
	Thread(ctx context.Context, ws, member, thread uuid.UUID) (domain.Thread, auth.Right, error)
	// Threads lists the threads of the spaces that the member may read.
	Threads(ctx context.Context, ws, member uuid.UUID, q ThreadQuery) (page.Result[domain.Thread, ThreadCursor], error)
}

// ThreadTx reads and writes threads in a transaction.
type ThreadTx interface {
	// LockThread is ThreadReader.Thread under the lock that puts the thread's events in order.
	LockThread(ctx context.Context, member, thread uuid.UUID) (domain.Thread, auth.Right, error)
	// TakeSequence takes the thread's next sequence and version and locks it, if the member has the right. taken is
	// false when there is no such thread or not enough right.
	TakeSequence(ctx context.Context, member, thread uuid.UUID, need auth.Right) (t domain.Thread, taken bool, err error)
	// PlacePosts does for many posts what each would do by itself, in one round trip: it locks their threads, in the
	// order in which threads are locked, judges each post, claims its request, takes its sequence and finds whom it
	// mentions. It fails with ErrTaken when the same request is being made elsewhere at this moment.
	PlacePosts(ctx context.Context, posts []Post) ([]Place, error)
	// AddThread adds a new thread.
	AddThread(ctx context.Context, t domain.Thread) error
	// SaveThread keeps what a locked thread has become.
	SaveThread(ctx context.Context, t domain.Thread) error
	// SaveThreadVersion keeps a locked thread's version alone.
	SaveThreadVersion(ctx context.Context, t domain.Thread) error
	// Activity moves the time at which something was last said in a thread forward, never back.
	Activity(ctx context.Context, thread uuid.UUID, at time.Time) error
}

// ThreadQuery is what a list of threads is asked for.
type ThreadQuery struct {
	// Space narrows to one space, when it is not uuid.Nil.
	Space uuid.UUID
	// Conditions hold on the fields state, type, creator, create_time and imported.
	Conditions []ThreadCondition
	// Order is by activity_time or create_time.
	Order page.Order
	// Page is the page.
	Page page.Request[ThreadCursor]
}

// ThreadCondition is a comparison of a thread's field with a value of the field's own type.
type ThreadCondition struct {
	Field, Op string
	Value     any
}

// ThreadCursor is where a page of threads ends.
type ThreadCursor struct {
	Time   time.Time `json:"t"`
	Thread uuid.UUID `json:"i"`
}

// Thread gets one thread.
func (a *App) Thread(ctx context.Context, id uuid.UUID) (domain.Thread, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Thread{}, err
	}
	return a.thread(ctx, caller, id, auth.Need(ctx))
}

func (a *App) thread(ctx context.Context, caller auth.Caller, id uuid.UUID, need auth.Right) (domain.Thread, error) {
	var found domain.Thread
	err := a.confirmed(ctx, caller, func() error {
		t, have, err := a.store.Thread(ctx, caller.Workspace, caller.Member, id)
		found = t
		if err != nil {
			return err
		}
		return refuseBelow(have, need, t.Space, domain.ThreadName(caller.Workspace, id))
	})
	if err != nil {
		return domain.Thread{}, err
	}
	return found, nil
}

// Threads lists the threads of the spaces that the caller may read.
func (a *App) Threads(ctx context.Context, q ThreadQuery) (page.Result[domain.Thread, ThreadCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Thread, ThreadCursor]{}, err
	}
	if q.Space != uuid.Nil {
		if err := a.readable(ctx, caller, q.Space); err != nil {
			return page.Result[domain.Thread, ThreadCursor]{}, err
		}
	}
	return a.store.Threads(ctx, caller.Workspace, caller.Member, q)
}

// readable lets the projection catch up on a space that a list asks for. That the space cannot be read is no fault of a
// list: it is empty.
func (a *App) readable(ctx context.Context, caller auth.Caller, space uuid.UUID) error {
	err := a.confirmed(ctx, caller, func() error {
		have, err := a.store.SpaceRight(ctx, caller.Workspace, caller.Member, space)
		if err != nil {
			return err
		}
		return refuseBelow(have, auth.Reader, space, domain.SpaceName(caller.Workspace, space))
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// CreateThread is what a new thread is asked for.
type CreateThread struct {
	Space           uuid.UUID
	Title           string
	Type            domain.ThreadType
	ReopenOnMessage bool
}

// CreateThread creates a thread.
func (a *App) CreateThread(ctx context.Context, cmd CreateThread) (domain.Thread, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Thread{}, err
	}
	if err := domain.CheckTitle("thread.title", cmd.Title); err != nil {
		return domain.Thread{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return domain.Thread{}, fmt.Errorf("make a thread's id: %w", err)
	}
	var created domain.Thread
	prior, err := a.create(ctx, caller, func(ctx context.Context, tx Tx) error {
		have, err := tx.SpaceRight(ctx, caller.Member, cmd.Space)
		if err != nil {
			return err
		}
		if err := refuse(ctx, have, cmd.Space, domain.SpaceName(caller.Workspace, cmd.Space)); err != nil {
			return err
		}
		tx.Claim(ctx, domain.ThreadName(caller.Workspace, id))
		now := a.now()
		t, events, err := domain.NewThread(domain.Thread{
			Workspace: caller.Workspace, ID: id, Space: cmd.Space, Title: cmd.Title, Type: cmd.Type,
			Creator: caller.Member, ReopenOnMessage: cmd.ReopenOnMessage,
		}, now)
		if err != nil {
			return err
		}
		created = t
		if err := tx.AddThread(ctx, t); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	if err != nil {
		return domain.Thread{}, err
	}
	if prior != "" {
		return a.replayedThread(ctx, caller, prior)
	}
	return created, nil
}

func (a *App) replayedThread(ctx context.Context, caller auth.Caller, name string) (domain.Thread, error) {
	id, err := uuid.Parse(domain.LastID(name))
	if err != nil {
		return domain.Thread{}, fmt.Errorf("a replayed thread's name: %w", err)
	}
	return a.thread(ctx, caller, id, auth.Reader)
}

// UpdateThread changes a thread's own fields.
func (a *App) UpdateThread(ctx context.Context, id uuid.UUID, change domain.ThreadChange, fresh Fresh) (domain.Thread, error) {
	return a.changeThread(ctx, id, fresh, threadChange{rule: func(t *domain.Thread, _ uuid.UUID, now time.Time) ([]domain.Event, error) {
		return t.Update(change, now)
	}})
}

// ResolveThread concludes a thread with its outcome.
func (a *App) ResolveThread(ctx context.Context, id uuid.UUID, outcome string, fresh Fresh) (domain.Thread, error) {
	if err := domain.CheckOutcome(outcome); err != nil {
		return domain.Thread{}, err
	}
	return a.changeThread(ctx, id, fresh, threadChange{rule: func(t *domain.Thread, by uuid.UUID, now time.Time) ([]domain.Event, error) {
		return t.Resolve(by, outcome, now)
	}})
}

// ReopenThread opens a thread again. What a manager of the space put away, only a manager takes out again.
func (a *App) ReopenThread(ctx context.Context, id uuid.UUID, fresh Fresh) (domain.Thread, error) {
	return a.changeThread(ctx, id, fresh, threadChange{
		rule: func(t *domain.Thread, _ uuid.UUID, now time.Time) ([]domain.Event, error) { return t.Reopen(0, now) },
		need: func(t domain.Thread) auth.Right {
			if t.State == domain.Archived {
				return auth.Manager
			}
			return auth.NoRight
		},
	})
}

// ArchiveThread puts a thread away.
func (a *App) ArchiveThread(ctx context.Context, id uuid.UUID, fresh Fresh) (domain.Thread, error) {
	return a.changeThread(ctx, id, fresh, threadChange{rule: func(t *domain.Thread, _ uuid.UUID, now time.Time) ([]domain.Event, error) {
		return t.Archive(now)
	}})
}

// threadChange is what sets one change of a thread apart from another.
type threadChange struct {
	// rule is the domain's.
	rule func(t *domain.Thread, by uuid.UUID, now time.Time) ([]domain.Event, error)
	// need is the right that the thread as it stands takes beyond the method's own; nil for none.
	need func(t domain.Thread) auth.Right
}

// changeThread is the frame of every change of a thread: lock, right, replay, etag, rule, save, publish.
func (a *App) changeThread(ctx context.Context, id uuid.UUID, fresh Fresh, change threadChange) (domain.Thread, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Thread{}, err
	}
	name := domain.ThreadName(caller.Workspace, id)
	var changed domain.Thread
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		t, have, err := tx.LockThread(ctx, caller.Member, id)
		if err != nil {
			return err
		}
		need := auth.Need(ctx)
		if change.need != nil {
			need = max(need, change.need(t))
		}
		if err := refuseBelow(have, need, t.Space, name); err != nil {
			return err
		}
		changed = t
		if replayed, err := tx.Replay(ctx, name); err != nil || replayed {
			return err
		}
		if err := fresh.check(t.Revision); err != nil {
			return err
		}
		now := a.now()
		events, err := change.rule(&t, caller.Member, now)
		if err != nil || len(events) == 0 {
			return err
		}
		changed = t
		if err := tx.SaveThread(ctx, t); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	if err != nil {
		return domain.Thread{}, err
	}
	return changed, nil
}
