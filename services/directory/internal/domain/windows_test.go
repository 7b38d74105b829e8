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

// Whatever is asked for, a workspace has windows within the bounds; what is not named stays, and what is refused says where.
func TestWindowsStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	length := rapid.OneOf(
		rapid.Just(time.Duration(0)),
		rapid.Map(rapid.Int64Range(1, 7_200_000), func(n int64) time.Duration { return time.Duration(n) * time.Second }),
		rapid.SampledFrom([]time.Duration{-time.Second, 2000*time.Hour + time.Second, time.Millisecond, 1<<63 - 1, -1 << 63}),
	)
	rapid.Check(t, func(t *rapid.T) {
		w, err := domain.NewWorkspace(uuid.New(), domain.WorkspaceChange{DisplayName: new("Relay")}, now())
		require.NoError(t, err)
		require.Equal(t, domain.DefaultWindows(), w.Windows)
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			before := w
			wanted := rapid.SliceOfN(rapid.Ptr(length, true), 4, 4).Draw(t, "wanted")
			changed, err := w.Change(domain.WorkspaceChange{Windows: domain.WindowsChange{
				Low: wanted[0], Normal: wanted[1], High: wanted[2], Urgent: wanted[3],
			}}, now())
			names := []string{"low", "normal", "high", "urgent"}
			was, is, usual := each(before.Windows), each(w.Windows), each(domain.DefaultWindows())
			refused := -1
			for i, d := range wanted {
				if d != nil && (*d < 0 || *d > 2000*time.Hour || *d%time.Second != 0) {
					refused = i
					break
				}
			}
			if refused >= 0 {
				require.True(t, fault.Is(err, fault.Invalid))
				require.Equal(t, "workspace.response_windows."+names[refused], fault.From(err).Fields[0].Path)
				require.Equal(t, before, w, "and nothing changed")
				continue
			}
			require.NoError(t, err)
			for i, d := range wanted {
				switch {
				case d == nil:
					require.Equal(t, was[i], is[i])
				case *d == 0:
					require.Equal(t, usual[i], is[i])
				default:
					require.Equal(t, *d, is[i])
				}
			}
			if was == is {
				require.Empty(t, changed)
				require.Equal(t, before.Version, w.Version)
				continue
			}
			require.Equal(t, []string{"response_windows"}, changed)
			require.Equal(t, before.Version+1, w.Version)
		}
	})
}

func each(w domain.Windows) [4]time.Duration {
	return [4]time.Duration{w.Low, w.Normal, w.High, w.Urgent}
}

func TestTheUrgentRoleIsARole(t *testing.T) {
	t.Parallel()
	w, err := domain.NewWorkspace(uuid.New(), domain.WorkspaceChange{
		DisplayName: new("Relay"), UrgentRole: new(domain.Admin),
	}, now())
	require.NoError(t, err)
	require.Equal(t, domain.Admin, w.UrgentRole)
	require.EqualValues(t, 1, w.Version)
	for _, role := range []domain.Role{domain.Guest, domain.Ordinary, domain.Owner} {
		changed, err := w.Change(domain.WorkspaceChange{UrgentRole: &role}, now())
		require.NoError(t, err)
		require.Equal(t, []string{"urgent_role"}, changed)
		require.Equal(t, role, w.UrgentRole)
	}
	_, err = w.Change(domain.WorkspaceChange{UrgentRole: new(domain.Role(0))}, now())
	require.NoError(t, err)
	require.Equal(t, domain.DefaultUrgentRole, w.UrgentRole)
	for _, role := range []domain.Role{-1, 5} {
		_, err = w.Change(domain.WorkspaceChange{UrgentRole: &role}, now())
		require.True(t, fault.Is(err, fault.Invalid))
	}
}
