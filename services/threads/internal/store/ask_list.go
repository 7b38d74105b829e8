package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

const askColumns = `a.workspace_id, a.ask_id, a.thread_id, a.sequence, a.space_id, a.asker_id, a.kind, a.member_ids, a.team_id,
       a.everyone, a.response_window, a.urgency, a.state, a.withdraw_reason, a.version, a.create_time, a.update_time`

// asksSQL makes the list's statement. It walks the index of what narrows the list most: those who are waited for, the
// thread, the asker, or else each readable space, and stops at the page's size.
func asksSQL(ws, member uuid.UUID, q app.AskQuery) (*statement, error) {
	s := &statement{}
	w, m := s.arg(ws), s.arg(member)
	where, err := askConditions(s, q)
	if err != nil {
		return nil, err
	}
	readable := "readable_spaces(" + w + ", " + m + ") AS r(space_id)"
	owner, from := "a", "asks a"
	if q.Recipient != uuid.Nil {
		owner, from = "p", "ask_recipients p JOIN asks a ON a.workspace_id = p.workspace_id AND a.ask_id = p.ask_id"
		where = append(where, "p.member_id = "+s.arg(q.Recipient), "p.state = 'OPEN'")
	}
	where = append(where, owner+".workspace_id = "+w)
	if after := q.Page.After; after != nil {
		where = append(where, fmt.Sprintf("(%[1]s.create_time, %[1]s.ask_id) < (%[2]s::timestamptz, %[3]s::uuid)",
			owner, s.arg(after.Time), s.arg(after.Ask)))
	}
	order, limit := owner+".create_time DESC, "+owner+".ask_id DESC", s.arg(q.Page.Size+1)
	if q.Recipient != uuid.Nil || q.Asker != uuid.Nil || q.Thread != uuid.Nil {
		fmt.Fprintf(&s.text, "SELECT %s FROM %s WHERE %s AND a.space_id IN (SELECT r.space_id FROM %s) ORDER BY %s LIMIT %s",
			askColumns, from, strings.Join(where, " AND "), readable, order, limit)
		return s, nil
	}
	fmt.Fprintf(&s.text, `SELECT a.* FROM (SELECT r.space_id FROM %s) s CROSS JOIN LATERAL (
  SELECT %s FROM asks a WHERE a.space_id = s.space_id AND %s ORDER BY %s LIMIT %s) a
ORDER BY a.create_time DESC, a.ask_id DESC LIMIT %s`,
		readable, askColumns, strings.Join(where, " AND "), order, limit, limit)
	return s, nil
}

// askConditions are the conditions on an ask's own columns. The state and the kind are words of ours, written out so that
// the index of what is open serves.
func askConditions(s *statement, q app.AskQuery) ([]string, error) {
	var where []string
	if q.Asker != uuid.Nil {
		where = append(where, "a.asker_id = "+s.arg(q.Asker))
	}
	if q.Thread != uuid.Nil {
		where = append(where, "a.thread_id = "+s.arg(q.Thread))
	}
	if q.Sequence != 0 {
		where = append(where, "a.sequence = "+s.arg(q.Sequence))
	}
	switch q.State {
	case "":
	case domain.AskOpen, domain.AskSettled, domain.AskTakenBack:
		where = append(where, "a.state = '"+string(q.State)+"'")
	default:
		return nil, fmt.Errorf("store: no state %q", q.State)
	}
	switch q.Kind {
	case "":
	case domain.AskReply, domain.AskReview, domain.AskApprove, domain.AskAcknowledge:
		where = append(where, "a.kind = '"+string(q.Kind)+"'")
	default:
		return nil, fmt.Errorf("store: no kind %q", q.Kind)
	}
	return where, nil
}

// Asks implements app.AskReader, in two statements: the asks, and whom they are for.
func (s *Store) Asks(ctx context.Context, ws, member uuid.UUID, q app.AskQuery) (page.Result[domain.Ask, app.AskCursor], error) {
	none := page.Result[domain.Ask, app.AskCursor]{}
	query, err := asksSQL(ws, member, q)
	if err != nil {
		return none, err
	}
	rows, err := s.db.For(ws).Query(ctx, query.text.String(), query.args...)
	if err != nil {
		return none, fmt.Errorf("list asks: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanAsk)
	if err != nil {
		return none, fmt.Errorf("list asks: %w", err)
	}
	if len(found) == 0 {
		return none, nil
	}
	asks, room, err := askPage(ctx, s.queries(ws), ws, found)
	if err != nil {
		return none, err
	}
	return page.Cut(asks, min(q.Page.Size, room), func(a domain.Ask) app.AskCursor {
		return app.AskCursor{Time: a.CreateTime, Ask: a.ID}
	}), nil
}

func scanAsk(row pgx.CollectableRow) (db.Ask, error) {
	var a db.Ask
	err := row.Scan(&a.WorkspaceID, &a.AskID, &a.ThreadID, &a.Sequence, &a.SpaceID, &a.AskerID, &a.Kind, &a.MemberIds,
		&a.TeamID, &a.Everyone, &a.ResponseWindow, &a.Urgency, &a.State, &a.WithdrawReason, &a.Version, &a.CreateTime,
		&a.UpdateTime)
	return a, err
}
