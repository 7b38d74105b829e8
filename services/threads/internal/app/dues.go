package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// WorkingTime is the availability service: *workingtime.Client.
type WorkingTime interface {
	// Deadlines returns when windows end, in the order of the queries; Unavailable where it cannot be asked.
	Deadlines(ctx context.Context, ws uuid.UUID, queries []workingtime.Query) ([]workingtime.Deadline, error)
}

// DueStore finds, over all workspaces, what is due of asks. A claimed row is nobody else's until the lease, of machine
// time, is over or the row is saved.
type DueStore interface {
	// ClaimDues takes at most so many rows whose due time is to be computed; full says that there may be more.
	ClaimDues(ctx context.Context, lease time.Duration, limit int) (claimed []PendingDues, full bool, err error)
	// NextPendingDue is the start of a window whose end is still to be computed; false when there is none.
	NextPendingDue(ctx context.Context) (time.Time, bool, error)
	// ClaimOverdue takes the asks of at most so many rows whose due time has passed by now without that being published;
	// full says that there may be more.
	ClaimOverdue(ctx context.Context, now time.Time, lease time.Duration, limit int) (claimed []AskKey, full bool, err error)
	// NextOverdue is the earliest due time that will have to be published; false when there is none.
	NextOverdue(ctx context.Context) (time.Time, bool, error)
	// ActiveMembers returns those of the members of a workspace who have joined and not left, as far as is known here.
	ActiveMembers(ctx context.Context, ws uuid.UUID, members []uuid.UUID) ([]uuid.UUID, error)
}

// DueTx has due times computed again.
type DueTx interface {
	// MarkMemberDues does so for what waits for a member, where a change of their working time in a range may move it.
	MarkMemberDues(ctx context.Context, member uuid.UUID, from, until time.Time) error
	// MarkWorkspaceDues does so for all that waits for anybody.
	MarkWorkspaceDues(ctx context.Context) error
}

// AskKey says which ask of which workspace.
type AskKey struct{ Workspace, Ask uuid.UUID }

// PendingDues are due times of one workspace that are to be computed.
type PendingDues struct {
	Workspace uuid.UUID
	Rows      []PendingDue
}

// PendingDue is one due time that is to be computed.
type PendingDue struct {
	Ask, Member uuid.UUID
	Round       int64
	Start       time.Time
	Window      window.Window
}

// itself is the actor of what the service does by itself.
const itself = "services/threads"

// ClaimDues takes due times to compute. See DueStore.
func (a *App) ClaimDues(ctx context.Context, lease time.Duration, limit int) ([]PendingDues, bool, error) {
	return a.store.ClaimDues(ctx, lease, limit)
}

// NextPendingDue tells whether any due time is to be computed. See DueStore.
func (a *App) NextPendingDue(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextPendingDue(ctx)
}

// ComputeDues asks when windows end, all of one workspace in one call, and keeps what it is told, ask by ask. While the
// availability service cannot be asked, the rows wait for the end of their lease; so do those of members whom it does not
// know and this service does, until the two have heard the same, and those that there was no time for.
func (a *App) ComputeDues(ctx context.Context, pending PendingDues) error {
	var queries []workingtime.Query
	for _, row := range pending.Rows {
		queries = append(queries, workingtime.Query{Member: row.Member, From: row.Start, Window: row.Window})
		if part := row.Window.ThreeQuarters(); !part.None() {
			queries = append(queries, workingtime.Query{Member: row.Member, From: row.Start, Window: part})
		}
	}
	deadlines, err := a.workingTime.Deadlines(ctx, pending.Workspace, queries)
	if err != nil {
		return err
	}
	if len(deadlines) != len(queries) {
		return fmt.Errorf("asked for %d deadlines, got %d", len(queries), len(deadlines))
	}
	disputed, err := a.disputed(ctx, pending.Workspace, queries, deadlines)
	if err != nil {
		return err
	}
	computed := map[uuid.UUID][]domain.ComputedDue{}
	var order []uuid.UUID
	for _, row := range pending.Rows {
		due := domain.ComputedDue{
			Member: row.Member, Round: row.Round, Due: micros(deadlines[0].Due), Reason: domain.DueReason(deadlines[0].Reason),
			Delegate: deadlines[0].Delegate,
		}
		deadlines = deadlines[1:]
		if !row.Window.ThreeQuarters().None() {
			due.Remind, deadlines = micros(deadlines[0].Due), deadlines[1:]
		}
		if slices.Contains(disputed, row.Member) {
			continue
		}
		if _, met := computed[row.Ask]; !met {
			order = append(order, row.Ask)
		}
		computed[row.Ask] = append(computed[row.Ask], due)
	}
	var failed error
	if len(disputed) > 0 {
		failed = fmt.Errorf("the availability service does not know %d members who are active here", len(disputed))
	}
	for _, ask := range order {
		if ctx.Err() != nil {
			return errors.Join(failed, context.Cause(ctx))
		}
		failed = errors.Join(failed, a.schedule(ctx, AskKey{Workspace: pending.Workspace, Ask: ask}, computed[ask]))
	}
	return failed
}

