package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

func newStore(t *testing.T) (*Store, *pgtest.DB) {
	t.Helper()
	database := pgtest.New(t, "directory", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), Set())
	encode := func(_ context.Context, _ string, _ time.Time, _ domain.Event) (outbox.Message, error) {
		return outbox.Message{}, fmt.Errorf("not asked for")
	}
	return New(database.App, database.Owner, outbox.New(nil), encode), database
}

// filled is a workspace with a row in every table.
type filled struct {
	ws     uuid.UUID
	member domain.Member
	team   domain.Team
	space  domain.Space
	token  domain.Token
}

func fill(t *testing.T, s *Store, number int) filled {
	t.Helper()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	f := filled{ws: id()}
	w, err := domain.NewWorkspace(f.ws, domain.WorkspaceChange{DisplayName: new("Relay")}, now)
	require.NoError(t, err)
	f.member, err = domain.NewOwner(f.ws, id(), "o@example.org", "Olga", "UTC", now)
	require.NoError(t, err)
	f.member.Handle = "olga"
	f.team, err = domain.NewTeam(f.ws, id(), "ops", "Ops", "", now)
	require.NoError(t, err)
	f.space, err = domain.NewSpace(f.ws, id(), "Docs", "", domain.Private, now)
	require.NoError(t, err)
	f.token = domain.Token{
		Workspace: f.ws, Member: f.member.ID, ID: id(), Creator: f.member.ID, DisplayName: "x", Scopes: []string{"*"},
		Hash: []byte{byte(number)}, ExpireTime: now.Add(time.Hour), Version: 1, CreateTime: now,
	}
	require.NoError(t, s.InTx(t.Context(), f.ws, func(ctx context.Context, tx app.Tx) error {
		claimed, err := tx.ClaimHandle(ctx, f.ws, "olga", f.member.ID)
		require.NoError(t, err)
		require.True(t, claimed)
		for _, step := range []error{
			tx.InsertWorkspace(ctx, w), tx.InsertMember(ctx, f.member), tx.InsertTeam(ctx, f.team), tx.InsertSpace(ctx, f.space),
			tx.InsertToken(ctx, f.token),
			tx.PutInvitation(ctx, domain.Invitation{Workspace: f.ws, Member: f.member.ID, CodeHash: []byte{byte(number)}, ExpireTime: now}),
			tx.PutTeamMembers(ctx, []domain.TeamMember{{Workspace: f.ws, Team: f.team.ID, Member: f.member.ID, Version: 1}}),
			tx.PutSpaceAccess(ctx, []domain.SpaceAccess{{Workspace: f.ws, Space: f.space.ID, Principal: f.member.ID, Right: domain.Reader, Version: 1}}),
			tx.InsertAudit(ctx, domain.Audit{Workspace: f.ws, ID: id(), CreateTime: now, Actor: "x", Action: "y"}),
		} {
			require.NoError(t, step)
		}
		return nil
	}))
	return f
}

// The second wall: the store's own queries, naming one workspace's rows while another is set, find nothing.
func TestQueriesOfAnotherWorkspaceFindNothing(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	mine, theirs := fill(t, s, 1), fill(t, s, 2)
	for ws, want := range map[uuid.UUID]int{mine.ws: 1, theirs.ws: 0, uuid.Nil: 0} {
		ctx, r := t.Context(), s.in(ws)
		found := map[string]int{}
		count := func(what string, n int, err error) {
			if err != nil {
				require.True(t, fault.Is(err, fault.NotFound) || errors.Is(err, pgx.ErrNoRows), "%s: %v", what, err)
			}
			found[what] = n
		}
		one := func(what string, err error) {
			n := 1
			if err != nil {
				n = 0
			}
			count(what, n, err)
		}
		_, err := r.q.GetWorkspace(ctx, mine.ws)
		one("workspace", err)
		_, err = r.LockMember(ctx, mine.ws, mine.member.ID)
		one("member", err)
		_, err = r.LockTeam(ctx, mine.ws, mine.team.ID)
		one("team", err)
		_, err = r.LockSpace(ctx, mine.ws, mine.space.ID)
		one("space", err)
		_, err = r.LockToken(ctx, mine.ws, mine.member.ID, mine.token.ID)
		one("token", err)
		_, open, err := r.Invitation(ctx, mine.ws, mine.member.ID)
		require.NoError(t, err)
		found["invitation"] = map[bool]int{true: 1}[open]
		members, err := r.MembersByEmail(ctx, mine.ws, []string{"o@example.org"})
		count("by email", len(members), err)
		members, err = r.MembersByID(ctx, mine.ws, []uuid.UUID{mine.member.ID})
		count("by id", len(members), err)
		handles, err := r.TakenHandles(ctx, mine.ws, "olga")
		count("handles", len(handles), err)
		owners, err := r.OtherOwners(ctx, mine.ws, uuid.Nil)
		count("owners", owners, err)
		live, err := r.CountLiveTokens(ctx, mine.ws, mine.member.ID, time.Time{})
		count("live tokens", live, err)
		right, err := r.SpaceRight(ctx, mine.ws, mine.member.ID, mine.space.ID)
		count("right", int(right), err)
		belongs, err := r.TeamMembersByID(ctx, mine.ws, mine.team.ID, []uuid.UUID{mine.member.ID})
		count("team members", len(belongs), err)
		rights, err := r.SpaceAccessByID(ctx, mine.ws, mine.space.ID, []uuid.UUID{mine.member.ID})
		count("rights", len(rights), err)
		tokens, err := r.q.ListTokens(ctx, db.ListTokensParams{WorkspaceID: mine.ws, MemberID: mine.member.ID, BeforeID: uuid.Max, Size: 9})
		count("tokens", len(tokens), err)
		for what, n := range found {
			require.Equal(t, want, n, "%s with %s set", what, ws)
		}
		require.Len(t, found, 15)
	}
}

