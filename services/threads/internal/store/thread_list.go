package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// statement is SQL under construction with its arguments.
type statement struct {
	text strings.Builder
	args []any
}

// arg adds an argument and returns its placeholder.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// threadColumns are the columns that a filter may name; what is not here is never written into SQL.
func threadColumns() map[string]string {
	return map[string]string{
		"state": "t.state", "type": "t.type", "creator": "t.creator_id", "create_time": "t.create_time",
		"imported": "t.imported",
	}
}

// threadsSQL makes the list's statement. For each readable space it walks that space's own index from the cursor on and
// stops at the page's size, so the cost does not grow with the workspace: a page in a workspace of a million threads
// costs what it costs in one of ten.
func threadsSQL(ws, member uuid.UUID, q app.ThreadQuery) (*statement, error) {
	s := &statement{}
	w, m := s.arg(ws), s.arg(member)
	key, from := "a.activity_time", "thread_activity a JOIN threads t ON t.workspace_id = a.workspace_id AND t.thread_id = a.thread_id"
	id, owner := "a.thread_id", "a"
	if q.Order.Field == "create_time" {
		key, id, owner = "t.create_time", "t.thread_id", "t"
		from = "threads t JOIN thread_activity a ON a.workspace_id = t.workspace_id AND a.thread_id = t.thread_id"
	}
	direction, beyond := "ASC", ">"
	if q.Order.Desc {
		direction, beyond = "DESC", "<"
	}
	where := []string{owner + ".workspace_id = " + w, owner + ".space_id = s.space_id"}
	if after := q.Page.After; after != nil {
		where = append(where, fmt.Sprintf("(%s, %s) %s (%s::timestamptz, %s::uuid)", key, id, beyond, s.arg(after.Time), s.arg(after.Thread)))
	}
	columns := threadColumns()
	for _, c := range q.Conditions {
		column, known := columns[c.Field]
		if !known || !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, c.Op) {
			return nil, fmt.Errorf("store: no filter %s %s", c.Field, c.Op)
		}
		where = append(where, column+" "+c.Op+" "+s.arg(c.Value))
	}
	spaces := "SELECT r.space_id FROM readable_spaces(" + w + ", " + m + ") AS r(space_id)"
	if q.Space != uuid.Nil {
		space := s.arg(q.Space)
		spaces = "SELECT " + space + "::uuid AS space_id WHERE space_right(" + w + ", " + m + ", " + space + ") >= 1"
	}
	limit := s.arg(q.Page.Size + 1)
	fmt.Fprintf(&s.text, `SELECT l.* FROM (%s) s CROSS JOIN LATERAL (
  SELECT t.workspace_id, t.thread_id, t.space_id, t.title, t.type, t.state, t.creator_id, t.outcome, t.resolver_id,
         t.resolve_time, t.reopen_on_message, t.last_sequence, t.revision, t.version, t.create_time, t.update_time,
         t.imported, t.imported_count, a.activity_time
  FROM %s WHERE %s ORDER BY %s %s, %s %s LIMIT %s) l
ORDER BY l.%s %s, l.thread_id %s LIMIT %s`,
		spaces, from, strings.Join(where, " AND "), key, direction, id, direction, limit,
		key[2:], direction, direction, limit)
	return s, nil
}

// Threads implements app.ThreadReader.
func (s *Store) Threads(ctx context.Context, ws, member uuid.UUID, q app.ThreadQuery) (page.Result[domain.Thread, app.ThreadCursor], error) {
	none := page.Result[domain.Thread, app.ThreadCursor]{}
	query, err := threadsSQL(ws, member, q)
	if err != nil {
		return none, err
	}
	rows, err := s.db.For(ws).Query(ctx, query.text.String(), query.args...)
	if err != nil {
		return none, fmt.Errorf("list threads: %w", err)
	}
	threads, err := pgx.CollectRows(rows, scanThread)
	if err != nil {
		return none, fmt.Errorf("list threads: %w", err)
	}
	return page.Cut(threads, q.Page.Size, func(t domain.Thread) app.ThreadCursor {
		if q.Order.Field == "create_time" {
			return app.ThreadCursor{Time: t.CreateTime, Thread: t.ID}
		}
		return app.ThreadCursor{Time: t.ActivityTime, Thread: t.ID}
	}), nil
}

func scanThread(row pgx.CollectableRow) (domain.Thread, error) {
	var (
		t        db.Thread
		activity time.Time
	)
	err := row.Scan(&t.WorkspaceID, &t.ThreadID, &t.SpaceID, &t.Title, &t.Type, &t.State, &t.CreatorID, &t.Outcome,
		&t.ResolverID, &t.ResolveTime, &t.ReopenOnMessage, &t.LastSequence, &t.Revision, &t.Version, &t.CreateTime,
		&t.UpdateTime, &t.Imported, &t.ImportedCount, &activity)
	return threadOf(t, activity), err
}
