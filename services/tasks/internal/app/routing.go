package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// WorkingTime is the availability service, as far as offers need it. It is never asked within a transaction.
type WorkingTime interface {
	// Deadlines returns when windows of members end, in the order of the queries.
	Deadlines(ctx context.Context, ws uuid.UUID, queries []workingtime.Query) ([]workingtime.Deadline, error)
	// Suggest returns those of candidates who can take over from a giver, the best first.
	Suggest(ctx context.Context, ws uuid.UUID, h workingtime.Handover) ([]uuid.UUID, error)
	// HandoffDelegate returns who acts for a member in handoffs at an instant; uuid.Nil for nobody.
	HandoffDelegate(ctx context.Context, ws, member uuid.UUID, at time.Time) (uuid.UUID, error)
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
	// MemberBehind says whether the projection knows a member only as of before a version of theirs.
	MemberBehind(ctx context.Context, ws, member uuid.UUID, version int64) (bool, error)
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
	// open says that the offer could be taken then.
	open bool
	// lapsed says that nobody whom it was made to can take the baton any more.
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
		switch {
		case h.ID == r.Offer.ID && !r.Offer.Open(r.Now):
			r.Expire() // an AUTO is marked by it, and looked at again
		case h.Version != look.Handoff.Version || h.Open(r.Now) != p.open:
			return tx.LookAgain(ctx, ref.Handoff) // what was found out is about another state of it
		default:
			if err := p.acting(ctx, tx, h.Space); err != nil {
				return err
			}
			p.decide(r, h, next, ids(look.Receivers))
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

// acting leaves a delegate who may take a baton in the space: nobody is said to act who could not.
func (p *plan) acting(ctx context.Context, tx Tx, space uuid.UUID) error {
	if p.timing.Delegate == uuid.Nil {
		return nil
	}
	may, err := tx.MayReceive(ctx, p.timing.Delegate, space)
	if !may {
		p.timing.Delegate = uuid.Nil
	}
	return err
}

// decide does what follows for a handoff that is as it was looked at. next is the id of the offer that AUTO may go on to.
func (p *plan) decide(r *domain.Relay, h domain.Handoff, next uuid.UUID, receivers []uuid.UUID) {
	switch {
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
}

// plan asks availability what the handoff needs to know.
func (a *App) plan(ctx context.Context, look Look) (plan, error) {
	h, now := look.Handoff, a.now()
	p := plan{start: now, open: h.Open(now)}
	switch {
	case p.open && h.Lapses(ids(look.Receivers)):
		p.lapsed = true
		return p, nil
	case p.open && (h.Recipient != uuid.Nil || h.Route == domain.ToTeam):
		timings, err := a.timings(ctx, h, ids(look.Receivers), h.StartTime)
		if err != nil {
			return p, err
		}
		p.timing = latest(timings)
		if h.Route == domain.ToMember {
			p.timing.Delegate, err = a.time.HandoffDelegate(ctx, h.Workspace, h.Recipient, h.StartTime)
		}
		return p, err
	case h.Route == domain.Auto && h.State != domain.Accepted && h.State != domain.Withdrawn:
		return a.candidate(ctx, p, look)
	}
	return p, nil
}

// candidate chooses AUTO's next: the best, as availability suggests them, of those of the team who were not asked yet; of
// equals by name. Who does not start within MaxAway is away, and who has no time for the window is none.
func (a *App) candidate(ctx context.Context, p plan, look Look) (plan, error) {
	h := look.Handoff
	left := slices.DeleteFunc(slices.Clone(look.Receivers), func(r Receiver) bool { return slices.Contains(h.Tried, r.Member) })
	slices.SortFunc(left, func(a, b Receiver) int {
		return cmp.Or(strings.Compare(a.DisplayName, b.DisplayName), strings.Compare(a.Member.String(), b.Member.String()))
	})
	suggested, err := a.time.Suggest(ctx, h.Workspace, workingtime.Handover{
		Team: h.Team, Giver: h.Giver, Candidates: ids(left), At: p.start, Horizon: domain.MaxAway, Least: domain.LeastLeft,
	})
	if err != nil {
		return p, err
	}
	timings, err := a.timings(ctx, h, suggested, p.start)
	if err != nil {
		return p, err
	}
	for i, timing := range timings {
		if !timing.Expire.IsZero() {
			p.candidate, p.timing = suggested[i], timing
			return p, nil
		}
	}
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

// OnMemberDeactivated follows that a member has left, as of a version of theirs: the open offers to them and to their teams
// are looked at again. It fails Unavailable until the projection knows it too, for the look goes by that, and would find
// them there still.
func (a *App) OnMemberDeactivated(ctx context.Context, ws, member uuid.UUID, version int64) error {
	behind, err := a.store.MemberBehind(ctx, ws, member, version)
	if err != nil {
		return err
	}
	if behind {
		return fault.New(fault.Unavailable, fault.ReasonUnavailable, "the projection does not know yet that a member has left")
	}
	return a.marked(a.store.MarkMember(ctx, ws, member, a.now()))
}

func (a *App) marked(n int64, err error) error {
	if n > 0 {
		a.routing()
	}
	return err
}
