package domain

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
)

func opened(t require.TestingT, reason Reason) Notification {
	n := Notification{
		Workspace: uuid.New(), Recipient: uuid.New(), Source: "workspaces/w/asks/a", Message: "workspaces/w/threads/t/messages/1",
		Context: "workspaces/w/threads/t", Reason: reason, Urgency: Normal, Excerpt: "words", Waiting: reason.Waits(),
	}
	s := atNight(t)
	s.Reason = reason
	events := n.Open(uuid.New(), s)
	require.Len(t, events, 1)
	require.IsType(t, Created{}, events[0])
	require.Equal(t, int64(1), n.Version)
	require.Len(t, n.Deliveries, 2)
	return n
}

func kindsOf(events []Event) []string {
	var kinds []string
	for _, e := range events {
		switch e.(type) {
		case Read:
			kinds = append(kinds, "read")
		case Cancelled:
			kinds = append(kinds, "cancelled")
		case Deferred:
			kinds = append(kinds, "deferred")
		case Delivered:
			kinds = append(kinds, "delivered")
		case DeliveryFailed:
			kinds = append(kinds, "failed")
		}
	}
	return kinds
}

func TestLookingCancelsWhatIsHeld(t *testing.T) {
	t.Parallel()
	now := atNight(t).Now
	n := opened(t, Mentioned)
	require.Equal(t, []string{"read", "cancelled"}, kindsOf(n.Look(now)))
	require.Equal(t, Seen, n.State)
	for _, d := range n.Deliveries {
		require.Equal(t, Ended, d.State)
		require.Equal(t, "It was read in the inbox.", d.Explanation)
	}
	require.Empty(t, n.Look(now), "once")
	require.Equal(t, int64(3), n.Version, "each event has its version")
	require.Empty(t, kindsOf(n.PutAway(now)), "it was read and nothing is held")
	require.Equal(t, Done, n.State)
	require.Empty(t, n.Look(now), "what is put away stays so")

	n = opened(t, Mentioned)
	require.Equal(t, []string{"read", "cancelled"}, kindsOf(n.PutAway(now)))
	require.Empty(t, n.PutAway(now))
}

func TestSnoozing(t *testing.T) {
	t.Parallel()
	now := atNight(t).Now
	n := opened(t, Asked)
	until := now.Add(24 * time.Hour)
	require.Equal(t, []string{"cancelled"}, kindsOf(n.Snooze(until, now)))
	require.Equal(t, "It was snoozed until Wednesday, 2 December 2026, 03:00 (America/Chicago).", n.Delivery(InApp).Explanation)
	before := n
	n.Wake(now)
	require.Equal(t, before.Version, n.Version, "not before its time")
	n.Wake(until)
	require.Equal(t, Unread, n.State)
	require.True(t, n.SnoozeTime.IsZero())
	d := n.Delivery(InApp)
	require.True(t, d.Woken)
	require.Equal(t, Pending, d.State)
	require.Equal(t, until, d.DecideAt)
	require.Equal(t, Ended, n.Delivery(Email).State)
	n.PutAway(until)
	require.Empty(t, n.Snooze(until.Add(time.Hour), until))
	require.Equal(t, Seen, n.State, "what is put away comes back")
}

func TestSettling(t *testing.T) {
	t.Parallel()
	now := atNight(t).Now
	n := opened(t, Asked)
	due := now.Add(time.Hour)
	require.Empty(t, n.Settle(Wait{Waiting: true, Due: due}, now))
	require.Equal(t, due, n.DueTime)
	version := n.Version
	require.Empty(t, n.Settle(Wait{Waiting: true, Due: due}, now))
	require.Equal(t, version, n.Version)
	require.Equal(t, []string{"cancelled"}, kindsOf(n.Settle(Wait{Settled: "answered", Due: due}, now)))
	require.Equal(t, "answered", n.SettledReason)
	require.Equal(t, "It no longer waits: answered.", n.Delivery(Email).Explanation)
	require.Empty(t, n.Settle(Wait{Waiting: true, Due: due}, now), "it waits again, and what was cancelled stays so")
	require.True(t, n.Waiting)
	require.Empty(t, n.SettledReason)
}

func TestErasing(t *testing.T) {
	t.Parallel()
	now := atNight(t).Now
	ask := opened(t, Asked)
	require.Empty(t, ask.Erase(now), "the ask's own event ends it")
	require.Empty(t, ask.Excerpt)
	mention := opened(t, Mentioned)
	mention.Source = mention.Message
	require.Equal(t, []string{"cancelled"}, kindsOf(mention.Erase(now)))
	require.Empty(t, mention.Erase(now))
}

