package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// group gathers claimed rows that belong together, in the order in which they come.
func group[Row, Batch any, Key comparable](rows []Row, key func(Row) Key, begin func(Row) Batch, add func(*Batch, Row)) []Batch {
	var batches []Batch
	index := map[Key]int{}
	for _, row := range rows {
		k := key(row)
		i, there := index[k]
		if !there {
			i = len(batches)
			index[k] = i
			batches = append(batches, begin(row))
		}
		add(&batches[i], row)
	}
	return batches
}

// ClaimDeliveries implements app.DueStore.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.DeliveryBatch, error) {
	rows, err := s.all().ClaimDeliveries(ctx, db.ClaimDeliveriesParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	return byRecipient(rows), err
}

// ClaimUrgent implements app.DueStore.
func (s *Store) ClaimUrgent(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.DeliveryBatch, error) {
	rows, err := s.all().ClaimUrgent(ctx, db.ClaimUrgentParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	return byRecipient(each(rows, func(r db.ClaimUrgentRow) db.ClaimDeliveriesRow { return db.ClaimDeliveriesRow(r) })), err
}

func byRecipient(rows []db.ClaimDeliveriesRow) []app.DeliveryBatch {
	return group(rows, func(r db.ClaimDeliveriesRow) [2]uuid.UUID { return [2]uuid.UUID{r.WorkspaceID, r.RecipientID} },
		func(r db.ClaimDeliveriesRow) app.DeliveryBatch {
			return app.DeliveryBatch{Workspace: r.WorkspaceID, Recipient: r.RecipientID}
		},
		func(b *app.DeliveryBatch, r db.ClaimDeliveriesRow) {
			b.Keys = append(b.Keys, app.DeliveryKey{Notification: r.NotificationID, Channel: domain.Channel(r.Channel)})
		})
}

// ClaimUndecided implements app.DueStore.
func (s *Store) ClaimUndecided(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.DeliveryBatch, error) {
	rows, err := s.all().ClaimUndecided(ctx, db.ClaimUndecidedParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	return group(rows, func(r db.ClaimUndecidedRow) uuid.UUID { return r.WorkspaceID },
		func(r db.ClaimUndecidedRow) app.DeliveryBatch { return app.DeliveryBatch{Workspace: r.WorkspaceID} },
		func(b *app.DeliveryBatch, r db.ClaimUndecidedRow) {
			b.Keys = append(b.Keys, app.DeliveryKey{Notification: r.NotificationID, Channel: domain.Channel(r.Channel)})
		}), err
}

// ClaimReminders implements app.DueStore.
func (s *Store) ClaimReminders(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.ReminderBatch, error) {
	type key struct {
		ws     uuid.UUID
		source string
	}
	rows, err := s.all().ClaimReminders(ctx, db.ClaimRemindersParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	return group(rows, func(r db.ClaimRemindersRow) key { return key{r.WorkspaceID, r.Source} },
		func(r db.ClaimRemindersRow) app.ReminderBatch {
			return app.ReminderBatch{Workspace: r.WorkspaceID, Source: r.Source}
		},
		func(b *app.ReminderBatch, r db.ClaimRemindersRow) { b.Members = append(b.Members, r.MemberID) }), err
}

// ClaimSnoozes implements app.DueStore.
func (s *Store) ClaimSnoozes(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.Item, error) {
	rows, err := s.all().ClaimSnoozes(ctx, db.ClaimSnoozesParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	return each(rows, func(r db.ClaimSnoozesRow) app.Item { return app.Item{Workspace: r.WorkspaceID, ID: r.NotificationID} }), err
}

// ClaimDigests implements app.DueStore.
func (s *Store) ClaimDigests(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.Item, error) {
	rows, err := s.all().ClaimDigests(ctx, db.ClaimDigestsParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	return each(rows, func(r db.ClaimDigestsRow) app.Item { return app.Item{Workspace: r.WorkspaceID, ID: r.DigestID} }), err
}

// ClaimPlans implements app.DueStore. Members are locked in the order of their ids by who plans them.
func (s *Store) ClaimPlans(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]app.PlanBatch, error) {
	rows, err := s.all().ClaimDigestPlans(ctx, db.ClaimDigestPlansParams{Now: now, LeaseSeconds: lease.Seconds(), MaxRows: int32(limit)})
	slices.SortFunc(rows, func(a, b db.ClaimDigestPlansRow) int {
		return slices.Compare(a.RecipientID[:], b.RecipientID[:])
	})
	return group(rows, func(r db.ClaimDigestPlansRow) uuid.UUID { return r.WorkspaceID },
		func(r db.ClaimDigestPlansRow) app.PlanBatch { return app.PlanBatch{Workspace: r.WorkspaceID} },
		func(b *app.PlanBatch, r db.ClaimDigestPlansRow) { b.Members = append(b.Members, r.RecipientID) }), err
}

// next reads when the next is due; false where there is none.
func next(at *time.Time, err error) (time.Time, bool, error) {
	if postgres.IsNoRows(err) || err == nil && at == nil {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	return at.UTC(), true, nil
}

// NextDelivery implements app.DueStore.
func (s *Store) NextDelivery(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextDelivery(ctx))
}

// NextUrgent implements app.DueStore.
func (s *Store) NextUrgent(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextUrgent(ctx))
}

// NextUndecided implements app.DueStore.
func (s *Store) NextUndecided(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextUndecided(ctx))
}

// NextReminder implements app.DueStore.
func (s *Store) NextReminder(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextReminder(ctx))
}

// NextSnooze implements app.DueStore.
func (s *Store) NextSnooze(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextSnooze(ctx))
}

// NextDigest implements app.DueStore.
func (s *Store) NextDigest(ctx context.Context) (time.Time, bool, error) {
	at, err := s.all().NextDigest(ctx)
	return next(&at, err)
}

// NextPlan implements app.DueStore.
func (s *Store) NextPlan(ctx context.Context) (time.Time, bool, error) {
	return next(s.all().NextDigestPlan(ctx))
}

// HoldReminders implements app.DueStore.
func (s *Store) HoldReminders(ctx context.Context, b app.ReminderBatch, wait time.Duration) error {
	return s.queries(b.Workspace).HoldReminders(ctx, db.HoldRemindersParams{
		WorkspaceID: b.Workspace, Source: b.Source, MemberIds: b.Members, Seconds: wait.Seconds(),
	})
}

// HoldDigest implements app.DueStore.
func (s *Store) HoldDigest(ctx context.Context, item app.Item, wait time.Duration) error {
	return s.queries(item.Workspace).HoldDigest(ctx, db.HoldDigestParams{
		WorkspaceID: item.Workspace, DigestID: item.ID, Seconds: wait.Seconds(),
	})
}

// HoldPlans implements app.DueStore.
func (s *Store) HoldPlans(ctx context.Context, b app.PlanBatch, wait time.Duration) error {
	return s.queries(b.Workspace).HoldDigestPlans(ctx, db.HoldDigestPlansParams{
		WorkspaceID: b.Workspace, RecipientIds: b.Members, Seconds: wait.Seconds(),
	})
}
