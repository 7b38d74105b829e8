package app

import (
	"context"

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
	return a.store.InTx(ctx, p.Workspace, func(ctx context.Context, tx Tx) error {
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
		return a.moved(ctx, tx, m, p)
	})
}

// moved begins another zone, and tells of it where the member's hours are inherited.
func (a *App) moved(ctx context.Context, tx Tx, m domain.MemberTime, p ProfileZone) error {
	now := a.now()
	if err := tx.MoveZone(ctx, p.Member, domain.ZonePeriod{Zone: p.Zone, Start: now, Seen: p.Version}); err != nil {
		return err
	}
	record, err := tx.Record(ctx, p.Member, now, now)
	if err != nil {
		return err
	}
	until, inherits := record.Inheriting(now)
	if !inherits {
		return nil
	}
	events := []domain.Event{domain.WorkingTimeChanged{
		Workspace: p.Workspace, Member: p.Member, Start: now, End: until, Version: m.Next(),
	}}
	if err := tx.SaveMemberTime(ctx, m); err != nil {
		return err
	}
	if err := wake(ctx, tx, p.Member, now); err != nil {
		return err
	}
	return tx.Publish(ctx, now, actor, events...)
}