// Whatever the query: with a workspace set, the app role sees and writes its rows only, in every table there is.
func TestEveryTableIsWalled(t *testing.T) {
	t.Parallel()
	s, database := newStore(t)
	mine, theirs := fill(t, s, 1), fill(t, s, 2)
	rows, err := database.Owner.Pool().Query(t.Context(), `
		SELECT c.table_name::text FROM information_schema.columns c JOIN pg_class p ON p.relname = c.table_name AND p.relkind = 'r'
		WHERE c.table_schema = 'directory' AND c.column_name = 'workspace_id'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 9)
	for _, table := range tables {
		var walled bool
		require.NoError(t, database.Owner.Pool().QueryRow(t.Context(), "SELECT relrowsecurity FROM pg_class WHERE oid = $1::regclass", table).Scan(&walled))
		require.True(t, walled, "%s has row-level security", table)
		for _, ws := range []uuid.UUID{mine.ws, uuid.Nil} {
			var n int
			err := database.App.For(ws).QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE workspace_id = $1", theirs.ws).Scan(&n)
			if err != nil {
				require.ErrorContains(t, err, "permission denied", table)
				continue
			}
			require.Zero(t, n, "%s with %s set", table, ws)
		}
	}
	_, err = database.App.For(mine.ws).Exec(t.Context(),
		"INSERT INTO handles (workspace_id, handle, holder_id) VALUES ($1, 'stolen', $1)", theirs.ws)
	require.ErrorContains(t, err, "row-level security")
	tag, err := database.App.For(mine.ws).Exec(t.Context(), "UPDATE members SET role = 1 WHERE workspace_id = $1", theirs.ws)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
}

// The lists' statements are made at run time: all that a request brings goes in as an argument.
func TestListsTakeNothingIntoTheirText(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	f := fill(t, s, 1)
	l := func(c page.Condition) app.Listing {
		return app.Listing{
			Page: page.Request[app.Cursor]{Size: 10}, Order: page.Order{Field: "create_time"},
			Filter: page.Filter{Conditions: []page.Condition{c}},
		}
	}
	for _, value := range []string{"'; DROP TABLE members; --", "$1", "%", "\\", "ol_a"} {
		for _, op := range []string{"=", ":"} {
			got, err := s.Members(t.Context(), f.ws, l(page.Condition{Field: "display_name", Op: op, Value: value}))
			require.NoError(t, err)
			require.Empty(t, got.Items, "%s %q", op, value)
		}
	}
	got, err := s.Members(t.Context(), f.ws, l(page.Condition{Field: "display_name", Op: ":", Value: "OLG"}))
	require.NoError(t, err)
	require.Len(t, got.Items, 1)
	_, err = s.Members(t.Context(), f.ws, l(page.Condition{Field: "member_id; DROP", Op: "=", Value: "x"}))
	require.True(t, fault.Is(err, fault.Internal))
	bad := app.Listing{Page: page.Request[app.Cursor]{Size: 1, After: &app.Cursor{Value: "yesterday"}}, Order: page.Order{Field: "create_time"}}
	for _, list := range []func() error{
		func() error { _, err := s.Members(t.Context(), f.ws, bad); return err },
		func() error { _, err := s.Audits(t.Context(), f.ws, bad); return err },
		func() error { _, err := s.Workspaces(t.Context(), bad.Page); return err },
		func() error {
			_, err := s.AccessSnapshot(t.Context(), uuid.Nil, page.Request[app.AccessCursor]{Size: 1, After: &app.AccessCursor{Kind: 5}})
			return err
		},
		func() error {
			_, err := s.AccessSnapshot(t.Context(), uuid.Nil, page.Request[app.AccessCursor]{Size: 1, After: &app.AccessCursor{Kind: firstKind - 1}})
			return err
		},
	} {
		require.True(t, fault.HasReason(list(), fault.ReasonPageTokenInvalid))
	}
	bad.Order.Field = "nothing"
	_, err = s.Teams(t.Context(), f.ws, bad)
	require.True(t, fault.Is(err, fault.Internal))
}
