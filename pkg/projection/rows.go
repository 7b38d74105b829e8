package projection

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/window"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// key is a row's primary key.
type key struct{ workspace, first, second uuid.UUID }

func (k key) compare(o key) int {
	return cmp.Or(bytes.Compare(k.workspace[:], o.workspace[:]), bytes.Compare(k.first[:], o.first[:]),
		bytes.Compare(k.second[:], o.second[:]))
}

// row is what the tables' rows have in common.
type row interface {
	id() key
	at() int64
}

// stamp is a row's key and the version it holds at.
type stamp struct {
	key
	version int64
}

func (s stamp) id() key   { return s.key }
func (s stamp) at() int64 { return s.version }

// workspaceRow has seconds for its windows. Its key is the workspace alone.
type workspaceRow struct {
	stamp
	displayName, timeZone     string
	urgentRole                int16
	low, normal, high, urgent int64
}

type memberRow struct {
	stamp
	displayName, handle, timeZone, email string
	manager                              uuid.UUID // nil for nobody
	role, state, kind                    int16
}

type teamRow struct {
	stamp
	displayName, handle string
	deleted             bool
}

type teamMemberRow struct {
	stamp
	lead, removed bool
}

type spaceRow struct {
	stamp
	displayName string
	visibility  int16
}

type grantRow struct {
	stamp
	access int16
}

// rows is what one event, answer or page brings.
type rows struct {
	workspaces  []workspaceRow
	members     []memberRow
	teams       []teamRow
	teamMembers []teamMemberRow
	spaces      []spaceRow
	grants      []grantRow
}

// newest leaves of each row its newest version, in the order of the keys: one statement may not write a row twice,
// and transactions that lock rows in one order do not deadlock.
func newest[R row](all []R) []R {
	slices.SortStableFunc(all, func(a, b R) int { return cmp.Or(a.id().compare(b.id()), cmp.Compare(b.at(), a.at())) })
	return slices.CompactFunc(all, func(a, b R) bool { return a.id() == b.id() })
}

var (
	workspaceName = resname.MustPattern("workspaces/{workspace}")
	memberName    = resname.MustPattern("workspaces/{workspace}/members/{member}")
	teamName      = resname.MustPattern("workspaces/{workspace}/teams/{team}")
	spaceName     = resname.MustPattern("workspaces/{workspace}/spaces/{space}")
)

// reader gathers rows from messages of the directory. It keeps the first mistake, and refuses rows of another
// workspace than the one it reads for.
type reader struct {
	rows
	workspace uuid.UUID // nil reads all
	err       error
}

// name parses a resource name to its workspace and its id; the workspace's own has no further one.
func (r *reader) name(p *resname.Pattern, field, name string) (workspace, id uuid.UUID) {
	ids, err := p.ParseUUIDs(field, name)
	if err == nil && r.workspace != uuid.Nil && ids[0] != r.workspace {
		err = fault.InvalidField(field, "must be of the workspace that it was asked or published for")
	}
	if err != nil {
		r.err = cmp.Or(r.err, err)
		return uuid.Nil, uuid.Nil
	}
	return ids[0], ids[len(ids)-1]
}

func (r *reader) settings(w *directoryv1.Workspace) {
	workspace, _ := r.name(workspaceName, "workspace.name", w.GetName())
	windows := w.GetResponseWindows()
	r.workspaces = append(r.workspaces, workspaceRow{
		stamp:       stamp{key{workspace: workspace}, w.GetVersion()},
		displayName: w.GetDisplayName(), timeZone: w.GetTimeZone(), urgentRole: urgentRole(w.GetUrgentRole()),
		low:    inSeconds(windows.GetLow(), window.DefaultLow),
		normal: inSeconds(windows.GetNormal(), window.DefaultNormal),
		high:   inSeconds(windows.GetHigh(), window.DefaultHigh),
		urgent: inSeconds(windows.GetUrgent(), window.DefaultUrgent),
	})
}

// urgentRole is MEMBER for a workspace from before there was one, and the highest for one that this version does not know.
func urgentRole(role directoryv1.Member_Role) int16 {
	if role == directoryv1.Member_ROLE_UNSPECIFIED {
		return int16(directoryv1.Member_MEMBER)
	}
	if _, known := directoryv1.Member_Role_name[int32(role)]; !known {
		return int16(directoryv1.Member_OWNER)
	}
	return int16(role)
}

