package projection

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// model is a small directory: one workspace, its rows as they stand, and the events that led there. It is the
// oracle of the tests: its rules are written from the contract, not from the SQL.
type model struct {
	workspace uuid.UUID
	settings  *directoryv1.Workspace
	members   []*directoryv1.Member
	teams     []*directoryv1.Team
	spaces    []*directoryv1.Space
	belongs   map[[2]int]*directoryv1.TeamMemberChange // team, member
	grants    map[[2]int]*directoryv1.SpaceAccessChange
	events    []proto.Message
}

// newModel makes a workspace with n members, teams and spaces that nobody was told of yet.
func newModel(workspace uuid.UUID, n int) *model {
	m := &model{
		workspace: workspace,
		belongs:   map[[2]int]*directoryv1.TeamMemberChange{}, grants: map[[2]int]*directoryv1.SpaceAccessChange{},
	}
	m.settings = &directoryv1.Workspace{
		Name: "workspaces/" + workspace.String(), DisplayName: "Relay", TimeZone: "UTC",
		UrgentRole: directoryv1.Member_MEMBER,
	}
	for i := range n {
		m.members = append(m.members, &directoryv1.Member{
			Name: m.name("members", i), Handle: fmt.Sprintf("m%d", i), DisplayName: "Member", TimeZone: "Europe/Berlin",
			Email: fmt.Sprintf("m%d@example.org", i),
			Role:  directoryv1.Member_MEMBER, State: directoryv1.Member_ACTIVE, Kind: directoryv1.Member_PERSON,
		})
		m.teams = append(m.teams, &directoryv1.Team{
			Name: m.name("teams", i), Handle: fmt.Sprintf("t%d", i), DisplayName: "Team",
		})
		m.spaces = append(m.spaces, &directoryv1.Space{
			Name: m.name("spaces", i), DisplayName: "Space", Visibility: directoryv1.Space_PRIVATE,
		})
	}
	m.touchWorkspace(&directoryv1.WorkspaceCreated{})
	for i := range n {
		m.touchMember(i, &directoryv1.MemberActivated{})
		m.touchTeam(i, &directoryv1.TeamCreated{})
		m.touchSpace(i, &directoryv1.SpaceCreated{})
	}
	return m
}

// id is the same for the same kind and number in every workspace, to show that nothing crosses.
func (m *model) id(kind string, i int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d", kind, i))
}

func (m *model) name(kind string, i int) string {
	return fmt.Sprintf("workspaces/%s/%s/%s", m.workspace, kind, m.id(kind, i))
}

func (m *model) publish(event proto.Message) { m.events = append(m.events, proto.Clone(event)) }

func (m *model) touchWorkspace(event proto.Message) {
	m.settings.Version++
	switch e := event.(type) {
	case *directoryv1.WorkspaceCreated:
		e.Workspace = m.settings
	case *directoryv1.WorkspaceUpdated:
		e.Workspace = m.settings
	}
	m.publish(event)
}

// set changes the workspace's settings: who may be urgent, and how long people have for what is NORMAL.
func (m *model) set(role directoryv1.Member_Role, normal time.Duration) {
	m.settings.UrgentRole = role
	m.settings.ResponseWindows = &directoryv1.ResponseWindows{Normal: durationpb.New(normal)}
	m.touchWorkspace(&directoryv1.WorkspaceUpdated{})
}

func (m *model) setEmail(i int, email string) {
	m.members[i].Email = email
	m.touchMember(i, &directoryv1.MemberUpdated{})
}

func (m *model) touchMember(i int, event proto.Message) {
	m.members[i].Version++
	switch e := event.(type) {
	case *directoryv1.MemberActivated:
		e.Member = m.members[i]
	case *directoryv1.MemberInvited:
		e.Member = m.members[i]
	case *directoryv1.MemberUpdated:
		e.Member = m.members[i]
	case *directoryv1.MemberDeactivated:
		e.Member = m.members[i]
	}
	m.publish(event)
}

func (m *model) touchTeam(i int, event proto.Message) {
	m.teams[i].Version++
	switch e := event.(type) {
	case *directoryv1.TeamCreated:
		e.Team = m.teams[i]
	case *directoryv1.TeamUpdated:
		e.Team = m.teams[i]
	case *directoryv1.TeamDeleted:
		e.Team = m.teams[i]
	case *directoryv1.TeamMembersChanged:
		e.Team = m.teams[i]
		for _, c := range e.GetChanges() {
			c.Version = m.teams[i].GetVersion()
		}
	}
	m.publish(event)
}

func (m *model) touchSpace(i int, event proto.Message) {
	m.spaces[i].Version++
	switch e := event.(type) {
	case *directoryv1.SpaceCreated:
		e.Space = m.spaces[i]
	case *directoryv1.SpaceUpdated:
		e.Space = m.spaces[i]
	case *directoryv1.SpaceAccessChanged:
		e.Space = m.spaces[i]
		for _, c := range e.GetChanges() {
			c.Version = m.spaces[i].GetVersion()
		}
	}
	m.publish(event)
}

func (m *model) setMember(i int, role directoryv1.Member_Role, state directoryv1.Member_State) {
	m.members[i].Role, m.members[i].State = role, state
	if state == directoryv1.Member_DEACTIVATED {
		m.touchMember(i, &directoryv1.MemberDeactivated{})
		return
	}
	m.touchMember(i, &directoryv1.MemberUpdated{})
}

func (m *model) deleteTeam(i int) {
	m.teams[i].DeleteTime = &timestamppb.Timestamp{Seconds: 1}
	m.touchTeam(i, &directoryv1.TeamDeleted{})
}

