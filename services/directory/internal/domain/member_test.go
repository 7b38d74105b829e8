package domain_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

func now() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func newMember(t require.TestingT, role domain.Role) domain.Member {
	m, err := domain.NewMember(uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), domain.Newcomer{
		Kind: domain.Person, Email: "Ana@Example.org", Handle: "ana", Zone: "UTC", Role: role,
	}, now())
	require.NoError(t, err)
	return m
}

func TestANewMemberIsInvited(t *testing.T) {
	t.Parallel()
	m := newMember(t, domain.Ordinary)
	require.Equal(t, domain.Invited, m.State)
	require.Equal(t, "ana@example.org", m.Email)
	require.Equal(t, "ana", m.DisplayName)
	require.False(t, m.Accepted)
	require.EqualValues(t, 1, m.Version)
	require.Error(t, m.MustBeActive())
	_, err := domain.NewMember(uuid.New(), uuid.New(), domain.Newcomer{Kind: domain.Person, Email: "none"}, now())
	require.Equal(t, "email", fault.From(err).Fields[0].Path)
}

func TestAServiceAccountIsActiveAndNeverAnOwner(t *testing.T) {
	t.Parallel()
	n := domain.Newcomer{Kind: domain.ServiceAccount, DisplayName: "Bot", Role: domain.Admin}
	m, err := domain.NewMember(uuid.New(), uuid.New(), n, now())
	require.NoError(t, err)
	require.Equal(t, domain.Active, m.State)
	require.Empty(t, m.Email)
	n.Role = domain.Owner
	_, err = domain.NewMember(uuid.New(), uuid.New(), n, now())
	require.True(t, fault.HasReason(err, domain.ReasonMemberKind))
	owner, email := domain.Owner, "bot@example.org"
	_, err = m.Change(domain.MemberChange{Role: &owner}, now())
	require.True(t, fault.HasReason(err, domain.ReasonMemberKind))
	_, err = m.Change(domain.MemberChange{Email: &email}, now())
	require.True(t, fault.HasReason(err, domain.ReasonMemberKind))
	require.True(t, fault.HasReason(m.Invitable(domain.Owner, false), domain.ReasonMemberKind))
}

func TestAcceptingTakesWhatOneSaysOfOneself(t *testing.T) {
	t.Parallel()
	m := newMember(t, domain.Guest)
	m.TimeZone = ""
	changed, err := m.Accept(domain.Acceptance{DisplayName: " Ana ", Handle: "ana.b"}, "Asia/Tokyo", now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{"display_name", "handle", "time_zone", "state"}, changed)
	require.Equal(t, domain.Active, m.State)
	require.Equal(t, "Ana", m.DisplayName)
	require.Equal(t, "Asia/Tokyo", m.TimeZone)
	require.True(t, m.Accepted)
	require.EqualValues(t, 2, m.Version)

	changed, err = m.Accept(domain.Acceptance{}, "UTC", now())
	require.NoError(t, err)
	require.Empty(t, changed, "a way back in changes nothing by itself")
	require.EqualValues(t, 2, m.Version)
	for _, bad := range []domain.Acceptance{{DisplayName: "\n"}, {Handle: "No"}, {Zone: "Nowhere"}} {
		_, err := m.Accept(bad, "UTC", now())
		require.True(t, fault.Is(err, fault.Invalid))
	}
	require.NoError(t, m.Deactivate(now()))
	_, err = m.Accept(domain.Acceptance{}, "UTC", now())
	require.True(t, fault.HasReason(err, domain.ReasonInvitationInvalid))
}

// Whatever happens to a member, the states follow each other as they may, and every change counts the version up.
func TestStatesFollowEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMember(t, domain.Ordinary)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			before := m
			var err error
			switch rapid.SampledFrom([]string{"accept", "deactivate", "reactivate", "invite"}).Draw(t, "step") {
			case "accept":
				_, err = m.Accept(domain.Acceptance{}, "UTC", now())
				require.Equal(t, before.State == domain.Deactivated, err != nil)
				require.True(t, err != nil || m.State == domain.Active)
			case "deactivate":
				err = m.Deactivate(now())
				require.Equal(t, before.State == domain.Deactivated, err != nil)
				require.Equal(t, domain.Deactivated, m.State)
			case "reactivate":
				err = m.Reactivate(now())
				require.Equal(t, before.State != domain.Deactivated, err != nil)
				require.True(t, err != nil || (m.State == domain.Active) == m.Accepted)
			case "invite":
				err = m.Invitable(domain.Owner, false)
				require.Equal(t, before.State == domain.Deactivated, err != nil)
			}
			if err != nil {
				require.Equal(t, before, m, "a refusal changes nothing")
			}
			if before.State != m.State {
				require.Equal(t, before.Version+1, m.Version)
			}
			require.True(t, m.State != domain.Active || m.Accepted)
		}
	})
}

