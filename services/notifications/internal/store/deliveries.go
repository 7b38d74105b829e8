package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

func holding(ws uuid.UUID, keys []app.DeliveryKey, wait time.Duration) db.HoldDeliveriesParams {
	p := db.HoldDeliveriesParams{WorkspaceID: ws, Seconds: wait.Seconds()}
	for _, k := range keys {
		p.NotificationIds, p.Channels = append(p.NotificationIds, k.Notification), append(p.Channels, string(k.Channel))
	}
	return p
}

// HoldDeliveries implements app.DueStore.
func (s *Store) HoldDeliveries(ctx context.Context, ws uuid.UUID, keys []app.DeliveryKey, wait time.Duration) error {
	return s.queries(ws).HoldDeliveries(ctx, holding(ws, keys, wait))
}

// HoldDeliveries implements app.NotificationTx.
func (t *tx) HoldDeliveries(ctx context.Context, keys []app.DeliveryKey, wait time.Duration) error {
	return t.writes.HoldDeliveries(ctx, holding(t.ws, keys, wait))
}

// LockSignals implements app.NotificationTx.
func (t *tx) LockSignals(ctx context.Context, member uuid.UUID, contexts []string) (map[string]time.Time, error) {
	if err := t.now.LaySignals(ctx, db.LaySignalsParams{WorkspaceID: t.ws, RecipientID: member, Contexts: contexts}); err != nil {
		return nil, fmt.Errorf("lay signals: %w", err)
	}
	rows, err := t.now.LockSignals(ctx, db.LockSignalsParams{WorkspaceID: t.ws, RecipientID: member, Contexts: contexts})
	if err != nil {
		return nil, fmt.Errorf("lock signals: %w", err)
	}
	signals := make(map[string]time.Time, len(rows))
	for _, row := range rows {
		signals[row.Context] = signalOf(row.SignalTime)
	}
	return signals, nil
}

// SetSignals implements app.NotificationTx.
func (t *tx) SetSignals(ctx context.Context, member uuid.UUID, contexts []string, at time.Time) error {
	return t.writes.SetSignals(ctx, db.SetSignalsParams{WorkspaceID: t.ws, RecipientID: member, Contexts: contexts, SignalTime: at})
}

// AddAttempts implements app.NotificationTx.
func (t *tx) AddAttempts(ctx context.Context, all []app.Attempt) error {
	p := db.InsertAttemptsParams{WorkspaceID: t.ws}
	for _, a := range all {
		p.AttemptIds, p.NotificationIds = append(p.AttemptIds, a.ID), append(p.NotificationIds, a.Notification)
		p.DigestIds, p.RecipientIds = append(p.DigestIds, a.Digest), append(p.RecipientIds, a.Recipient)
		p.Channels, p.Urgencies = append(p.Channels, string(a.Channel)), append(p.Urgencies, int16(a.Urgency))
		p.DecideTimes, p.BeginTimes = append(p.DecideTimes, a.DecideTime), append(p.BeginTimes, a.BeginTime)
		p.Workings, p.WorkingTimeVersions = append(p.Workings, a.Working), append(p.WorkingTimeVersions, a.WorkingTimeVersion)
		p.Outcomes = append(p.Outcomes, string(a.Outcome))
	}
	return t.writes.InsertAttempts(ctx, p)
}

// EndAttempt implements app.NotificationTx.
func (t *tx) EndAttempt(ctx context.Context, id uuid.UUID, outcome app.Outcome, text string) error {
	return t.writes.EndAttempt(ctx, db.EndAttemptParams{WorkspaceID: t.ws, AttemptID: id, Outcome: string(outcome), Error: text})
}

// Undecide implements app.NotificationTx.
func (t *tx) Undecide(ctx context.Context, member uuid.UUID, at time.Time) error {
	if member == uuid.Nil {
		return t.writes.UndecideWorkspace(ctx, db.UndecideWorkspaceParams{WorkspaceID: t.ws, DecideAt: at})
	}
	return t.writes.UndecideMember(ctx, db.UndecideMemberParams{WorkspaceID: t.ws, RecipientID: member, DecideAt: at})
}
