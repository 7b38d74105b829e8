package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// DigestOf implements app.DigestReader.
func (s *Store) DigestOf(ctx context.Context, ws, member, id uuid.UUID) (domain.Digest, error) {
	row, err := s.queries(ws).DigestFor(ctx, db.DigestForParams{WorkspaceID: ws, DigestID: id, RecipientID: member})
	if postgres.IsNoRows(err) {
		return domain.Digest{}, fault.NotFoundName(domain.DigestName(ws, id))
	}
	if err != nil {
		return domain.Digest{}, fmt.Errorf("read digest: %w", err)
	}
	return digestOf(row), nil
}

// beyondDates is after every date.
const beyondDates = "9999-12-32"

// Digests implements app.DigestReader.
func (s *Store) Digests(ctx context.Context, ws, member uuid.UUID, q page.Request[app.DigestCursor]) (page.Result[domain.Digest, app.DigestCursor], error) {
	before := beyondDates
	if q.After != nil {
		before = q.After.Date
	}
	rows, err := s.queries(ws).ListDigests(ctx, db.ListDigestsParams{
		WorkspaceID: ws, RecipientID: member, Before: before, MaxRows: int32(q.Size + 1),
	})
	if err != nil {
		return page.Result[domain.Digest, app.DigestCursor]{}, fmt.Errorf("list digests: %w", err)
	}
	return page.Cut(each(rows, digestOf), q.Size, func(d domain.Digest) app.DigestCursor { return app.DigestCursor{Date: d.Date} }), nil
}

// found reads a row that need not be there.
func found(row db.Digest, err error) (domain.Digest, bool, error) {
	if postgres.IsNoRows(err) {
		return domain.Digest{}, false, nil
	}
	if err != nil {
		return domain.Digest{}, false, fmt.Errorf("read digest: %w", err)
	}
	return digestOf(row), true, nil
}

// Digest implements app.DigestReader.
func (s *Store) Digest(ctx context.Context, ws, id uuid.UUID) (domain.Digest, bool, error) {
	return found(s.queries(ws).Digest(ctx, db.DigestParams{WorkspaceID: ws, DigestID: id}))
}

// DigestItems implements app.DigestReader.
func (s *Store) DigestItems(ctx context.Context, ws, member uuid.UUID, most int) ([]domain.Notification, error) {
	ids, err := s.queries(ws).DigestItems(ctx, db.DigestItemsParams{WorkspaceID: ws, RecipientID: member, MaxRows: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("read what waits for a digest: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return s.Load(ctx, ws, ids)
}

// LastDigest implements app.DigestReader.
func (s *Store) LastDigest(ctx context.Context, ws, member uuid.UUID) (time.Time, error) {
	at, err := s.queries(ws).LastDigest(ctx, db.LastDigestParams{WorkspaceID: ws, RecipientID: member})
	if postgres.IsNoRows(err) {
		return time.Time{}, nil
	}
	return at.UTC(), err
}

// LockDigest implements app.DigestTx.
func (t *tx) LockDigest(ctx context.Context, id uuid.UUID) (domain.Digest, bool, error) {
	return found(t.now.LockDigest(ctx, db.LockDigestParams{WorkspaceID: t.ws, DigestID: id}))
}

// LockPendingDigest implements app.DigestTx.
func (t *tx) LockPendingDigest(ctx context.Context, member uuid.UUID) (d domain.Digest, leaving, some bool, err error) {
	row, err := t.now.LockPendingDigest(ctx, db.LockPendingDigestParams{WorkspaceID: t.ws, RecipientID: member})
	d, some, err = found(row.Digest, err)
	return d, row.Leaving, some, err
}

// DigestOver implements app.DigestTx.
func (t *tx) DigestOver(ctx context.Context, member uuid.UUID, date string) (bool, error) {
	return t.now.DigestOfDate(ctx, db.DigestOfDateParams{WorkspaceID: t.ws, RecipientID: member, LocalDate: date})
}

// PutDigest implements app.DigestTx.
func (t *tx) PutDigest(ctx context.Context, d domain.Digest) error {
	return t.writes.PutDigest(ctx, db.PutDigestParams{
		WorkspaceID: t.ws, DigestID: d.ID, RecipientID: d.Recipient, LocalDate: d.Date, DayStart: d.DayStart,
		DeliverTime: d.DeliverTime, SendTime: nullable(d.SendTime), FillTime: nullable(d.FillTime), State: string(d.State),
		Notifications: append([]uuid.UUID{}, d.Notifications...), OmittedCount: int32(d.Omitted), Text: d.Text,
		Attempts: int32(d.Attempts), LastError: d.LastError, Version: d.Version, CreateTime: d.CreateTime, UpdateTime: d.UpdateTime,
	})
}

// HoldDigest implements app.DigestTx.
func (t *tx) HoldDigest(ctx context.Context, id uuid.UUID, wait time.Duration) error {
	return t.writes.HoldDigest(ctx, db.HoldDigestParams{WorkspaceID: t.ws, DigestID: id, Seconds: wait.Seconds()})
}

// DropDigest implements app.DigestTx.
func (t *tx) DropDigest(ctx context.Context, member uuid.UUID) error {
	return t.writes.DeletePendingDigest(ctx, db.DeletePendingDigestParams{WorkspaceID: t.ws, RecipientID: member})
}

// PlanDigests implements app.DigestTx.
func (t *tx) PlanDigests(ctx context.Context, members []uuid.UUID, at time.Time) error {
	if len(members) == 0 {
		return t.writes.PlanAllDigests(ctx, db.PlanAllDigestsParams{WorkspaceID: t.ws, PlanAt: at})
	}
	return t.writes.PlanDigests(ctx, db.PlanDigestsParams{WorkspaceID: t.ws, RecipientIds: members, PlanAt: at})
}

// LayDigestPlans implements app.DigestTx.
func (t *tx) LayDigestPlans(ctx context.Context, members []uuid.UUID, at time.Time) error {
	return t.writes.LayDigestPlans(ctx, db.LayDigestPlansParams{WorkspaceID: t.ws, RecipientIds: members, PlanAt: at})
}

// LockDigestPlan implements app.DigestTx.
func (t *tx) LockDigestPlan(ctx context.Context, member uuid.UUID) (time.Time, error) {
	at, err := t.now.LockDigestPlan(ctx, db.LockDigestPlanParams{WorkspaceID: t.ws, RecipientID: member})
	if postgres.IsNoRows(err) {
		return time.Time{}, nil
	}
	return value(at).UTC(), err
}

// SetDigestPlan implements app.DigestTx.
func (t *tx) SetDigestPlan(ctx context.Context, member uuid.UUID, at time.Time) error {
	return t.writes.SetDigestPlan(ctx, db.SetDigestPlanParams{WorkspaceID: t.ws, RecipientID: member, PlanAt: nullable(at)})
}
