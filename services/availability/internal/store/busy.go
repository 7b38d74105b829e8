package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// since is before the start of any busy time that ends after an instant.
func since(from time.Time) time.Time { return from.Add(-domain.LongestBusy) }

func busyTimes(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (map[uuid.UUID][]domain.BusyTime, error) {
	rows, err := q.BusyBetween(ctx, db.BusyBetweenParams{
		WorkspaceID: ws, MemberIds: members, Since: since(from), FromTime: from, UntilTime: until,
	})
	if err != nil {
		return nil, fmt.Errorf("read the busy times of members: %w", err)
	}
	found := make(map[uuid.UUID][]domain.BusyTime)
	for _, row := range rows {
		found[row.MemberID] = append(found[row.MemberID], domain.BusyTime{ID: row.BusyID, Start: row.StartTime.UTC(), End: row.EndTime.UTC()})
	}
	return found, nil
}

// BusyFrom implements app.Tx.
func (t *tx) BusyFrom(ctx context.Context, member, calendar uuid.UUID, from time.Time) ([]domain.BusyTime, error) {
	rows, err := t.now.BusyFrom(ctx, db.BusyFromParams{
		WorkspaceID: t.ws, MemberID: member, CalendarID: calendar, Since: since(from), FromTime: from,
	})
	if err != nil {
		return nil, fmt.Errorf("read the busy times of a calendar: %w", err)
	}
	found := make([]domain.BusyTime, len(rows))
	for i, row := range rows {
		found[i] = domain.BusyTime{ID: row.BusyID, Start: row.StartTime.UTC(), End: row.EndTime.UTC(), Title: row.Title}
	}
	return found, nil
}

// BusyTimes implements app.Store.
func (s *Store) BusyTimes(
	ctx context.Context, ws, member, calendar uuid.UUID, from time.Time, p app.BusyPage,
) (page.Result[domain.BusyTime, app.BusyCursor], error) {
	after := app.BusyCursor{Start: since(from)}
	if p.After != nil {
		after = *p.After
	}
	rows, err := s.queries(ws).ListBusy(ctx, db.ListBusyParams{
		WorkspaceID: ws, MemberID: member, CalendarID: calendar, Since: since(from), FromTime: from,
		AfterTime: after.Start, AfterID: after.ID, MaxRows: int32(p.Size) + 1,
	})
	if err != nil {
		return page.Result[domain.BusyTime, app.BusyCursor]{}, fmt.Errorf("list the busy times of a calendar: %w", err)
	}
	items := make([]domain.BusyTime, len(rows))
	for i, row := range rows {
		items[i] = domain.BusyTime{ID: row.BusyID, Start: row.StartTime.UTC(), End: row.EndTime.UTC(), Title: row.Title}
	}
	return page.Cut(items, p.Size, func(b domain.BusyTime) app.BusyCursor { return app.BusyCursor{Start: b.Start, ID: b.ID} }), nil
}

// ChangeBusy implements app.Tx.
func (t *tx) ChangeBusy(ctx context.Context, member, calendar uuid.UUID, change domain.BusyChange, now time.Time) error {
	if len(change.Drop) > 0 {
		if err := t.writes.DropBusy(ctx, db.DropBusyParams{
			WorkspaceID: t.ws, MemberID: member, CalendarID: calendar, FromTime: now, Ids: change.Drop,
		}); err != nil {
			return err
		}
	}
	if len(change.Cut) > 0 {
		if err := t.writes.CutBusy(ctx, db.CutBusyParams{
			WorkspaceID: t.ws, MemberID: member, CalendarID: calendar, Since: since(now), EndTime: now, Ids: change.Cut,
		}); err != nil {
			return err
		}
	}
	if len(change.Add) == 0 {
		return nil
	}
	add := db.InsertBusyParams{WorkspaceID: t.ws, MemberID: member, CalendarID: calendar}
	for _, b := range change.Add {
		add.Ids, add.Titles = append(add.Ids, b.ID), append(add.Titles, b.Title)
		add.Starts, add.Ends = append(add.Starts, b.Start), append(add.Ends, b.End)
	}
	return t.writes.InsertBusy(ctx, add)
}
