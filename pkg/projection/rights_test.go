package projection

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func newDB(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t, "threads", Set(), eventbus.Set())
}

// applyAll handles events as the consumer does, one transaction each.
func applyAll(t require.TestingT, db *postgres.DB, workspace uuid.UUID, events []proto.Message) {
	for _, event := range events {
		r := reader{workspace: workspace}
		r.event(event)
		require.NoError(t, r.err)
		require.NoError(t, apply(context.Background(), db, workspace, r.rows))
	}
}

func right(t require.TestingT, db postgres.DBTX, m *model, member, space int) auth.Right {
	var got int16
	err := db.QueryRow(context.Background(), `SELECT space_right($1, $2, $3)`,
		m.workspace, m.id("members", member), m.id("spaces", space)).Scan(&got)
	require.NoError(t, err)
	return auth.Right(got)
}

func readable(t require.TestingT, db postgres.DBTX, m *model, member int) []uuid.UUID {
	rows, err := db.Query(context.Background(), `SELECT r FROM readable_spaces($1, $2) AS r`,
		m.workspace, m.id("members", member))
	require.NoError(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return got
}

// requireRights compares the functions with the oracle, for every member and space.
func requireRights(t require.TestingT, db postgres.DBTX, m *model) {
	for member := range m.members {
		want := []uuid.UUID{}
		for space := range m.spaces {
			has := m.right(member, space)
			require.Equal(t, has, right(t, db, m, member, space), "member %d, space %d", member, space)
			if has >= auth.Reader {
				want = append(want, m.id("spaces", space))
			}
		}
		require.ElementsMatch(t, want, readable(t, db, m, member), "member %d", member)
	}
	var asked []uuid.UUID
	for member := range m.members {
		asked = append(asked, m.id("members", member))
	}
	for space := range m.spaces {
		want := []uuid.UUID{}
		for member := range m.members {
			if m.right(member, space) >= auth.Reader {
				want = append(want, m.id("members", member))
			}
		}
		require.ElementsMatch(t, want, readers(t, db, m, space, asked), "space %d", space)
		require.Empty(t, readers(t, db, m, space, []uuid.UUID{uuid.New()}))
	}
}

func readers(t require.TestingT, db postgres.DBTX, m *model, space int, asked []uuid.UUID) []uuid.UUID {
	rows, err := db.Query(context.Background(), `SELECT r FROM space_readers($1, $2, $3) AS r`, m.workspace, m.id("spaces", space), asked)
	require.NoError(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	return got
}

// tables is everything the tables hold of a workspace.
func tables(t require.TestingT, db postgres.DBTX, workspace uuid.UUID) []string {
	var all []string
	for _, table := range []string{"workspaces", "members", "teams", "team_members", "spaces", "space_grants"} {
		rows, err := db.Query(context.Background(),
			fmt.Sprintf(`SELECT '%s ' || (to_jsonb(x) - 'workspace_id')::text FROM %s x WHERE workspace_id = $1 ORDER BY 1`,
				table, table), workspace)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all = append(all, lines...)
	}
	return all
}

// Events in any order and more than once, with a snapshot from anywhere between, give the tables that the events in
// their order give, and the rights that the contract names.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(uuid.New(), 3)
		m.live(t)
		var snapshot []*directoryv1.AccessRow
		for _, row := range m.rows() {
			snapshot = append(snapshot, proto.CloneOf(row))
		}
		m.live(t)

		inOrder := db.App.For(m.workspace)
		applyAll(t, db.App, m.workspace, m.events)
		requireRights(t, inOrder, m)
		want := tables(t, inOrder, m.workspace)

		_, err := db.Owner.Pool().Exec(context.Background(), `TRUNCATE workspaces, members, teams, team_members, spaces, space_grants`)
		require.NoError(t, err)
		events := m.scrambled(t)
		at := rapid.IntRange(0, len(events)).Draw(t, "snapshot at")
		applyAll(t, db.App, m.workspace, events[:at])
		r := reader{}
		r.access(snapshot)
		require.NoError(t, r.err)
		require.NoError(t, apply(context.Background(), db.Owner, uuid.Nil, r.rows))
		applyAll(t, db.App, m.workspace, events[at:])
		require.Equal(t, want, tables(t, inOrder, m.workspace))
	})
}

