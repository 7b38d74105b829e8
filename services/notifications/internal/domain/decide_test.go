package domain

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func zoneOf(t require.TestingT, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	return zone
}

// It is three in Ben's night.
func atNight(t require.TestingT) Situation {
	chicago := zoneOf(t, "America/Chicago")
	morning := time.Date(2026, 12, 1, 9, 0, 0, 0, chicago)
	return Situation{
		Now: time.Date(2026, 12, 1, 3, 0, 0, 0, chicago), Name: "Ben", Urgency: Normal, Reason: Asked,
		Context: "workspaces/w/threads/t", Space: "workspaces/w/spaces/s", Preferences: DefaultPreferences(uuid.Nil, uuid.Nil),
		Spread: 3 * time.Minute,
		Reach: Reach{
			Known: true, At: morning, Until: time.Date(2026, 12, 1, 17, 0, 0, 0, chicago), Work: morning,
			DayStart: morning, DayDate: "2026-12-01", Local: chicago, Version: 7,
		},
	}
}

func atWork(t require.TestingT) Situation {
	s := atNight(t)
	s.Now = time.Date(2026, 12, 1, 10, 15, 0, 0, s.Reach.Local)
	s.Reach.Working, s.Reach.At, s.Reach.Work = true, s.Now, s.Now
	s.Reach.DayStart, s.Reach.DayDate = time.Date(2026, 12, 2, 9, 0, 0, 0, s.Reach.Local), "2026-12-02"
	return s
}

// Ben begins with a focus block, until eleven.
func inFocus(s Situation) Situation {
	s.Reach.At = time.Date(2026, 12, 1, 11, 0, 0, 0, s.Reach.Local)
	return s
}

// The table of the design: every urgency, by night, at work and in a focus block, over both channels, with its words.
func TestTheTable(t *testing.T) {
	t.Parallel()
	night, work := atNight(t), atWork(t)
	focus, beforeFocus := inFocus(work), inFocus(night)
	morning, digest := night.Reach.At, night.Reach.DayStart.Add(3*time.Minute)
	tomorrow := work.Reach.DayStart.Add(3 * time.Minute)
	held := "It is 03:00 for Ben (America/Chicago), outside working time. It is held until Ben next works: Tuesday, 1 December 2026, 09:00."
	atOnce := "Ben works now: it is 10:15 (America/Chicago), and working time lasts until 17:00. "
	for _, row := range []struct {
		situation Situation
		urgency   Urgency
		channel   Channel
		decision  Decision
		at        time.Time
		words     string
	}{
		{night, Low, InApp, Suppressed, time.Time{}, "LOW never interrupts: it stands in the inbox."},
		{work, Low, InApp, Suppressed, time.Time{}, "LOW never interrupts: it stands in the inbox."},
		{night, Low, Email, InDigest, digest, "LOW comes by mail with the digest, at the start of Ben's next working day: Tuesday, 1 December 2026, 09:03 (America/Chicago)."},
		{work, Low, Email, InDigest, tomorrow, "LOW comes by mail with the digest, at the start of Ben's next working day: Wednesday, 2 December 2026, 09:03 (America/Chicago)."},
		{night, Normal, InApp, Held, morning, held},
		{work, Normal, InApp, Now, work.Now, atOnce + "NORMAL interrupts in working time."},
		{night, Normal, Email, InDigest, digest, "NORMAL comes by mail with the digest, at the start of Ben's next working day: Tuesday, 1 December 2026, 09:03 (America/Chicago)."},
		{work, Normal, Email, InDigest, tomorrow, "NORMAL comes by mail with the digest, at the start of Ben's next working day: Wednesday, 2 December 2026, 09:03 (America/Chicago)."},
		{focus, Low, InApp, Suppressed, time.Time{}, "LOW never interrupts: it stands in the inbox."},
		{focus, Normal, InApp, Held, focus.Reach.At, "It is 10:15 for Ben (America/Chicago), in a focus block. It is held until that ends: Tuesday, 1 December 2026, 11:00."},
		{beforeFocus, Normal, InApp, Held, focus.Reach.At, "It is 03:00 for Ben (America/Chicago), outside working time. It is held until Ben next works outside a focus block: Tuesday, 1 December 2026, 11:00."},
		{beforeFocus, High, Email, Held, morning, held},
		{focus, High, InApp, Now, work.Now, "Ben works now, in a focus block: it is 10:15 (America/Chicago). HIGH interrupts in working time, through focus blocks."},
		{night, High, InApp, Held, morning, held},
		{night, High, Email, Held, morning, held},
		{work, High, InApp, Now, work.Now, atOnce + "HIGH interrupts in working time."},
		{work, High, Email, Now, work.Now, atOnce + "HIGH interrupts in working time."},
		{night, Urgent, InApp, Now, night.Now, "URGENT breaks the glass: it is sent at once, always. It is 03:00 for Ben (America/Chicago)."},
		{night, Urgent, Email, Now, night.Now, "URGENT breaks the glass: it is sent at once, always. It is 03:00 for Ben (America/Chicago)."},
	} {
		s := row.situation
		s.Urgency = row.urgency
		got := DecideChannel(row.channel, s)
		name := s.Now.String() + " " + row.urgency.String() + " " + string(row.channel)
		require.Equal(t, row.decision, got.Decision, name)
		require.True(t, row.at.Equal(got.DeliverTime), "%s: %s", name, got.DeliverTime)
		require.Equal(t, row.words, got.Explanation, name)
		require.Equal(t, int64(7), got.Version, name)
		require.True(t, got.Again.IsZero(), name)
	}
}

