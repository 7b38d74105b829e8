package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Delegation returns a delegation: one on a time off only to whoever sees that.
func (a *App) Delegation(ctx context.Context, ws, member, delegation uuid.UUID) (domain.Delegation, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.Delegation{}, err
	}
	d, err := a.store.Delegation(ctx, ws, member, delegation)
	if err != nil || d.TimeOff == uuid.Nil {
		return d, err
	}
	if _, err := a.TimeOff(ctx, ws, member, d.TimeOff); fault.Is(err, fault.NotFound) {
		return domain.Delegation{}, fault.NotFoundName(domain.DelegationName(ws, member, delegation))
	} else if err != nil {
		return domain.Delegation{}, err
	}
	return d, nil
}

// Delegations lists who acts for a member, the newest first: those on a time off only to whoever sees that.
func (a *App) Delegations(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.Delegation, Cursor], error) {
	none := page.Result[domain.Delegation, Cursor]{}
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
	return a.store.Delegations(ctx, ws, member, !sees, p)
}

// CreateDelegation has somebody act for a member, or with dry says whether they could. The id of it is given here.
func (a *App) CreateDelegation(ctx context.Context, d domain.Delegation, dry bool) (domain.Delegation, error) {
	var err error
	if d.ID, err = newID(); err != nil {
		return domain.Delegation{}, err
	}
	d.Start, d.End = d.Start.Truncate(time.Microsecond), d.End.Truncate(time.Microsecond)
	if _, err := a.caller(ctx, d.Workspace); err != nil {
		return domain.Delegation{}, err
	}
	// The directory is asked outside of the transaction.
	if _, err := a.people(ctx, d.Workspace, []uuid.UUID{d.Delegate}, a.now(), a.now()); err != nil {
		return domain.Delegation{}, err
	}
	made, prior, err := changeTime(ctx, a, d.Workspace, d.Member, domain.DelegationName(d.Workspace, d.Member, d.ID), dry,
		func(ctx context.Context, c *change) (domain.Delegation, []domain.Event, error) {
			if err := c.room(ctx); err != nil {
				return d, nil, err
			}
			if err := c.LockDelegations(ctx); err != nil {
				return d, nil, err
			}
			read := func(members []uuid.UUID) (domain.People, error) {
				return layAll(c.Records(ctx, members, c.now, c.now.Add(domain.DelegationReach)))
			}
			all, err := read([]uuid.UUID{d.Member, d.Delegate})
			if err != nil {
				return d, nil, err
			}
			if err := follow(all, read); err != nil {
				return d, nil, err
			}
			delegation, events, err := domain.NewDelegation(d, all, &c.MemberTime, c.now)
			if err != nil {
				return d, nil, err
			}
			return delegation, events, c.AddDelegation(ctx, delegation)
		})
	if err != nil || prior == "" {
		return made.Item, err
	}
	if d.ID, err = madeBefore(prior); err != nil {
		return domain.Delegation{}, err
	}
	return a.store.Delegation(ctx, d.Workspace, d.Member, d.ID)
}

// DeleteDelegation ends a delegation from now on, or with dry says whether it could be ended.
func (a *App) DeleteDelegation(ctx context.Context, ws, member, delegation uuid.UUID, fresh Fresh, dry bool) error {
	_, _, err := changeTime(ctx, a, ws, member, domain.DelegationName(ws, member, delegation), dry,
		func(ctx context.Context, c *change) (domain.Delegation, []domain.Event, error) {
			d, err := c.Delegation(ctx, member, delegation)
			if err != nil {
				return d, nil, err
			}
			if err := fresh.check(d.Revision()); err != nil {
				return d, nil, err
			}
			var on domain.TimeOff
			if d.TimeOff != uuid.Nil {
				if on, err = c.TimeOff(ctx, member, d.TimeOff); err != nil {
					return d, nil, err
				}
			}
			events := d.Delete(on, &c.MemberTime, c.now)
			return d, events, c.EndDelegation(ctx, d)
		})
	return err
}

