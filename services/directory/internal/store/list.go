package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

// column is how a field of a listing stands in its table.
type column struct {
	name string
	// value turns a condition's text into what the column holds; nil leaves it text.
	value func(page.Condition) any
	// cursor turns a cursor's text into what the column holds; nil leaves it text.
	cursor func(string) (any, error)
}

// table is what a listing is read from. Its fields are the only ones that reach the statement's text.
type table struct {
	from    string
	columns string
	id      string
	fields  map[string]column
}

var timeColumn = column{ //nolint:gochecknoglobals // a constant that Go cannot declare const
	name:  "create_time",
	value: func(c page.Condition) any { return c.Time() },
	cursor: func(text string) (any, error) {
		return time.Parse(time.RFC3339Nano, text)
	},
}

// statement builds a listing's SQL: every value is an argument.
type statement struct {
	where []string
	args  []any
}

func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func (t table) query(ws uuid.UUID, l app.Listing, extra ...func(*statement)) (string, []any, error) {
	var s statement
	s.where = append(s.where, "workspace_id = "+s.arg(ws))
	for _, add := range extra {
		add(&s)
	}
	for _, c := range l.Filter.Conditions {
		col, ok := t.fields[c.Field]
		if !ok {
			return "", nil, fmt.Errorf("store: no column for %q", c.Field)
		}
		s.where = append(s.where, s.condition(col, c))
	}
	order, ok := t.fields[l.Order.Field]
	if !ok {
		return "", nil, fmt.Errorf("store: no column for %q", l.Order.Field)
	}
	compare, direction := ">", ""
	if l.Order.Desc {
		compare, direction = "<", " DESC"
	}
	if after := l.Page.After; after != nil {
		var value any = after.Value
		if order.cursor != nil {
			var err error
			if value, err = order.cursor(after.Value); err != nil {
				return "", nil, badCursor()
			}
		}
		s.where = append(s.where, fmt.Sprintf("(%s, %s) %s (%s, %s)", order.name, t.id, compare, s.arg(value), s.arg(after.ID)))
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s%s, %s%s LIMIT %s", t.columns, t.from,
		strings.Join(s.where, " AND "), order.name, direction, t.id, direction, s.arg(l.Page.Size+1))
	return sql, s.args, nil
}

func (s *statement) condition(col column, c page.Condition) string {
	if c.Op == ":" {
		return fmt.Sprintf("position(lower(%s) in lower(%s)) > 0", s.arg(c.Value), col.name)
	}
	var value any = c.Value
	if col.value != nil {
		value = col.value(c)
	}
	op := c.Op
	if op == "!=" {
		op = "<>"
	}
	return col.name + " " + op + " " + s.arg(value)
}

func badCursor() error {
	return fault.New(fault.Invalid, fault.ReasonPageTokenInvalid, "page_token is not a token of ours").
		WithField("page_token", "must be the next_page_token of the page before")
}

