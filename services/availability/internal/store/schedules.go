package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// before is the id before which a page in the order of ids begins, the newest first.
func before(p app.Page) uuid.UUID {
	if p.After == nil {
		return uuid.Max
	}
	return p.After.ID
}

// rows is how many a statement asks for: one more than the page, to know whether there is another.
func rows(p app.Page) int32 { return int32(p.Size) + 1 }

// Schedule implements app.Store.
func (s *Store) Schedule(ctx context.Context, ws, member, schedule uuid.UUID) (domain.Schedule, error) {
	row, err := s.queries(ws).Schedule(ctx, db.ScheduleParams{WorkspaceID: ws, MemberID: member, ScheduleID: schedule})
	if postgres.IsNoRows(err) {
		return domain.Schedule{}, fault.NotFoundName(domain.ScheduleName(ws, member, schedule))
	}
	if err != nil {
		return domain.Schedule{}, fmt.Errorf("read a member's hours: %w", err)
	}
	return scheduleOf(row.WorkingSchedule)
}

// Schedules implements app.Store.
func (s *Store) Schedules(ctx context.Context, ws, member uuid.UUID, p app.Page) (page.Result[domain.Schedule, app.Cursor], error) {
	none := page.Result[domain.Schedule, app.Cursor]{}
	found, err := s.queries(ws).ListSchedules(ctx, db.ListSchedulesParams{
		WorkspaceID: ws, MemberID: member, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return none, fmt.Errorf("list a member's hours: %w", err)
	}
	items := make([]domain.Schedule, len(found))
	for i, row := range found {
		if items[i], err = scheduleOf(row.WorkingSchedule); err != nil {
			return none, err
		}
	}
	return page.Cut(items, p.Size, func(s domain.Schedule) app.Cursor { return app.Cursor{ID: s.ID} }), nil
}

// AddSchedule implements app.Tx.
func (t *tx) AddSchedule(ctx context.Context, s domain.Schedule) error {
	windows, err := windowsText(s.Windows)
	if err != nil {
		return err
	}
	if err := t.writes.CutSchedules(ctx, db.CutSchedulesParams{WorkspaceID: t.ws, MemberID: s.Member, StartTime: &s.Start}); err != nil {
		return err
	}
	return t.writes.InsertSchedule(ctx, db.InsertScheduleParams{
		WorkspaceID: t.ws, MemberID: s.Member, ScheduleID: s.ID, TimeZone: s.Zone, Windows: windows,
		EffectiveDate: dayOf(s.EffectiveDate), StartTime: s.Start, CreateTime: s.CreateTime, HolidayRegion: s.Region,
	})
}

// DefaultSchedule implements app.Store.
func (s *Store) DefaultSchedule(ctx context.Context, ws, schedule uuid.UUID) (domain.DefaultSchedule, error) {
	row, err := s.queries(ws).DefaultSchedule(ctx, db.DefaultScheduleParams{WorkspaceID: ws, ScheduleID: schedule})
	if postgres.IsNoRows(err) {
		return domain.DefaultSchedule{}, fault.NotFoundName(domain.DefaultScheduleName(ws, schedule))
	}
	if err != nil {
		return domain.DefaultSchedule{}, fmt.Errorf("read default hours: %w", err)
	}
	return defaultOf(row.DefaultSchedule)
}

// DefaultSchedules implements app.Store.
func (s *Store) DefaultSchedules(ctx context.Context, ws uuid.UUID, p app.Page) (page.Result[domain.DefaultSchedule, app.Cursor], error) {
	none := page.Result[domain.DefaultSchedule, app.Cursor]{}
	found, err := s.queries(ws).ListDefaultSchedules(ctx, db.ListDefaultSchedulesParams{
		WorkspaceID: ws, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return none, fmt.Errorf("list default hours: %w", err)
	}
	items := make([]domain.DefaultSchedule, len(found))
	for i, row := range found {
		if items[i], err = defaultOf(row.DefaultSchedule); err != nil {
			return none, err
		}
	}
	return page.Cut(items, p.Size, func(d domain.DefaultSchedule) app.Cursor { return app.Cursor{ID: d.ID} }), nil
}

// AddDefaultSchedule implements app.Tx.
func (t *tx) AddDefaultSchedule(ctx context.Context, d domain.DefaultSchedule) error {
	windows, err := windowsText(d.Windows)
	if err != nil {
		return err
	}
	return t.writes.InsertDefaultSchedule(ctx, db.InsertDefaultScheduleParams{
		WorkspaceID: t.ws, ScheduleID: d.ID, Windows: windows, EffectiveDate: dayOf(d.EffectiveDate), Version: d.Version,
		CreateTime: d.CreateTime, HolidayRegion: d.Region,
	})
}

// CountInheriting implements app.Tx.
func (t *tx) CountInheriting(ctx context.Context, at time.Time) (int, error) {
	n, err := t.now.CountInheriting(ctx, db.CountInheritingParams{WorkspaceID: t.ws, AtTime: at})
	if err != nil {
		return 0, fmt.Errorf("count who has no hours of their own: %w", err)
	}
	return int(n), nil
}
