package domain

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func waits(source string, due, created time.Duration) Notification {
	n := Notification{ID: uuid.New(), Source: "workspaces/w/" + source, Context: "c/" + source, Waiting: true, CreateTime: base.Add(created)}
	if due > 0 {
		n.DueTime = base.Add(due)
	}
	return n
}

var base = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func sources(all []Notification) []string {
	var names []string
	for _, n := range all {
		names = append(names, LastID(n.Source))
	}
	return names
}

// What waits stands first, asks before batons and each by due time; then the others by age; then what is followed, by space.
func TestTheOrderOfADigest(t *testing.T) {
	t.Parallel()
	docs, ops := uuid.New(), uuid.New()
	older, newer := waits("asks/twice", 0, time.Hour), waits("asks/twice", 0, 2*time.Hour)
	c := Compose([]Notification{
		{ID: uuid.New(), Source: "workspaces/w/threads/t/messages/9", Context: "t9", CreateTime: base.Add(time.Hour)},
		waits("handoffs/soon", time.Minute, 0), waits("asks/late", 9*time.Hour, 0), older,
		waits("asks/soon", time.Hour, 0), newer, waits("handoffs/never", 0, 0),
		{ID: uuid.New(), Source: "workspaces/w/tasks/1", Context: "k1", CreateTime: base},
	}, []Activity{
		{Thread: "t9", Space: docs, SpaceName: "Docs", Time: base.Add(9 * time.Hour)},
		{Thread: "a", Space: docs, SpaceName: "Docs", Time: base},
		{Thread: "b", Space: ops, SpaceName: "Ops", Time: base.Add(time.Hour)},
		{Thread: "c", Space: docs, SpaceName: "Docs", Time: base.Add(2 * time.Hour)},
	})
	require.Equal(t, []string{"soon", "late", "twice", "soon", "never"}, sources(c.Waiting))
	require.Equal(t, newer.ID, c.Waiting[2].ID, "of several about one thing the newest")
	require.Equal(t, []string{"1", "9"}, sources(c.Others))
	require.Equal(t, []SpaceActivity{
		{Space: "Docs", Activity: []Activity{
			{Thread: "c", Space: docs, SpaceName: "Docs", Time: base.Add(2 * time.Hour)}, {Thread: "a", Space: docs, SpaceName: "Docs", Time: base},
		}},
		{Space: "Ops", Activity: []Activity{{Thread: "b", Space: ops, SpaceName: "Ops", Time: base.Add(time.Hour)}}},
	}, c.Followed)
	require.Zero(t, c.Omitted)
	require.False(t, c.Empty())
	require.True(t, Compose(nil, nil).Empty())
}

// A digest shows at most fifty and counts every other, whatever there is.
func TestADigestIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var items []Notification
		for i := range rapid.IntRange(0, 80).Draw(t, "waiting") {
			items = append(items, waits(fmt.Sprintf("asks/%d", i), 0, 0))
		}
		for i := range rapid.IntRange(0, 80).Draw(t, "others") {
			items = append(items, Notification{ID: uuid.New(), Context: fmt.Sprint("o", i)})
		}
		var activity []Activity
		for i := range rapid.IntRange(0, 50).Draw(t, "followed") {
			activity = append(activity, Activity{Thread: fmt.Sprint("f", i)})
		}
		c := Compose(items, activity)
		shown := len(c.Waiting) + len(c.Others)
		for _, s := range c.Followed {
			shown += len(s.Activity)
		}
		require.LessOrEqual(t, shown, MaxDigestItems)
		require.Equal(t, len(items)+len(activity), shown+c.Omitted)
		if c.Omitted > 0 {
			require.Equal(t, MaxDigestItems, shown)
		}
		require.Equal(t, len(items)+len(activity) == 0, c.Empty())
	})
}

func TestADigestMoves(t *testing.T) {
	t.Parallel()
	recipient := uuid.New()
	day := Reach{DayStart: base, DayDate: "2026-12-01"}
	d := PlanDigest(uuid.New(), uuid.New(), recipient, day, base.Add(-time.Hour))
	require.Equal(t, base.Add(Spread(recipient)), d.DeliverTime)
	require.Equal(t, int64(1), d.Version)
	require.False(t, d.Begun(base.Add(-time.Second)))
	require.True(t, d.Begun(base))
	require.False(t, d.Move(day, Spread(recipient), base), "to where it is")
	later := Reach{DayStart: base.Add(24 * time.Hour), DayDate: "2026-12-02"}
	require.True(t, d.Move(later, 0, base))
	require.Equal(t, later.DayStart, d.DeliverTime)
	require.Zero(t, d.SpreadAfterMiss(later.DayStart.Add(5*time.Minute)), "a window of five minutes is hit at its start")
	require.Equal(t, Spread(recipient), d.SpreadAfterMiss(later.DayStart.Add(time.Hour)))

	d.Fill(Composition{}, "text", base, base)
	require.Equal(t, DigestEmpty, d.State)
	require.Empty(t, d.Text)
	require.Zero(t, d.Attempts)
}

func TestUnansweredNames(t *testing.T) {
	t.Parallel()
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	names := Names{ids[0]: "Ben", ids[1]: "Chitra", ids[2]: "Dai"}
	for n, want := range map[int]string{
		1: "Ben has not answered what you asked in time", 2: "Ben and Chitra have not answered what you asked in time",
		3: "Ben, Chitra and Dai have not answered what you asked in time", 4: "Ben, Chitra, Dai and 1 more have not answered what you asked in time",
		5: "Ben, Chitra, Dai and 2 more have not answered what you asked in time",
	} {
		require.Equal(t, want, unanswered(ids[:n], names))
	}
}
