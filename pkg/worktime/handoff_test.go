package worktime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSuggestHandoff(t *testing.T) {
	t.Parallel()
	office := func(zone string, blocks ...Block) *Calendar {
		return NewCalendar(Layers{Hours: []Hours{workweek(t, zone, "09:00-12:00", "13:00-17:00")}, Blocks: blocks})
	}
	busy := Block{Start: utc(t, "2026-12-01 16:00"), End: utc(t, "2026-12-01 16:30")}
	q := HandoffQuery{Giver: office("Europe/London"), At: utc(t, "2026-12-01 14:00"), Horizon: 24 * time.Hour, Least: time.Hour}
	candidates := []*Calendar{
		office("Asia/Kolkata"),           // 03:30 to 06:30 and 07:30 to 11:30
		office("Europe/Athens"),          // until 15:00, then 07:00 to 10:00 and 11:00 to 15:00
		office("America/New_York", busy), // 14:00 to 17:00 and 18:00 to 22:00
		NewCalendar(Layers{}),
		office("America/Chicago"), // 15:00 to 18:00 and 19:00 to 23:00
	}
	require.Equal(t, []Handoff{
		{2, true, q.At, 7 * time.Hour, 150 * time.Minute, []HandoffReason{WorksNow, StartsFirst, WorksLongest}},
		{1, true, q.At, time.Hour, 4 * time.Hour, []HandoffReason{WorksNow, StartsFirst, OverlapsMost}},
		{4, true, utc(t, "2026-12-01 15:00"), 7 * time.Hour, 2 * time.Hour, []HandoffReason{WorksLongest}},
		{0, true, utc(t, "2026-12-02 03:30"), 7 * time.Hour, 150 * time.Minute, []HandoffReason{WorksLongest}},
		{3, false, time.Time{}, 0, 0, []HandoffReason{NoOverlap, NoStart}},
	}, SuggestHandoff(candidates, q))

	q.Least = 2 * time.Hour
	again := SuggestHandoff(candidates[1:2], q)[0]
	require.Equal(t, utc(t, "2026-12-02 07:00"), again.Start, "an hour is too little to start in")
}

// Who is suggested works from then on as long as is said, and nobody starts sooner than is said.
func TestWhoIsSuggestedWorks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people, at := crew(t)
		q := HandoffQuery{Giver: people[0], At: at, Horizon: time.Duration(rapid.Int64Range(1, int64(72*time.Hour)).Draw(t, "horizon"))}
		all := SuggestHandoff(people, q)
		require.Len(t, all, len(people))
		for i, h := range all {
			c := people[h.Candidate]
			next, ok := c.Next(at)
			ok = ok && next.Start.Before(at.Add(q.Horizon))
			require.Equal(t, ok, h.Starts)
			if ok {
				require.Equal(t, next.Start, h.Start, "without a least it is the next working instant")
				require.Positive(t, h.Works)
				due, ok := c.Deadline(h.Start, h.Works)
				require.True(t, ok)
				require.Equal(t, h.Works, total(c.working(h.Start, due)))
			}
			if i > 0 && h.Starts {
				require.True(t, all[i-1].Starts)
				require.False(t, h.Start.Before(all[i-1].Start.Add(-30*time.Minute)))
			}
			if h.Candidate == 0 {
				require.Equal(t, total(c.interruptible(at, at.Add(q.Horizon))), h.Overlap)
			}
		}
	})
}
