package store

import (
	"context"
	"encoding/json"
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

// refusedEvent is a refused event as it is stored.
type refusedEvent struct {
	Line     int    `json:"line"`
	UID      string `json:"uid"`
	Property string `json:"property"`
	Rule     string `json:"rule"`
}

func calendarOf(row db.ImportedCalendar) (domain.ImportedCalendar, error) {
	c := domain.ImportedCalendar{
		Workspace: row.WorkspaceID, Member: row.MemberID, ID: row.CalendarID, DisplayName: row.DisplayName, URL: row.SourceUrl,
		Titles: row.KeepTitles, Zone: row.TimeZone, Seen: domain.Validators{Etag: row.Etag, Modified: row.Modified},
		RefusedCount: int(row.RefusedCount), Horizon: value(row.HorizonTime).UTC(), Failures: int(row.Failures),
		LastError: row.LastError, FetchTime: value(row.FetchTime).UTC(), AskedTime: value(row.AskedTime).UTC(),
		DueTime: value(row.DueTime).UTC(), Revision: row.Revision, CreateTime: row.CreateTime.UTC(),
		UpdateTime: row.UpdateTime.UTC(), DeleteTime: value(row.DeleteTime).UTC(),
	}
	var refused []refusedEvent
	if err := json.Unmarshal(row.RefusedEvents, &refused); err != nil {
		return c, fmt.Errorf("read refused events: %w", err)
	}
	for _, e := range refused {
		c.Refused = append(c.Refused, domain.RefusedEvent(e))
	}
	return c, nil
}

// refusedText is how refused events are stored. What of a file no database can hold is left out.
func refusedText(all []domain.RefusedEvent) ([]byte, error) {
	stored := make([]refusedEvent, len(all))
	for i, e := range all {
		e.UID, e.Property, e.Rule = domain.Storable(e.UID, domain.MaxTitle), domain.Storable(e.Property, domain.MaxTitle), domain.Storable(e.Rule, domain.MaxTitle)
		stored[i] = refusedEvent(e)
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("write refused events: %w", err)
	}
	return text, nil
}

// Calendar implements app.Store.
func (s *Store) Calendar(ctx context.Context, ws, member, calendar uuid.UUID, deleted bool) (domain.ImportedCalendar, error) {
	return calendarBy(ctx, s.queries(ws), ws, member, calendar, deleted)
}

// Calendar implements app.Tx.
func (t *tx) Calendar(ctx context.Context, member, calendar uuid.UUID) (domain.ImportedCalendar, error) {
	return calendarBy(ctx, t.now, t.ws, member, calendar, false)
}

func calendarBy(ctx context.Context, q *db.Queries, ws, member, calendar uuid.UUID, deleted bool) (domain.ImportedCalendar, error) {
	row, err := q.Calendar(ctx, db.CalendarParams{WorkspaceID: ws, MemberID: member, CalendarID: calendar, Deleted: deleted})
	if postgres.IsNoRows(err) {
		return domain.ImportedCalendar{}, fault.NotFoundName(domain.CalendarName(ws, member, calendar))
	}
	if err != nil {
		return domain.ImportedCalendar{}, fmt.Errorf("read a calendar: %w", err)
	}
	return calendarOf(row.ImportedCalendar)
}

// Calendars implements app.Store.
func (s *Store) Calendars(ctx context.Context, ws, member uuid.UUID, p app.Page) (page.Result[domain.ImportedCalendar, app.Cursor], error) {
	none := page.Result[domain.ImportedCalendar, app.Cursor]{}
	found, err := s.queries(ws).ListCalendars(ctx, db.ListCalendarsParams{
		WorkspaceID: ws, MemberID: member, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return none, fmt.Errorf("list calendars: %w", err)
	}
	items := make([]domain.ImportedCalendar, len(found))
	for i, row := range found {
		if items[i], err = calendarOf(row.ImportedCalendar); err != nil {
			return none, err
		}
	}
	return page.Cut(items, p.Size, func(c domain.ImportedCalendar) app.Cursor { return app.Cursor{ID: c.ID} }), nil
}

// CountCalendars implements app.Tx.
func (t *tx) CountCalendars(ctx context.Context, member uuid.UUID) (int, error) {
	n, err := t.now.CountCalendars(ctx, db.CountCalendarsParams{WorkspaceID: t.ws, MemberID: member})
	if err != nil {
		return 0, fmt.Errorf("count calendars: %w", err)
	}
	return int(n), nil
}

// AddCalendar implements app.Tx.
func (t *tx) AddCalendar(ctx context.Context, c domain.ImportedCalendar) error {
	refused, err := refusedText(c.Refused)
	if err != nil {
		return err
	}
	return t.writes.InsertCalendar(ctx, db.InsertCalendarParams{
		WorkspaceID: t.ws, MemberID: c.Member, CalendarID: c.ID, DisplayName: c.DisplayName, SourceUrl: c.URL,
		KeepTitles: c.Titles, TimeZone: c.Zone, Etag: c.Seen.Etag, Modified: c.Seen.Modified, RefusedEvents: refused,
		RefusedCount: int32(c.RefusedCount), HorizonTime: nullable(c.Horizon), Failures: int32(c.Failures),
		LastError: c.LastError, FetchTime: nullable(c.FetchTime), AskedTime: nullable(c.AskedTime),
		DueTime: nullable(c.DueTime), Revision: c.Revision, CreateTime: c.CreateTime, UpdateTime: c.UpdateTime,
	})
}

// SaveCalendar implements app.Tx.
func (t *tx) SaveCalendar(ctx context.Context, c domain.ImportedCalendar) error {
	refused, err := refusedText(c.Refused)
	if err != nil {
		return err
	}
	return t.writes.SaveCalendar(ctx, db.SaveCalendarParams{
		WorkspaceID: t.ws, MemberID: c.Member, CalendarID: c.ID, DisplayName: c.DisplayName, SourceUrl: c.URL,
		Etag: c.Seen.Etag, Modified: c.Seen.Modified, RefusedEvents: refused, RefusedCount: int32(c.RefusedCount),
		HorizonTime: nullable(c.Horizon), Failures: int32(c.Failures), LastError: domain.Storable(c.LastError, domain.MaxNote),
		FetchTime: nullable(c.FetchTime), AskedTime: nullable(c.AskedTime), DueTime: nullable(c.DueTime),
		Revision: c.Revision, UpdateTime: c.UpdateTime, DeleteTime: nullable(c.DeleteTime),
	})
}

// Source implements app.Store.
func (s *Store) Source(ctx context.Context, ws, member, calendar uuid.UUID) ([]byte, error) {
	return sourceBy(ctx, s.queries(ws), ws, member, calendar)
}

// Source implements app.Tx.
func (t *tx) Source(ctx context.Context, member, calendar uuid.UUID) ([]byte, error) {
	return sourceBy(ctx, t.now, t.ws, member, calendar)
}

func sourceBy(ctx context.Context, q *db.Queries, ws, member, calendar uuid.UUID) ([]byte, error) {
	source, err := q.Source(ctx, db.SourceParams{WorkspaceID: ws, MemberID: member, CalendarID: calendar})
	if err != nil && !postgres.IsNoRows(err) {
		return nil, fmt.Errorf("read a calendar's file: %w", err)
	}
	return source, nil
}

// SaveSource implements app.Tx.
func (t *tx) SaveSource(ctx context.Context, member, calendar uuid.UUID, source []byte) error {
	return t.writes.SaveSource(ctx, db.SaveSourceParams{WorkspaceID: t.ws, MemberID: member, CalendarID: calendar, Source: source})
}

// ForgetSource implements app.Tx.
func (t *tx) ForgetSource(ctx context.Context, member, calendar uuid.UUID) error {
	if err := t.writes.DeleteSource(ctx, db.DeleteSourceParams{WorkspaceID: t.ws, MemberID: member, CalendarID: calendar}); err != nil {
		return err
	}
	return t.writes.ForgetTitles(ctx, db.ForgetTitlesParams{WorkspaceID: t.ws, MemberID: member, CalendarID: calendar})
}

// WakeCalendars implements app.Tx.
func (t *tx) WakeCalendars(ctx context.Context, member uuid.UUID, every bool, now time.Time) error {
	return t.writes.WakeCalendars(ctx, db.WakeCalendarsParams{WorkspaceID: t.ws, MemberID: member, Every: every, Now: now})
}

// ClaimCalendars implements app.Store.
func (s *Store) ClaimCalendars(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.CalendarKey, bool, error) {
	rows, err := s.all().ClaimCalendars(ctx, db.ClaimCalendarsParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	if err != nil {
		return nil, false, fmt.Errorf("claim calendars: %w", err)
	}
	claimed := make([]app.CalendarKey, len(rows))
	for i, row := range rows {
		claimed[i] = app.CalendarKey{Workspace: row.WorkspaceID, Member: row.MemberID, Calendar: row.CalendarID}
	}
	return claimed, len(rows) == limit, nil
}

// NextCalendarDue implements app.Store.
func (s *Store) NextCalendarDue(ctx context.Context) (time.Time, bool, error) {
	at, err := s.all().NextCalendarDue(ctx)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return at.UTC(), err == nil, err
}
