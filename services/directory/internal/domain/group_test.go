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

// After any changes of a team's members, what was changed adds up to what is wanted, and nothing is said twice.
func TestTeamMembersBecomeWhatIsWanted(t *testing.T) {
	t.Parallel()
	people := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	rapid.Check(t, func(t *rapid.T) {
		team, err := domain.NewTeam(uuid.New(), uuid.New(), "ops", "Ops", "", now())
		require.NoError(t, err)
		rows := map[uuid.UUID]domain.TeamMember{}
		for range rapid.IntRange(1, 10).Draw(t, "changes") {
			var wanted, there []domain.TeamMember
			for _, id := range people {
				if rapid.Bool().Draw(t, "named") {
					wanted = append(wanted, domain.TeamMember{
						Member: id, Lead: rapid.Bool().Draw(t, "lead"), Removed: rapid.Bool().Draw(t, "removed"),
					})
					if row, ok := rows[id]; ok {
						there = append(there, row)
					}
				}
			}
			before := team.Version
			changed := team.SetMembers(there, wanted, now())
			require.Equal(t, len(changed) > 0, team.Version == before+1)
			for _, c := range changed {
				require.Equal(t, team.Version, c.Version)
				require.NotEqual(t, rows[c.Member], c)
				require.False(t, c.Lead && c.Removed)
				rows[c.Member] = c
			}
			for _, w := range wanted {
				row, known := rows[w.Member]
				require.Equal(t, w.Removed, !known || row.Removed)
				require.True(t, w.Removed || row.Lead == w.Lead)
			}
			require.Empty(t, team.SetMembers(values(rows, wanted), wanted, now()), "a second time changes nothing")
		}
	})
}

func values(rows map[uuid.UUID]domain.TeamMember, wanted []domain.TeamMember) []domain.TeamMember {
	var out []domain.TeamMember
	for _, w := range wanted {
		if row, ok := rows[w.Member]; ok {
			out = append(out, row)
		}
	}
	return out
}

func TestATeamIsChangedAndDeleted(t *testing.T) {
	t.Parallel()
	team, err := domain.NewTeam(uuid.New(), uuid.New(), "ops", " Ops ", " x ", now())
	require.NoError(t, err)
	require.Equal(t, "Ops", team.DisplayName)
	require.Equal(t, "x", team.Description)
	handle, name, text := "run", "Run", "Runs"
	changed, err := team.Change(domain.TeamChange{Handle: &handle, DisplayName: &name, Description: &text}, now())
	require.NoError(t, err)
	require.Equal(t, []string{"handle", "display_name", "description"}, changed)
	bad, long := "-", strings.Repeat("x", 2001)
	for _, c := range []domain.TeamChange{{Handle: &bad}, {DisplayName: &long}, {Description: &long}} {
		_, err := team.Change(c, now())
		require.True(t, fault.Is(err, fault.Invalid))
	}
	team.Delete(now().Add(time.Hour))
	require.EqualValues(t, 3, team.Version)
	require.False(t, team.DeleteTime.IsZero())
	_, err = domain.NewTeam(uuid.New(), uuid.New(), "", "", "", now())
	require.Error(t, err)
	_, err = domain.NewTeam(uuid.New(), uuid.New(), "", "x", long, now())
	require.Error(t, err)
}

func TestRightsBecomeWhatIsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		space, err := domain.NewSpace(uuid.New(), uuid.New(), "Docs", "", 0, now())
		require.NoError(t, err)
		require.Equal(t, domain.Open, space.Visibility)
		principal := uuid.New()
		var row domain.SpaceAccess
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			right := domain.Right(rapid.IntRange(0, 3).Draw(t, "right"))
			var there []domain.SpaceAccess
			if row.Version > 0 {
				there = []domain.SpaceAccess{row}
			}
			changed := space.SetAccess(there, []domain.SpaceAccess{{Principal: principal, Team: true, Right: right}}, now())
			if right == row.Right {
				require.Empty(t, changed)
				continue
			}
			require.Len(t, changed, 1)
			row = changed[0]
			require.Equal(t, right, row.Right)
			require.Equal(t, space.Version, row.Version)
			require.Equal(t, domain.TeamName(space.Workspace, principal), row.PrincipalName())
		}
	})
}

