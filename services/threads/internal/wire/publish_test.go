package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/window"
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
	ask := sampleAsk(thread, 2)
	for kind, event := range map[string]domain.Event{
		"ask.opened": domain.AskOpened{Ask: ask}, "ask.answered": domain.AskAnswered{Ask: ask}, "ask.declined": domain.AskDeclined{Ask: ask},
		"ask.reassigned": domain.AskReassigned{Ask: ask}, "ask.due_changed": domain.AskDueChanged{Ask: ask},
		"ask.overdue": domain.AskOverdue{Ask: ask}, "ask.withdrawn": domain.AskWithdrawn{Ask: ask},
	} {
		message, err := encode(t.Context(), at, "services/threads", event)
		require.NoError(t, err, kind)
		require.Equal(t, "evt."+thread.Workspace.String()+".threads."+kind, message.Subject)
		require.Equal(t, ask.Name(), message.Aggregate, kind)
		require.Equal(t, ask.Version, message.Version, kind)
	}
	urgent, err := encode(t.Context(), at, "", domain.UrgentUsed{Message: m})
	require.NoError(t, err)
	require.Equal(t, "own."+thread.Workspace.String()+".threads.urgent.used", urgent.Subject)
	require.EqualValues(t, 1, urgent.Version)
	_, err = encode(t.Context(), at, "", nil)
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

// sampleAsk is an ask of so many, with all that one who was asked can have.
func sampleAsk(thread domain.Thread, people int) domain.Ask {
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	ask := domain.Ask{
		Workspace: thread.Workspace, ID: id(), Thread: thread.ID, Sequence: 1 << 40, Space: thread.Space, Title: strings.Repeat("ä", 200),
		Asker: id(), Kind: domain.AskReply, Team: id(), Window: window.Days(3), Urgency: domain.High, State: domain.AskOpen,
		Version: 12, CreateTime: at, UpdateTime: at,
	}
	for range people {
		ask.Recipients = append(ask.Recipients, domain.Recipient{
			Member: id(), State: domain.Answered, OfTeam: true, Due: at, Remind: at, Answer: 1 << 40, AnsweredBy: id(),
			Comment: strings.Repeat("ä", 2000), UpdateTime: at.Add(time.Microsecond),
		})
	}
	return ask
}

// Whatever was asked of how many, and whatever they said, the outbox takes every event of it.
func TestEventsOfLargeAsksFit(t *testing.T) {
	t.Parallel()
	thread, m := sample()
	for _, people := range []int{1, 10, 60, 200, 201, 500, domain.MaxRecipients} {
		ask := sampleAsk(thread, people)
		var all []uuid.UUID
		for i, r := range ask.Recipients {
			if i < 100 {
				ask.Members = append(ask.Members, r.Member)
			}
			if len(all) < domain.MaxAsked {
				all = append(all, r.Member)
			}
		}
		one := ask.Recipients[0].Member
		quiet := ask.At(at) // as an ask is whose people have said nothing
		for i := range quiet.Recipients {
			quiet.Recipients[i].Comment, quiet.Recipients[i].To, quiet.Recipients[i].From = "", uuid.Nil, uuid.Nil
		}
		long := strings.Repeat("x", 2000)
		big := m
		big.Body, big.Asks = strings.Repeat("x", 64<<10), []domain.Ask{ask}
		for kind, event := range map[string]domain.Event{
			"answered by one":  domain.AskAnswered{Ask: ask, Member: one, Settled: []uuid.UUID{one}},
			"answered for all": domain.AskAnswered{Ask: quiet, Member: one, Settled: all},
			"declined":         domain.AskDeclined{Ask: ask, Member: one, Reason: long},
			"reassigned":       domain.AskReassigned{Ask: ask, Member: one, To: all[len(all)-1], Comment: long, Excerpt: long},
			"due":              domain.AskDueChanged{Ask: quiet, Members: all},
			"overdue":          domain.AskOverdue{Ask: quiet, Members: all},
			"withdrawn":        domain.AskWithdrawn{Ask: quiet, Members: all},
			"message edited":   domain.MessageEdited{Thread: thread, Message: big},
		} {
			message, err := Encoder("meridian.test")(t.Context(), at, "workspaces/x/members/y", event)
			require.NoError(t, err)
			size := len(message.Payload)
			for k, v := range message.Headers {
				size += len(k) + len(v)
			}
			require.LessOrEqual(t, size, outbox.MaxSize, "%s, %d people", kind, people)
		}
	}
}

// Of very many an event shows those whom it is about; of few all.
func TestWhomAnEventShows(t *testing.T) {
	t.Parallel()
	thread, _ := sample()
	few, many := sampleAsk(thread, 3), sampleAsk(thread, 201)
	many.Recipients[7].State, many.Recipients[7].Due = domain.Waiting, at.Add(time.Hour)
	require.Equal(t, resource.Ask(few).String(), shown(few, nil).String())
	out := shown(many, []uuid.UUID{many.Recipients[3].Member})
	require.Len(t, out.GetRecipients(), 1)
	require.Equal(t, domain.MemberName(many.Workspace, many.Recipients[3].Member), out.GetRecipients()[0].GetMember())
	require.Len(t, many.Recipients, 201, "the ask itself is not touched")
	require.Equal(t, at.Add(time.Hour), out.GetDueTime().AsTime(), "of all whom it waits for")
	loud := sampleAsk(thread, 20)
	out = shown(loud, []uuid.UUID{loud.Recipients[3].Member})
	require.Len(t, out.GetRecipients(), 20)
	require.NotEmpty(t, out.GetRecipients()[3].GetComment())
	require.Empty(t, out.GetRecipients()[4].GetComment())
}