func TestRightsByTheContract(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	m := newModel(uuid.New(), 5)
	const open, private, guest, member, admin, owner = 0, 1, 0, 1, 2, 3
	m.setVisibility(open, directoryv1.Space_OPEN)
	m.setMember(guest, directoryv1.Member_GUEST, directoryv1.Member_ACTIVE)
	m.setMember(admin, directoryv1.Member_ADMIN, directoryv1.Member_ACTIVE)
	m.setMember(owner, directoryv1.Member_OWNER, directoryv1.Member_ACTIVE)
	app := db.App.For(m.workspace)
	see := func(member, space int) auth.Right {
		applyAll(t, db.App, m.workspace, m.events)
		m.events = nil
		return right(t, app, m, member, space)
	}
	require.Equal(t, auth.NoRight, see(guest, open))
	require.Equal(t, auth.Writer, see(member, open))
	require.Equal(t, auth.Manager, see(admin, open))
	require.Equal(t, auth.Manager, see(owner, open))
	for _, who := range []int{guest, member, admin, owner} {
		require.Equal(t, auth.NoRight, see(who, private), "not even an owner reads a private space")
	}

	m.grant(private, guest, directoryv1.SpaceAccess_READER)
	require.Equal(t, auth.Reader, see(guest, private))
	team := len(m.members) // the first team as a principal
	m.grant(private, team, directoryv1.SpaceAccess_WRITER)
	m.belong(0, guest, false)
	require.Equal(t, auth.Writer, see(guest, private), "the highest counts")
	m.deleteTeam(0)
	require.Equal(t, auth.Reader, see(guest, private), "a deleted team gives nothing")
	m.grant(private, guest, directoryv1.SpaceAccess_NONE)
	require.Equal(t, auth.NoRight, see(guest, private), "what was taken away is gone")
	m.setMember(owner, directoryv1.Member_OWNER, directoryv1.Member_DEACTIVATED)
	require.Equal(t, auth.NoRight, see(owner, open))
	m.setMember(member, directoryv1.Member_MEMBER, directoryv1.Member_INVITED)
	require.Equal(t, auth.NoRight, see(member, open))
	requireRights(t, app, m)
}

// The same ids in another workspace give nothing, and neither does asking from there.
func TestNothingCrossesWorkspaces(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	one, other := newModel(uuid.New(), 2), newModel(uuid.New(), 2)
	one.setVisibility(0, directoryv1.Space_OPEN)
	one.grant(1, 0, directoryv1.SpaceAccess_MANAGER)
	applyAll(t, db.App, one.workspace, one.events)
	applyAll(t, db.App, other.workspace, other.events)

	requireRights(t, db.App.For(one.workspace), one)
	requireRights(t, db.App.For(other.workspace), other)
	for _, wrong := range []uuid.UUID{other.workspace, uuid.Nil} {
		require.Equal(t, auth.NoRight, right(t, db.App.For(wrong), one, 0, 0))
		require.Empty(t, readable(t, db.App.For(wrong), one, 0))
		require.Empty(t, tables(t, db.App.For(wrong), one.workspace))
	}
	r := reader{}
	r.event(one.events[0])
	require.Error(t, apply(t.Context(), db.App, other.workspace, r.rows), "row-level security refuses the write too")
}

func TestReaderRefusesOtherWorkspacesAndBrokenNames(t *testing.T) {
	t.Parallel()
	m := newModel(uuid.New(), 1)
	stranger := newModel(uuid.New(), 1)
	for name, event := range map[string]proto.Message{
		"workspace":    &directoryv1.WorkspaceUpdated{Workspace: stranger.settings},
		"no workspace": &directoryv1.WorkspaceCreated{},
		"member":       &directoryv1.MemberUpdated{Member: stranger.members[0]},
		"team":         &directoryv1.TeamUpdated{Team: stranger.teams[0]},
		"space":        &directoryv1.SpaceUpdated{Space: stranger.spaces[0]},
		"no member":    &directoryv1.MemberUpdated{},
		"belonging": &directoryv1.TeamMembersChanged{Team: m.teams[0], Changes: []*directoryv1.TeamMemberChange{
			{Team: m.name("teams", 0), Member: stranger.name("members", 0), Version: 1},
		}},
		"grant": &directoryv1.SpaceAccessChanged{Space: m.spaces[0], Changes: []*directoryv1.SpaceAccessChange{
			{Space: stranger.name("spaces", 0), Principal: m.name("members", 0), Version: 1},
		}},
		"principal": &directoryv1.SpaceAccessChanged{Space: m.spaces[0], Changes: []*directoryv1.SpaceAccessChange{
			{Space: m.name("spaces", 0), Principal: "services/threads", Version: 1},
		}},
	} {
		r := reader{workspace: m.workspace}
		r.event(event)
		require.True(t, fault.Is(r.err, fault.Invalid), name)
	}
}

// What a newer directory may say gives no right here.
func TestUnknownValuesGiveNothing(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	m := newModel(uuid.New(), 2)
	m.setVisibility(0, directoryv1.Space_OPEN)
	m.setMember(0, directoryv1.Member_Role(99), directoryv1.Member_ACTIVE)
	m.setMember(1, directoryv1.Member_OWNER, directoryv1.Member_State(99))
	m.setVisibility(1, directoryv1.Space_Visibility(99))
	m.grant(1, 0, directoryv1.SpaceAccess_Role(99))
	applyAll(t, db.App, m.workspace, m.events)
	for member := range 2 {
		for space := range 2 {
			require.Equal(t, auth.NoRight, right(t, db.App.For(m.workspace), m, member, space))
		}
	}
	r := reader{}
	r.access([]*directoryv1.AccessRow{{}})
	require.NoError(t, r.err, "a kind of row that is not known is passed over")
}