// collect runs a listing. The rows' columns are in the order of the fields of R.
func collect[R, D any](
	ctx context.Context, q postgres.DBTX, sql string, args []any, l app.Listing, turn func(R) D, cursor func(D) app.Cursor,
) (page.Result[D, app.Cursor], error) {
	found, err := q.Query(ctx, sql, args...)
	if err != nil {
		return page.Result[D, app.Cursor]{}, err
	}
	all, err := pgx.CollectRows(found, pgx.RowToStructByPos[R])
	if err != nil {
		return page.Result[D, app.Cursor]{}, err
	}
	return page.Cut(each(all, turn), l.Page.Size, cursor), nil
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Members implements app.Store.
func (s *Store) Members(ctx context.Context, ws uuid.UUID, l app.Listing) (page.Result[domain.Member, app.Cursor], error) {
	t := table{
		from: "members", id: "member_id",
		columns: "workspace_id, member_id, kind, state, role, display_name, email, handle, time_zone, manager_id, accepted, " +
			"version, create_time, update_time",
		fields: map[string]column{
			"create_time": timeColumn, "display_name": {name: "display_name"}, "handle": {name: "handle"}, "email": {name: "email"},
			"state": {name: "state", value: func(c page.Condition) any { return int16(domain.StateOf(c.Value)) }},
			"role":  {name: "role", value: func(c page.Condition) any { return int16(domain.RoleOf(c.Value)) }},
			"kind":  {name: "kind", value: func(c page.Condition) any { return int16(domain.KindOf(c.Value)) }},
		},
	}
	sql, args, err := t.query(ws, l)
	if err != nil {
		return page.Result[domain.Member, app.Cursor]{}, err
	}
	return collect[db.Member](ctx, s.app.For(ws), sql, args, l, memberOf, func(m domain.Member) app.Cursor {
		return app.Cursor{ID: m.ID, Value: sortKey(l.Order.Field, m.CreateTime, m.DisplayName, m.Handle)}
	})
}

// Teams implements app.Store.
func (s *Store) Teams(ctx context.Context, ws uuid.UUID, l app.Listing) (page.Result[domain.Team, app.Cursor], error) {
	t := table{
		from: "teams", id: "team_id",
		columns: "workspace_id, team_id, handle, display_name, description, version, create_time, update_time, delete_time",
		fields: map[string]column{
			"create_time": timeColumn, "display_name": {name: "display_name"}, "handle": {name: "handle"},
		},
	}
	sql, args, err := t.query(ws, l, func(s *statement) { s.where = append(s.where, "delete_time IS NULL") })
	if err != nil {
		return page.Result[domain.Team, app.Cursor]{}, err
	}
	return collect[db.Team](ctx, s.app.For(ws), sql, args, l, teamOf, func(t domain.Team) app.Cursor {
		return app.Cursor{ID: t.ID, Value: sortKey(l.Order.Field, t.CreateTime, t.DisplayName, t.Handle)}
	})
}

// Spaces implements app.Store.
func (s *Store) Spaces(ctx context.Context, ws, member uuid.UUID, l app.Listing) (page.Result[domain.Space, app.Cursor], error) {
	t := table{
		from: "spaces", id: "space_id",
		columns: "workspace_id, space_id, display_name, description, visibility, version, create_time, update_time",
		fields: map[string]column{
			"create_time": timeColumn, "display_name": {name: "display_name"},
			"visibility": {name: "visibility", value: func(c page.Condition) any { return int16(domain.VisibilityOf(c.Value)) }},
		},
	}
	sql, args, err := t.query(ws, l, func(s *statement) {
		if member != uuid.Nil {
			s.where = append(s.where, "space_id IN (SELECT readable_spaces("+s.arg(ws)+", "+s.arg(member)+"))")
		}
	})
	if err != nil {
		return page.Result[domain.Space, app.Cursor]{}, err
	}
	return collect[db.Space](ctx, s.app.For(ws), sql, args, l, spaceOf, func(sp domain.Space) app.Cursor {
		return app.Cursor{ID: sp.ID, Value: sortKey(l.Order.Field, sp.CreateTime, sp.DisplayName, "")}
	})
}

// Audits implements app.Store.
func (s *Store) Audits(ctx context.Context, ws uuid.UUID, l app.Listing) (page.Result[domain.Audit, app.Cursor], error) {
	l.Order = page.Order{Field: "create_time", Desc: true}
	t := table{
		from: "audit_events", id: "audit_id",
		columns: "workspace_id, audit_id, create_time, actor, action, resource, api_token, origin, details",
		fields: map[string]column{
			"create_time": timeColumn, "actor": {name: "actor"}, "action": {name: "action"}, "resource": {name: "resource"},
		},
	}
	sql, args, err := t.query(ws, l)
	if err != nil {
		return page.Result[domain.Audit, app.Cursor]{}, err
	}
	return collect[db.AuditEvent](ctx, s.app.For(ws), sql, args, l, auditOf, func(a domain.Audit) app.Cursor {
		return app.Cursor{ID: a.ID, Value: timeText(a.CreateTime)}
	})
}

func auditOf(r db.AuditEvent) domain.Audit {
	a := domain.Audit{
		Workspace: r.WorkspaceID, ID: r.AuditID, CreateTime: r.CreateTime.UTC(), Actor: r.Actor, Action: r.Action,
		Resource: r.Resource, Token: r.ApiToken, Origin: r.Origin,
	}
	// Written by InsertAudit only, from such a map.
	_ = json.Unmarshal(r.Details, &a.Details)
	return a
}

func sortKey(field string, created time.Time, displayName, handle string) string {
	switch field {
	case "display_name":
		return displayName
	case "handle":
		return handle
	default:
		return timeText(created)
	}
}
