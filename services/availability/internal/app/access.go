package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Access is the projection of the directory that the store reads members from.
type Access interface {
	// Confirm asks the directory about a member and corrects the projection. It fails only when the projection cannot be
	// trusted and the directory cannot be asked.
	Confirm(ctx context.Context, ws, member, space uuid.UUID) error
	// Current is nil while the projection is known to follow the directory, for the workspace of the caller.
	Current(ctx context.Context) error
}

// caller returns who calls, once the projection is known to be current. A service belongs to no workspace: for it the
// projection's is that of what it asks about.
func (a *App) caller(ctx context.Context, ws uuid.UUID) (auth.Caller, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return auth.Caller{}, err
	}
	if caller.Service != "" {
		asking := caller
		asking.Workspace = ws
		ctx = auth.NewContext(ctx, asking)
	}
	return caller, a.access.Current(ctx)
}

// seesReasons says whether a caller may know why a member is off: the member, and who decides on their time off.
func (a *App) seesReasons(ctx context.Context, caller auth.Caller, ws, member uuid.UUID) (bool, error) {
	if caller.Member == member {
		return true, nil
	}
	return a.approves(ctx, caller, ws, member)
}

// approves says whether a caller may approve and decline a member's time off now: who decides on it, and who acts for the
// member's manager in approvals. Nobody acts in what they ask for themselves.
func (a *App) approves(ctx context.Context, caller auth.Caller, ws, member uuid.UUID) (bool, error) {
	if decides(caller, member, uuid.Nil) {
		return true, nil
	}
	reporting, err := a.store.Reporting(ctx, ws, member)
	manager := reporting.Manager
	if err != nil || decides(caller, member, manager) {
		return err == nil, err
	}
	if manager == uuid.Nil || manager == member || caller.Member == member {
		return false, nil
	}
	acts, err := a.actsFor(ctx, ws, caller.Member, domain.Approvals)
	return slices.Contains(acts, manager), err
}

// decides says whether a member's time off is a caller's own to decide on: administrators', and the member's manager's.
func decides(caller auth.Caller, member, manager uuid.UUID) bool {
	return caller.Role >= auth.Admin || manager != uuid.Nil && manager == caller.Member && manager != member
}

// decider is the caller, if they decide on the time off of a member who is there.
func (a *App) decider(ctx context.Context, ws, member uuid.UUID) (auth.Caller, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return auth.Caller{}, err
	}
	if err := a.there(ctx, ws, member); err != nil {
		return auth.Caller{}, err
	}
	may, err := a.approves(ctx, caller, ws, member)
	if err != nil {
		return auth.Caller{}, err
	}
	if !may {
		return auth.Caller{}, fault.New(fault.Denied, domain.ReasonNotTheApprover,
			"only the member's manager, who acts for them in approvals, and administrators may decide on time off")
	}
	return caller, nil
}

// Fresh tells whether a resource is at the revision that the caller has seen; nil asks nothing.
type Fresh func(revision int64) error

func (f Fresh) check(revision int64) error {
	if f == nil {
		return nil
	}
	return f(revision)
}

// stranger is the refusal of a member whom the projection does not have, which the directory may know better.
type stranger struct{ fault error }

func (s *stranger) Error() string { return s.fault.Error() }
func (s *stranger) Unwrap() error { return s.fault }

// known makes a NotFound of a member a stranger.
func known(err error) error {
	if fault.Is(err, fault.NotFound) {
		return &stranger{fault: err}
	}
	return err
}

// confirmed runs what may not know the member. Such a refusal is put to the directory, and what was refused is tried once
// more.
func (a *App) confirmed(ctx context.Context, ws, member uuid.UUID, try func() error) error {
	err := try()
	if _, ok := errors.AsType[*stranger](err); !ok {
		return err
	}
	if err := a.access.Confirm(ctx, ws, member, uuid.Nil); err != nil {
		return err
	}
	err = try()
	if refusal, ok := errors.AsType[*stranger](err); ok {
		return refusal.fault
	}
	return err
}

// mostConfirmed is about how many members one question asks the directory. Beyond it the projection decides alone: a
// client that makes up members must not be able to make that many calls of one.
const mostConfirmed = 20

// people are the members of a workspace with their layers, as far as they matter between two instants. Those who seem not to
// be there, or not to be active, are asked about first.
func (a *App) people(ctx context.Context, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (domain.People, error) {
	from, until = from.Add(-margin), until.Add(margin)
	records, err := a.store.Records(ctx, ws, members, from, until)
	if err != nil {
		return nil, err
	}
	asked := make(map[uuid.UUID]bool)
	for _, member := range members {
		if !records[member].Active && len(asked) < mostConfirmed {
			asked[member] = true
		}
	}
	if len(asked) > 0 {
		if err := a.confirmAll(ctx, ws, asked); err != nil {
			return nil, err
		}
		if records, err = a.store.Records(ctx, ws, members, from, until); err != nil {
			return nil, err
		}
	}
	return layAll(records, nil)
}

// layAll lays what was read of people, unless reading failed.
func layAll(records map[uuid.UUID]domain.Record, err error) (domain.People, error) {
	if err != nil {
		return nil, err
	}
	people := make(domain.People, len(records))
	for member, record := range records {
		if people[member], err = record.Lay(); err != nil {
			return nil, err
		}
	}
	return people, nil
}

func (a *App) confirmAll(ctx context.Context, ws uuid.UUID, members map[uuid.UUID]bool) error {
	var (
		asking sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	for member := range members {
		asking.Go(func() {
			if err := a.access.Confirm(ctx, ws, member, uuid.Nil); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
			}
		})
	}
	asking.Wait()
	return failed
}

// now is the domain's time as the database keeps it, in microseconds.
func (a *App) now() time.Time { return a.clock.Now().UTC().Truncate(time.Microsecond) }
