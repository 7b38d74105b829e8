package live

import (
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// rights is who may read what in one workspace, kept by names. Every row carries the version it holds at and a
// newer one replaces an older one, whatever order they come in; what was taken away stays as a row that says so.
type rights struct {
	mu      sync.RWMutex
	members map[string]memberRow
	teams   map[string]teamRow
	belongs map[belonging]versioned
	spaces  map[string]spaceRow
	grants  map[string]map[string]versioned // space -> member or team
	changes uint64
}

type memberRow struct {
	version int64
	active  bool
	guest   bool
}

type teamRow struct {
	version int64
	deleted bool
}

type spaceRow struct {
	version int64
	open    bool
}

// versioned is a fact that holds or has ended.
type versioned struct {
	version int64
	holds   bool
}

type belonging struct{ team, member string }

func newRights() *rights {
	return &rights{
		members: map[string]memberRow{}, teams: map[string]teamRow{}, belongs: map[belonging]versioned{},
		spaces: map[string]spaceRow{}, grants: map[string]map[string]versioned{},
	}
}

// applyRows takes rows of the directory's snapshot or answer.
func (r *rights) applyRows(rows []*directoryv1.AccessRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		switch {
		case row.GetMember() != nil:
			r.member(row.GetMember())
		case row.GetTeam() != nil:
			r.team(row.GetTeam())
		case row.GetTeamMember() != nil:
			r.teamMembers([]*directoryv1.TeamMemberChange{row.GetTeamMember()})
		case row.GetSpace() != nil:
			r.space(row.GetSpace())
		case row.GetSpaceAccess() != nil:
			r.access([]*directoryv1.SpaceAccessChange{row.GetSpaceAccess()})
		}
	}
}

// applyEvent takes an event of the directory; what says nothing about rights is passed over.
func (r *rights) applyEvent(payload proto.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch event := payload.(type) {
	case *directoryv1.MemberInvited:
		r.member(event.GetMember())
	case *directoryv1.MemberActivated:
		r.member(event.GetMember())
	case *directoryv1.MemberUpdated:
		r.member(event.GetMember())
	case *directoryv1.MemberDeactivated:
		r.member(event.GetMember())
	case *directoryv1.TeamCreated:
		r.team(event.GetTeam())
	case *directoryv1.TeamUpdated:
		r.team(event.GetTeam())
	case *directoryv1.TeamDeleted:
		r.team(event.GetTeam())
	case *directoryv1.TeamMembersChanged:
		r.team(event.GetTeam())
		r.teamMembers(event.GetChanges())
	case *directoryv1.SpaceCreated:
		r.space(event.GetSpace())
	case *directoryv1.SpaceUpdated:
		r.space(event.GetSpace())
	case *directoryv1.SpaceAccessChanged:
		r.space(event.GetSpace())
		r.access(event.GetChanges())
	}
}

func (r *rights) member(m *directoryv1.Member) {
	if old, ok := r.members[m.GetName()]; !ok || m.GetVersion() > old.version {
		r.changes++
		r.members[m.GetName()] = memberRow{
			version: m.GetVersion(),
			active:  m.GetState() == directoryv1.Member_ACTIVE,
			guest:   m.GetRole() < directoryv1.Member_MEMBER,
		}
	}
}

func (r *rights) team(t *directoryv1.Team) {
	if old, ok := r.teams[t.GetName()]; !ok || t.GetVersion() > old.version {
		r.changes++
		r.teams[t.GetName()] = teamRow{version: t.GetVersion(), deleted: t.GetDeleteTime() != nil}
	}
}

func (r *rights) teamMembers(changes []*directoryv1.TeamMemberChange) {
	for _, change := range changes {
		key := belonging{change.GetTeam(), change.GetMember()}
		if old, ok := r.belongs[key]; !ok || change.GetVersion() > old.version {
			r.changes++
			r.belongs[key] = versioned{change.GetVersion(), !change.GetRemoved()}
		}
	}
}

func (r *rights) space(s *directoryv1.Space) {
	if old, ok := r.spaces[s.GetName()]; !ok || s.GetVersion() > old.version {
		r.changes++
		r.spaces[s.GetName()] = spaceRow{s.GetVersion(), s.GetVisibility() == directoryv1.Space_OPEN}
	}
}

func (r *rights) access(changes []*directoryv1.SpaceAccessChange) {
	for _, change := range changes {
		grants := r.grants[change.GetSpace()]
		if grants == nil {
			grants = make(map[string]versioned)
			r.grants[change.GetSpace()] = grants
		}
		if old, ok := grants[change.GetPrincipal()]; !ok || change.GetVersion() > old.version {
			r.changes++
			grants[change.GetPrincipal()] = versioned{
				change.GetVersion(), change.GetRole() >= directoryv1.SpaceAccess_READER,
			}
		}
	}
}

// version counts the changes, so that what was worked out may be remembered until the next one.
func (r *rights) version() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.changes
}

// active says whether the member may sign in.
func (r *rights) active(member string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.members[member].active
}

// knows says whether there is such a space.
func (r *rights) knows(space string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.spaces[space]
	return ok
}

// reads says whether the member may read the space: OPEN ones unless a GUEST, any by a grant of their own or of a
// team of theirs.
func (r *rights) reads(member, space string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	who, at := r.members[member], r.spaces[space]
	switch {
	case !who.active || at == (spaceRow{}):
		return false
	case at.open && !who.guest:
		return true
	}
	for principal, grant := range r.grants[space] {
		if !grant.holds {
			continue
		}
		if principal == member {
			return true
		}
		team, ok := r.teams[principal]
		if ok && !team.deleted && r.belongs[belonging{principal, member}].holds {
			return true
		}
	}
	return false
}

// receives says whether the member may have the event, by its audience.
func (r *rights) receives(member string, meta eventbus.Meta) bool {
	switch meta.Audience {
	case eventbus.AudienceWorkspace:
		r.mu.RLock()
		who := r.members[member]
		r.mu.RUnlock()
		return who.active && (!who.guest || about(member, meta.Subject) || about(member, meta.Aggregate))
	case eventbus.AudienceSpace:
		return r.reads(member, meta.Space)
	case eventbus.AudiencePerson:
		return meta.Person == member && r.active(member) && (meta.Space == "" || r.reads(member, meta.Space))
	default:
		return false
	}
}

// about says whether a resource is the member itself or belongs to it.
func about(member, resource string) bool {
	rest, ok := strings.CutPrefix(resource, member)
	return ok && (rest == "" || rest[0] == '/')
}