// What is no longer right to send, by what the service knows itself and by what the owner of the source says.
func TestEndings(t *testing.T) {
	t.Parallel()
	n := opened(t, Asked)
	fine := Standing{MayRead: true, Active: true}
	require.True(t, n.Over(fine).None())
	require.True(t, n.Over(Standing{Active: true}).Hidden)
	require.True(t, n.Over(Standing{MayRead: true}).Hidden)
	settled := n
	settled.Waiting, settled.SettledReason = false, "withdrawn"
	require.Equal(t, "It no longer waits: withdrawn.", settled.Over(fine).Why)
	for state, why := range map[State]string{Seen: "It was read in the inbox.", Done: "It was put away."} {
		read := n
		read.State = state
		require.Equal(t, why, read.Over(fine).Why)
	}

	open := SourceState{Waiting: true}
	read := SourceState{Waiting: true, Read: true}
	for reason, ends := range map[Reason]bool{
		Asked: true, Offered: true, Assigned: true, Mentioned: true, Accepted: true, Returned: true,
		Reminded: false, Overdue: false, Unanswered: false, Answered: false, Declined: false,
	} {
		one := opened(t, reason)
		require.True(t, one.OverAt(open, false).None(), reason)
		require.Equal(t, ends, !one.OverAt(read, false).None(), reason)
		require.True(t, one.OverAt(read, true).None(), "a snooze ends although it was read")
		require.True(t, one.OverAt(SourceState{Gone: true}, false).Hidden, reason)
		require.True(t, one.OverAt(SourceState{Unknown: true}, false).None(), "who does not know does not end it")
		require.Equal(t, reason.Waits() || reason == Assigned || reason == Unanswered, !one.OverAt(SourceState{Settled: "answered"}, false).None(), reason)
	}
	for _, reason := range []Reason{Assigned, Unanswered} {
		one := opened(t, reason)
		require.Equal(t, "It no longer waits: settled.", one.OverAt(SourceState{Waiting: true, Settled: "settled"}, false).Why, reason)
	}
	answered := opened(t, Answered)
	answered.Source = "workspaces/w/threads/t/messages/2"
	require.False(t, answered.OverAt(read, false).None(), "the asker has read the answer")
}

func TestRefreshing(t *testing.T) {
	t.Parallel()
	now := SourceState{Waiting: true, Title: "New title", Excerpt: "new words"}
	ask := opened(t, Asked)
	ask.Refresh(now)
	require.Equal(t, "New title", ask.Title)
	require.Equal(t, "new words", ask.Excerpt)
	offer := opened(t, Offered)
	offer.Refresh(now)
	require.Equal(t, "words", offer.Excerpt, "the note's own beginning stays")
	offer.Refresh(SourceState{Unknown: true})
	require.Equal(t, "New title", offer.Title)
}

// Whatever happens to a notification in whatever order: versions rise by events, what is sent or ended is never sent again,
// and history only grows.
func TestANotificationsLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := opened(t, rapid.SampledFrom(Reasons()).Draw(t, "reason"))
		now, sent := atNight(t).Now, map[Channel]int{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes")) * time.Minute)
			version, lines := n.Version, len(n.Lines)
			c := rapid.SampledFrom(Channels()).Draw(t, "channel")
			var events []Event
			switch rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				events = n.Look(now)
			case 1:
				events = n.PutAway(now)
			case 2:
				events = n.Snooze(now.Add(time.Hour), now)
			case 3:
				n.Wake(now)
				sent[InApp] = 0 // a snooze that ended signals anew
			case 4:
				events = n.Settle(Wait{Waiting: rapid.Bool().Draw(t, "waiting"), Settled: "answered"}, now)
			case 5:
				events = n.Cancel(Ending{Why: "gone", Hidden: true}, now)
			case 6:
				s := drawSituation(t)
				s.Now = now
				events = n.Redecide(DecideChannel(c, s), s)
			case 7:
				if n.Delivery(c).State == Pending {
					events = n.Deliver(c, 0, false, now)
					sent[c]++
				}
			case 8:
				if n.Delivery(c).State == Pending {
					events = n.Fail(c, "550 no", now)
				}
			}
			require.GreaterOrEqual(t, n.Version, version)
			require.GreaterOrEqual(t, n.Version-version, int64(len(events)), "each event has a version of its own")
			require.GreaterOrEqual(t, len(n.Lines), lines)
			require.LessOrEqual(t, sent[c], 1)
			for _, d := range n.Deliveries {
				require.NotEmpty(t, d.Explanation)
				if d.State != Pending {
					require.True(t, d.DecideAt.IsZero(), "what is over is not decided again")
				}
			}
		}
	})
}

func TestChangingPreferences(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	p := DefaultPreferences(uuid.New(), uuid.New())
	require.True(t, p.allows(Low, Email))
	require.False(t, p.allows(Low, InApp))
	require.True(t, p.allows(Urgent, Email))
	change := func(all ...UrgencyChannels) PreferencesChange { return PreferencesChange{Channels: &all} }
	_, err := p.Change(change(UrgencyChannels{Urgency: Urgent}), now)
	require.True(t, fault.Is(err, fault.Invalid))
	_, err = p.Change(change(UrgencyChannels{Urgency: High}, UrgencyChannels{Urgency: High}), now)
	require.True(t, fault.Is(err, fault.Invalid))
	require.Zero(t, p.Version)

	quiet, muted, collapse := true, []string{"workspaces/w/threads/t"}, time.Duration(0)
	events, err := p.Change(PreferencesChange{DigestDisabled: &quiet, Muted: &muted, Collapse: &collapse}, now)
	require.NoError(t, err)
	require.Equal(t, []Event{PreferencesChanged{Preferences: p}}, events)
	require.True(t, p.mutes("workspaces/w/threads/t", "s"))
	_, err = p.Change(change(UrgencyChannels{Urgency: Normal, Channels: []Channel{InApp}}), now)
	require.NoError(t, err)
	require.False(t, p.allows(Normal, Email))
	require.True(t, p.DigestDisabled, "what is not named stays")
	require.Equal(t, int64(2), p.Version)
}