func TestWhoMayChangeWhom(t *testing.T) {
	t.Parallel()
	name, owner, admin := "New", domain.Owner, domain.Admin
	for _, c := range []struct {
		what    string
		actor   domain.Role
		self    bool
		of      domain.Role
		change  domain.MemberChange
		refused string
	}{
		{"oneself, personally", domain.Guest, true, domain.Guest, domain.MemberChange{DisplayName: &name}, ""},
		{"another, personally", domain.Ordinary, false, domain.Guest, domain.MemberChange{DisplayName: &name}, fault.ReasonPermissionDenied},
		{"one's own role", domain.Ordinary, true, domain.Ordinary, domain.MemberChange{Role: &admin}, fault.ReasonPermissionDenied},
		{"an admin another's role", domain.Admin, false, domain.Guest, domain.MemberChange{Role: &admin}, ""},
		{"an admin to owner", domain.Admin, false, domain.Guest, domain.MemberChange{Role: &owner}, domain.ReasonOwnerRequired},
		{"an admin to owner, oneself", domain.Admin, true, domain.Admin, domain.MemberChange{Role: &owner}, domain.ReasonOwnerRequired},
		{"an admin an owner", domain.Admin, false, domain.Owner, domain.MemberChange{DisplayName: &name}, domain.ReasonOwnerRequired},
		{"an owner an owner", domain.Owner, false, domain.Owner, domain.MemberChange{Role: &admin}, ""},
		{"an owner to owner", domain.Owner, false, domain.Guest, domain.MemberChange{Role: &owner}, ""},
	} {
		err := c.change.Allow(newMember(t, c.of), c.actor, c.self)
		if c.refused == "" {
			require.NoError(t, err, c.what)
			continue
		}
		require.True(t, fault.HasReason(err, c.refused), "%s: %v", c.what, err)
	}
	require.NoError(t, domain.MayGive(domain.Admin, domain.Admin))
	require.True(t, fault.Is(domain.MayGive(domain.Admin, domain.Owner), fault.Denied))
}

func TestAChangeNamesWhatItChanged(t *testing.T) {
	t.Parallel()
	m := newMember(t, domain.Ordinary)
	name, email, handle, zone, role, manager := "Ana B", "B@example.org", "ana.b", "Asia/Tokyo", domain.Admin, uuid.New()
	all := domain.MemberChange{DisplayName: &name, Email: &email, Handle: &handle, TimeZone: &zone, Role: &role, Manager: &manager}
	changed, err := m.Change(all, now().Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, []string{"display_name", "email", "handle", "time_zone", "manager", "role"}, changed)
	require.EqualValues(t, 2, m.Version)
	require.Equal(t, "b@example.org", m.Email)
	changed, err = m.Change(all, now())
	require.NoError(t, err)
	require.Empty(t, changed)
	require.EqualValues(t, 2, m.Version)
	none, self := domain.Role(0), m.ID
	for _, bad := range []domain.MemberChange{{Role: &none}, {Manager: &self}} {
		_, err := m.Change(bad, now())
		require.True(t, fault.Is(err, fault.Invalid))
	}
}

func TestInvitationsEnd(t *testing.T) {
	t.Parallel()
	i := domain.NewInvitation(newMember(t, domain.Ordinary), []byte("hash"), now())
	require.NoError(t, i.Good(now().Add(domain.InvitationLife-1)))
	require.True(t, fault.HasReason(i.Good(now().Add(domain.InvitationLife)), domain.ReasonInvitationExpired))
}

func TestWhoIsInvitedAgain(t *testing.T) {
	t.Parallel()
	m := newMember(t, domain.Ordinary)
	require.NoError(t, m.Invitable(domain.Admin, false))
	require.NoError(t, m.Invite(domain.Guest, "Anna", now()))
	require.Equal(t, domain.Guest, m.Role)
	require.Equal(t, "Anna", m.DisplayName)
	require.NoError(t, m.Invite(0, "", now()))
	require.Equal(t, domain.Guest, m.Role)
	require.EqualValues(t, 3, m.Version)
	require.Error(t, m.Invite(0, "\n", now()))
	_, err := m.Accept(domain.Acceptance{}, "UTC", now())
	require.NoError(t, err)
	require.NoError(t, m.Invitable(domain.Owner, false), "no way in")
	require.True(t, fault.HasReason(m.Invitable(domain.Admin, false), domain.ReasonOwnerRequired))
	require.True(t, fault.HasReason(m.Invitable(domain.Owner, true), domain.ReasonMemberAlreadyActive))
	boss := m
	boss.Role = domain.Owner
	require.True(t, fault.HasReason(boss.Invitable(domain.Owner, false), domain.ReasonOperatorRequired))
	_, err = boss.Accept(domain.Acceptance{}, "UTC", now())
	require.True(t, fault.HasReason(err, domain.ReasonInvitationInvalid), "a code from before they became an owner")
	require.NoError(t, m.MustStay())
	require.NoError(t, m.Deactivate(now()))
	require.True(t, fault.HasReason(m.Invitable(domain.Admin, false), domain.ReasonMemberDeactivated))
	require.True(t, fault.HasReason(m.MustStay(), domain.ReasonMemberDeactivated))
	require.True(t, fault.HasReason(domain.LastOwner(m), domain.ReasonLastOwner))
}
