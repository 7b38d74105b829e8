package app

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// ReadStateReader reads how far members have read.
type ReadStateReader interface {
	// ReadState returns a member's read state of a thread, of zeros where there is none, and their right on its space.
	// No thread is NotFound.
	ReadState(ctx context.Context, ws uuid.UUID, key ReadStateKey) (SeenReadState, error)
	// ReadStates lists a member's read states of the threads that they follow and may read, the newest thread first.
	ReadStates(ctx context.Context, ws, member uuid.UUID, q ReadStateQuery) (page.Result[domain.ReadState, ReadStateCursor], error)
}

// ReadStateTx reads and writes how far members have read, each method in a fixed number of statements.
type ReadStateTx interface {
	// SeenReadStates returns the read states of the keys, of zeros where there is none, without those of threads that
	// are not there.
	SeenReadStates(ctx context.Context, keys []ReadStateKey) (map[ReadStateKey]SeenReadState, error)
	// LockReadStates is SeenReadStates under the locks that put the events of read states in order. All are locked in
	// the same order, so that no two who lock many wait for each other.
	LockReadStates(ctx context.Context, keys []ReadStateKey) (map[ReadStateKey]SeenReadState, error)
	// SaveReadStates keeps what locked read states have become; those that changed did so at that time.
	SaveReadStates(ctx context.Context, states []domain.ReadState, at time.Time) error
	// ImportedThrough returns how many of the messages of threads up to a sequence were imported, by thread.
	ImportedThrough(ctx context.Context, through map[uuid.UUID]int64) (map[uuid.UUID]int64, error)
	// ReadOwnPosts is the rule of new messages for their authors: they follow the thread, and where they had read all
	// before them, that was not imported, they have read them too. It has no event of its own: that of the message says
	// as much. No two are of the same member and thread.
	ReadOwnPosts(ctx context.Context, at time.Time, posts ...OwnPost) error
	// TeamMembers returns the members of teams.
	TeamMembers(ctx context.Context, teams []uuid.UUID) ([]uuid.UUID, error)
}

// OwnPost is what a member has posted to a thread: the messages from the sequence First to Last, and perhaps others behind
// those of somebody else, up to Newest.
type OwnPost struct {
	Member, Thread      uuid.UUID
	First, Last, Newest int64
	// ImportedCount is the thread's.
	ImportedCount int64
}

// ReadStateKey says whose read state of what.
type ReadStateKey struct{ Member, Thread uuid.UUID }

// SeenReadState is a read state with the right of its member on the space.
type SeenReadState struct {
	domain.ReadState
	Have auth.Right
}

// ReadStateQuery is what a list of read states is asked for.
type ReadStateQuery struct {
	// UnreadOnly leaves out those without unread messages.
	UnreadOnly bool
	Page       page.Request[ReadStateCursor]
}

// ReadStateCursor is where a page of read states ends.
type ReadStateCursor struct {
	Thread uuid.UUID `json:"i"`
}

// ReadState gets the caller's read state of a thread.
func (a *App) ReadState(ctx context.Context, thread uuid.UUID) (domain.ReadState, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.ReadState{}, err
	}
	var found SeenReadState
	err = a.confirmed(ctx, caller, func() error {
		found, err = a.store.ReadState(ctx, caller.Workspace, ReadStateKey{Member: caller.Member, Thread: thread})
		if err != nil {
			return err
		}
		return refuse(ctx, found.Have, found.Space, domain.ReadStateName(caller.Workspace, thread))
	})
	if err != nil {
		return domain.ReadState{}, renamed(err, domain.ReadStateName(caller.Workspace, thread))
	}
	return found.ReadState, nil
}

// ReadStates lists the caller's read states of the threads that they follow and may read.
func (a *App) ReadStates(ctx context.Context, q ReadStateQuery) (page.Result[domain.ReadState, ReadStateCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.ReadState, ReadStateCursor]{}, err
	}
	return a.store.ReadStates(ctx, caller.Workspace, caller.Member, q)
}

// ReadMark says how far a thread was read. Field is the place of Through in the request.
type ReadMark struct {
	Thread  uuid.UUID
	Through int64
	Field   string
}