// What a member has chosen makes it quieter, with the reason in words.
func TestPreferencesDecide(t *testing.T) {
	t.Parallel()
	choose := func(change func(s *Situation)) Situation {
		s := atWork(t)
		s.Preferences.Channels = map[Urgency][]Channel{}
		change(&s)
		return s
	}
	decide := func(c Channel, s Situation) (Decision, string) {
		v := DecideChannel(c, s)
		return v.Decision, v.Explanation
	}
	for _, row := range []struct {
		name      string
		situation Situation
		channel   Channel
		decision  Decision
		words     string
	}{
		{"no digest", choose(func(s *Situation) { s.Preferences.DigestDisabled = true }), Email, Suppressed, "switched the digest off"},
		{"no mail for NORMAL", choose(func(s *Situation) { s.Preferences.Channels[Normal] = []Channel{InApp} }), Email, Suppressed, "switched mail off for NORMAL"},
		{"no in-app for HIGH", choose(func(s *Situation) { s.Urgency = High; s.Preferences.Channels[High] = nil }), InApp, Suppressed, "switched in-app off for HIGH"},
		{"a muted thread", choose(func(s *Situation) { s.Reason = Mentioned; s.Preferences.Muted = []string{s.Context} }), InApp, Suppressed, "has muted this"},
		{"a muted space", choose(func(s *Situation) { s.Reason = Mentioned; s.Preferences.Muted = []string{s.Space} }), Email, Suppressed, "has muted this"},
		{"a muted ask", choose(func(s *Situation) { s.Preferences.Muted = []string{s.Context} }), InApp, Now, "works now"},
		{"a muted HIGH mention", choose(func(s *Situation) {
			s.Reason, s.Urgency, s.Preferences.Muted = Mentioned, High, []string{s.Context}
		}), InApp, Now, "works now"},
		{"no mail address", choose(func(s *Situation) { s.NoMail = "There is no mail address." }), Email, Suppressed, "There is no mail address."},
		{"URGENT by mail alone", choose(func(s *Situation) { s.Urgency = Urgent; s.Preferences.Channels[Urgent] = []Channel{Email} }), InApp, Suppressed, "switched in-app off for URGENT"},
		{"URGENT by mail alone, without a mail address", choose(func(s *Situation) {
			s.Urgency, s.NoMail, s.Preferences.Channels[Urgent] = Urgent, "There is no mail address.", []Channel{Email}
		}), InApp, Now, "breaks the glass"},
		{"LOW that asks for in-app", choose(func(s *Situation) { s.Urgency = Low; s.Preferences.Channels[Low] = []Channel{InApp} }), InApp, Suppressed, "LOW never interrupts"},
		{"a snooze that ends, of LOW", choose(func(s *Situation) { s.Urgency, s.Woken = Low, true }), InApp, Now, "works now"},
	} {
		decision, words := decide(row.channel, row.situation)
		require.Equal(t, row.decision, decision, row.name)
		require.Contains(t, words, row.words, row.name)
	}
}

