package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// Notification implements app.InboxReader.
func (s *Store) Notification(ctx context.Context, r app.Reader, id uuid.UUID) (domain.Notification, error) {
	ws := r.Workspace
	q := s.queries(ws)
	row, err := q.NotificationFor(ctx, db.NotificationForParams{
		WorkspaceID: ws, NotificationID: id, RecipientID: r.Member, ActsForIds: r.ActsFor,
	})
	if postgres.IsNoRows(err) {
		return domain.Notification{}, fault.NotFoundName(domain.NotificationName(ws, id))
	}
	if err != nil {
		return domain.Notification{}, fmt.Errorf("read notification: %w", err)
	}
	all, err := fill(ctx, ws, []db.Notification{row}, q.Deliveries)
	if err != nil {
		return domain.Notification{}, err
	}
	return all[0], nil
}

// ActedFor implements app.InboxReader.
func (s *Store) ActedFor(ctx context.Context, ws, member uuid.UUID) ([]uuid.UUID, error) {
	found, err := s.queries(ws).ActedFor(ctx, db.ActedForParams{WorkspaceID: ws, RecipientID: member})
	if err != nil {
		return nil, fmt.Errorf("read in whose place a member was notified: %w", err)
	}
	return found, nil
}

// Sentences implements app.InboxReader.
func (s *Store) Sentences(ctx context.Context, ws, id uuid.UUID) ([]string, error) {
	return s.queries(ws).Sentences(ctx, db.SentencesParams{WorkspaceID: ws, NotificationID: id})
}

// Counts implements app.InboxReader.
func (s *Store) Counts(ctx context.Context, r app.Reader, now time.Time) (app.Counts, error) {
	ws, member := r.Workspace, r.Member
	q := s.queries(ws)
	unread, err := q.CountUnread(ctx, db.CountUnreadParams{WorkspaceID: ws, RecipientID: member, ActsForIds: r.ActsFor})
	if err != nil {
		return app.Counts{}, fmt.Errorf("count unread notifications: %w", err)
	}
	waiting, err := q.CountWaiting(ctx, db.CountWaitingParams{WorkspaceID: ws, RecipientID: member, ActsForIds: r.ActsFor, Now: now})
	if err != nil {
		return app.Counts{}, fmt.Errorf("count what waits: %w", err)
	}
	snoozed, err := q.CountSnoozed(ctx, db.CountSnoozedParams{WorkspaceID: ws, RecipientID: member, ActsForIds: r.ActsFor})
	if err != nil {
		return app.Counts{}, fmt.Errorf("count snoozed notifications: %w", err)
	}
	counts := app.Counts{Waiting: int(waiting), Snoozed: int(snoozed)}
	for _, row := range unread {
		counts.Unread += int(row.Number)
		counts.ByReason = append(counts.ByReason, app.ReasonCount{Reason: domain.Reason(row.Reason), Count: int(row.Number)})
	}
	return counts, nil
}

// statement is SQL under construction with its arguments.
type statement struct{ args []any }

// arg adds an argument and returns its placeholder.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// inboxColumns are the columns that a filter may name; what is not here is never written into SQL.
func inboxColumns() map[string]string {
	return map[string]string{
		"state": "n.state", "snoozed": "(n.snooze_time IS NOT NULL)", "reason": "n.reason",
		"urgency": "n.urgency", "source": "n.source", "context": "n.context",
	}
}

// truths are the columns that hold a truth: they are written without an argument, so that a partial index is seen to fit.
func truths() []string { return []string{"waiting", "snoozed"} }

// waiting says whether a notification waits at an instant: a swap does not once its time has begun.
func waiting(now string) string {
	return "(n.waiting AND (n.due_time IS NULL OR n.due_time > " + now + "::timestamptz OR n.source NOT LIKE '%/swaps/%'))"
}

// inboxSQL makes the list's statement.
func inboxSQL(r app.Reader, q app.InboxQuery) (string, []any, error) {
	s := &statement{}
	w, m := s.arg(r.Workspace), s.arg(r.Member)
	where := []string{
		"n.workspace_id = " + w, "n.recipient_id = " + m,
		"(n.space_id IN (SELECT r.space_id FROM readable_spaces(" + w + ", " + m + ") AS r(space_id))" +
			" OR n.space_id = '" + uuid.Nil.String() + "' AND readable(n.workspace_id, n.recipient_id, n.space_id, n.subject_id, " +
			s.arg(r.ActsFor) + "::uuid[]))",
	}
	columns, named := inboxColumns(), map[string]bool{}
	for _, c := range q.Conditions {
		column, known := columns[c.Field]
		if c.Field == "waiting" {
			column, known = waiting(s.arg(q.Now)), true
		}
		if !known || c.Op != "=" && c.Op != "!=" {
			return "", nil, fmt.Errorf("store: no filter %s %s", c.Field, c.Op)
		}
		named[c.Field] = true
		if slices.Contains(truths(), c.Field) {
			if c.Value != (c.Op == "=") {
				column = "NOT " + column
			}
			where = append(where, column)
			continue
		}
		where = append(where, column+" "+c.Op+" "+s.arg(c.Value))
	}
	if !named["state"] {
		where = append(where, "n.state <> 'DONE'")
	}
	if !named["snoozed"] {
		where = append(where, "n.snooze_time IS NULL")
	}
	if after := q.Page.After; after != nil {
		where = append(where, fmt.Sprintf("(n.create_time, n.notification_id) < (%s::timestamptz, %s::uuid)", s.arg(after.Time), s.arg(after.ID)))
	}
	text := `SELECT n.workspace_id, n.notification_id, n.recipient_id, n.source, n.context, n.message, n.space_id, n.reason, n.occasion,
       n.urgency, n.title, n.excerpt, n.summary, n.urgent_reason, n.actor_id, n.due_time, n.state, n.snooze_time, n.waiting,
       n.settled_reason, n.time_zone, n.version, n.create_time, n.update_time, n.lease_until,
       n.subject_id, n.acts_for_id
FROM notifications n WHERE ` + strings.Join(where, " AND ") + `
ORDER BY n.create_time DESC, n.notification_id DESC LIMIT ` + s.arg(q.Page.Size+1)
	return text, s.args, nil
}

// Notifications implements app.InboxReader.
func (s *Store) Notifications(ctx context.Context, r app.Reader, q app.InboxQuery) (page.Result[domain.Notification, app.InboxCursor], error) {
	none := page.Result[domain.Notification, app.InboxCursor]{}
	ws := r.Workspace
	text, args, err := inboxSQL(r, q)
	if err != nil {
		return none, err
	}
	rows, err := s.db.For(ws).Query(ctx, text, args...)
	if err != nil {
		return none, fmt.Errorf("list notifications: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[db.Notification])
	if err != nil {
		return none, fmt.Errorf("list notifications: %w", err)
	}
	all, err := fill(ctx, ws, found, s.queries(ws).Deliveries)
	if err != nil {
		return none, err
	}
	return page.Cut(all, q.Page.Size, func(n domain.Notification) app.InboxCursor {
		return app.InboxCursor{Time: n.CreateTime, ID: n.ID}
	}), nil
}
