package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// TimeOff returns a time off: all of it to the member and who decides on it alone.
func (a *App) TimeOff(ctx context.Context, ws, member, timeOff uuid.UUID) (domain.TimeOff, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return domain.TimeOff{}, err
	}
	t, err := a.store.TimeOff(ctx, ws, member, timeOff)
	if err != nil {
		return domain.TimeOff{}, err
	}
	if sees, err := a.seesReasons(ctx, caller, ws, member); err != nil || sees {
		return t, err
	}
	public, shown := t.Public()
	if !shown {
		return domain.TimeOff{}, fault.NotFoundName(domain.TimeOffName(ws, member, timeOff))
	}
	return public, nil
}

// TimeOffs lists a member's times off, the newest first: to others than the member and who decides, those that are approved.
func (a *App) TimeOffs(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.TimeOff, Cursor], error) {
	none := page.Result[domain.TimeOff, Cursor]{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	if err := a.there(ctx, ws, member); err != nil {
		return none, err
	}
	sees, err := a.seesReasons(ctx, caller, ws, member)
	if err != nil {
		return none, err
	}
	found, err := a.store.TimeOffs(ctx, ws, member, !sees, p)
	if err != nil || sees {
		return found, err
	}
	for i, t := range found.Items {
		found.Items[i], _ = t.Public()
	}
	return found, nil
}

// NewTimeOff is what a time off is asked to be: dates when AllDay, else times.
type NewTimeOff struct {
	Kind        domain.TimeOffKind
	Note        string
	AllDay      bool
	First, Last worktime.Date
	Start, End  time.Time
}

// CreateTimeOff takes time off for a member, or asks for it: of a kind that needs an approval, unless it is taken by one who
// decides. With dry it says what that would do.
func (a *App) CreateTimeOff(ctx context.Context, ws, member uuid.UUID, in NewTimeOff, dry bool) (Outcome[domain.TimeOff], error) {
	none := Outcome[domain.TimeOff]{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	id, err := newID()
	if err != nil {
		return none, err
	}
	wanted := domain.TimeOff{
		Workspace: ws, Member: member, ID: id, Kind: in.Kind, Note: in.Note, AllDay: in.AllDay, First: in.First, Last: in.Last,
		Start: in.Start.Truncate(time.Microsecond), End: in.End.Truncate(time.Microsecond),
	}
	made, prior, err := changeTime(ctx, a, ws, member, domain.TimeOffName(ws, member, id), dry,
		func(ctx context.Context, c *change) (domain.TimeOff, []domain.Event, error) {
			if err := c.room(ctx); err != nil {
				return wanted, nil, err
			}
			before, err := c.person(ctx, wanted)
			if err != nil {
				return wanted, nil, err
			}
			policy, err := c.TimeOffPolicy(ctx)
			if err != nil {
				return wanted, nil, err
			}
			wanted.Asked = policy.Asks(wanted.Kind) && !decides(caller, member, before.Manager)
			var delegate uuid.UUID
			if wanted.Asked {
				if delegate, err = c.delegate(ctx, before.Manager, domain.Approvals); err != nil {
					return wanted, nil, err
				}
			}
			t, events, err := domain.NewTimeOff(wanted, before, delegate, &c.MemberTime, c.now)
			if err != nil {
				return wanted, nil, err
			}
			if err := c.foresee(before.Record, before.WithTimeOff(t)); err != nil {
				return wanted, nil, err
			}
			return t, events, c.AddTimeOff(ctx, t)
		})
	if err != nil || prior == "" {
		return made, err
	}
	if id, err = madeBefore(prior); err != nil {
		return none, err
	}
	made.Item, err = a.store.TimeOff(ctx, ws, member, id)
	return made, err
}

// person is the member, with all that lies over their hours while one of some times off may count.
func (c *change) person(ctx context.Context, times ...domain.TimeOff) (domain.Person, error) {
	var from, until time.Time
	for i, t := range times {
		lower, upper := t.Reaches()
		if i == 0 || lower.Before(from) {
			from = lower
		}
		if upper.After(until) {
			until = upper
		}
	}
	record, err := c.record(ctx, from, until)
	if err != nil {
		return domain.Person{}, err
	}
	return record.Lay()
}

// CancelTimeOff takes a time off back, or with dry says what that would do; what of it has passed stays.
func (a *App) CancelTimeOff(
	ctx context.Context, ws, member, timeOff uuid.UUID, fresh Fresh, dry bool,
) (Outcome[domain.TimeOff], error) {
	return a.changeTimeOff(ctx, ws, member, timeOff, fresh, dry,
		func(t *domain.TimeOff, p domain.Person, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			return t.Cancel(p.Calendar, m, now)
		})
}

// ApproveTimeOff has a request count from now on, or with dry says what that would do.
func (a *App) ApproveTimeOff(
	ctx context.Context, ws, member, timeOff uuid.UUID, fresh Fresh, dry bool,
) (Outcome[domain.TimeOff], error) {
	caller, err := a.decider(ctx, ws, member)
	if err != nil {
		return Outcome[domain.TimeOff]{}, err
	}
	return a.changeTimeOff(ctx, ws, member, timeOff, fresh, dry,
		func(t *domain.TimeOff, p domain.Person, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			return t.Approve(caller.Member, p, m, now)
		})
}

// DeclineTimeOff refuses a request, or with dry says whether it could be refused.
func (a *App) DeclineTimeOff(
	ctx context.Context, ws, member, timeOff uuid.UUID, reason string, fresh Fresh, dry bool,
) (Outcome[domain.TimeOff], error) {
	caller, err := a.decider(ctx, ws, member)
	if err != nil {
		return Outcome[domain.TimeOff]{}, err
	}
	return a.changeTimeOff(ctx, ws, member, timeOff, fresh, dry,
		func(t *domain.TimeOff, _ domain.Person, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			return t.Decline(caller.Member, reason, m, now)
		})
}

// changeTimeOff is the frame of every change of a time off that is there.
func (a *App) changeTimeOff(
	ctx context.Context, ws, member, timeOff uuid.UUID, fresh Fresh, dry bool,
	rule func(t *domain.TimeOff, p domain.Person, m *domain.MemberTime, now time.Time) ([]domain.Event, error),
) (Outcome[domain.TimeOff], error) {
	changed, prior, err := changeTime(ctx, a, ws, member, domain.TimeOffName(ws, member, timeOff), dry,
		func(ctx context.Context, c *change) (domain.TimeOff, []domain.Event, error) {
			t, err := c.TimeOff(ctx, member, timeOff)
			if err != nil {
				return t, nil, err
			}
			if err := fresh.check(t.Revision); err != nil {
				return t, nil, err
			}
			before, err := c.person(ctx, t)
			if err != nil {
				return t, nil, err
			}
			events, err := rule(&t, before, &c.MemberTime, c.now)
			if err != nil {
				return t, nil, err
			}
			if err := c.foresee(before.Record, before.WithTimeOff(t)); err != nil || len(events) == 0 {
				return t, nil, err
			}
			return t, events, c.SaveTimeOff(ctx, t)
		})
	if err != nil || prior == "" {
		return changed, err
	}
	changed.Item, err = a.store.TimeOff(ctx, ws, member, timeOff) // an equal request did it
	return changed, err
}

// TimeOffRequests lists what waits for the caller's approval, the newest first.
func (a *App) TimeOffRequests(ctx context.Context, ws uuid.UUID, p Page) (page.Result[domain.TimeOff, Cursor], error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return page.Result[domain.TimeOff, Cursor]{}, err
	}
	if decides(caller, uuid.Nil, uuid.Nil) {
		return a.store.TimeOffRequests(ctx, ws, p)
	}
	managers, err := a.actsFor(ctx, ws, caller.Member, domain.Approvals)
	if err != nil {
		return page.Result[domain.TimeOff, Cursor]{}, err
	}
	return a.store.TimeOffRequestsOf(ctx, ws, append(managers, caller.Member), caller.Member, p)
}

// TimeOffPolicy returns how a workspace gives time off.
func (a *App) TimeOffPolicy(ctx context.Context, ws uuid.UUID) (domain.TimeOffPolicy, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.TimeOffPolicy{}, err
	}
	return a.store.TimeOffPolicy(ctx, ws)
}

// UpdateTimeOffPolicy sets which kinds of time off need an approval, from now on; nil leaves them. With dry nothing is kept.
func (a *App) UpdateTimeOffPolicy(
	ctx context.Context, ws uuid.UUID, approval *[]domain.TimeOffKind, fresh Fresh, dry bool,
) (domain.TimeOffPolicy, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return domain.TimeOffPolicy{}, err
	}
	var policy domain.TimeOffPolicy
	err = a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		w, err := tx.LockWorkspace(ctx)
		if err != nil {
			return err
		}
		if policy, err = tx.TimeOffPolicy(ctx); err != nil {
			return err
		}
		if _, replayed, err := replay(ctx, tx, domain.TimeOffPolicyName(ws), dry); err != nil || replayed {
			return err
		}
		if err := fresh.check(policy.Revision); err != nil {
			return err
		}
		if approval == nil {
			return nil
		}
		now := a.now()
		events := policy.Change(*approval, &w, now)
		if len(events) == 0 || dry {
			return nil
		}
		if err := tx.SaveTimeOffPolicy(ctx, policy); err != nil {
			return err
		}
		if err := tx.SaveWorkspaceTime(ctx, w); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	return policy, err
}
