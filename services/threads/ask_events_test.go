package threads

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// The life of an ask in its events: what a subscriber hears is what the callers were answered.
func TestEveryEventOfAnAsk(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	js, settle := c.broker(), c.working()
	in := domain.SpaceName(c.ws, c.space)
	m, err := c.messages.CreateMessage(c.ada.ctx, &threadsv1.CreateMessageRequest{Parent: c.thread, Message: &threadsv1.Message{
		Body: "Look at this.", Urgency: notificationsv1.Notification_URGENT, UrgentReason: "It burns.",
		Asks: []*threadsv1.Ask{askOf(threadsv1.Ask_REPLY, c.bob, c.carl, c.dora)},
	}})
	require.NoError(t, err)
	ask, name := m.GetAsks()[0], m.GetAsks()[0].GetName()
	want := []proto.Message{
		&threadsv1.MessagePosted{Message: m, Thread: c.thread, Space: in, ThreadVersion: 2, ThreadTitle: "Plans"},
		&threadsv1.AskOpened{Ask: ask, Space: in, ThreadTitle: "Plans", Excerpt: "Look at this.", UrgentReason: "It burns."},
		&threadsv1.UrgentUsed{Message: m.GetName(), Member: c.ada.name(), Reason: "It burns.", Version: 1, Source: m.GetName()},
	}
	settle()
	want = append(want, &threadsv1.AskDueChanged{
		Ask: c.getAsk(c.ada, name), Space: in, ThreadTitle: "Plans", Members: []string{c.bob.name(), c.carl.name(), c.dora.name()},
	})
	c.clock.Advance(time.Hour)
	settle()
	want = append(want, &threadsv1.AskOverdue{
		Ask: c.getAsk(c.ada, name), Space: in, ThreadTitle: "Plans", Members: []string{c.bob.name(), c.carl.name(), c.dora.name()},
		UrgentReason: "It burns.",
	})
	ask, err = c.declineAsk(c.bob, name, "No time.")
	require.NoError(t, err)
	want = append(want, &threadsv1.AskDeclined{Ask: ask, Space: in, ThreadTitle: "Plans", Member: c.bob.name(), Reason: "No time."})
	ask, err = c.reassignAsk(c.carl, name, c.bob)
	require.NoError(t, err)
	want = append(want, &threadsv1.AskReassigned{
		Ask: ask, Space: in, ThreadTitle: "Plans", Member: c.carl.name(), To: c.bob.name(), Comment: "You know more.", Excerpt: "Look at this.",
		UrgentReason: "It burns.",
	}, &threadsv1.UrgentUsed{
		Message: m.GetName(), Member: c.carl.name(), Reason: "It burns.", Version: ask.GetVersion(), Source: name,
	})
	settle()
	want = append(want, &threadsv1.AskDueChanged{Ask: c.getAsk(c.ada, name), Space: in, ThreadTitle: "Plans", Members: []string{c.bob.name()}})
	reply := c.reply(c.dora, m.GetName(), "It is out.")
	want = append(want,
		&threadsv1.MessagePosted{Message: reply, Thread: c.thread, Space: in, ThreadVersion: 3, ThreadTitle: "Plans"},
		&threadsv1.AskAnswered{
			Ask: c.getAsk(c.ada, name), Space: in, ThreadTitle: "Plans", Member: c.dora.name(), SettledMembers: []string{c.dora.name()},
		})
	ask, err = c.withdrawAsk(c.ada, name)
	require.NoError(t, err)
	want = append(want, &threadsv1.AskWithdrawn{Ask: ask, Space: in, ThreadTitle: "Plans", Members: []string{c.bob.name()}})

	// The stream keeps the order of each aggregate, not that between them.
	var version int64
	for _, e := range c.told(js, len(want)+1) {
		if e.Type == "meridian.threads.v1.ThreadCreated" {
			continue
		}
		next := slices.IndexFunc(want, func(m proto.Message) bool { return aggregateOf(t, m) == e.Aggregate })
		require.GreaterOrEqual(t, next, 0, e.Type)
		require.True(t, proto.Equal(want[next], e.payload), "%s\nwant %v\ngot  %v", e.Type, want[next], e.payload)
		want = slices.Delete(want, next, next+1)
		switch {
		case e.Type == "meridian.threads.v1.UrgentUsed":
			require.Equal(t, eventbus.AudienceServices, e.Audience)
			require.Equal(t, m.GetName(), e.Subject)
			require.Equal(t, max(version, 1), e.Version, "the message is of version 1, the ask as handed on")
		case e.Aggregate == name:
			version++
			require.Equal(t, version, e.Version)
			require.Equal(t, in, e.Space)
			require.Equal(t, eventbus.AudienceSpace, e.Audience)
			require.Equal(t, name, e.Subject)
		default:
			require.Equal(t, c.thread, e.Aggregate)
		}
		switch e.payload.(type) {
		case *threadsv1.AskDueChanged, *threadsv1.AskOverdue:
			require.Equal(t, "services/threads", e.Actor, "what time does nobody did")
		case *threadsv1.AskDeclined:
			require.Equal(t, c.bob.name(), e.Actor)
		}
	}
	require.EqualValues(t, 8, version)
	require.Empty(t, want)
}

// aggregateOf is what an event's own option says.
func aggregateOf(t *testing.T, m proto.Message) string {
	t.Helper()
	encoded, err := eventbus.Encode(t.Context(), "meridian.test", "threads", epoch, "", m)
	require.NoError(t, err)
	return encoded.Aggregate
}
