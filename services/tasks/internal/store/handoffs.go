package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

func handoffError(what string, err error, ws, handoff uuid.UUID) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.HandoffName(ws, handoff))
	}
	return fmt.Errorf("%s handoff: %w", what, err)
}

// Handoff implements app.HandoffReader.
func (s *Store) Handoff(ctx context.Context, ws, member, handoff uuid.UUID) (domain.Handoff, auth.Right, error) {
	row, err := s.queries(ws).HandoffFor(ctx, db.HandoffForParams{WorkspaceID: ws, MemberID: member, HandoffID: handoff})
	if err != nil {
		return domain.Handoff{}, auth.NoRight, handoffError("read", err, ws, handoff)
	}
	h, err := handoffOf(row.Handoff, row.TaskKey, row.TaskTitle)
	return h, auth.Right(row.Have), err
}

// handoffList is the statement of a list of handoffs under construction.
type handoffList struct {
	statement
	q          app.HandoffQuery
	ws, member string
	limit      string
	where      []string
}

// newest is the order of the list.
const newest = " ORDER BY h.create_time DESC, h.handoff_id DESC LIMIT "

// handoffsSQL makes the list's statement. It walks one index from the cursor on and stops at the page's size: that of the
// task, the recipient, who acts and the teams, the giver or the team where the filter names one, else that of each readable
// space.
func handoffsSQL(ws, member uuid.UUID, q app.HandoffQuery, now time.Time) *handoffList {
	l := &handoffList{q: q}
	l.ws, l.member, l.limit = l.arg(ws), l.arg(member), l.arg(q.Page.Size+1)
	l.where = []string{"h.workspace_id = " + l.ws}
	if after := q.Page.After; after != nil {
		l.where = append(l.where, fmt.Sprintf("(h.create_time, h.handoff_id) < (%s::timestamptz, %s::uuid)", l.arg(after.Time), l.arg(after.Handoff)))
	}
	l.match("h.task_id", q.Task)
	l.match("h.giver_id", q.Giver)
	l.match("h.team_id", q.Team)
	if q.State != "" {
		l.where = append(l.where, l.state(now))
	}
	room := l.arg(maxPageBytes)
	fmt.Fprintf(&l.text, `SELECT m.workspace_id, m.handoff_id, m.task_id, m.space_id, m.giver_id, m.leg_number, m.route, m.recipient_id,
       m.team_id, m.done, m.next_steps, m.blockers, m.links, m.questions, m.response, m.state, m.start_time, m.expire_time,
       m.remind_time, m.responder_id, m.reason, m.previous_id, m.next_id, m.returned, m.decliners, m.version, m.create_time,
       m.end_time, m.delegate_id, t.key, t.title, m.before < %[1]s
FROM (SELECT w.*, sum(w.size) OVER (ORDER BY w.create_time DESC, w.handoff_id DESC ROWS UNBOUNDED PRECEDING) - w.size AS before
      FROM (SELECT h.*, octet_length(h.done) + octet_length(h.next_steps) + octet_length(h.blockers)
                        + octet_length(array_to_string(h.links || h.questions, '')) AS size
            FROM (%[2]s) h%[3]s%[4]s) w) m
JOIN tasks t ON t.workspace_id = m.workspace_id AND t.task_id = m.task_id
ORDER BY m.create_time DESC, m.handoff_id DESC`, room, l.source(), newest, l.limit)
	return l
}

// match adds the condition that a column is an id, where one is given.
func (l *handoffList) match(column string, id uuid.UUID) {
	if id != uuid.Nil {
		l.where = append(l.where, column+" = "+l.arg(id))
	}
}

// state is the condition on what became of the offers, as of now.
func (l *handoffList) state(now time.Time) string {
	switch l.q.State {
	case domain.Offered:
		return "h.state = 'OFFERED' AND (h.expire_time IS NULL OR h.expire_time > " + l.arg(now) + ")"
	case domain.Expired:
		return "(h.state = 'EXPIRED' OR h.state = 'OFFERED' AND h.expire_time <= " + l.arg(now) + ")"
	}
	return "h.state = " + l.arg(string(l.q.State))
}

