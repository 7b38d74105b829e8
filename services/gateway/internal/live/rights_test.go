package live

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// model is the rule said as plainly as it can be: the last word on each fact counts.
type model struct {
	role    map[string]auth.Role
	active  map[string]bool
	open    map[string]bool
	there   map[string]bool
	deleted map[string]bool
	belongs map[[2]string]bool // team, member
	granted map[[2]string]bool // space, principal
}

func newModel() *model {
	return &model{
		role: map[string]auth.Role{}, active: map[string]bool{}, open: map[string]bool{}, there: map[string]bool{},
		deleted: map[string]bool{}, belongs: map[[2]string]bool{}, granted: map[[2]string]bool{},
	}
}

func (m *model) reads(member, space string, teams []string) bool {
	if !m.active[member] || !m.there[space] {
		return false
	}
	if m.open[space] && m.role[member] >= auth.Member {
		return true
	}
	if m.granted[[2]string{space, member}] {
		return true
	}
	for _, team := range teams {
		if m.granted[[2]string{space, team}] && m.belongs[[2]string{team, member}] && !m.deleted[team] {
			return true
		}
	}
	return false
}

var (
	somebody  = []string{"workspaces/w/members/a", "workspaces/w/members/b", "workspaces/w/members/c"}
	someTeams = []string{"workspaces/w/teams/t", "workspaces/w/teams/u"}
	someSpace = []string{"workspaces/w/spaces/x", "workspaces/w/spaces/y"}
)

// change makes one change in the model and the row that tells of it.
func (m *model) change(t *rapid.T, version int64) *directoryv1.AccessRow {
	member := rapid.SampledFrom(somebody).Draw(t, "member")
	team := rapid.SampledFrom(someTeams).Draw(t, "team")
	space := rapid.SampledFrom(someSpace).Draw(t, "space")
	yes := rapid.Bool().Draw(t, "yes")
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		role := rapid.SampledFrom([]auth.Role{auth.Guest, auth.Member, auth.Admin, auth.Owner}).Draw(t, "role")
		state := rapid.SampledFrom([]directoryv1.Member_State{
			directoryv1.Member_INVITED, directoryv1.Member_ACTIVE, directoryv1.Member_ACTIVE, directoryv1.Member_DEACTIVATED,
		}).Draw(t, "state")
		m.role[member], m.active[member] = role, state == directoryv1.Member_ACTIVE
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: &directoryv1.Member{
			Name: member, Role: directoryv1.Member_Role(role), State: state, Version: version,
		}}}
	case 1:
		m.deleted[team] = yes
		row := &directoryv1.Team{Name: team, Version: version}
		if yes {
			row.DeleteTime = timestamppb.Now()
		}
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Team{Team: row}}
	case 2:
		m.belongs[[2]string{team, member}] = yes
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_TeamMember{TeamMember: &directoryv1.TeamMemberChange{
			Team: team, Member: member, Removed: !yes, Version: version,
		}}}
	case 3:
		m.open[space], m.there[space] = yes, true
		visibility := directoryv1.Space_PRIVATE
		if yes {
			visibility = directoryv1.Space_OPEN
		}
		return spaceRowOf(space, visibility, version)
	default:
		principal := rapid.SampledFrom(append(somebody, someTeams...)).Draw(t, "principal")
		role := rapid.SampledFrom([]directoryv1.SpaceAccess_Role{
			directoryv1.SpaceAccess_NONE, directoryv1.SpaceAccess_READER, directoryv1.SpaceAccess_MANAGER,
		}).Draw(t, "grant")
		m.granted[[2]string{space, principal}] = role >= directoryv1.SpaceAccess_READER
		return accessRowOf(space, principal, role, version)
	}
}

// Whatever order the rows come in, and however often, the rights are what the rule says of the newest.
func TestRightsFollowTheNewestRowsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		var rows []*directoryv1.AccessRow
		for _, team := range someTeams { // a team is there before it is given anything
			rows = append(rows, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Team{
				Team: &directoryv1.Team{Name: team, Version: 1},
			}})
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "changes") {
			rows = append(rows, m.change(t, int64(i)+2))
		}
		repeated := slices.Concat(rows, rapid.SliceOfN(rapid.SampledFrom(rows), 0, 10).Draw(t, "repeated"))
		r := newRights()
		r.applyRows(rapid.Permutation(repeated).Draw(t, "order"))
		for _, member := range somebody {
			for _, space := range someSpace {
				require.Equal(t, m.reads(member, space, someTeams), r.reads(member, space), "%s in %s", member, space)
			}
			for _, about := range somebody {
				workspace := r.receives(member, eventbus.Meta{Audience: eventbus.AudienceWorkspace, Subject: about, Aggregate: about})
				require.Equal(t, m.active[member] && (m.role[member] >= auth.Member || member == about), workspace)
				person := r.receives(member, eventbus.Meta{Audience: eventbus.AudiencePerson, Person: about})
				require.Equal(t, m.active[member] && member == about, person)
			}
			require.False(t, r.receives(member, eventbus.Meta{Audience: eventbus.AudienceServices}))
			require.False(t, r.receives(member, eventbus.Meta{}))
		}
	})
}

