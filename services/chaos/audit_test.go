//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// told makes a stream of events of one aggregate, each with its version.
func told(service string, first int64, payloads ...proto.Message) []*event {
	var events []*event
	for i, payload := range payloads {
		events = append(events, &event{
			Meta: eventbus.Meta{
				ID: uuid.New(), Source: "//host/workspaces/w/" + service, Aggregate: "thing", Version: first + int64(i), Subject: "offer", Actor: "Ana",
			},
			payload: payload, sequence: uint64(i) + 1, times: 1,
		})
	}
	return events
}

// kinds are what an audit found, by kind.
func kinds(a *audit) map[string]int {
	found := map[string]int{}
	for _, f := range a.findings {
		found[f.Kind]++
	}
	return found
}

func TestTheAuditFindsEventsThatAreMissingOrOutOfOrder(t *testing.T) {
	t.Parallel()
	posted := func(n int) []proto.Message {
		all := make([]proto.Message, n)
		for i := range all {
			all[i] = &threadsv1.MessagePosted{}
		}
		return all
	}
	whole := told("threads", 1, posted(4)...)
	for name, c := range map[string]struct {
		events []*event
		found  int
	}{
		"whole":             {whole, 0},
		"one version twice": {append(told("threads", 1, posted(1)...), whole...), 0},
		"the first missing": {whole[1:], 1},
		"one missing":       {append(whole[:1:1], whole[2:]...), 1},
		"out of order":      {[]*event{whole[0], whole[2], whole[1], whole[3]}, 3},
		"another's":         {append(told("tasks", 1, posted(2)...), whole...), 0},
		"untold changes":    {told("notifications", 3, posted(1)...), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &audit{events: c.events}
			require.NoError(t, a.order(t.Context()))
			require.Len(t, a.findings, c.found, "%v", a.findings)
		})
	}
}

func TestTheAuditFindsWritesThatAreMissingOrDoneTwice(t *testing.T) {
	t.Parallel()
	posted := &threadsv1.MessagePosted{Message: &threadsv1.Message{Body: "Message mark"}}
	accepted := &tasksv1.HandoffAccepted{}
	claimed := entry{Act: claiming, Resource: "offer", Member: "Ana", Outcome: acknowledged}
	for name, c := range map[string]struct {
		entry  entry
		events []*event
		found  int
	}{
		"acknowledged and done":    {entry{Act: posting, Mark: "mark", Outcome: acknowledged}, told("threads", 1, posted), 0},
		"acknowledged, not done":   {entry{Act: posting, Mark: "mark", Outcome: acknowledged}, nil, 1},
		"done twice":               {entry{Act: posting, Mark: "mark", Outcome: acknowledged}, told("threads", 1, posted, posted), 1},
		"unknown and done":         {entry{Act: posting, Mark: "mark", Outcome: unknown}, told("threads", 1, posted), 0},
		"unknown, not done":        {entry{Act: posting, Mark: "mark", Outcome: unknown}, nil, 0},
		"unknown and done twice":   {entry{Act: posting, Mark: "mark", Outcome: unknown}, told("threads", 1, posted, posted), 1},
		"refused and done":         {entry{Act: posting, Mark: "mark", Outcome: refused}, told("threads", 1, posted), 1},
		"refused, not done":        {entry{Act: posting, Mark: "mark", Outcome: refused}, nil, 0},
		"accepted by another":      {entry{Act: accepting, Resource: "offer", Member: "Ben", Outcome: acknowledged}, told("tasks", 1, accepted), 1},
		"accepted":                 {entry{Act: accepting, Resource: "offer", Member: "Ana", Outcome: acknowledged}, told("tasks", 1, accepted), 0},
		"claimed, and held before": {claimed, nil, 0},
		"hours of unknown name":    {entry{Act: scheduling, Outcome: unknown}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &audit{ledger: &ledger{}, events: c.events}
			a.ledger.add(c.entry)
			a.compare(func(e entry) bool { return e == claimed })
			require.Len(t, a.findings, c.found, "%v", a.findings)
		})
	}
}

func TestTheAuditFindsAnswersThatShouldNotBe(t *testing.T) {
	t.Parallel()
	mended := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	a := &audit{ledger: &ledger{mended: mended}}
	a.ledger.add(entry{Outcome: acknowledged, Ended: mended.Add(answerLimit)})
	require.NoError(t, a.answers(t.Context()))
	require.Empty(t, a.findings)
	a.ledger.add(entry{Outcome: unknown, Ended: mended.Add(answerLimit + time.Second)})
	a.ledger.blame("post: NotFound")
	a.ledger.blame("post: NotFound")
	require.NoError(t, a.answers(t.Context()))
	require.Len(t, a.findings, 2)
	require.Contains(t, a.findings[0].Text, "not answered until 1m1s after the last fault")
	require.Equal(t, "a member was answered 2 times: post: NotFound", a.findings[1].Text)
}

