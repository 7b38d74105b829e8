package availability

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// expectedFile is a file of ical's testdata, whose README says what it must give.
type expectedFile struct {
	File   string         `json:"file"`
	Zone   string         `json:"calendar_zone"`
	Window [2]time.Time   `json:"window"`
	Busy   [][2]time.Time `json:"busy"`
	Expect string         `json:"expect"`
	Names  string         `json:"error_names"`
	Rest   [][2]time.Time `json:"busy_if_rest_kept"`
}

// Files of other products, broken and hostile ones too, through the API: what it lists is what they say.
func TestFilesOfOthersThroughTheAPI(t *testing.T) {
	t.Parallel()
	const folder = "../../pkg/ical/testdata"
	data, err := os.ReadFile(filepath.Join(folder, "expected.json"))
	require.NoError(t, err)
	var expected struct {
		Files []expectedFile `json:"files"`
	}
	require.NoError(t, json.Unmarshal(data, &expected))
	require.Len(t, expected.Files, 38)
	slices.SortStableFunc(expected.Files, func(a, b expectedFile) int { return a.Window[0].Compare(b.Window[0]) })
	w := newWorldAt(t, expected.Files[0].Window[0].UTC())
	_, _, ben := w.team()
	for _, f := range expected.Files {
		content, err := os.ReadFile(filepath.Join(folder, f.File))
		require.NoError(t, err)
		require.NoError(t, w.clock.Set(f.Window[0].UTC()))
		began := clock.Machine().Now()
		made, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{
			Parent: ben.name(), Calendar: &availabilityv1.Calendar{DisplayName: f.File, Content: content, TimeZone: f.Zone},
		})
		require.Less(t, clock.Machine().Now().Sub(began), 30*time.Second, f.File)
		if err != nil {
			require.NotEmpty(t, f.Expect, "%s: %v", f.File, err)
			require.Nil(t, f.Rest, f.File)
			rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "calendar.content")
			require.ErrorContains(t, err, f.Names, f.File)
			continue
		}
		want := f.Busy
		if f.Expect == "error" {
			require.NotNil(t, f.Rest, "%s must be refused", f.File)
			want = f.Rest
			require.EqualValues(t, 1, made.GetRefusedEventCount(), f.File)
			refused := made.GetRefusedEvents()[0]
			require.Contains(t, refused.GetProperty()+" "+refused.GetRule(), f.Names)
			require.NotZero(t, refused.GetLine())
		}
		require.Equal(t, clipped(want, domain.Horizon(f.Window[0].UTC())), w.within(ben, made.GetName(), f.Window[1]), f.File)
		_, err = w.calendars.DeleteCalendar(ben.ctx, &availabilityv1.DeleteCalendarRequest{Name: made.GetName()})
		require.NoError(t, err)
	}
}

// clipped are intervals until an instant, as lines.
func clipped(all [][2]time.Time, until time.Time) []string {
	var found []string
	for _, i := range all {
		if i[1].After(until) {
			i[1] = until
		}
		if i[0].Before(i[1]) {
			found = append(found, i[0].UTC().Format(time.RFC3339)+" "+i[1].UTC().Format(time.RFC3339))
		}
	}
	return found
}

// within are the busy times of a calendar until an instant, as lines: those that a long one was parted into as one.
func (w *world) within(by person, calendar string, until time.Time) []string {
	w.t.Helper()
	var all [][2]time.Time
	for _, line := range w.busy(by, calendar) {
		start, end, _ := strings.Cut(line, " ")
		i := [2]time.Time{at(start), at(end)}
		if n := len(all); n > 0 && all[n-1][1].Equal(i[0]) {
			all[n-1][1] = i[1]
			continue
		}
		all = append(all, i)
	}
	return clipped(all, until.UTC())
}