func inSeconds(d *durationpb.Duration, usual time.Duration) int64 {
	if d.AsDuration() <= 0 {
		return int64(usual / time.Second)
	}
	return int64(d.AsDuration() / time.Second)
}

func (r *reader) member(m *directoryv1.Member) {
	workspace, id := r.name(memberName, "member.name", m.GetName())
	row := memberRow{
		stamp:       stamp{key{workspace: workspace, first: id}, m.GetVersion()},
		displayName: m.GetDisplayName(), handle: m.GetHandle(), timeZone: m.GetTimeZone(),
		email: m.GetEmail(),
	}
	if m.GetManager() != "" {
		_, row.manager = r.name(memberName, "member.manager", m.GetManager())
	}
	// A value that this version does not know gives nothing: 0 is no role, no state, no right.
	if _, known := directoryv1.Member_Role_name[int32(m.GetRole())]; known {
		row.role = int16(m.GetRole())
	}
	if _, known := directoryv1.Member_State_name[int32(m.GetState())]; known {
		row.state = int16(m.GetState())
	}
	if _, known := directoryv1.Member_Kind_name[int32(m.GetKind())]; known {
		row.kind = int16(m.GetKind())
	}
	r.members = append(r.members, row)
}

func (r *reader) team(t *directoryv1.Team) {
	workspace, id := r.name(teamName, "team.name", t.GetName())
	r.teams = append(r.teams, teamRow{
		stamp:       stamp{key{workspace: workspace, first: id}, t.GetVersion()},
		displayName: t.GetDisplayName(), handle: t.GetHandle(), deleted: t.GetDeleteTime() != nil,
	})
}

func (r *reader) teamMember(c *directoryv1.TeamMemberChange) {
	workspace, team := r.name(teamName, "change.team", c.GetTeam())
	_, member := r.name(memberName, "change.member", c.GetMember())
	r.teamMembers = append(r.teamMembers, teamMemberRow{
		stamp: stamp{key{workspace, team, member}, c.GetVersion()}, lead: c.GetLead(), removed: c.GetRemoved(),
	})
}

func (r *reader) space(s *directoryv1.Space) {
	workspace, id := r.name(spaceName, "space.name", s.GetName())
	visibility := directoryv1.Space_PRIVATE // also for one that this version does not know
	if s.GetVisibility() == directoryv1.Space_OPEN {
		visibility = directoryv1.Space_OPEN
	}
	r.spaces = append(r.spaces, spaceRow{
		stamp:       stamp{key{workspace: workspace, first: id}, s.GetVersion()},
		displayName: s.GetDisplayName(), visibility: int16(visibility),
	})
}

func (r *reader) grant(c *directoryv1.SpaceAccessChange) {
	workspace, space := r.name(spaceName, "change.space", c.GetSpace())
	pattern := memberName
	if teamName.Matches(c.GetPrincipal()) {
		pattern = teamName
	}
	_, principal := r.name(pattern, "change.principal", c.GetPrincipal())
	r.grants = append(r.grants, grantRow{
		stamp: stamp{key{workspace, space, principal}, c.GetVersion()}, access: int16(access(c.GetRole())),
	})
}

func access(role directoryv1.SpaceAccess_Role) auth.Right {
	switch role {
	case directoryv1.SpaceAccess_READER:
		return auth.Reader
	case directoryv1.SpaceAccess_WRITER:
		return auth.Writer
	case directoryv1.SpaceAccess_MANAGER:
		return auth.Manager
	case directoryv1.SpaceAccess_ROLE_UNSPECIFIED, directoryv1.SpaceAccess_NONE:
	}
	return auth.NoRight
}

// access reads a page of the snapshot or an answer of the directory.
func (r *reader) access(all []*directoryv1.AccessRow) {
	for _, one := range all {
		switch row := one.GetRow().(type) {
		case *directoryv1.AccessRow_Workspace:
			r.settings(row.Workspace)
		case *directoryv1.AccessRow_Member:
			r.member(row.Member)
		case *directoryv1.AccessRow_Team:
			r.team(row.Team)
		case *directoryv1.AccessRow_TeamMember:
			r.teamMember(row.TeamMember)
		case *directoryv1.AccessRow_Space:
			r.space(row.Space)
		case *directoryv1.AccessRow_SpaceAccess:
			r.grant(row.SpaceAccess)
		default: // a kind of row that this version does not keep
		}
	}
}
