package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// Load implements app.Store.
func (s *Store) Load(ctx context.Context, ws uuid.UUID, ids []uuid.UUID) ([]domain.Notification, error) {
	q := s.queries(ws)
	rows, err := q.Notifications(ctx, db.NotificationsParams{WorkspaceID: ws, NotificationIds: ids})
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	return fill(ctx, ws, rows, q.Deliveries)
}

// fill adds their deliveries to notifications, by the one or the other of two statements with the same result.
func fill[P ~struct {
	WorkspaceID     uuid.UUID
	NotificationIds []uuid.UUID
}](ctx context.Context, ws uuid.UUID, rows []db.Notification, deliveries func(context.Context, P) ([]db.Delivery, error)) ([]domain.Notification, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	z := zones{}
	all := each(rows, func(row db.Notification) domain.Notification { return notificationOf(row, z) })
	found, err := deliveries(ctx, P{WorkspaceID: ws, NotificationIds: idsOf(all)})
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return withDeliveries(all, found), nil
}

// fill adds their deliveries, locked, to locked notifications.
func (t *tx) fill(ctx context.Context, rows []db.Notification) ([]domain.Notification, error) {
	all, err := fill(ctx, t.ws, rows, t.now.LockDeliveries)
	for _, n := range all {
		t.stored[n.ID] = slices.Clone(n.Deliveries)
	}
	return all, err
}

// LockOwn implements app.NotificationTx.
func (t *tx) LockOwn(ctx context.Context, r app.Reader, ids []uuid.UUID) ([]domain.Notification, error) {
	rows, err := t.now.LockNotificationsFor(ctx, db.LockNotificationsForParams{
		WorkspaceID: t.ws, NotificationIds: ids, RecipientID: r.Member, ActsForIds: r.ActsFor,
	})
	if err != nil {
		return nil, fmt.Errorf("lock a member's notifications: %w", err)
	}
	return t.fill(ctx, rows)
}

// Lock implements app.NotificationTx.
func (t *tx) Lock(ctx context.Context, ids []uuid.UUID) ([]app.Standing, error) {
	rows, err := t.now.LockNotifications(ctx, db.LockNotificationsParams{WorkspaceID: t.ws, NotificationIds: ids})
	if err != nil {
		return nil, fmt.Errorf("lock notifications: %w", err)
	}
	all, err := t.fill(ctx, rows)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	found, err := t.now.Standings(ctx, db.StandingsParams{WorkspaceID: t.ws, NotificationIds: idsOf(all)})
	if err != nil {
		return nil, fmt.Errorf("read how recipients stand to notifications: %w", err)
	}
	standings := make(map[uuid.UUID]db.StandingsRow, len(found))
	for _, row := range found {
		standings[row.NotificationID] = row
	}
	return each(all, func(n domain.Notification) app.Standing {
		row := standings[n.ID]
		return app.Standing{Notification: n, MayRead: row.MayRead, LastSignal: signalOf(row.SignalTime)}
	}), nil
}

// signalOf is zero for the time that a row is laid with.
func signalOf(at time.Time) time.Time {
	if at.Unix() <= 0 {
		return time.Time{}
	}
	return at.UTC()
}

// LockUnsettled implements app.NotificationTx.
func (t *tx) LockUnsettled(ctx context.Context, source string) ([]app.Unsettled, error) {
	rows, err := t.now.LockUnsettled(ctx, db.LockUnsettledParams{WorkspaceID: t.ws, Source: source})
	if err != nil {
		return nil, fmt.Errorf("lock the notifications about a source: %w", err)
	}
	all, err := t.fill(ctx, each(rows, func(r db.LockUnsettledRow) db.Notification { return r.Notification }))
	if err != nil {
		return nil, err
	}
	unsettled := make([]app.Unsettled, 0, len(all))
	for i, n := range all {
		unsettled = append(unsettled, app.Unsettled{Notification: n, Wait: domain.Wait{
			Member: n.Recipient, Waiting: rows[i].NowWaiting, Settled: rows[i].NowSettled, Due: value(rows[i].NowDue).UTC(),
		}})
	}
	return unsettled, nil
}

// LockOfMessage implements app.NotificationTx.
func (t *tx) LockOfMessage(ctx context.Context, message string) ([]domain.Notification, error) {
	rows, err := t.now.LockOfMessage(ctx, db.LockOfMessageParams{WorkspaceID: t.ws, Message: message})
	if err != nil {
		return nil, fmt.Errorf("lock the notifications that show a message: %w", err)
	}
	return t.fill(ctx, rows)
}

