package app

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// ProfileZone is the zone of a member's profile, as the directory told it at a version of the member.
type ProfileZone struct {
	Workspace, Member uuid.UUID
	Zone              string
	Version           int64
}

// actor is who does what follows from an event: the service itself.
const actor = "services/availability"

// OnProfile follows a member's zone. From now on it is the one that inherited hours are read in; what has been stays as it
// was. The first zone of all has held since ever.
func (a *App) OnProfile(ctx context.Context, p ProfileZone) error {
	if p.Zone == "" { // an invitation that has not been accepted
		return nil
	}
	seen, err := a.store.ZoneSeen(ctx, p.Workspace, p.Member)
	if err != nil || seen >= p.Version {
		return err
	}
	err = a.store.InTx(ctx, p.Workspace, func(ctx context.Context, tx Tx) error {
		if first, err := tx.First(ctx); err != nil || !first {
			return err
		}
		m, err := tx.LockTime(ctx, p.Member)
		if err != nil {
			return err
		}
		open, found, err := tx.OpenZone(ctx, p.Member)
		switch {
		case err != nil || found && open.Seen >= p.Version:
			return err
		case !found:
			return tx.MoveZone(ctx, p.Member, domain.ZonePeriod{Zone: p.Zone, Seen: p.Version})
		case open.Zone == p.Zone:
			return tx.SeeZone(ctx, p.Member, p.Version)
		}
		return (&change{Tx: tx, MemberTime: m, now: a.now()}).zoned(ctx, p)
	})
	a.imports.Wake()
	return err
}

// zoned begins another zone, and tells of it where the member's hours are inherited.
func (c *change) zoned(ctx context.Context, p ProfileZone) error {
	if err := c.MoveZone(ctx, p.Member, domain.ZonePeriod{Zone: p.Zone, Start: c.now, Seen: p.Version}); err != nil {
		return err
	}
	record, err := c.Record(ctx, p.Member, c.now, c.now)
	if err != nil {
		return err
	}
	until, inherits := record.Inheriting(c.now)
	if !inherits {
		return nil
	}
	if err := c.WakeCalendars(ctx, p.Member, false, c.now); err != nil {
		return err
	}
	return c.conclude(ctx, []domain.Event{c.told(until)})
}

// Reporting is whom a member reports to at a version of the member; uuid.Nil for nobody.
type Reporting struct {
	Workspace, Member, Manager uuid.UUID
	Version                    int64
}

// OnManager has what a member asked for wait for the manager that they have got. Twice it has its effect once, and the projection's
// newer news count.
func (a *App) OnManager(ctx context.Context, r Reporting) error {
	requests, err := a.store.Requests(ctx, r.Workspace, r.Member)
	if err != nil || len(forAnother(requests, r.Manager)) == 0 {
		return err
	}
	if err := a.access.Confirm(ctx, r.Workspace, r.Member, uuid.Nil); err != nil {
		return err
	}
	return a.store.InTx(ctx, r.Workspace, func(ctx context.Context, tx Tx) error {
		m, err := tx.LockTime(ctx, r.Member)
		if err != nil {
			return err
		}
		return (&change{Tx: tx, MemberTime: m, now: a.now()}).reroute(ctx, r)
	})
}

// reroute has requests wait for the member's manager, and who acts for that one now.
func (c *change) reroute(ctx context.Context, r Reporting) error {
	projected, err := c.Reporting(ctx, c.Member)
	if err != nil {
		return err
	}
	if projected.Version > r.Version {
		r = projected
	}
	requests, err := c.Requests(ctx, c.Member)
	if err != nil {
		return err
	}
	return c.route(ctx, forAnother(requests, r.Manager), r.Manager)
}

// forAnother are those of some requests that wait for another manager than one.
func forAnother(requests []domain.TimeOff, manager uuid.UUID) []domain.TimeOff {
	return slices.DeleteFunc(requests, func(t domain.TimeOff) bool { return t.Manager == manager })
}

// askAgain has what waits for the member told of again, who has left or is back: others decide then.
func (c *change) askAgain(ctx context.Context) error {
	members, err := c.Requesters(ctx, c.Member)
	if err != nil {
		return err
	}
	for _, member := range members {
		m, err := c.LockTime(ctx, member)
		if err != nil {
			return err
		}
		requests, err := c.Requests(ctx, member)
		if err != nil {
			return err
		}
		waiting := slices.DeleteFunc(requests, func(t domain.TimeOff) bool { return t.Manager != c.Member })
		if err := (&change{Tx: c.Tx, MemberTime: m, now: c.now}).route(ctx, waiting, c.Member); err != nil {
			return err
		}
	}
	return nil
}

// route has requests of the member wait for a manager, and for who acts for that one now.
func (c *change) route(ctx context.Context, requests []domain.TimeOff, manager uuid.UUID) error {
	if len(requests) == 0 {
		return nil
	}
	delegate, err := c.delegate(ctx, manager, domain.Approvals)
	if err != nil {
		return err
	}
	p, err := c.person(ctx, requests...)
	if err != nil {
		return err
	}
	var events []domain.Event
	for _, t := range requests {
		events = append(events, t.Route(manager, delegate, p.Calendar, &c.MemberTime))
		if err := c.SaveTimeOff(ctx, t); err != nil {
			return err
		}
	}
	return c.conclude(ctx, events)
}

// told is the event of working time that is another from now until an instant; zero for all that follows.
func (c *change) told(until time.Time) domain.Event {
	return domain.WorkingTimeChanged{Workspace: c.Workspace, Member: c.Member, Start: c.now, End: until, Version: c.Next()}
}

// conclude saves and publishes what followed from an event, if anything did.
func (c *change) conclude(ctx context.Context, events []domain.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := c.SaveMemberTime(ctx, c.MemberTime); err != nil {
		return err
	}
	if err := wake(ctx, c, c.Member, c.now); err != nil {
		return err
	}
	return c.Publish(ctx, c.now, actor, events...)
}