// DelegateQuery asks who acts for a member at an instant; now when it is zero.
type DelegateQuery struct {
	Member uuid.UUID
	Kind   domain.DelegationKind
	At     time.Time
}

// Delegates answers queries in their order.
func (a *App) Delegates(ctx context.Context, ws uuid.UUID, queries []DelegateQuery) ([]domain.Resolution, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	return a.resolve(ctx, ws, queries)
}

func (a *App) resolve(ctx context.Context, ws uuid.UUID, queries []DelegateQuery) ([]domain.Resolution, error) {
	now := a.now()
	var (
		members     []uuid.UUID
		first, last time.Time
	)
	for i := range queries {
		if queries[i].At.IsZero() {
			queries[i].At = now
		}
		at := queries[i].At
		if members = append(members, queries[i].Member); first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	people, err := a.people(ctx, ws, unique(members), first, last)
	if err != nil {
		return nil, err
	}
	if err := a.delegates(ctx, ws, people, first, last); err != nil {
		return nil, err
	}
	answers := make([]domain.Resolution, len(queries))
	for i, q := range queries {
		answers[i] = people.Resolve(q.Member, q.Kind, q.At)
	}
	return answers, nil
}

// actsFor are those for whom a member acts now, in chains too. Where they act for nobody, one statement finds that.
func (a *App) actsFor(ctx context.Context, ws, delegate uuid.UUID, kind domain.DelegationKind) ([]uuid.UUID, error) {
	now := a.now()
	var queries []DelegateQuery
	seen := map[uuid.UUID]bool{delegate: true}
	next := []uuid.UUID{delegate}
	for deep := 0; deep < domain.MaxChain && len(next) > 0; deep++ {
		found, err := a.store.ActedFor(ctx, ws, next, kind, now)
		if err != nil {
			return nil, err
		}
		next = slices.DeleteFunc(found, func(m uuid.UUID) bool { return seen[m] })
		for _, member := range next {
			seen[member] = true
			queries = append(queries, DelegateQuery{Member: member, Kind: kind, At: now})
		}
	}
	if len(queries) == 0 {
		return nil, nil
	}
	found, err := a.resolve(ctx, ws, queries)
	if err != nil {
		return nil, err
	}
	var members []uuid.UUID
	for i, r := range found {
		if r.Delegate() == delegate {
			members = append(members, queries[i].Member)
		}
	}
	return members, nil
}

// delegate is who acts for a member now; uuid.Nil for nobody who could.
func (c *change) delegate(ctx context.Context, member uuid.UUID, kind domain.DelegationKind) (uuid.UUID, error) {
	if member == uuid.Nil {
		return uuid.Nil, nil
	}
	read := func(members []uuid.UUID) (domain.People, error) {
		return layAll(c.Records(ctx, members, c.now.Add(-margin), c.now.Add(margin)))
	}
	people, err := read([]uuid.UUID{member})
	if err != nil {
		return uuid.Nil, err
	}
	if err := follow(people, read); err != nil {
		return uuid.Nil, err
	}
	return people.Resolve(member, kind, c.now).Delegate(), nil
}

// delegates adds to people all who act for them in turn between two instants: nothing is read where nobody does.
func (a *App) delegates(ctx context.Context, ws uuid.UUID, people domain.People, from, until time.Time) error {
	return follow(people, func(members []uuid.UUID) (domain.People, error) {
		return a.people(ctx, ws, members, from, until)
	})
}

// follow adds to people those who act for them, and for these in turn, as deep as chains are followed.
func follow(people domain.People, read func(members []uuid.UUID) (domain.People, error)) error {
	for range domain.MaxChain + 1 {
		next := people.Strangers()
		if len(next) == 0 {
			return nil
		}
		found, err := read(next)
		if err != nil {
			return err
		}
		maps.Copy(people, found)
		for _, id := range next {
			if _, there := people[id]; !there {
				people[id] = domain.Person{} // nobody, who is absent
			}
		}
	}
	return nil
}
