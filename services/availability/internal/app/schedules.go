package app

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Effective is the hours that hold for a member now, in the zone in force, with the version of their working time.
type Effective struct {
	domain.Source
	Version int64
}

// Effective returns what holds for a member now.
func (a *App) Effective(ctx context.Context, ws, member uuid.UUID) (Effective, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return Effective{}, err
	}
	now := a.now()
	people, err := a.people(ctx, ws, []uuid.UUID{member}, now, now)
	if err != nil {
		return Effective{}, err
	}
	person, ok := people[member]
	if !ok {
		return Effective{}, fault.NotFoundName(domain.MemberName(ws, member))
	}
	source := person.In(now)
	source.Zone = person.ZoneAt(now)
	return Effective{Source: source, Version: person.Version}, nil
}

// Schedule returns one version of a member's hours.
func (a *App) Schedule(ctx context.Context, ws, member, schedule uuid.UUID) (domain.Schedule, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.Schedule{}, err
	}
	return a.store.Schedule(ctx, ws, member, schedule)
}

// Schedules lists the versions of a member's hours, the newest first.
func (a *App) Schedules(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.Schedule, Cursor], error) {
	if err := a.there(ctx, ws, member); err != nil {
		return page.Result[domain.Schedule, Cursor]{}, err
	}
	return a.store.Schedules(ctx, ws, member, p)
}

// there refuses a member who is not in the workspace.
func (a *App) there(ctx context.Context, ws, member uuid.UUID) error {
	if _, err := a.caller(ctx, ws); err != nil {
		return err
	}
	return a.confirmed(ctx, ws, member, func() error { return known(a.store.Member(ctx, ws, member)) })
}

// NewHours is what hours are asked to be: a member's, or without a zone the workspace's.
type NewHours struct {
	Zone    string
	Windows []domain.Window
	// Region is that whose public holidays are not worked; empty for none.
	Region string
	// EffectiveDate is the first local date; nil for today.
	EffectiveDate *worktime.Date
}

// CreateSchedule sets a member's hours from a date on, or with dry says what that would do.
func (a *App) CreateSchedule(ctx context.Context, ws, member uuid.UUID, in NewHours, dry bool) (Outcome[domain.Schedule], error) {
	id, err := newID()
	if err != nil {
		return Outcome[domain.Schedule]{}, err
	}
	made, prior, err := changeTime(ctx, a, ws, member, domain.ScheduleName(ws, member, id), dry,
		func(ctx context.Context, c *change) (domain.Schedule, []domain.Event, error) {
			if err := c.room(ctx); err != nil {
				return domain.Schedule{}, nil, err
			}
			s, events, err := domain.NewSchedule(domain.Schedule{
				Workspace: ws, Member: member, ID: id, Zone: in.Zone, Windows: in.Windows, Region: in.Region,
			}, in.EffectiveDate, &c.MemberTime, c.now)
			if err != nil {
				return s, nil, err
			}
			if dry {
				before, err := c.record(ctx, s.Start, s.Start)
				if err != nil {
					return s, nil, err
				}
				return s, nil, c.foresee(before, before.WithSchedule(s))
			}
			if err := c.AddSchedule(ctx, s); err != nil {
				return s, nil, err
			}
			return s, events, c.WakeCalendars(ctx, member, false, c.now)
		})
	a.imports.Wake()
	if err != nil || prior == "" {
		return made, err
	}
	if id, err = madeBefore(prior); err != nil {
		return Outcome[domain.Schedule]{}, err
	}
	made.Item, err = a.store.Schedule(ctx, ws, member, id)
	return made, err
}

// DefaultSchedule returns one version of the workspace's hours.
func (a *App) DefaultSchedule(ctx context.Context, ws, schedule uuid.UUID) (domain.DefaultSchedule, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.DefaultSchedule{}, err
	}
	return a.store.DefaultSchedule(ctx, ws, schedule)
}

// DefaultSchedules lists the versions of the workspace's hours, the newest first.
func (a *App) DefaultSchedules(ctx context.Context, ws uuid.UUID, p Page) (page.Result[domain.DefaultSchedule, Cursor], error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return page.Result[domain.DefaultSchedule, Cursor]{}, err
	}
	return a.store.DefaultSchedules(ctx, ws, p)
}

// CreateDefaultSchedule sets the workspace's hours from a date on, or with dry says how many would have them.
func (a *App) CreateDefaultSchedule(ctx context.Context, ws uuid.UUID, in NewHours, dry bool) (Outcome[domain.DefaultSchedule], error) {
	var out Outcome[domain.DefaultSchedule]
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return out, err
	}
	id, err := newID()
	if err != nil {
		return out, err
	}
	prior := ""
	err = a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		w, err := tx.LockWorkspace(ctx)
		if err != nil {
			return err
		}
		var replayed bool
		if prior, replayed, err = replay(ctx, tx, domain.DefaultScheduleName(ws, id), dry); err != nil || replayed {
			return err
		}
		now := a.now()
		d, events, err := domain.NewDefaultSchedule(domain.DefaultSchedule{
			Workspace: ws, ID: id, Windows: in.Windows, Region: in.Region,
		}, in.EffectiveDate, &w, now)
		if err != nil {
			return err
		}
		out.Item = d
		if dry {
			inheriting, err := tx.CountInheriting(ctx, d.Begins())
			if err != nil {
				return err
			}
			out.Preview = &domain.Preview{Inheriting: inheriting}
			return errDry
		}
		if err := tx.AddDefaultSchedule(ctx, d); err != nil {
			return err
		}
		if err := tx.SaveWorkspaceTime(ctx, w); err != nil {
			return err
		}
		if err := wakeAll(ctx, tx, now); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	switch {
	case errors.Is(err, errDry):
		return out, nil
	case err != nil:
		return Outcome[domain.DefaultSchedule]{}, err
	case prior == "":
		return out, nil
	}
	if id, err = madeBefore(prior); err != nil {
		return out, err
	}
	out.Item, err = a.store.DefaultSchedule(ctx, ws, id)
	return out, err
}