// source is where the handoffs of the page come from.
func (l *handoffList) source() string {
	readable := fmt.Sprintf("h.space_id = ANY (ARRAY(SELECT r FROM readable_spaces(%s, %s) AS r))", l.ws, l.member)
	where := strings.Join(l.where, " AND ")
	switch {
	case l.q.Recipient != uuid.Nil:
		recipient := l.arg(l.q.Recipient)
		return fmt.Sprintf(`(SELECT h.* FROM handoffs h WHERE %[1]s AND %[2]s AND h.recipient_id = %[3]s%[4]s%[5]s)
            UNION ALL
            (SELECT h.* FROM handoffs h WHERE %[1]s AND %[2]s AND h.delegate_id = %[3]s%[4]s%[5]s)
            UNION ALL
            (SELECT o.* FROM team_members tm
             JOIN teams g ON g.workspace_id = tm.workspace_id AND g.team_id = tm.team_id AND NOT g.deleted
             CROSS JOIN LATERAL (
                SELECT h.* FROM handoffs h
                WHERE %[1]s AND %[2]s AND h.team_id = tm.team_id AND h.route = 'TEAM' AND h.giver_id <> %[3]s%[4]s%[5]s) o
             WHERE tm.workspace_id = %[6]s AND tm.member_id = %[3]s AND NOT tm.removed)`,
			where, readable, recipient, newest, l.limit, l.ws)
	case l.q.Task != uuid.Nil || l.q.Giver != uuid.Nil || l.q.Team != uuid.Nil:
		return fmt.Sprintf("SELECT h.* FROM handoffs h WHERE %s AND %s%s%s", where, readable, newest, l.limit)
	}
	return fmt.Sprintf(`SELECT o.* FROM readable_spaces(%s, %s) AS s(space_id) CROSS JOIN LATERAL (
                SELECT h.* FROM handoffs h WHERE %s AND h.space_id = s.space_id%s%s) o`, l.ws, l.member, where, newest, l.limit)
}

// Handoffs implements app.HandoffReader.
func (s *Store) Handoffs(ctx context.Context, ws, member uuid.UUID, q app.HandoffQuery, now time.Time) (page.Result[domain.Handoff, app.HandoffCursor], error) {
	none := page.Result[domain.Handoff, app.HandoffCursor]{}
	query := handoffsSQL(ws, member, q, now)
	rows, err := s.db.For(ws).Query(ctx, query.text.String(), query.args...)
	if err != nil {
		return none, fmt.Errorf("list handoffs: %w", err)
	}
	defer rows.Close()
	l := listed[domain.Handoff]{}
	for rows.Next() {
		h, whole, err := scanHandoff(rows)
		if err != nil {
			return none, fmt.Errorf("list handoffs: %w", err)
		}
		l.add(h, whole)
	}
	if err := rows.Err(); err != nil {
		return none, fmt.Errorf("list handoffs: %w", err)
	}
	return cut(l, q.Page.Size, func(h domain.Handoff) app.HandoffCursor {
		return app.HandoffCursor{Time: h.CreateTime, Handoff: h.ID}
	}), nil
}

func scanHandoff(rows pgx.Rows) (domain.Handoff, bool, error) {
	var (
		h          db.Handoff
		key, title string
		whole      bool
	)
	err := rows.Scan(&h.WorkspaceID, &h.HandoffID, &h.TaskID, &h.SpaceID, &h.GiverID, &h.LegNumber, &h.Route, &h.RecipientID,
		&h.TeamID, &h.Done, &h.NextSteps, &h.Blockers, &h.Links, &h.Questions, &h.Response, &h.State, &h.StartTime,
		&h.ExpireTime, &h.RemindTime, &h.ResponderID, &h.Reason, &h.PreviousID, &h.NextID, &h.Returned, &h.Decliners,
		&h.Version, &h.CreateTime, &h.EndTime, &h.DelegateID, &key, &title, &whole)
	if err != nil {
		return domain.Handoff{}, false, err
	}
	handoff, err := handoffOf(h, key, title)
	return handoff, whole, err
}