func TestCollapsing(t *testing.T) {
	t.Parallel()
	s := atWork(t)
	s.LastSignal = s.Now.Add(-5 * time.Minute)
	v := DecideChannel(InApp, s)
	require.Equal(t, Held, v.Decision)
	require.True(t, s.LastSignal.Add(15*time.Minute).Equal(v.DeliverTime))
	require.Contains(t, v.Explanation, "has signalled at 10:10")
	s.Preferences.Collapse = 5 * time.Minute
	require.Equal(t, Now, DecideChannel(InApp, s).Decision, "the window is over")
	s.Preferences.Collapse, s.Urgency = time.Hour, High
	require.Equal(t, Now, DecideChannel(InApp, s).Decision, "HIGH is never gathered")
}

func TestNoInstant(t *testing.T) {
	t.Parallel()
	s := atNight(t)
	s.Reach = Reach{}
	for _, c := range Channels() {
		v := DecideChannel(c, s)
		require.Equal(t, Held, v.Decision)
		require.True(t, v.DeliverTime.IsZero())
		require.True(t, s.Now.Equal(v.Again), "it is decided as soon as it can be asked")
		require.Contains(t, v.Explanation, "Working time cannot be asked for now")
	}
	s.Reach = Reach{Known: true, Local: time.UTC}
	v := DecideChannel(InApp, s)
	require.Equal(t, Held, v.Decision)
	require.Equal(t, "Ben has no working time within 90 days. It is held until that changes.", v.Explanation)
	require.True(t, v.Again.Equal(s.Now.Add(7*24*time.Hour)), "for those days pass too")
	s.Reach = Reach{Known: true, Missing: true}
	require.Contains(t, DecideChannel(InApp, s).Explanation, "is not known yet")
	s.Urgency = Urgent
	require.Equal(t, Now, DecideChannel(InApp, s).Decision)
	s.Name, s.Urgency, s.Reach = "", Normal, Reach{Known: true}
	require.Contains(t, DecideChannel(InApp, s).Explanation, "The recipient has no working time")
}

