package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// taskColumns are the columns that a filter may name; what is not here is never written into SQL.
func taskColumns() map[string]string {
	return map[string]string{
		"project": "t.project_id", "team": "t.team_id", "holder": "t.holder_id", "reporter": "t.reporter_id",
		"state": "t.state", "category": "t.category", "priority": "t.priority", "label": "t.labels", "key": "t.key",
		"due_date": "t.due_date", "due_time": "t.due_time", "create_time": "t.create_time", "update_time": "t.update_time",
	}
}

// taskOrder is the column that a list goes by.
func taskOrder(o page.Order) (column, kind string, err error) {
	switch o.Field {
	case "create_time", "update_time":
		return o.Field, "timestamptz", nil
	case "due_time":
		return "due_order", "timestamptz", nil
	case "priority":
		return "priority", "smallint", nil
	}
	return "", "", fmt.Errorf("store: no order by %s", o.Field)
}

// taskList is the statement of a list of tasks under construction.
type taskList struct {
	statement
	q          app.TaskQuery
	ws, member string
	column     string
	direction  string
	limit      string
	where      []string
}

// tasksSQL makes the list's statement. It walks one index from the cursor on and stops at the page's size: that of a person
// or a team or a project where the filter names one, else that of each readable project. So a page in a workspace of a
// million tasks costs what it costs in one of ten. Where a person's or a team's tasks are listed in another order than by
// create_time, theirs are sorted.
func tasksSQL(ws, member uuid.UUID, q app.TaskQuery, now time.Time) (*taskList, error) {
	l := &taskList{q: q, direction: "ASC"}
	beyond := ">"
	if q.Order.Desc {
		l.direction, beyond = "DESC", "<"
	}
	column, kind, err := taskOrder(q.Order)
	if err != nil {
		return nil, err
	}
	l.column = column
	l.ws, l.member = l.arg(ws), l.arg(member)
	l.where = []string{"t.workspace_id = " + l.ws}
	if after := q.Page.After; after != nil {
		var at any = after.Time
		if kind == "smallint" {
			at = int16(after.Priority)
		}
		l.where = append(l.where, fmt.Sprintf("(t.%s, t.task_id) %s (%s::%s, %s::uuid)", column, beyond, l.arg(at), kind, l.arg(after.Task)))
	}
	for _, c := range q.Conditions {
		condition, err := l.condition(c)
		if err != nil {
			return nil, err
		}
		l.where = append(l.where, condition)
	}
	l.limit = l.arg(q.Page.Size + 1)
	room, at := l.arg(maxPageBytes), l.arg(now)
	fmt.Fprintf(&l.text, `SELECT m.workspace_id, m.task_id, m.project_id, m.space_id, m.number, m.key, m.title,
       CASE WHEN m.before < %[1]s THEN m.description END, m.state, m.category, m.holder_id, m.team_id, m.reporter_id,
       m.start_date, m.due_date, m.due_time, m.priority, m.labels, m.revision, m.version, m.create_time, m.update_time,
       m.complete_time, h.handoff_id
FROM (SELECT w.*, sum(octet_length(w.description)) OVER (ORDER BY w.%[2]s %[3]s, w.task_id %[3]s ROWS UNBOUNDED PRECEDING)
                  - octet_length(w.description) AS before
      FROM (%[4]s) w) m
LEFT JOIN handoffs h ON h.workspace_id = m.workspace_id AND h.task_id = m.task_id AND h.state = 'OFFERED'
    AND (h.expire_time IS NULL OR h.expire_time > %[5]s)
ORDER BY m.%[2]s %[3]s, m.task_id %[3]s`, room, column, l.direction, l.source(), at)
	return l, nil
}

// source is where the tasks of the page come from.
func (l *taskList) source() string {
	readable := fmt.Sprintf("ARRAY(SELECT r FROM readable_spaces(%s, %s) AS r)", l.ws, l.member)
	if l.q.Space != uuid.Nil {
		space := l.arg(l.q.Space)
		readable = fmt.Sprintf("ARRAY(SELECT %[1]s::uuid WHERE space_right(%[2]s, %[3]s, %[1]s) >= 1)", space, l.ws, l.member)
	}
	order := fmt.Sprintf("ORDER BY t.%[1]s %[2]s, t.task_id %[2]s LIMIT %[3]s", l.column, l.direction, l.limit)
	if l.narrow() {
		return fmt.Sprintf("SELECT t.* FROM tasks t WHERE %s AND t.space_id = ANY (%s) %s", strings.Join(l.where, " AND "), readable, order)
	}
	return fmt.Sprintf(`SELECT o.* FROM projects p CROSS JOIN LATERAL (
          SELECT t.* FROM tasks t WHERE %[1]s AND t.project_id = p.project_id %[2]s) o
      WHERE p.workspace_id = %[3]s AND p.space_id = ANY (%[4]s)
      ORDER BY o.%[5]s %[6]s, o.task_id %[6]s LIMIT %[7]s`,
		strings.Join(l.where, " AND "), order, l.ws, readable, l.column, l.direction, l.limit)
}

