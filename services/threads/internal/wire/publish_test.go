package wire

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

var at = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func sample() (domain.Thread, domain.Message) {
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	thread := domain.Thread{
		Workspace: id(), ID: id(), Space: id(), Title: "T", Type: domain.Question, State: domain.Open, Creator: id(),
		LastSequence: 3, Revision: 1, Version: 9, CreateTime: at, UpdateTime: at, ActivityTime: at,
	}
	message := domain.Message{
		Workspace: thread.Workspace, Thread: thread.ID, Sequence: 3, ID: id(), Author: id(), Body: "hello", Revision: 2,
		Version: 9, CreateTime: at, UpdateTime: at,
		Mentions:  []domain.Mention{{ID: id()}, {ID: id(), Team: true}},
		Reactions: []domain.Reaction{{Emoji: "👍", Count: 1, Members: []uuid.UUID{id()}, ByCaller: true}},
	}
	return thread, message
}

func TestEveryEventIsEncoded(t *testing.T) {
	t.Parallel()
	thread, m := sample()
	encode := Encoder("meridian.test")
	for kind, event := range map[string]domain.Event{
		"thread.created": domain.ThreadCreated{Thread: thread}, "thread.updated": domain.ThreadUpdated{Thread: thread, Changed: []string{"title"}},
		"thread.resolved": domain.ThreadResolved{Thread: thread}, "thread.reopened": domain.ThreadReopened{Thread: thread, PreviousState: domain.Archived},
		"thread.archived": domain.ThreadArchived{Thread: thread}, "message.posted": domain.MessagePosted{Thread: thread, Message: m},
		"message.edited": domain.MessageEdited{Thread: thread, Message: m}, "message.deleted": domain.MessageDeleted{Thread: thread, Message: m},
		"reaction.added":   domain.ReactionAdded{Thread: thread, Message: m, Member: m.Author, Emoji: "👍"},
		"reaction.removed": domain.ReactionRemoved{Thread: thread, Message: m, Member: m.Author, Emoji: "👍"},
	} {
		message, err := encode(t.Context(), at, "workspaces/x/members/y", event)
		require.NoError(t, err, kind)
		require.Equal(t, "evt."+thread.Workspace.String()+".threads."+kind, message.Subject)
		require.Equal(t, domain.ThreadName(thread.Workspace, thread.ID), message.Aggregate, kind)
		require.Equal(t, thread.Version, message.Version, kind)
		require.Equal(t, at.Format(time.RFC3339Nano), message.Headers["ce-time"])
	}
	_, err := encode(t.Context(), at, "", nil)
	require.Error(t, err, "an event without a message is a mistake that shows")
}

// What a reaction reads from an event is what was said, but for what only a caller sees.
func TestAMessageComesBackFromItsEvent(t *testing.T) {
	t.Parallel()
	_, m := sample()
	out := impersonal(m)
	require.False(t, out.GetReactions()[0].GetReactedByMe())
	require.True(t, resource.Message(m).GetReactions()[0].GetReactedByMe(), "the caller's own answer is not touched")

	back, err := messageFrom(m.Workspace, domain.ThreadName(m.Workspace, m.Thread), out)
	require.NoError(t, err)
	require.Equal(t, m.Thread, back.Thread)
	require.Equal(t, m.Sequence, back.Sequence)
	require.Equal(t, m.Author, back.Author)
	require.Equal(t, m.Body, back.Body)
	require.Equal(t, m.Mentions, back.Mentions)
	require.Equal(t, m.Version, back.Version)
	require.Equal(t, m.CreateTime, back.CreateTime)
	require.False(t, back.Deleted())

	m.DeleteTime = at
	back, err = messageFrom(m.Workspace, domain.ThreadName(m.Workspace, m.Thread), impersonal(m))
	require.NoError(t, err)
	require.True(t, back.Deleted())
	_, err = messageFrom(m.Workspace, "nonsense", out)
	require.Error(t, err)
}
