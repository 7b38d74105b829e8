package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// ProfileZone is the zone of a member's profile and whether they are deactivated, as the directory told it at a version of the
// member.
type ProfileZone struct {
	Workspace, Member uuid.UUID
	Zone              string
	Deactivated       bool
	Version           int64
}

// actor is who does what follows from an event: the service itself.
const actor = "services/availability"

// OnProfile follows a member's zone, and whether they are there. From now on it is the one that inherited hours are read in, and
// who was deactivated works no more until they are activated again; what has been stays as it was. The first zone of all has
// held since ever.
func (a *App) OnProfile(ctx context.Context, p ProfileZone) error {
	if p.Zone == "" && !p.Deactivated { // an invitation that has not been accepted
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
		if err != nil || found && open.Seen >= p.Version {
			return err
		}
		c := &change{Tx: tx, MemberTime: m, now: a.now()}
		moved, err := c.follow(ctx, p, open, found)
		if err != nil {
			return err
		}
		paused, err := c.pause(ctx, p)
		if err != nil {
			return err
		}
		return c.conclude(ctx, append(moved, paused...))
	})
	a.imports.Wake()
	return err
}

// follow notes the zone of a profile, and tells of another where the member's hours are inherited.
func (c *change) follow(ctx context.Context, p ProfileZone, open domain.ZonePeriod, found bool) ([]domain.Event, error) {
	switch {
	case p.Zone == "":
		return nil, nil
	case !found:
		return nil, c.MoveZone(ctx, p.Member, domain.ZonePeriod{Zone: p.Zone, Seen: p.Version})
	case open.Zone == p.Zone:
		return nil, c.SeeZone(ctx, p.Member, p.Version)
	}
	if err := c.MoveZone(ctx, p.Member, domain.ZonePeriod{Zone: p.Zone, Start: c.now, Seen: p.Version}); err != nil {
		return nil, err
	}
	record, err := c.Record(ctx, p.Member, c.now, c.now)
	if err != nil {
		return nil, err
	}
	until, inherits := record.Inheriting(c.now)
	if !inherits {
		return nil, nil
	}
	return []domain.Event{c.told(until)}, c.WakeCalendars(ctx, p.Member, false, c.now)
}

// pause notes that a member was deactivated or activated, and tells that all their working time is another.
func (c *change) pause(ctx context.Context, p ProfileZone) ([]domain.Event, error) {
	paused, err := c.Paused(ctx, p.Member)
	switch {
	case err != nil || paused == p.Deactivated:
		return nil, err
	case paused:
		err = c.Resume(ctx, p.Member, c.now)
	default:
		err = c.Pause(ctx, p.Member, c.now)
	}
	return []domain.Event{c.told(time.Time{})}, err
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
	if err := c.WakeSun(ctx, c.now); err != nil {
		return err
	}
	return c.Publish(ctx, c.now, actor, events...)
}