// AddNotifications implements app.NotificationTx.
func (t *tx) AddNotifications(ctx context.Context, all []domain.Notification) (map[uuid.UUID]bool, error) {
	p := db.InsertNotificationsParams{WorkspaceID: t.ws}
	for _, n := range all {
		p.NotificationIds, p.RecipientIds = append(p.NotificationIds, n.ID), append(p.RecipientIds, n.Recipient)
		p.Sources, p.Contexts, p.Messages = append(p.Sources, n.Source), append(p.Contexts, n.Context), append(p.Messages, n.Message)
		p.SpaceIds, p.Reasons = append(p.SpaceIds, n.Space), append(p.Reasons, string(n.Reason))
		p.Occasions, p.Urgencies = append(p.Occasions, n.Occasion), append(p.Urgencies, int16(n.Urgency))
		p.Titles, p.Excerpts, p.Summaries = append(p.Titles, n.Title), append(p.Excerpts, n.Excerpt), append(p.Summaries, n.Summary)
		p.UrgentReasons, p.ActorIds = append(p.UrgentReasons, n.UrgentReason), append(p.ActorIds, n.Actor)
		p.DueTimes, p.Waitings = append(p.DueTimes, n.DueTime), append(p.Waitings, n.Waiting)
		p.SettledReasons, p.TimeZones = append(p.SettledReasons, n.SettledReason), append(p.TimeZones, zoneOf(n.Local))
		p.Versions, p.SubjectIds = append(p.Versions, n.Version), append(p.SubjectIds, n.Subject)
		p.ActsForIds = append(p.ActsForIds, n.ActsFor)
		p.CreateTimes, p.UpdateTimes = append(p.CreateTimes, n.CreateTime), append(p.UpdateTimes, n.UpdateTime)
	}
	ids, err := t.now.InsertNotifications(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("add notifications: %w", err)
	}
	added := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		added[id] = true
	}
	kept := make([]domain.Notification, 0, len(ids))
	for _, n := range all {
		if added[n.ID] {
			kept = append(kept, n)
		}
	}
	return added, t.putDeliveries(ctx, kept)
}

// SaveNotifications implements app.NotificationTx.
func (t *tx) SaveNotifications(ctx context.Context, all []domain.Notification) error {
	if len(all) == 0 {
		return nil
	}
	p := db.UpdateNotificationsParams{WorkspaceID: t.ws}
	for _, n := range all {
		p.NotificationIds, p.Titles, p.Excerpts = append(p.NotificationIds, n.ID), append(p.Titles, n.Title), append(p.Excerpts, n.Excerpt)
		p.DueTimes, p.States = append(p.DueTimes, n.DueTime), append(p.States, string(n.State))
		p.SnoozeTimes, p.Waitings = append(p.SnoozeTimes, n.SnoozeTime), append(p.Waitings, n.Waiting)
		p.SettledReasons, p.TimeZones = append(p.SettledReasons, n.SettledReason), append(p.TimeZones, zoneOf(n.Local))
		p.Versions, p.UpdateTimes = append(p.Versions, n.Version), append(p.UpdateTimes, n.UpdateTime)
	}
	if err := t.writes.UpdateNotifications(ctx, p); err != nil {
		return err
	}
	return t.putDeliveries(ctx, all)
}

// putDeliveries keeps those deliveries of notifications that have become others, and what is to be added to their histories.
func (t *tx) putDeliveries(ctx context.Context, all []domain.Notification) error {
	p, lines := db.PutDeliveriesParams{WorkspaceID: t.ws}, db.InsertDecisionsParams{WorkspaceID: t.ws}
	for _, n := range all {
		for _, d := range n.Deliveries {
			if slices.Contains(t.stored[n.ID], d) {
				continue
			}
			p.NotificationIds, p.Channels = append(p.NotificationIds, n.ID), append(p.Channels, string(d.Channel))
			p.RecipientIds, p.Decisions = append(p.RecipientIds, n.Recipient), append(p.Decisions, string(d.Decision))
			p.Explanations, p.States = append(p.Explanations, d.Explanation), append(p.States, string(d.State))
			p.DeliverTimes, p.DecideTimes = append(p.DeliverTimes, d.DeliverTime), append(p.DecideTimes, d.DecideTime)
			p.DecideAts, p.SendTimes = append(p.DecideAts, d.DecideAt), append(p.SendTimes, d.SendTime)
			p.WorkingTimeVersions, p.Attempts = append(p.WorkingTimeVersions, d.WorkingTimeVersion), append(p.Attempts, int32(d.Attempts))
			p.LastErrors, p.Wokens, p.DigestIds = append(p.LastErrors, d.LastError), append(p.Wokens, d.Woken), append(p.DigestIds, d.Digest)
			p.Urgencies = append(p.Urgencies, int16(n.Urgency))
		}
		t.stored[n.ID] = slices.Clone(n.Deliveries)
		for _, l := range n.Lines {
			lines.NotificationIds, lines.Channels = append(lines.NotificationIds, n.ID), append(lines.Channels, string(l.Channel))
			lines.DecideTimes, lines.Sentences = append(lines.DecideTimes, l.Time), append(lines.Sentences, l.Sentence)
			lines.Places = append(lines.Places, int32(len(lines.Places)))
		}
	}
	if len(p.NotificationIds) > 0 {
		if err := t.writes.PutDeliveries(ctx, p); err != nil {
			return err
		}
	}
	if len(lines.NotificationIds) == 0 {
		return nil
	}
	return t.writes.InsertDecisions(ctx, lines)
}
