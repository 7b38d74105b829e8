package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// WorkingTime is the availability service, as far as offers need it. It is never asked within a transaction.
type WorkingTime interface {
	// Deadlines returns when windows of members end, in the order of the queries.
	Deadlines(ctx context.Context, ws uuid.UUID, queries []workingtime.Query) ([]workingtime.Deadline, error)
	// Reaches returns when members can be reached from an instant on, in their order.
	Reaches(ctx context.Context, ws uuid.UUID, members []uuid.UUID, at time.Time) ([]workingtime.Reach, error)
}

// Ref says which handoff has become due.
type Ref struct{ Workspace, Handoff uuid.UUID }

// RoutingStore keeps which handoffs the routing must look at: their receiver or their times are to be found.
type RoutingStore interface {
	// ClaimRouting takes up to limit handoffs of all workspaces to look at, for the lease.
	ClaimRouting(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Ref, error)
	// NextRouting is since when the longest waiting one waits; false when none does.
	NextRouting(ctx context.Context) (time.Time, bool, error)
	// PutOffRouting lets a claimed handoff wait, longer each time, because availability cannot be asked.
	PutOffRouting(ctx context.Context, ref Ref) error
	// LookRouting reads what the routing goes by; found is false where nothing is to be looked at.
	LookRouting(ctx context.Context, ref Ref) (look Look, found bool, err error)
	// MarkMember has the routing look at every open offer that the member's working time bears on.
	MarkMember(ctx context.Context, ws, member uuid.UUID, now time.Time) (int64, error)
	// MarkWorkspace has it look at every open offer of the workspace.
	MarkWorkspace(ctx context.Context, ws uuid.UUID, now time.Time) (int64, error)
}

// Look is what the routing goes by.
type Look struct {
	Handoff domain.Handoff
	// Marks counts how often it was said that the handoff must be looked at. Who looked clears only what they saw.
	Marks int64
	// Receivers are who can take the baton now: the recipient where there is one, else those of the team.
	Receivers []Receiver
}

// plan is what the routing has found out before it writes.
type plan struct {
	// start is when it was asked.
	start time.Time
	// lapsed says that the recipient can no longer take the baton.
	lapsed bool
	// candidate is AUTO's next; uuid.Nil when there is none.
	candidate uuid.UUID
	timing    domain.Timing
}

// RouteHandoff finds out whom an offer is for and when it expires, and writes what became of it: the one place where
// offers meet working time. It fails Unavailable while availability or the directory is away; the handoff then waits.
func (a *App) RouteHandoff(ctx context.Context, ref Ref) error {
	if err := a.access.Current(ctx); err != nil {
		return err
	}
	look, found, err := a.store.LookRouting(ctx, ref)
	if err != nil || !found {
		return err
	}
	p, err := a.plan(ctx, look)
	if err != nil {
		return err
	}
	next, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a handoff's id: %w", err)
	}
	var relay *domain.Relay
	err = a.store.InTx(ctx, ref.Workspace, func(ctx context.Context, tx Tx) error {
		r, h, _, err := tx.LockRelayOf(ctx, uuid.Nil, ref.Handoff)
		if err != nil {
			return err
		}
		r.Begin(a.now())
		relay = r
		receivers := ids(look.Receivers)
		switch {
		case h.ID == r.Offer.ID && !r.Offer.Open(r.Now):
			r.Expire() // an AUTO is marked by it, and looked at again
		case h.ID == r.Offer.ID && p.lapsed:
			r.Lapse()
		case r.Seeks() && h.ID == r.Offer.ID && p.candidate == uuid.Nil:
			r.NotFound()
		case r.Seeks() && h.ID == r.Offer.ID:
			r.Found(p.candidate, p.start, p.timing)
		case h.ID == r.Offer.ID:
			r.Retime(p.timing, receivers)
		case r.GoesOn(h) && p.candidate == uuid.Nil:
			r.Return(h)
		case r.GoesOn(h):
			r.PassOn(h, next, p.candidate, p.start, p.timing)
		}
		if err := a.keep(ctx, tx, r, service); err != nil {
			return err
		}
		return tx.Routed(ctx, ref.Handoff, look.Marks)
	})
	if err != nil {
		return err
	}
	a.woken(relay)
	a.expiry()
	return nil
}

// plan asks availability what the handoff needs to know.
func (a *App) plan(ctx context.Context, look Look) (plan, error) {
	h, now := look.Handoff, a.now()
	p := plan{start: now}
	open := h.Open(now)
	switch {
	case open && h.Recipient != uuid.Nil && len(look.Receivers) == 0:
		p.lapsed = true
		return p, nil
	case open && (h.Recipient != uuid.Nil || h.Route == domain.ToTeam):
		timings, err := a.timings(ctx, h, ids(look.Receivers), h.StartTime)
		if err != nil {
			return p, err
		}
		p.timing = latest(timings)
		return p, nil
	case h.Route == domain.Auto && h.State != domain.Accepted && h.State != domain.Withdrawn:
		return a.candidate(ctx, p, look)
	}
	return p, nil
}

// candidate chooses AUTO's next: of those of the team who were not asked yet, who can be reached soonest, then by name.
// Who cannot be reached within MaxAway is away, and who has no time for the window is none.
func (a *App) candidate(ctx context.Context, p plan, look Look) (plan, error) {
	h := look.Handoff
	left := slices.DeleteFunc(slices.Clone(look.Receivers), func(r Receiver) bool { return slices.Contains(h.Tried, r.Member) })
	if len(left) == 0 {
		return p, nil
	}
	reaches, err := a.time.Reaches(ctx, h.Workspace, ids(left), p.start)
	if err != nil {
		return p, err
	}
	timings, err := a.timings(ctx, h, ids(left), p.start)
	if err != nil {
		return p, err
	}
	type ranked struct {
		Receiver
		at     time.Time
		timing domain.Timing
	}
	var all []ranked
	for i, r := range left {
		reach, timing := reaches[i], timings[i]
		if reach.Reason == workingtime.Known && reach.At.Sub(p.start) <= domain.MaxAway && !timing.Expire.IsZero() {
			all = append(all, ranked{r, reach.At, timing})
		}
	}
	if len(all) == 0 {
		return p, nil
	}
	best := slices.MinFunc(all, func(a, b ranked) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.DisplayName, b.DisplayName), strings.Compare(a.Member.String(), b.Member.String()))
	})
	p.candidate, p.timing = best.Member, best.timing
	return p, nil
}

// ClaimRouting takes up to limit handoffs that must be looked at.
func (a *App) ClaimRouting(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Ref, error) {
	return a.store.ClaimRouting(ctx, now, lease, limit)
}

// NextRouting is since when the longest waiting handoff waits.
func (a *App) NextRouting(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextRouting(ctx)
}

// PutOffRouting lets a claimed handoff wait while availability is away.
func (a *App) PutOffRouting(ctx context.Context, ref Ref) error {
	return a.store.PutOffRouting(ctx, ref)
}

// OnWorkingTime follows a change of a member's working time: the offers that it bears on are looked at again. To look once
// more changes nothing, so that the event may come twice.
func (a *App) OnWorkingTime(ctx context.Context, ws, member uuid.UUID) error {
	return a.marked(a.store.MarkMember(ctx, ws, member, a.now()))
}

// OnDefaultSchedule follows a change of the workspace's default hours.
func (a *App) OnDefaultSchedule(ctx context.Context, ws uuid.UUID) error {
	return a.marked(a.store.MarkWorkspace(ctx, ws, a.now()))
}

func (a *App) marked(n int64, err error) error {
	if n > 0 {
		a.routing()
	}
	return err
}
