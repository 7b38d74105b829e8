package threads

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// told is an event as a subscriber gets it.
type told struct {
	eventbus.Meta
	payload proto.Message
}

func (w *world) told(js jetstream.JetStream, n int) []told {
	w.t.Helper()
	consumer, err := js.OrderedConsumer(w.ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{})
	require.NoError(w.t, err)
	var all []told
	for range n {
		message, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		require.NoError(w.t, err, "after %d events", len(all))
		meta, payload, err := eventbus.Decode(message.Headers(), message.Subject(), message.Data())
		require.NoError(w.t, err)
		all = append(all, told{meta, payload})
	}
	return all
}

// Every event of the service, in one story: what a subscriber hears is what the callers were answered.
func TestEveryEventTellsWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := w.broker()
	ws, space, ada := w.open()
	boss := w.member(ws, auth.Admin, "boss")
	var want []proto.Message
	hear := func(m proto.Message, err error) {
		t.Helper()
		require.NoError(t, err)
		want = append(want, m)
		w.clock.Advance(time.Minute)
	}
	parent, in := domain.WorkspaceName(ws), domain.SpaceName(ws, space)

	thread, err := w.threads.CreateThread(ada.ctx, &threadsv1.CreateThreadRequest{Parent: parent, Thread: &threadsv1.Thread{Space: in, Title: "One"}})
	hear(&threadsv1.ThreadCreated{Thread: thread}, err)
	name := thread.GetName()

	thread, err = w.threads.UpdateThread(ada.ctx, &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: name, Title: "Two", ReopenOnMessage: true}})
	require.NoError(t, err)
	updated := &threadsv1.ThreadUpdated{Thread: thread}
	hear(updated, nil)

	m := w.post(ada, name, "hello @boss")
	hear(&threadsv1.MessagePosted{Message: m, Thread: name, Space: in, ThreadVersion: 3, ThreadTitle: "Two"}, nil)

	m, err = w.edit(ada, m.GetName(), "hello @ada", "")
	hear(&threadsv1.MessageEdited{
		Message: m, Thread: name, Space: in, ThreadVersion: 4, ThreadTitle: "Two", AddedMentions: []string{ada.name()},
		AddedUrgency: notificationsv1.Notification_NORMAL,
	}, err)

	_, err = w.messages.AddReaction(boss.ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: "👍"})
	hear(&threadsv1.ReactionAdded{
		Message: m.GetName(), Thread: name, Space: in, ThreadVersion: 5, Member: boss.name(), Emoji: "👍", Count: 1, Author: ada.name(),
	}, err)
	_, err = w.messages.RemoveReaction(boss.ctx, &threadsv1.RemoveReactionRequest{Name: m.GetName(), Emoji: "👍"})
	hear(&threadsv1.ReactionRemoved{
		Message: m.GetName(), Thread: name, Space: in, ThreadVersion: 6, Member: boss.name(), Emoji: "👍", Author: ada.name(),
	}, err)

	thread, err = w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: name, Outcome: "Done."})
	hear(&threadsv1.ThreadResolved{Thread: thread}, err)

	second := w.post(ada, name, "not done")
	hear(&threadsv1.MessagePosted{Message: second, Thread: name, Space: in, ThreadVersion: 8, ThreadTitle: "Two"}, nil)
	thread, err = w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: name})
	require.NoError(t, err)
	reopened := &threadsv1.ThreadReopened{
		Thread: thread, PreviousState: threadsv1.Thread_RESOLVED, PreviousOutcome: "Done.", Message: second.GetName(),
	}
	// The event says when something was last said; the list learns it from the event.
	reopened.Thread.ActivityTime = second.GetCreateTime()
	want = append(want, reopened)

	gone, err := w.messages.DeleteMessage(boss.ctx, &threadsv1.DeleteMessageRequest{Name: second.GetName()})
	hear(&threadsv1.MessageDeleted{Message: gone, Thread: name, Space: in, ThreadVersion: 10}, err)

	thread, err = w.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: name})
	hear(&threadsv1.ThreadArchived{Thread: thread, PreviousState: threadsv1.Thread_OPEN}, err)

	heard := w.told(js, len(want))
	for i, e := range heard {
		if u, ok := e.payload.(*threadsv1.ThreadUpdated); ok {
			require.Equal(t, []string{"title", "reopen_on_message"}, u.GetChanged().GetPaths())
			updated.Changed = u.GetChanged()
		}
		require.True(t, proto.Equal(want[i], e.payload), "%s\nwant %v\ngot  %v", e.Type, want[i], e.payload)
		require.Equal(t, name, e.Aggregate)
		require.EqualValues(t, i+1, e.Version, e.Type)
		require.Equal(t, in, e.Space)
		require.Equal(t, eventbus.AudienceSpace, e.Audience)
		require.Equal(t, "//meridian.test/workspaces/"+ws.String()+"/threads", e.Source)
	}
	require.Equal(t, ada.name(), heard[0].Actor)
	require.Equal(t, boss.name(), heard[len(heard)-1].Actor)
	require.Equal(t, epoch, heard[0].Time)
	require.Equal(t, m.GetName(), heard[4].Subject)
}

// Every event that the protos declare for this service, but those of the reader's own state and of asks, was in the story
// above. Those of asks have a story of their own.
func TestTheStoryHasEveryEvent(t *testing.T) {
	t.Parallel()
	var declared []string
	for _, d := range eventbus.Describe() {
		if d.Service == "threads" {
			declared = append(declared, string(d.Type.Name()))
		}
	}
	require.ElementsMatch(t, []string{
		"ThreadCreated", "ThreadUpdated", "ThreadResolved", "ThreadReopened", "ThreadArchived", "MessagePosted",
		"MessageEdited", "MessageDeleted", "ReactionAdded", "ReactionRemoved", "ReadStateChanged",
		"AskOpened", "AskAnswered", "AskDeclined", "AskReassigned", "AskDueChanged", "AskOverdue", "AskWithdrawn", "UrgentUsed",
	}, declared)
}