func (m *model) belong(team, member int, removed bool) {
	c := &directoryv1.TeamMemberChange{Team: m.name("teams", team), Member: m.name("members", member), Removed: removed}
	m.belongs[[2]int{team, member}] = c
	m.touchTeam(team, &directoryv1.TeamMembersChanged{Changes: []*directoryv1.TeamMemberChange{c}})
}

func (m *model) setVisibility(space int, v directoryv1.Space_Visibility) {
	m.spaces[space].Visibility = v
	m.touchSpace(space, &directoryv1.SpaceUpdated{})
}

// grant gives a right to members (below len(members)) and teams (from there on).
func (m *model) grant(space, principal int, role directoryv1.SpaceAccess_Role) {
	name := m.principal(principal)
	c := &directoryv1.SpaceAccessChange{Space: m.name("spaces", space), Principal: name, Role: role}
	m.grants[[2]int{space, principal}] = c
	m.touchSpace(space, &directoryv1.SpaceAccessChanged{Changes: []*directoryv1.SpaceAccessChange{c}})
}

func (m *model) principal(i int) string {
	if i < len(m.members) {
		return m.name("members", i)
	}
	return m.name("teams", i-len(m.members))
}

// right is what the contract says of a member and a space.
func (m *model) right(member, space int) auth.Right {
	who, where := m.members[member], m.spaces[space]
	if who.GetState() != directoryv1.Member_ACTIVE {
		return auth.NoRight
	}
	right := auth.NoRight
	if where.GetVisibility() == directoryv1.Space_OPEN {
		switch who.GetRole() {
		case directoryv1.Member_MEMBER:
			right = auth.Writer
		case directoryv1.Member_ADMIN, directoryv1.Member_OWNER:
			right = auth.Manager
		}
	}
	given := func(principal int) auth.Right {
		if c := m.grants[[2]int{space, principal}]; c != nil {
			return auth.Right(max(int(c.GetRole())-int(directoryv1.SpaceAccess_NONE), 0))
		}
		return auth.NoRight
	}
	right = max(right, given(member))
	for t, team := range m.teams {
		if c := m.belongs[[2]int{t, member}]; c != nil && !c.GetRemoved() && team.GetDeleteTime() == nil {
			right = max(right, given(len(m.members)+t))
		}
	}
	return right
}

// rows is what the directory would answer for everything.
func (m *model) rows() []*directoryv1.AccessRow {
	all := []*directoryv1.AccessRow{{Row: &directoryv1.AccessRow_Workspace{Workspace: m.settings}}}
	for i := range m.members {
		all = append(all,
			&directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: m.members[i]}},
			&directoryv1.AccessRow{Row: &directoryv1.AccessRow_Team{Team: m.teams[i]}},
			&directoryv1.AccessRow{Row: &directoryv1.AccessRow_Space{Space: m.spaces[i]}})
	}
	for _, k := range sorted(m.belongs) {
		all = append(all, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_TeamMember{TeamMember: m.belongs[k]}})
	}
	for _, k := range sorted(m.grants) {
		all = append(all, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_SpaceAccess{SpaceAccess: m.grants[k]}})
	}
	return all
}

// sorted is the keys in their order, so that pages of the same rows fit together.
func sorted[V any](rows map[[2]int]V) [][2]int {
	return slices.SortedFunc(maps.Keys(rows), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
}

// live does random things to the workspace.
func (m *model) live(t *rapid.T) {
	n := len(m.members)
	some := rapid.IntRange(0, n-1)
	roles := rapid.SampledFrom([]directoryv1.SpaceAccess_Role{
		directoryv1.SpaceAccess_NONE, directoryv1.SpaceAccess_READER, directoryv1.SpaceAccess_WRITER,
		directoryv1.SpaceAccess_MANAGER,
	})
	for range rapid.IntRange(0, 25).Draw(t, "changes") {
		switch rapid.IntRange(0, 11).Draw(t, "change") {
		case 10:
			m.set(directoryv1.Member_Role(rapid.IntRange(1, 4).Draw(t, "urgent role")),
				time.Duration(rapid.IntRange(1, 100).Draw(t, "hours"))*time.Hour)
		case 11:
			m.setEmail(some.Draw(t, "member"), rapid.StringMatching(`[a-z]{1,3}@example\.org`).Draw(t, "email"))
		case 0, 1:
			role := rapid.IntRange(1, 4).Draw(t, "role")
			state := rapid.IntRange(1, 3).Draw(t, "state")
			m.setMember(some.Draw(t, "member"), directoryv1.Member_Role(role), directoryv1.Member_State(state))
		case 2:
			m.deleteTeam(some.Draw(t, "team"))
		case 3, 4, 5:
			m.belong(some.Draw(t, "team"), some.Draw(t, "member"), rapid.Bool().Draw(t, "removed"))
		case 6:
			v := rapid.IntRange(1, 2).Draw(t, "visibility")
			m.setVisibility(some.Draw(t, "space"), directoryv1.Space_Visibility(v))
		default:
			m.grant(some.Draw(t, "space"), rapid.IntRange(0, 2*n-1).Draw(t, "principal"), roles.Draw(t, "right"))
		}
	}
}

// scrambled is the events in any order, some of them more than once.
func (m *model) scrambled(t *rapid.T) []proto.Message {
	again := rapid.SliceOfN(rapid.IntRange(0, len(m.events)-1), 0, 10).Draw(t, "again")
	events := slices.Clone(m.events)
	for _, i := range again {
		events = append(events, m.events[i])
	}
	return rapid.Permutation(events).Draw(t, "order")
}