func TestTheAuditFindsTwoHoldersAndTwoOffers(t *testing.T) {
	t.Parallel()
	const task = "thing"
	started := func(holder string) proto.Message {
		return &tasksv1.RelayLegStarted{Task: task, Leg: &tasksv1.Leg{Holder: holder}}
	}
	ended := func(holder string) proto.Message {
		return &tasksv1.RelayLegEnded{Task: task, Leg: &tasksv1.Leg{Holder: holder}}
	}
	offered := &tasksv1.HandoffOffered{Handoff: &tasksv1.Handoff{Task: task}}
	for name, c := range map[string]struct {
		events []proto.Message
		found  int
	}{
		"handed over":        {[]proto.Message{started("Ana"), offered, &tasksv1.HandoffAccepted{}, ended("Ana"), started("Ben")}, 0},
		"two holders":        {[]proto.Message{started("Ana"), started("Ben")}, 1},
		"another's leg ends": {[]proto.Message{started("Ana"), ended("Ben")}, 1},
		"two offers":         {[]proto.Message{started("Ana"), offered, offered}, 1},
		"offered again":      {[]proto.Message{offered, &tasksv1.HandoffWithdrawn{}, offered, &tasksv1.HandoffExpired{}, offered}, 0},
		"ends unopened":      {[]proto.Message{&tasksv1.HandoffDeclined{}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &audit{events: told("tasks", 1, c.events...)}
			a.told()
			require.Len(t, a.findings, c.found, "%v", a.findings)
		})
	}
}

func TestTheAuditFindsWhatWasSentAtAForbiddenHour(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 26, 12, 0, 30, 0, time.UTC) // in an even minute
	even, odd := hours{on: 1, off: 1}, hours{on: 1, off: 1, shift: 1}
	notification := uuid.New()
	right := attempt{Notification: &notification, Channel: "EMAIL", Decided: noon, Begun: noon, Working: true, Version: 1}
	since := func(version int64, h hours, at time.Time) hoursSince {
		return hoursSince{version, h.windows(noon), &event{Meta: eventbus.Meta{Time: at}, stored: at, payload: &availabilityv1.ScheduleChanged{}}}
	}
	changed := func(change func(*attempt)) attempt {
		a := right
		change(&a)
		return a
	}
	began := noon.Add(-time.Hour)
	for name, c := range map[string]struct {
		attempt attempt
		had     []hoursSince
		found   int
	}{
		"in working time":       {right, []hoursSince{since(1, even, began)}, 0},
		"in time off":           {right, []hoursSince{since(1, odd, began)}, 1},
		"urgent":                {changed(func(a *attempt) { a.Urgent = true }), []hoursSince{since(1, odd, began)}, 0},
		"known not to work":     {changed(func(a *attempt) { a.Working = false }), []hoursSince{since(1, even, began)}, 1},
		"begun late":            {changed(func(a *attempt) { a.Begun = noon.Add(6 * time.Second) }), []hoursSince{since(1, even, began)}, 1},
		"by no hours":           {right, nil, 1},
		"by hours just changed": {right, []hoursSince{since(1, even, began), since(2, odd, noon.Add(time.Second))}, 0},
		"known, but for later":  {changed(func(a *attempt) { a.Version = 2 }), []hoursSince{since(1, even, began), since(2, odd, noon.Add(time.Second))}, 0},
		"by hours out of date":  {right, []hoursSince{since(1, even, began), since(2, odd, noon.Add(-time.Second))}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &audit{}
			a.judge(c.attempt, c.had)
			require.Len(t, a.findings, c.found, "%v", a.findings)
		})
	}
}

func TestFindingsAreShownByKind(t *testing.T) {
	t.Parallel()
	a := &audit{}
	for i := range 5 {
		a.findf("lost %d", i)
	}
	a.findf("twice %s", "x")
	require.Equal(t, map[string]int{"lost %d": 5, "twice %s": 1}, kinds(a))
	text := result{Findings: a.findings}.report()
	require.Contains(t, text, "6 FINDINGS of 2 kinds")
	require.Contains(t, text, "- lost 2\n")
	require.NotContains(t, text, "- lost 3\n")
	require.Contains(t, text, "and 2 more of this kind")
	require.Contains(t, text, "- twice x\n")
}