// disputed are the members who are not there for the availability service and are active here: one of the two is behind.
func (a *App) disputed(
	ctx context.Context, ws uuid.UUID, queries []workingtime.Query, deadlines []workingtime.Deadline,
) ([]uuid.UUID, error) {
	var unknown []uuid.UUID
	for i, d := range deadlines {
		if d.Reason == workingtime.NoMember && !slices.Contains(unknown, queries[i].Member) {
			unknown = append(unknown, queries[i].Member)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	return a.store.ActiveMembers(ctx, ws, unknown)
}

// micros is an instant as the database keeps it.
func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func (a *App) schedule(ctx context.Context, key AskKey, dues []domain.ComputedDue) error {
	return a.advance(ctx, key, func(ctx context.Context, tx Tx, ask *domain.Ask, now time.Time) (bool, []domain.Event, error) {
		if err := acting(ctx, tx, ask.Space, dues); err != nil {
			return false, nil, err
		}
		taken, events := ask.Schedule(dues, now)
		return taken, events, nil
	})
}

// acting leaves those as delegates who may be asked in the space: nobody is said to act who could neither see nor answer.
func acting(ctx context.Context, tx Tx, space uuid.UUID, dues []domain.ComputedDue) error {
	var delegates []uuid.UUID
	for _, d := range dues {
		if d.Delegate != uuid.Nil && !slices.Contains(delegates, d.Delegate) {
			delegates = append(delegates, d.Delegate)
		}
	}
	if len(delegates) == 0 {
		return nil
	}
	may, err := tx.Askable(ctx, space, delegates)
	if err != nil {
		return err
	}
	for i := range dues {
		if !slices.Contains(may, dues[i].Delegate) {
			dues[i].Delegate = uuid.Nil
		}
	}
	return nil
}

// ClaimOverdue takes asks whose being overdue is to be published. See DueStore.
func (a *App) ClaimOverdue(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]AskKey, bool, error) {
	return a.store.ClaimOverdue(ctx, now, lease, limit)
}

// NextOverdue is when the next is. See DueStore.
func (a *App) NextOverdue(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextOverdue(ctx)
}

// AnnounceOverdue publishes of whom an ask waits beyond their due time. That they are overdue is so without it.
func (a *App) AnnounceOverdue(ctx context.Context, key AskKey) error {
	return a.advance(ctx, key, func(_ context.Context, _ Tx, ask *domain.Ask, now time.Time) (bool, []domain.Event, error) {
		events := ask.Announce(now)
		return len(events) > 0, events, nil
	})
}

// advance changes an ask by what time has brought; changed says whether there is anything to save.
func (a *App) advance(
	ctx context.Context, key AskKey,
	rule func(ctx context.Context, tx Tx, ask *domain.Ask, now time.Time) (changed bool, events []domain.Event, err error),
) error {
	return a.store.InTx(ctx, key.Workspace, func(ctx context.Context, tx Tx) error {
		locked, err := tx.LockAsk(ctx, uuid.Nil, key.Ask)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		now := a.now()
		changed, events, err := rule(ctx, tx, &locked.Ask, now)
		if err != nil || !changed {
			return err
		}
		if err := tx.SaveAsks(ctx, []domain.Ask{locked.Ask}); err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
		return tx.Publish(ctx, now, itself, events...)
	})
}

// WorkingTimeChange says that a member's working time changed from an instant on; until another, unless that is zero.
type WorkingTimeChange struct {
	Workspace, Member uuid.UUID
	From, Until       time.Time
}

// endOfTime is after every instant that is kept.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals,forbidigo // a constant that Go cannot declare so; in UTC no clock changes

// OnWorkingTime follows a change of a member's working time: what is due of them within the range is computed again. Late
// or again it does no harm, for what is computed is what holds then.
func (a *App) OnWorkingTime(ctx context.Context, c WorkingTimeChange) error {
	if c.Until.IsZero() {
		c.Until = endOfTime
	}
	err := a.once(ctx, c.Workspace, func(ctx context.Context, tx Tx) error {
		return tx.MarkMemberDues(ctx, c.Member, c.From, c.Until)
	})
	a.pending()
	return err
}

// OnDefaultSchedule follows a change of the workspace's default hours, by which all go who have set none.
func (a *App) OnDefaultSchedule(ctx context.Context, ws uuid.UUID) error {
	err := a.once(ctx, ws, func(ctx context.Context, tx Tx) error { return tx.MarkWorkspaceDues(ctx) })
	a.pending()
	return err
}
