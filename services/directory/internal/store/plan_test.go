package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// crowd makes 100 workspaces with 200 members, tokens, records, teams and spaces each.
const crowd = `
	INSERT INTO members SELECT w, m, 1, 2, 2, 'n' || i, i || '@example.org', 'h' || i, 'UTC', NULL, true, 1, made, made FROM crowd;
	INSERT INTO handles SELECT w, 'h' || i, m FROM crowd;
	INSERT INTO api_tokens SELECT w, m, m, m, 'x', '{*}', decode(md5(w::text || i), 'hex'), made, NULL, NULL, 1, made FROM crowd;
	INSERT INTO invitations SELECT w, m, decode(md5(w::text || i), 'hex'), made FROM crowd;
	INSERT INTO audit_events SELECT w, m, made, 'a' || i, 'x', 'r' || i, '', '', '{}' FROM crowd;
	INSERT INTO teams SELECT w, m, 'h' || i, 'n' || i, '', 1, made, made, NULL FROM crowd;
	INSERT INTO team_members SELECT w, m, m, false, false, 1 FROM crowd;
	INSERT INTO spaces SELECT w, m, 'n' || i, '', 2, 1, made, made FROM crowd;
	INSERT INTO space_access SELECT w, m, m, false, 1, 1 FROM crowd;
	INSERT INTO event_subscriptions SELECT w, m, m, 'n' || i, '{>}', NULL, 0, 'x', 1, made, NULL FROM crowd;
	INSERT INTO workspaces SELECT DISTINCT ON (w) w, 'x', 'UTC', 1, made, made FROM crowd;
	INSERT INTO workspaces SELECT gen_random_uuid(), 'x', 'UTC', 1, made, made FROM crowd;
	ANALYZE`

// However many workspaces stand beside it, what one of them asks goes by an index: no statement reads a whole table.
func TestEveryPlanGoesByAnIndex(t *testing.T) {
	t.Parallel()
	s, database := newStore(t)
	ctx := t.Context()
	_, err := database.Owner.Pool().Exec(ctx, `
		CREATE TABLE crowd AS SELECT md5('w' || w)::uuid w, md5(w || '-' || i)::uuid m, i, TIMESTAMPTZ '2026-11-23' + i * INTERVAL '1 s' made
		FROM generate_series(1, 100) w, generate_series(1, 200) i;`+crowd)
	require.NoError(t, err)
	var ws, member uuid.UUID
	require.NoError(t, database.Owner.Pool().QueryRow(ctx, "SELECT w, m FROM crowd WHERE i = 100 LIMIT 1").Scan(&ws, &member))

	seen := &pgtest.Statements{}
	open := func(url string) *postgres.DB {
		pool, err := postgres.Open(ctx, url, postgres.Options{Tracer: seen})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	s = New(open(database.AppURL), open(database.OwnerURL), s.outbox, s.encode)
	ask(t, s, ws, member)

	explained := database.RequireIndexPlans(t, ws, seen.Take(), "workspaces", "members", "handles", "invitations", "teams", "team_members",
		"spaces", "space_access", "api_tokens", "audit_events", "event_subscriptions")
	require.Greater(t, explained, 35)
}

// ask runs what the directory asks of its tables.
func ask(t *testing.T, s *Store, ws, member uuid.UUID) {
	t.Helper()
	ctx, at := t.Context(), time.Date(2026, 11, 23, 0, 1, 40, 0, time.UTC)
	fine := func(_ any, err error) {
		t.Helper()
		if err != nil {
			require.ErrorContains(t, err, "not found")
		}
	}
	first := page.Request[app.Cursor]{Size: 20}
	for _, order := range []page.Order{
		{Field: "create_time"},
		{Field: "create_time", Desc: true},
		{Field: "display_name"},
		{Field: "handle", Desc: true},
	} {
		for _, after := range []*app.Cursor{nil, {Value: sortKey(order.Field, at, "n100", "h100"), ID: member}} {
			l := app.Listing{Page: page.Request[app.Cursor]{Size: 20, After: after}, Order: order}
			fine(s.Members(ctx, ws, l))
			fine(s.Teams(ctx, ws, l))
			if order.Field != "handle" {
				fine(s.Spaces(ctx, ws, uuid.Nil, l))
				fine(s.Spaces(ctx, ws, member, l))
			}
		}
	}
	record := app.Listing{Page: first, Filter: page.Filter{Conditions: []page.Condition{{Field: "actor", Op: "=", Value: "a7"}}}}
	fine(s.Audits(ctx, ws, app.Listing{Page: first}))
	fine(s.Audits(ctx, ws, record))
	fine(s.Workspaces(ctx, page.Request[app.Cursor]{Size: 20, After: &app.Cursor{Value: timeText(at), ID: ws}}))
	fine(s.Tokens(ctx, ws, member, first))
	fine(s.TeamMembers(ctx, ws, member, first))
	fine(s.SpaceAccess(ctx, ws, member, first))
	fine(s.TokenByHash(ctx, []byte("x")))
	fine(s.InvitationByCode(ctx, []byte("x")))
	fine(s.Member(ctx, ws, member))
	fine(s.LiveSubscriptions(ctx, []uuid.UUID{ws, member}))
	fine(s.AccessOf(ctx, ws, member, member))
	for kind := firstKind; kind < 5; kind++ {
		for _, only := range []uuid.UUID{ws, uuid.Nil} {
			fine(s.AccessSnapshot(ctx, only, page.Request[app.AccessCursor]{
				Size: 20, After: &app.AccessCursor{Kind: kind, Workspace: ws, ID: member},
			}))
		}
	}
	require.NoError(t, s.InTx(ctx, ws, func(ctx context.Context, tx app.Tx) error {
		fine(tx.LockMember(ctx, ws, member))
		fine(tx.MembersByEmail(ctx, ws, []string{"7@example.org", "8@example.org"}))
		fine(tx.MembersByID(ctx, ws, []uuid.UUID{member}))
		fine(tx.TakenHandles(ctx, ws, "h1"))
		fine(tx.OtherOwners(ctx, ws, member))
		fine(tx.LockLiveTokens(ctx, ws, member, at))
		fine(tx.CountLiveTokens(ctx, ws, member, at))
		fine(tx.TeamMembersByID(ctx, ws, member, []uuid.UUID{member}))
		fine(tx.SpaceAccessByID(ctx, ws, member, []uuid.UUID{member}))
		fine(tx.SpaceRight(ctx, ws, member, member))
		return nil
	}))
}