// MarkRead moves the caller's pointers in threads forward, all or none, and returns the read states in the order of
// the marks. Each mark is of another thread.
func (a *App) MarkRead(ctx context.Context, marks []ReadMark) ([]domain.ReadState, error) {
	threads := make([]uuid.UUID, len(marks))
	for i, mark := range marks {
		threads[i] = mark.Thread
	}
	return a.changeReadStates(ctx, threads, func(ctx context.Context, tx Tx, states []domain.ReadState, now time.Time) ([]domain.Event, error) {
		through := map[uuid.UUID]int64{}
		for i, mark := range marks {
			if err := states[i].CheckSequence(mark.Field, mark.Through); err != nil {
				return nil, err
			}
			if states[i].ImportedCount > 0 && mark.Through > states[i].LastRead {
				through[mark.Thread] = mark.Through
			}
		}
		imported := map[uuid.UUID]int64{}
		if len(through) > 0 {
			var err error
			if imported, err = tx.ImportedThrough(ctx, through); err != nil {
				return nil, err
			}
		}
		var events []domain.Event
		for i, mark := range marks {
			events = append(events, states[i].MarkRead(mark.Through, imported[mark.Thread], now)...)
		}
		return events, nil
	})
}

// FollowThread has the caller follow a thread.
func (a *App) FollowThread(ctx context.Context, thread uuid.UUID) (domain.ReadState, error) {
	return a.changeReadState(ctx, thread, (*domain.ReadState).Follow)
}

// UnfollowThread has the caller stop following a thread; a mention does not take it up again.
func (a *App) UnfollowThread(ctx context.Context, thread uuid.UUID) (domain.ReadState, error) {
	return a.changeReadState(ctx, thread, (*domain.ReadState).Unfollow)
}

// MuteThread mutes a thread for the caller, or takes the mute back.
func (a *App) MuteThread(ctx context.Context, thread uuid.UUID, muted bool) (domain.ReadState, error) {
	return a.changeReadState(ctx, thread, func(r *domain.ReadState, now time.Time) []domain.Event { return r.Mute(muted, now) })
}

func (a *App) changeReadState(
	ctx context.Context, thread uuid.UUID, rule func(r *domain.ReadState, now time.Time) []domain.Event,
) (domain.ReadState, error) {
	states, err := a.changeReadStates(ctx, []uuid.UUID{thread},
		func(_ context.Context, _ Tx, states []domain.ReadState, now time.Time) ([]domain.Event, error) {
			return rule(&states[0], now), nil
		})
	if err != nil {
		return domain.ReadState{}, err
	}
	return states[0], nil
}

// changeReadStates is the frame of every change of the caller's read states: lock, right, replay, rule, save, publish.
func (a *App) changeReadStates(
	ctx context.Context, threads []uuid.UUID,
	rule func(ctx context.Context, tx Tx, states []domain.ReadState, now time.Time) ([]domain.Event, error),
) ([]domain.ReadState, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]ReadStateKey, len(threads))
	for i, thread := range threads {
		keys[i] = ReadStateKey{Member: caller.Member, Thread: thread}
	}
	var states []domain.ReadState
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		found, err := tx.LockReadStates(ctx, keys)
		if err != nil {
			return err
		}
		if states, err = readableStates(ctx, caller, keys, found); err != nil {
			return err
		}
		if replayed, err := tx.Replay(ctx, domain.ThreadName(caller.Workspace, threads[0])); err != nil || replayed {
			return err
		}
		before, now := slices.Clone(states), a.now()
		events, err := rule(ctx, tx, states, now)
		if err != nil {
			return err
		}
		if err := saveReadStates(ctx, tx, before, states, now); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	return states, err
}

// readableStates are the states of the keys in their order, if the caller may read all of their threads.
func readableStates(ctx context.Context, caller auth.Caller, keys []ReadStateKey, found map[ReadStateKey]SeenReadState) ([]domain.ReadState, error) {
	states := make([]domain.ReadState, len(keys))
	for i, key := range keys {
		name := domain.ThreadName(caller.Workspace, key.Thread)
		state, there := found[key]
		if !there {
			return nil, fault.NotFoundName(name)
		}
		if err := refuse(ctx, state.Have, state.Space, name); err != nil {
			return nil, err
		}
		states[i] = state.ReadState
	}
	return states, nil
}

func saveReadStates(ctx context.Context, tx Tx, before, after []domain.ReadState, now time.Time) error {
	var changed []domain.ReadState
	for i := range after {
		if after[i] != before[i] {
			changed = append(changed, after[i])
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return tx.SaveReadStates(ctx, changed, now)
}
