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

func choiceOf(row db.OverlapChoice) domain.OverlapChoice {
	return domain.OverlapChoice{
		Workspace: row.WorkspaceID, ID: row.ChoiceID, Start: row.StartTime.UTC(), End: row.EndTime.UTC(),
		Total: int(row.OutsideMinutes), Chooser: row.ChooserID, CreateTime: row.CreateTime.UTC(),
	}
}

func noChoice(ws, choice uuid.UUID, err error) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.OverlapChoiceName(ws, choice))
	}
	return fmt.Errorf("read a chosen overlap: %w", err)
}

// OverlapChoice implements app.Store.
func (s *Store) OverlapChoice(ctx context.Context, ws, choice uuid.UUID) (domain.OverlapChoice, error) {
	q := s.queries(ws)
	row, err := q.OverlapChoice(ctx, db.OverlapChoiceParams{WorkspaceID: ws, ChoiceID: choice})
	if err != nil {
		return domain.OverlapChoice{}, noChoice(ws, choice, err)
	}
	c := choiceOf(row.OverlapChoice)
	burdens, err := q.OverlapBurdens(ctx, db.OverlapBurdensParams{WorkspaceID: ws, ChoiceID: choice})
	if err != nil {
		return domain.OverlapChoice{}, fmt.Errorf("read what an overlap asks: %w", err)
	}
	for _, b := range burdens {
		c.Burdens = append(c.Burdens, domain.Burden{Member: b.MemberID, Minutes: int(b.Minutes)})
	}
	return c, nil
}

// OverlapChoices implements app.Store.
func (s *Store) OverlapChoices(ctx context.Context, ws uuid.UUID, p app.Page) (page.Result[domain.OverlapChoice, app.Cursor], error) {
	found, err := s.queries(ws).ListOverlapChoices(ctx, db.ListOverlapChoicesParams{WorkspaceID: ws, Before: before(p), MaxRows: rows(p)})
	if err != nil {
		return page.Result[domain.OverlapChoice, app.Cursor]{}, fmt.Errorf("list chosen overlaps: %w", err)
	}
	items := make([]domain.OverlapChoice, len(found))
	for i, row := range found {
		items[i] = choiceOf(row.OverlapChoice)
	}
	return page.Cut(items, p.Size, func(c domain.OverlapChoice) app.Cursor { return app.Cursor{ID: c.ID} }), nil
}

// Borne implements app.Store.
func (s *Store) Borne(ctx context.Context, ws uuid.UUID, members []uuid.UUID, since time.Time) (map[uuid.UUID]int, error) {
	found, err := s.queries(ws).BorneSince(ctx, db.BorneSinceParams{WorkspaceID: ws, MemberIds: members, Since: since})
	if err != nil {
		return nil, fmt.Errorf("read what members have borne: %w", err)
	}
	borne := make(map[uuid.UUID]int, len(found))
	for _, row := range found {
		borne[row.MemberID] = int(row.Minutes)
	}
	return borne, nil
}

// LockOverlapChoice implements app.Tx.
func (t *tx) LockOverlapChoice(ctx context.Context, choice uuid.UUID) (domain.OverlapChoice, error) {
	row, err := t.now.LockOverlapChoice(ctx, db.LockOverlapChoiceParams{WorkspaceID: t.ws, ChoiceID: choice})
	if err != nil {
		return domain.OverlapChoice{}, noChoice(t.ws, choice, err)
	}
	return choiceOf(row.OverlapChoice), nil
}

// AddOverlapChoice implements app.Tx.
func (t *tx) AddOverlapChoice(ctx context.Context, c domain.OverlapChoice) error {
	if err := t.writes.InsertOverlapChoice(ctx, db.InsertOverlapChoiceParams{
		WorkspaceID: t.ws, ChoiceID: c.ID, StartTime: c.Start, EndTime: c.End, OutsideMinutes: int32(c.Total),
		ChooserID: c.Chooser, CreateTime: c.CreateTime,
	}); err != nil {
		return err
	}
	members, minutes := make([]uuid.UUID, len(c.Burdens)), make([]int32, len(c.Burdens))
	for i, b := range c.Burdens {
		members[i], minutes[i] = b.Member, int32(b.Minutes)
	}
	return t.writes.InsertOverlapBurdens(ctx, db.InsertOverlapBurdensParams{
		WorkspaceID: t.ws, ChoiceID: c.ID, MemberIds: members, Minutes: minutes, CreateTime: c.CreateTime,
	})
}

// EndOverlapChoice implements app.Tx.
func (t *tx) EndOverlapChoice(ctx context.Context, choice uuid.UUID, at time.Time) error {
	if err := t.writes.EndOverlapChoice(ctx, db.EndOverlapChoiceParams{WorkspaceID: t.ws, ChoiceID: choice, DeleteTime: &at}); err != nil {
		return err
	}
	return t.writes.DeleteOverlapBurdens(ctx, db.DeleteOverlapBurdensParams{WorkspaceID: t.ws, ChoiceID: choice})
}