// narrow says whether the filter names a person, a team, a project or a key, whose tasks an index holds together.
func (l *taskList) narrow() bool {
	return slices.ContainsFunc(l.q.Conditions, func(c app.TaskCondition) bool {
		return c.Op == "=" && c.Value != uuid.Nil && slices.Contains([]string{"holder", "team", "reporter", "project", "key"}, c.Field)
	})
}

// condition writes a comparison.
func (l *taskList) condition(c app.TaskCondition) (string, error) {
	column, known := taskColumns()[c.Field]
	if !known || !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, c.Op) {
		return "", fmt.Errorf("store: no filter %s %s", c.Field, c.Op)
	}
	switch {
	case c.Field == "label":
		has := column + " @> ARRAY[" + l.arg(c.Value) + "::text]"
		if c.Op == "!=" {
			return "NOT " + has, nil
		}
		return has, nil
	case c.Field == "key" && c.Op == "=":
		return l.key(c.Value)
	case c.Value == uuid.Nil && c.Op == "=":
		return column + " IS NULL", nil
	case c.Value == uuid.Nil:
		return column + " IS NOT NULL", nil
	case c.Op == "!=":
		return column + " IS DISTINCT FROM " + l.arg(c.Value), nil
	}
	return column + " " + c.Op + " " + l.arg(c.Value), nil
}

// key finds a task by its project's key and its number.
func (l *taskList) key(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", errors.New("store: a key is a text")
	}
	project, number, _ := strings.Cut(text, "-")
	n, _ := strconv.ParseInt(number, 10, 64) // what is no number is not written so below
	if project+"-"+strconv.FormatInt(n, 10) != text {
		return "false", nil // no task is called so
	}
	return fmt.Sprintf("t.project_id = (SELECT k.project_id FROM projects k WHERE k.workspace_id = %s AND k.key = %s) AND t.number = %s",
		l.ws, l.arg(project), l.arg(n)), nil
}

// Tasks implements app.TaskReader.
func (s *Store) Tasks(ctx context.Context, ws, member uuid.UUID, q app.TaskQuery, now time.Time) (page.Result[domain.Task, app.TaskCursor], error) {
	none := page.Result[domain.Task, app.TaskCursor]{}
	query, err := tasksSQL(ws, member, q, now)
	if err != nil {
		return none, err
	}
	rows, err := s.db.For(ws).Query(ctx, query.text.String(), query.args...)
	if err != nil {
		return none, fmt.Errorf("list tasks: %w", err)
	}
	defer rows.Close()
	l := listed[domain.Task]{}
	for rows.Next() {
		task, whole, err := scanTask(rows)
		if err != nil {
			return none, fmt.Errorf("list tasks: %w", err)
		}
		l.add(task, whole)
	}
	if err := rows.Err(); err != nil {
		return none, fmt.Errorf("list tasks: %w", err)
	}
	return cut(l, q.Page.Size, func(t domain.Task) app.TaskCursor { return taskCursor(t, q.Order.Field) }), nil
}

func taskCursor(t domain.Task, field string) app.TaskCursor {
	switch field {
	case "update_time":
		return app.TaskCursor{Time: t.UpdateTime, Task: t.ID}
	case "priority":
		return app.TaskCursor{Priority: t.Priority, Task: t.ID}
	case "due_time":
		return app.TaskCursor{Time: dueOrder(t), Task: t.ID}
	}
	return app.TaskCursor{Time: t.CreateTime, Task: t.ID}
}

func scanTask(rows pgx.Rows) (domain.Task, bool, error) {
	var (
		t           db.Task
		description *string
		open        *uuid.UUID
	)
	err := rows.Scan(&t.WorkspaceID, &t.TaskID, &t.ProjectID, &t.SpaceID, &t.Number, &t.Key, &t.Title, &description,
		&t.State, &t.Category, &t.HolderID, &t.TeamID, &t.ReporterID, &t.StartDate, &t.DueDate, &t.DueTime, &t.Priority,
		&t.Labels, &t.Revision, &t.Version, &t.CreateTime, &t.UpdateTime, &t.CompleteTime, &open)
	t.Description = value(description)
	return taskOf(t, open), description != nil, err
}
