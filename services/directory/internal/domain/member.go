package domain

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Role is what a member may do in the workspace as a whole. The numbers are stored.
type Role int16

// The roles, in rising order.
const (
	Guest Role = iota + 1
	Ordinary
	Admin
	Owner
)

// State is where a member stands between invitation and leaving. The numbers are stored.
type State int16

// The states.
const (
	Invited State = iota + 1
	Active
	Deactivated
)

// Kind tells people from programs. The numbers are stored.
type Kind int16

// The kinds.
const (
	Person Kind = iota + 1
	ServiceAccount
)

func roleWords() []string  { return []string{"GUEST", "MEMBER", "ADMIN", "OWNER"} }
func stateWords() []string { return []string{"INVITED", "ACTIVE", "DEACTIVATED"} }
func kindWords() []string  { return []string{"PERSON", "SERVICE_ACCOUNT"} }

// String returns the role's word: GUEST, MEMBER, ADMIN or OWNER.
func (r Role) String() string { return word(roleWords(), int(r)) }

// String returns the state's word.
func (s State) String() string { return word(stateWords(), int(s)) }

// String returns the kind's word.
func (k Kind) String() string { return word(kindWords(), int(k)) }

// RoleOf returns the role that a word means; 0 for an unknown one.
func RoleOf(s string) Role { return Role(slices.Index(roleWords(), s) + 1) }

// StateOf returns the state that a word means; 0 for an unknown one.
func StateOf(s string) State { return State(slices.Index(stateWords(), s) + 1) }

// KindOf returns the kind that a word means; 0 for an unknown one.
func KindOf(s string) Kind { return Kind(slices.Index(kindWords(), s) + 1) }

func word(words []string, i int) string {
	if i < 1 || i > len(words) {
		return strconv.Itoa(i)
	}
	return words[i-1]
}

// Member is a person's, or a service account's, belonging to a workspace.
type Member struct {
	// Workspace and ID name the member.
	Workspace, ID uuid.UUID
	// Kind tells a person from a program.
	Kind Kind
	// State is where the member stands.
	State State
	// Role is what the member may do.
	Role Role
	// DisplayName is what people call the member.
	DisplayName string
	// Email is in lower case; empty for a service account.
	Email string
	// Handle is unique in the workspace.
	Handle string
	// TimeZone is an IANA zone.
	TimeZone string
	// Manager is whom the member reports to; zero for nobody.
	Manager uuid.UUID
	// Accepted is whether the member was ever ACTIVE.
	Accepted bool
	// Version counts the member's changes, from 1.
	Version int64
	// CreateTime and UpdateTime are when the member was made and last changed.
	CreateTime, UpdateTime time.Time
}

// Name is the member's resource name.
func (m *Member) Name() string { return MemberName(m.Workspace, m.ID) }

// Reigns says whether the member is an owner who can act as one.
func (m *Member) Reigns() bool { return m.Role == Owner && m.State == Active }

// Newcomer is what is known of a member to be.
type Newcomer struct {
	Kind                             Kind
	Email, DisplayName, Handle, Zone string
	Role                             Role
}

// NewMember makes an INVITED person or an ACTIVE service account, or refuses what is known of them: Invalid.
// A display name that is not given comes from the address. The handle is claimed by the caller.
func NewMember(ws, id uuid.UUID, n Newcomer, now time.Time) (Member, error) {
	m := Member{
		Workspace: ws, ID: id, Kind: n.Kind, State: Invited, Role: n.Role, Handle: n.Handle, TimeZone: n.Zone,
		Version: 1, CreateTime: now, UpdateTime: now,
	}
	if n.Kind == ServiceAccount {
		m.State, m.Accepted = Active, true
		if n.Role == Owner {
			return Member{}, kindFault(&m, "a service account is never an OWNER")
		}
	} else {
		email, err := CheckEmail("email", n.Email)
		if err != nil {
			return Member{}, err
		}
		m.Email = email
		if n.DisplayName == "" {
			n.DisplayName = nameFromEmail(email)
		}
	}
	var err error
	m.DisplayName, err = CheckDisplayName("display_name", n.DisplayName)
	return m, err
}

// NewOwner makes the ACTIVE first owner of a workspace, or refuses what is known of them: Invalid.
func NewOwner(ws, id uuid.UUID, email, displayName, zone string, now time.Time) (Member, error) {
	m, err := NewMember(ws, id, Newcomer{
		Kind: Person, Email: email, DisplayName: displayName, Zone: zone, Role: Owner,
	}, now)
	m.State, m.Accepted = Active, true
	return m, err
}

// MayChange refuses an actor who is below an owner and would change one: Denied, OWNER_REQUIRED.
func (m *Member) MayChange(actor Role) error {
	if m.Role == Owner && actor < Owner {
		return fault.New(fault.Denied, ReasonOwnerRequired, "only an owner may change an owner").With("name", m.Name())
	}
	return nil
}

// MayGive refuses an actor who is below an owner and would make one: Denied, OWNER_REQUIRED.
func MayGive(actor, role Role) error {
	if role == Owner && actor < Owner {
		return fault.New(fault.Denied, ReasonOwnerRequired, "only an owner may make an owner")
	}
	return nil
}

