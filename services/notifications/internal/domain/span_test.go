package domain

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestASpanInWords(t *testing.T) {
	t.Parallel()
	chicago, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	date := func(year, month, day int) time.Time {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	start := time.Date(2026, 12, 8, 3, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		span  Span
		local *time.Location
		want  string
	}{
		{Span{}, chicago, ""},
		{Span{First: date(2026, 12, 7), Last: date(2026, 12, 7)}, chicago, ": Mon 7 Dec 2026"},
		{Span{First: date(2026, 12, 7), Last: date(2026, 12, 11)}, chicago, ": Mon 7 Dec to Fri 11 Dec 2026"},
		{Span{First: date(2026, 12, 24), Last: date(2027, 1, 8)}, nil, ": Thu 24 Dec 2026 to Fri 8 Jan 2027"},
		{Span{Start: start, End: start.Add(2 * time.Hour)}, chicago, ": Mon 7 Dec 2026, 21:00 to 23:00 (America/Chicago)"},
		{Span{Start: start, End: start.Add(24 * time.Hour)}, nil, ": Tue 8 Dec, 03:00 to Wed 9 Dec 2026, 03:00 (UTC)"},
	} {
		require.Equal(t, row.want, row.span.words(row.local))
	}
}

func TestAReminderComesAfterThreeQuarters(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	require.Equal(t, from.Add(3*time.Hour), Reminder(from, from.Add(4*time.Hour)))
	require.Zero(t, Reminder(from, from))
	require.Zero(t, Reminder(from, time.Time{}))
}

// A swap waits until its time begins, and everything else until somebody says otherwise.
func TestASwapStopsWaitingByItself(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	swap := Notification{Source: "workspaces/w/teams/t/rotations/r/swaps/s", Waiting: true, DueTime: due}
	before := swap.At(due.Add(-time.Microsecond))
	require.True(t, before.Waiting)
	after := swap.At(due)
	require.False(t, after.Waiting)
	require.Equal(t, "expired", after.SettledReason)
	for _, other := range []Notification{
		{Source: "workspaces/w/asks/a", Waiting: true, DueTime: due},
		{Source: "workspaces/w/members/m/timeOffs/t", Waiting: true, DueTime: due},
		{Source: swap.Source, Waiting: true},
	} {
		at := other.At(due.Add(time.Hour))
		require.True(t, at.Waiting, other.Source)
	}
}

func TestWhoseASourceIs(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]Owner{
		"workspaces/w/threads/t/messages/1": Threads, "workspaces/w/asks/a": Threads, "workspaces/w/tasks/t": Tasks,
		"workspaces/w/handoffs/h": Tasks, "workspaces/w/members/m/timeOffs/t": Availability,
		"workspaces/w/teams/t/rotations/r/swaps/s": Availability,
	} {
		require.Equal(t, want, OwnerOf(source), source)
	}
	require.Empty(t, SpaceName(uuid.New(), uuid.Nil))
}