func TestRightsCountOnlyRealChanges(t *testing.T) {
	t.Parallel()
	r := newRights()
	row := spaceRowOf(someSpace[0], directoryv1.Space_OPEN, 3)
	r.applyRows([]*directoryv1.AccessRow{row})
	first := r.version()
	r.applyRows([]*directoryv1.AccessRow{row, spaceRowOf(someSpace[0], directoryv1.Space_PRIVATE, 2)})
	require.Equal(t, first, r.version())
	require.True(t, r.knows(someSpace[0]))
	require.False(t, r.knows(someSpace[1]))
}

// A workspace's settings say nothing about rights, as a row and as an event.
func TestSettingsChangeNoRights(t *testing.T) {
	t.Parallel()
	r := newRights()
	r.applyRows([]*directoryv1.AccessRow{spaceRowOf(someSpace[0], directoryv1.Space_OPEN, 3)})
	before := r.version()
	settings := &directoryv1.Workspace{Name: "workspaces/w", UrgentRole: directoryv1.Member_GUEST, Version: 9}
	r.applyRows([]*directoryv1.AccessRow{{Row: &directoryv1.AccessRow_Workspace{Workspace: settings}}, {}})
	r.applyEvent(&directoryv1.WorkspaceCreated{Workspace: settings})
	r.applyEvent(&directoryv1.WorkspaceUpdated{Workspace: settings})
	require.Equal(t, before, r.version())
	require.True(t, r.knows(someSpace[0]))
	require.False(t, r.reads(somebody[0], someSpace[0]))
}

func TestEventsAndRowsSayTheSame(t *testing.T) {
	t.Parallel()
	member, team, space := somebody[0], someTeams[0], someSpace[0]
	active := &directoryv1.Member{Name: member, State: directoryv1.Member_ACTIVE, Role: directoryv1.Member_GUEST, Version: 1}
	r := newRights()
	r.applyEvent(&directoryv1.MemberActivated{Member: active})
	r.applyEvent(&directoryv1.TeamCreated{Team: &directoryv1.Team{Name: team, Version: 1}})
	r.applyEvent(&directoryv1.SpaceCreated{Space: spaceOf(space, directoryv1.Space_PRIVATE, 1)})
	require.False(t, r.reads(member, space))
	r.applyEvent(&directoryv1.TeamMembersChanged{
		Team: &directoryv1.Team{Name: team, Version: 2}, Changes: []*directoryv1.TeamMemberChange{{Team: team, Member: member, Version: 2}},
	})
	r.applyEvent(accessChanged(space, team, directoryv1.SpaceAccess_READER, 2))
	require.True(t, r.reads(member, space))
	r.applyEvent(&directoryv1.TeamDeleted{Team: &directoryv1.Team{Name: team, Version: 3, DeleteTime: timestamppb.Now()}})
	require.False(t, r.reads(member, space), "what a deleted team had is void")
	r.applyEvent(&directoryv1.TeamUpdated{Team: &directoryv1.Team{Name: team, Version: 2}})
	require.False(t, r.reads(member, space), "late news changes nothing")
	r.applyEvent(&directoryv1.SpaceUpdated{Space: spaceOf(space, directoryv1.Space_OPEN, 3)})
	require.False(t, r.reads(member, space), "a guest reads by grant only")
	r.applyEvent(&directoryv1.MemberUpdated{Member: &directoryv1.Member{
		Name: member, State: directoryv1.Member_ACTIVE, Role: directoryv1.Member_MEMBER, Version: 2,
	}})
	require.True(t, r.reads(member, space))
	r.applyEvent(&directoryv1.MemberDeactivated{Member: &directoryv1.Member{Name: member, State: directoryv1.Member_DEACTIVATED, Version: 3}})
	require.False(t, r.reads(member, space))
}

// Tokens: what was signed is read back, and nothing else is read.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := signer{key: make([]byte, 32)}
	rapid.Check(t, func(t *rapid.T) {
		p := place{sequence: rapid.Uint64().Draw(t, "sequence"), created: timestamppb.Now().AsTime()}
		copy(p.filter[:], rapid.SliceOfN(rapid.Byte(), filterSize, filterSize).Draw(t, "filter"))
		token := s.sign(p)
		back, err := s.read(token)
		require.NoError(t, err)
		require.Equal(t, p, back)
		broken := []byte(token)
		at := rapid.IntRange(0, len(broken)-1).Draw(t, "at")
		broken[at] = rapid.ByteRange('0', 'z').Filter(func(b byte) bool { return b != token[at] }).Draw(t, "byte")
		_, err = s.read(string(broken))
		require.Error(t, err)
	})
}
