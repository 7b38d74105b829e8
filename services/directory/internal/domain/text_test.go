package domain_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

func TestAHandleIsMadeOfWhatIsThere(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"olga.owner@example.org": "olga.owner",
		"Olga Owner":             "olga-owner",
		"  --Zoë  Ångström-- ":   "zo-ngstr-m",
		"日本語":                    "someone",
		"":                       "someone",
		"_x_":                    "x",
		"Support (EU) & Friends": "support-eu-friends",
	} {
		require.Equal(t, want, domain.DeriveHandle(source), source)
	}
}

func TestADerivedHandleIsAlwaysOneAndFree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := domain.DeriveHandle(rapid.String().Draw(t, "source"))
		require.NoError(t, domain.CheckHandle("handle", base))
		var taken []string
		for range rapid.IntRange(0, 120).Draw(t, "newcomers") {
			handle := domain.NextHandle(base, taken)
			require.NoError(t, domain.CheckHandle("handle", handle))
			require.NotContains(t, taken, handle)
			require.True(t, strings.HasPrefix(handle, base))
			taken = append(taken, handle)
		}
	})
}

func TestHandlesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, handle := range []string{"", "-a", "a-", ".", "A", "a b", "a@b", "é", strings.Repeat("a", 41), "a\n"} {
		require.True(t, fault.Is(domain.CheckHandle("handle", handle), fault.Invalid), handle)
	}
	for _, handle := range []string{"a", "1", "a.b", "a_b-c", strings.Repeat("a", 40)} {
		require.NoError(t, domain.CheckHandle("handle", handle), handle)
	}
}

func TestNamesAreTrimmedAndBounded(t *testing.T) {
	t.Parallel()
	name, err := domain.CheckDisplayName("display_name", "  Олена  ")
	require.NoError(t, err)
	require.Equal(t, "Олена", name)
	for _, bad := range []string{"", " ", "a\nb", "a\x00", strings.Repeat("é", 201)} {
		_, err := domain.CheckDisplayName("display_name", bad)
		require.True(t, fault.HasReason(err, fault.ReasonFieldInvalid), "%q", bad)
	}
	_, err = domain.CheckDisplayName("display_name", strings.Repeat("é", 200))
	require.NoError(t, err)
	_, err = domain.CheckDescription("description", strings.Repeat("é", 2001))
	require.Equal(t, "description", fault.From(err).Fields[0].Path)
	text, err := domain.CheckDescription("description", " a\nb ")
	require.NoError(t, err)
	require.Equal(t, "a\nb", text)
}

func TestAddressesAreOneWhateverTheirCase(t *testing.T) {
	t.Parallel()
	email, err := domain.CheckEmail("email", " Olga@Example.ORG ")
	require.NoError(t, err)
	require.Equal(t, "olga@example.org", email)
	for _, bad := range []string{"", "a", "@", "a@", "@b", "a b@c", "a@b@c", "a@b\x00", strings.Repeat("a", 250) + "@b.cc"} {
		_, err := domain.CheckEmail("email", bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestZonesAreOfTheIANA(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]string{"": "Asia/Tokyo", "Europe/Lisbon": "Europe/Lisbon", "UTC": "UTC"} {
		got, err := domain.CheckZone("time_zone", zone, "Asia/Tokyo")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"Local", "Mars/Olympus", "../etc/passwd", "+02:00"} {
		_, err := domain.CheckZone("time_zone", bad, "UTC")
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
}

func TestWordsGoBothWays(t *testing.T) {
	t.Parallel()
	for _, r := range []domain.Role{domain.Guest, domain.Ordinary, domain.Admin, domain.Owner} {
		require.Equal(t, r, domain.RoleOf(r.String()))
	}
	for _, s := range []domain.State{domain.Invited, domain.Active, domain.Deactivated} {
		require.Equal(t, s, domain.StateOf(s.String()))
	}
	for _, k := range []domain.Kind{domain.Person, domain.ServiceAccount} {
		require.Equal(t, k, domain.KindOf(k.String()))
	}
	for _, v := range []domain.Visibility{domain.Open, domain.Private} {
		require.Equal(t, v, domain.VisibilityOf(v.String()))
	}
	require.Zero(t, domain.RoleOf("KING"))
	require.Equal(t, "9", domain.Role(9).String())
	words := []string{domain.NoRight.String(), domain.Reader.String(), domain.Writer.String(), domain.Manager.String()}
	require.True(t, slices.Equal([]string{"NONE", "READER", "WRITER", "MANAGER"}, words))
}