func drawSituation(t *rapid.T) Situation {
	base := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	instant := func(name string) time.Time {
		if rapid.Bool().Draw(t, name+" there") {
			return base.Add(time.Duration(rapid.Int64Range(0, 1<<20).Draw(t, name)) * time.Second)
		}
		return time.Time{}
	}
	channels := rapid.SliceOfNDistinct(rapid.SampledFrom(Channels()), 0, 2, rapid.ID[Channel])
	s := Situation{
		Now: base.Add(time.Duration(rapid.Int64Range(0, 1<<20).Draw(t, "now")) * time.Second), Name: "Ben",
		Urgency: rapid.SampledFrom(Urgencies()).Draw(t, "urgency"), Reason: rapid.SampledFrom(Reasons()).Draw(t, "reason"),
		Context: "c", Space: "s", Spread: time.Duration(rapid.IntRange(0, 599).Draw(t, "spread")) * time.Second,
		Woken: rapid.Bool().Draw(t, "woken"), LastSignal: instant("last signal"),
		NoMail:      rapid.SampledFrom([]string{"", "There is no mail address."}).Draw(t, "no mail"),
		Preferences: DefaultPreferences(uuid.Nil, uuid.Nil),
		Reach: Reach{
			Known: rapid.Bool().Draw(t, "known"), Missing: rapid.IntRange(0, 9).Draw(t, "missing") == 0,
			Working: rapid.Bool().Draw(t, "working"), At: instant("at"), Until: instant("until"), DayStart: instant("day start"),
		},
	}
	if s.Reach.Work = s.Reach.At; s.Reach.Working {
		s.Reach.At, s.Reach.Work = s.Now, s.Now
	}
	if !s.Reach.At.IsZero() && rapid.Bool().Draw(t, "focus") {
		s.Reach.At = s.Reach.At.Add(time.Hour)
	}
	for _, u := range Urgencies() {
		if rapid.Bool().Draw(t, "changed "+u.String()) {
			s.Preferences.Channels[u] = channels.Draw(t, "channels of "+u.String())
		}
	}
	if len(s.Preferences.Channels[Urgent]) == 0 {
		delete(s.Preferences.Channels, Urgent)
	}
	s.Preferences.DigestDisabled = rapid.Bool().Draw(t, "digest disabled")
	if rapid.Bool().Draw(t, "muted") {
		s.Preferences.Muted = []string{"c"}
	}
	return s
}

// Whatever the situation: below URGENT nothing goes out now that was not called working time, LOW never interrupts, URGENT
// reaches over some channel, what is held comes at an instant or is decided again, and every decision has its words.
func TestDecisionsKeepThePromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		reached := false
		for _, v := range Decide(s) {
			require.NotEmpty(t, v.Explanation)
			require.Equal(t, s.Reach.Version, v.Version)
			if v.Decision == Now {
				reached = true
				require.True(t, s.Urgency == Urgent || s.Reach.Known && s.Reach.Working, "sent at a forbidden hour")
				require.True(t, s.Urgency >= High || !s.Reach.At.After(s.Now), "sent into a focus block")
				require.Equal(t, s.Now, v.DeliverTime)
			}
			if s.Urgency == Low && !s.Woken {
				require.NotEqual(t, Now, v.Decision)
				require.False(t, v.Channel == InApp && v.Decision != Suppressed)
			}
			switch v.Decision {
			case Held, InDigest:
				require.False(t, v.DeliverTime.IsZero() && v.Again.IsZero(), "it would never come")
				require.NotEqual(t, v.DeliverTime.IsZero(), v.Again.IsZero(), "an instant, or to be decided again")
			case Suppressed:
				require.True(t, v.DeliverTime.IsZero() && v.Again.IsZero())
			case Now:
			}
		}
		if s.Urgency == Urgent && !s.Woken {
			require.True(t, reached, "URGENT reaches")
		}
	})
}

// Preferences below URGENT only make it quieter: what they let interrupt would also have interrupted by default.
func TestPreferencesOnlyQuieten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		if s.Urgency == Urgent {
			s.Urgency = High
		}
		s.LastSignal = time.Time{}
		plain := s
		plain.Preferences = DefaultPreferences(uuid.Nil, uuid.Nil)
		for _, c := range Channels() {
			chosen, byDefault := DecideChannel(c, s), DecideChannel(c, plain)
			if chosen.Decision != Suppressed {
				require.Equal(t, byDefault, chosen)
			}
		}
	})
}

func TestSpreadIsStableAndShort(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 2000 {
		id := uuid.New()
		spread := Spread(id)
		require.Equal(t, spread, Spread(id))
		require.GreaterOrEqual(t, spread, time.Duration(0))
		require.Less(t, spread, 10*time.Minute)
		seen[spread.Truncate(time.Minute)] = true
	}
	require.Len(t, seen, 10, "over all of the ten minutes")
}
