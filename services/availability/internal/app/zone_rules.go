package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// ZoneRules is what the store keeps of the rules that working time was reckoned with, in all workspaces.
type ZoneRules interface {
	// TakeRules puts the files of a newer version of the time-zone database in the place of those before it, once, and notes who
	// is to be told from an instant on: the ACTIVE members on whose working time a zone that changed says may have a say, and those
	// who have calendars. What is not newer changes nothing. The first version of all changes no zone.
	TakeRules(ctx context.Context, version string, files domain.ZoneFiles, now, due time.Time, changed func(former domain.ZoneFiles) ([]string, error)) error
	// FormerRules returns the files of the version before one that are others in a later version, which is kept.
	FormerRules(ctx context.Context, version, latest string) (domain.ZoneFiles, error)
	// ClaimZoneUpdates takes up to limit members of any workspace who are to be told by now of a version up to one.
	ClaimZoneUpdates(ctx context.Context, version string, now time.Time, lease time.Duration, limit int) ([]ZoneUpdate, error)
	// NextZoneUpdate is when the next of them is due; false when there is none.
	NextZoneUpdate(ctx context.Context, version string) (time.Time, bool, error)
}

// ZoneUpdate is a member whose working time may be another since a version of the time-zone database.
type ZoneUpdate struct {
	Workspace, Member uuid.UUID
	Version           string
}

// TakeRules has members told of a version of the time-zone database, which working time is reckoned with from now on, where it is
// newer than any before. Of replicas that start at once one does it; an older one beside a newer does nothing.
func (a *App) TakeRules(ctx context.Context, version string, files domain.ZoneFiles) error {
	now := a.now()
	return a.store.TakeRules(ctx, version, files, now, now.Add(domain.RulesPause), func(former domain.ZoneFiles) ([]string, error) {
		return former.Changed(files, now)
	})
}

// TellRules tells of a member's working time what is another by the rules of a version up to the latest, and has their calendars
// read by these. An update that was told of is no more.
func (a *App) TellRules(ctx context.Context, u ZoneUpdate, latest string) error {
	former, err := a.store.FormerRules(ctx, u.Version, latest)
	if err != nil {
		return err
	}
	err = a.store.InTx(ctx, u.Workspace, func(ctx context.Context, tx Tx) error {
		m, err := tx.LockTime(ctx, u.Member)
		if err != nil {
			return err
		}
		if waited, err := tx.EndZoneUpdate(ctx, u); err != nil || !waited {
			return err
		}
		c := &change{Tx: tx, MemberTime: m, now: a.now()}
		record, err := c.Record(ctx, u.Member, c.now.Add(-margin), c.now.Add(domain.MaxRange+margin))
		if err != nil || !record.Active {
			return err
		}
		events, err := domain.RulesChanged(record, former, &c.MemberTime, c.now)
		if err != nil {
			return err
		}
		if err := c.WakeCalendars(ctx, u.Member, true, c.now); err != nil {
			return err
		}
		return c.conclude(ctx, events)
	})
	a.imports.Wake()
	return err
}

// ClaimZoneUpdates takes up to limit members who are to be told of a version up to one.
func (a *App) ClaimZoneUpdates(ctx context.Context, version string, now time.Time, lease time.Duration, limit int) ([]ZoneUpdate, error) {
	return a.store.ClaimZoneUpdates(ctx, version, now, lease, limit)
}

// NextZoneUpdate is when the next of them is due.
func (a *App) NextZoneUpdate(ctx context.Context, version string) (time.Time, bool, error) {
	return a.store.NextZoneUpdate(ctx, version)
}
