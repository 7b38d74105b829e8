package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

func TestFiltersAreSubjectsAfterTheWorkspace(t *testing.T) {
	t.Parallel()
	for _, good := range [][]string{
		{">"},
		{"threads.>"},
		{"threads.message.>"},
		{"threads.message.posted"},
		{"*.*.*"},
		{"*.message.posted"},
		{"threads.message.posted", "threads.message.edited"},
		{"directory.>", "threads.message.*"},
		{"a.b.c", "a.b.d", "b.>"},
	} {
		got, err := domain.CheckFilters(good)
		require.NoError(t, err, good)
		require.Equal(t, good, got)
	}
	for _, bad := range [][]string{
		{""},
		{"."},
		{"threads"},
		{"threads.message"},
		{"threads.message.posted.more"},
		{"own.>"},
		{"evt.*.>"},
		{"a.b.c.>"},
		{">.a"},
		{"a.>.c"},
		{"Threads.message.posted"},
		{"threads.mess age.posted"},
		{"evt.x\n.y"},
		{"threads..posted"},
		{"a.b.c", "a.b.c"},
		{">", "a.b.c"},
		{"a.>", "a.b.c"},
		{"a.*.c", "a.b.*"},
		{"*.*.*", "a.b.c"},
		{"a.b.>", "a.*.c"},
	} {
		_, err := domain.CheckFilters(bad)
		require.Equal(t, fault.Invalid, fault.From(err).Kind, bad)
	}
	all, err := domain.CheckFilters(nil)
	require.NoError(t, err)
	require.Equal(t, []string{">"}, all)
}

// Whatever filters pass the check, no subject leaves the workspace.
func TestNoFilterLeavesTheWorkspace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		filters := rapid.SliceOfN(rapid.StringMatching(`[a-z*>. ]{0,12}`), 1, 4).Draw(rt, "filters")
		got, err := domain.CheckFilters(filters)
		if err != nil {
			return
		}
		s := domain.Subscription{Workspace: uuid.New(), Filters: got}
		for _, subject := range s.Subjects() {
			require.True(rt, strings.HasPrefix(subject, "evt."+s.Workspace.String()+"."))
			require.NotContains(rt, subject, " ")
			require.NotContains(rt, subject, "..")
		}
	})
}

func TestInboxPrefixesAreOneUnguessableToken(t *testing.T) {
	t.Parallel()
	one, two := domain.NewInboxPrefix(), domain.NewInboxPrefix()
	require.NotEqual(t, one, two)
	require.Regexp(t, `^_INBOX_[A-Z2-7]{26}$`, one)
}

func TestWhoMayReadTheStream(t *testing.T) {
	t.Parallel()
	ws, now := uuid.New(), time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	good := func() (domain.Token, domain.Member) {
		m := domain.Member{Workspace: ws, ID: uuid.New(), Role: domain.Admin, State: domain.Active}
		return domain.Token{Workspace: ws, Member: m.ID, ExpireTime: now.Add(time.Hour)}, m
	}
	token, member := good()
	require.True(t, domain.MayReadStream(token, member, true, ws, now))
	require.False(t, domain.MayReadStream(token, member, false, ws, now), "without the scope")
	require.False(t, domain.MayReadStream(token, member, true, uuid.New(), now), "another workspace")
	require.False(t, domain.MayReadStream(token, member, true, ws, now.Add(time.Hour)), "expired")
	for name, spoil := range map[string]func(*domain.Token, *domain.Member){
		"revoked":      func(t *domain.Token, _ *domain.Member) { t.RevokeTime = now },
		"a member":     func(_ *domain.Token, m *domain.Member) { m.Role = domain.Role(2) },
		"deactivated":  func(_ *domain.Token, m *domain.Member) { m.State = domain.State(3) },
		"another's":    func(t *domain.Token, _ *domain.Member) { t.Member = uuid.New() },
		"of elsewhere": func(_ *domain.Token, m *domain.Member) { m.Workspace = uuid.New() },
	} {
		token, member := good()
		spoil(&token, &member)
		require.False(t, domain.MayReadStream(token, member, true, ws, now), name)
	}
}

func TestASubscriptionIsDeletedOnce(t *testing.T) {
	t.Parallel()
	s := domain.Subscription{Version: 1}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	require.True(t, s.Delete(now))
	require.False(t, s.Delete(now.Add(time.Hour)))
	require.EqualValues(t, 2, s.Version)
	require.Equal(t, now, s.DeleteTime)
}
