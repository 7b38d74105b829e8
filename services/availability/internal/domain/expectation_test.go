package domain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/worktime"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

func ben(t *testing.T, off ...TimeOff) Person {
	t.Helper()
	p, err := Record{Name: "Ben", Active: true, Zone: "America/Chicago", TimeOffs: off}.Lay()
	require.NoError(t, err)
	return p
}

// The explanation says the same as the instants, in the recipient's own time.
func TestExpectationsInWords(t *testing.T) {
	t.Parallel()
	date := func(text string) worktime.Date {
		d, err := worktime.ParseDate(text)
		require.NoError(t, err)
		return d
	}
	leave := TimeOff{AllDay: true, First: date("2026-11-30"), Last: date("2026-12-06")}
	long := TimeOff{AllDay: true, First: date("2026-11-01"), Last: date("2027-06-30")}
	for name, c := range map[string]struct {
		person             Person
		at                 string
		urgency            Urgency
		window             window.Window
		words              string
		working            bool
		next, reached, due string
		reason             Reason
	}{
		"asleep": {
			ben(t), "2026-12-01T09:00:00Z", Normal, window.Working(24 * time.Hour),
			"It is 03:00 for Ben (America/Chicago). Ben starts at 09:00 and will see it then; an answer is due on Thursday, 3 December, 17:00 Ben's time.",
			false, "2026-12-01T15:00:00Z", "2026-12-01T15:00:00Z", "2026-12-03T23:00:00Z", Known,
		},
		"at work": {
			ben(t), "2026-12-01T20:05:00Z", High, window.Working(4 * time.Hour),
			"It is 14:05 for Ben (America/Chicago), who works until 17:00. Ben will see it at once; an answer is due on Wednesday, 2 December, 10:05 Ben's time.",
			true, "2026-12-01T20:05:00Z", "2026-12-01T20:05:00Z", "2026-12-02T16:05:00Z", Known,
		},
		"before the weekend": {
			ben(t), "2026-12-05T00:30:00Z", Normal, window.Days(1),
			"It is 18:30 for Ben (America/Chicago). Ben starts at 09:00 on Monday, 7 December and will see it then; an answer is due on Monday, 7 December, 17:00 Ben's time.",
			false, "2026-12-07T15:00:00Z", "2026-12-07T15:00:00Z", "2026-12-07T23:00:00Z", Known,
		},
		"over the year's end": {
			ben(t), "2026-12-31T22:00:00Z", Normal, window.Working(2 * time.Hour),
			"It is 16:00 for Ben (America/Chicago), who works until 17:00. Ben will see it at once; an answer is due on Friday, 1 January 2027, 10:00 Ben's time.",
			true, "2026-12-31T22:00:00Z", "2026-12-31T22:00:00Z", "2027-01-01T16:00:00Z", Known,
		},
		"urgent at night": {
			ben(t), "2026-12-01T09:00:00Z", Urgent, window.Elapsed(time.Hour),
			"It is 03:00 for Ben (America/Chicago). Ben is not working, but URGENT interrupts at once; an answer is due on Tuesday, 1 December, 04:00 Ben's time.",
			false, "2026-12-01T15:00:00Z", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z", Known,
		},
		"low in the day": {
			ben(t), "2026-12-01T20:05:00Z", Low, window.Working(40 * time.Hour),
			"It is 14:05 for Ben (America/Chicago), who works until 17:00. Ben will see it in the digest at 09:00 on Wednesday, 2 December; an answer is due on Tuesday, 8 December, 14:05 Ben's time.",
			true, "2026-12-01T20:05:00Z", "2026-12-02T15:00:00Z", "2026-12-08T20:05:00Z", Known,
		},
		"on leave": {
			ben(t, leave), "2026-12-01T09:00:00Z", Normal, window.Working(8 * time.Hour),
			"It is 03:00 for Ben (America/Chicago). Ben starts at 09:00 on Monday, 7 December and will see it then; an answer is due on Monday, 7 December, 17:00 Ben's time.",
			false, "2026-12-07T15:00:00Z", "2026-12-07T15:00:00Z", "2026-12-07T23:00:00Z", Known,
		},
		"away for long": {
			ben(t, long), "2026-12-01T09:00:00Z", Normal, window.Working(8 * time.Hour),
			"It is 03:00 for Ben (America/Chicago). Ben does not work within the next 90 days; no answer is due, for the time to answer does not pass within the next 90 days.",
			false, "", "", "", NoWorkingTime,
		},
		"away for long, and urgent": {
			ben(t, long), "2026-12-01T09:00:00Z", Urgent, window.Working(time.Hour),
			"It is 03:00 for Ben (America/Chicago). Ben is not working, but URGENT interrupts at once; no answer is due, for the time to answer does not pass within the next 90 days.",
			false, "", "2026-12-01T09:00:00Z", "", NoWorkingTime,
		},
		"gone": {
			Person{Record: Record{Name: "Ben"}}, "2026-12-01T09:00:00Z", Normal, window.Working(time.Hour),
			"Ben is not an active member of the workspace and will not see it.", false, "", "", "", MemberNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := c.person.Expect(instant(t, c.at), c.urgency, c.window)
			require.Equal(t, c.words, e.Explanation)
			require.Equal(t, c.working, e.Working)
			require.Equal(t, c.reason, e.Reason)
			for what, pair := range map[string][2]any{"next": {c.next, e.Next}, "reached": {c.reached, e.Reached}, "due": {c.due, e.Due}} {
				want := time.Time{}
				if text, _ := pair[0].(string); text != "" {
					want = instant(t, text)
				}
				require.Equal(t, want, pair[1], what)
			}
		})
	}
}

func TestWindowsAreBounded(t *testing.T) {
	t.Parallel()
	for _, w := range []window.Window{
		{}, window.Working(-1), window.Working(MaxWorkingTime + 1), window.Days(0), window.Days(61), window.Elapsed(-1), window.Elapsed(MaxElapsedTime + 1),
	} {
		require.Error(t, CheckWindow("window", w), w)
	}
	for _, w := range []window.Window{window.Working(0), window.Working(MaxWorkingTime), window.Days(1), window.Days(60), window.Elapsed(0), window.Elapsed(MaxElapsedTime)} {
		require.NoError(t, CheckWindow("window", w), w)
	}
}