func TestASpaceIsChanged(t *testing.T) {
	t.Parallel()
	space, err := domain.NewSpace(uuid.New(), uuid.New(), "Docs", "", domain.Private, now())
	require.NoError(t, err)
	name, text, open, none := "Papers", "All", domain.Open, domain.Visibility(0)
	changed, err := space.Change(domain.SpaceChange{DisplayName: &name, Description: &text, Visibility: &open}, now())
	require.NoError(t, err)
	require.Equal(t, []string{"display_name", "description", "visibility"}, changed)
	_, err = space.Change(domain.SpaceChange{Visibility: &none}, now())
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	asked, err := domain.TokenExpiry(time.Time{}, now())
	require.NoError(t, err)
	require.Equal(t, now().Add(domain.TokenLife), asked)
	for _, bad := range []time.Time{now(), now().Add(-time.Hour), now().Add(domain.MaxTokenLife + 1)} {
		_, err := domain.TokenExpiry(bad, now())
		require.True(t, fault.Is(err, fault.Invalid))
	}
	_, err = domain.TokenExpiry(now().Add(domain.MaxTokenLife), now())
	require.NoError(t, err)

	token := domain.Token{ExpireTime: asked, Version: 1}
	require.True(t, token.Live(asked.Add(-1)))
	require.False(t, token.Live(asked))
	require.True(t, token.Used(now()), "never used before")
	token.LastUsed = now()
	require.False(t, token.Used(now().Add(domain.TokenUseGrain)))
	require.True(t, token.Used(now().Add(domain.TokenUseGrain+1)))
	require.True(t, token.Revoke(now()))
	require.False(t, token.Revoke(now()))
	require.EqualValues(t, 2, token.Version)
	require.False(t, token.Live(now()))
}

func TestWhoMakesWhoseTokens(t *testing.T) {
	t.Parallel()
	person := newMember(t, domain.Ordinary)
	bot := person
	bot.Kind, bot.Role = domain.ServiceAccount, domain.Admin
	require.NoError(t, domain.MayMakeToken(person, domain.Guest, true))
	require.Error(t, domain.MayMakeToken(person, domain.Owner, false), "people make only their own")
	require.NoError(t, domain.MayMakeToken(bot, domain.Admin, false))
	require.Error(t, domain.MayMakeToken(bot, domain.Ordinary, true), "no program prolongs itself")
	bot.Role = domain.Owner
	require.Error(t, domain.MayMakeToken(bot, domain.Admin, false), "nobody climbs by a token")
	require.NoError(t, domain.TokenLimit(person, domain.MaxLiveTokens-1))
	require.True(t, fault.HasReason(domain.TokenLimit(person, domain.MaxLiveTokens), domain.ReasonTokenLimit))
}

func TestAWorkspaceIsChanged(t *testing.T) {
	t.Parallel()
	w, err := domain.NewWorkspace(uuid.New(), domain.WorkspaceChange{DisplayName: new("Relay")}, now())
	require.NoError(t, err)
	require.Equal(t, domain.DefaultZone, w.TimeZone)
	name, zone, none := "Baton", "Asia/Tokyo", ""
	changed, err := w.Change(domain.WorkspaceChange{DisplayName: &name, TimeZone: &zone}, now())
	require.NoError(t, err)
	require.Equal(t, []string{"display_name", "time_zone"}, changed)
	_, err = w.Change(domain.WorkspaceChange{DisplayName: &none}, now())
	require.Error(t, err)
	_, err = domain.NewWorkspace(uuid.New(), domain.WorkspaceChange{}, now())
	require.Error(t, err)
	_, err = domain.NewWorkspace(uuid.New(), domain.WorkspaceChange{DisplayName: new("x"), TimeZone: new("Nowhere")}, now())
	require.Error(t, err)
}