// Acceptance is what an invited person says of themselves; empty keeps what is known.
type Acceptance struct {
	DisplayName, Handle, Zone string
}

// Accept makes an invited member ACTIVE as they describe themselves, and returns which fields changed. A member who
// is ACTIVE already stays so: the code was their way back in, unless they became an owner since. The caller claims the
// handle.
func (m *Member) Accept(a Acceptance, fallbackZone string, now time.Time) ([]string, error) {
	if m.State == Deactivated || m.Reigns() {
		return nil, InvitationInvalid()
	}
	var changed changes
	if a.DisplayName != "" {
		name, err := CheckDisplayName("display_name", a.DisplayName)
		if err != nil {
			return nil, err
		}
		set(&changed, "display_name", &m.DisplayName, name)
	}
	if a.Handle != "" {
		if err := CheckHandle("handle", a.Handle); err != nil {
			return nil, err
		}
		set(&changed, "handle", &m.Handle, a.Handle)
	}
	if m.TimeZone != "" {
		fallbackZone = m.TimeZone
	}
	zone, err := CheckZone("time_zone", a.Zone, fallbackZone)
	if err != nil {
		return nil, err
	}
	set(&changed, "time_zone", &m.TimeZone, zone)
	set(&changed, "state", &m.State, Active)
	m.Accepted = true
	if len(changed) > 0 {
		m.Version, m.UpdateTime = m.Version+1, now
	}
	return changed, nil
}

// Deactivate ends the member's access, or refuses: Precondition.
func (m *Member) Deactivate(now time.Time) error {
	if m.State == Deactivated {
		return m.unmet(ReasonMemberDeactivated, "the member is DEACTIVATED")
	}
	m.State, m.Version, m.UpdateTime = Deactivated, m.Version+1, now
	return nil
}

// Reactivate lets the member in again, to where they were, or refuses: Precondition.
func (m *Member) Reactivate(now time.Time) error {
	if m.State != Deactivated {
		return m.unmet(ReasonMemberNotDeactivated, "the member is not DEACTIVATED")
	}
	m.State = Invited
	if m.Accepted {
		m.State = Active
	}
	m.Version, m.UpdateTime = m.Version+1, now
	return nil
}

// Invitable refuses to invite a service account, a DEACTIVATED member, or an ACTIVE one who has a live API token and
// so a way in: Precondition. Whoever holds the code of somebody who was ever ACTIVE becomes them, with all that they
// wrote and may read: so it takes an owner, Denied OWNER_REQUIRED, and an owner's own way back is the operator's, Denied
// OPERATOR_REQUIRED.
func (m *Member) Invitable(actor Role, hasToken bool) error {
	switch {
	case m.Kind == ServiceAccount:
		return kindFault(m, "service accounts are not invited")
	case m.State == Deactivated:
		return m.unmet(ReasonMemberDeactivated, "the member is DEACTIVATED; reactivate first")
	case m.State == Active && hasToken:
		return m.unmet(ReasonMemberAlreadyActive, "the member is ACTIVE and has a way in")
	case m.Accepted && actor < Owner:
		return fault.New(fault.Denied, ReasonOwnerRequired, "only an owner may let in again who was ACTIVE before").
			With("name", m.Name())
	case m.Accepted && m.Role == Owner:
		return fault.New(fault.Denied, ReasonOperatorRequired, "only the operator may let an owner in again").
			With("name", m.Name())
	}
	return nil
}

// Invite applies a new invitation to an INVITED member: the role and name given now, if any.
func (m *Member) Invite(role Role, displayName string, now time.Time) error {
	if displayName != "" {
		name, err := CheckDisplayName("display_name", displayName)
		if err != nil {
			return err
		}
		m.DisplayName = name
	}
	if role != 0 {
		m.Role = role
	}
	m.Version, m.UpdateTime = m.Version+1, now
	return nil
}

// MustBeActive refuses a member who is not ACTIVE: Precondition.
func (m *Member) MustBeActive() error {
	if m.State != Active {
		return m.unmet(ReasonMemberNotActive, "the member is not ACTIVE")
	}
	return nil
}

// MustStay refuses a member who is DEACTIVATED: Precondition.
func (m *Member) MustStay() error {
	if m.State == Deactivated {
		return m.unmet(ReasonMemberDeactivated, "the member is DEACTIVATED")
	}
	return nil
}

// LastOwner is the refusal to leave a workspace without an ACTIVE owner.
func LastOwner(m Member) error {
	return m.unmet(ReasonLastOwner, "this is the workspace's last owner; make another first")
}

func (m *Member) unmet(reason, text string) error {
	return fault.New(fault.Precondition, reason, "%s", text).With("name", m.Name()).
		WithPrecondition("MEMBER_STATE", m.Name(), text)
}

func kindFault(m *Member, text string) error {
	return fault.New(fault.Precondition, ReasonMemberKind, "%s", text).WithPrecondition("MEMBER_KIND", m.Name(), text)
}
