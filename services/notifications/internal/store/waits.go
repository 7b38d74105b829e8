package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// Advance implements app.WaitTx.
func (t *tx) Advance(ctx context.Context, source string, version int64) (bool, error) {
	n, err := t.now.AdvanceSource(ctx, db.AdvanceSourceParams{WorkspaceID: t.ws, Source: source, Version: version})
	if err != nil {
		return false, fmt.Errorf("note the newest event of a source: %w", err)
	}
	return n == 1, nil
}

// LockMessages implements app.WaitTx.
func (t *tx) LockMessages(ctx context.Context, messages []string) (map[string]bool, error) {
	rows, err := t.now.LockMessages(ctx, db.LockMessagesParams{WorkspaceID: t.ws, Messages: messages})
	if err != nil {
		return nil, fmt.Errorf("lock messages: %w", err)
	}
	erased := make(map[string]bool, len(rows))
	for _, row := range rows {
		erased[row.Source] = row.Erased
	}
	return erased, nil
}

// EraseMessage implements app.WaitTx. It writes at once: it locks the message.
func (t *tx) EraseMessage(ctx context.Context, message string) error {
	if err := t.now.EraseMessage(ctx, db.EraseMessageParams{WorkspaceID: t.ws, Message: message}); err != nil {
		return fmt.Errorf("note that a message was deleted: %w", err)
	}
	return nil
}

// PutWaits implements app.WaitTx. It writes at once: what follows reads it.
func (t *tx) PutWaits(ctx context.Context, source string, version int64, waits []domain.Wait, rest string) error {
	p := db.PutWaitsParams{WorkspaceID: t.ws, Source: source, Version: version}
	members := []uuid.UUID{}
	for _, w := range waits {
		members = append(members, w.Member)
		p.MemberIds, p.Waitings = append(p.MemberIds, w.Member), append(p.Waitings, w.Waiting)
		p.SettledReasons = append(p.SettledReasons, w.Settled)
		p.DueTimes, p.RemindTimes = append(p.DueTimes, w.Due), append(p.RemindTimes, w.Remind)
	}
	if len(waits) > 0 {
		if err := t.now.PutWaits(ctx, p); err != nil {
			return fmt.Errorf("keep how a source stands: %w", err)
		}
	}
	if rest == "" {
		return nil
	}
	others := db.EndWaitsParams{WorkspaceID: t.ws, Source: source, Version: version, Others: members, SettledReason: rest}
	if err := t.now.EndWaits(ctx, others); err != nil {
		return fmt.Errorf("end what waits: %w", err)
	}
	return nil
}

// Waits implements app.WaitTx.
func (t *tx) Waits(ctx context.Context, source string, members []uuid.UUID) (map[uuid.UUID]domain.Wait, error) {
	rows, err := t.now.Waits(ctx, db.WaitsParams{WorkspaceID: t.ws, Source: source, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("read how a source stands: %w", err)
	}
	waits := make(map[uuid.UUID]domain.Wait, len(rows))
	for _, row := range rows {
		waits[row.MemberID] = waitOf(row)
	}
	return waits, nil
}

// LockReminders implements app.WaitTx.
func (t *tx) LockReminders(ctx context.Context, source string, members []uuid.UUID) ([]domain.Wait, error) {
	rows, err := t.now.LockReminders(ctx, db.LockRemindersParams{WorkspaceID: t.ws, Source: source, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("lock reminders: %w", err)
	}
	return each(rows, waitOf), nil
}

// FirstNotifications implements app.WaitTx.
func (t *tx) FirstNotifications(ctx context.Context, source string, members []uuid.UUID) (map[uuid.UUID]domain.Notification, error) {
	rows, err := t.now.FirstNotifications(ctx, db.FirstNotificationsParams{WorkspaceID: t.ws, Source: source, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("read first notifications: %w", err)
	}
	z, found := zones{}, make(map[uuid.UUID]domain.Notification, len(rows))
	for _, row := range rows {
		found[row.RecipientID] = notificationOf(row, z)
	}
	return found, nil
}

// SetReminded implements app.WaitTx.
func (t *tx) SetReminded(ctx context.Context, source string, members []uuid.UUID) error {
	return t.writes.SetReminded(ctx, db.SetRemindedParams{WorkspaceID: t.ws, Source: source, MemberIds: members})
}
