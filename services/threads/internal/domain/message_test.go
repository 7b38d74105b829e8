package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func posted(t require.TestingT, thread *domain.Thread, author uuid.UUID, body string, mentions ...domain.Mention) domain.Message {
	take(thread)
	m, _, err := thread.Post(domain.Draft{ID: id(), Author: author, Body: body, Mentions: mentions}, epoch)
	require.NoError(t, err)
	return m
}

func TestPost(t *testing.T) {
	t.Parallel()
	thread, author := begin(t), id()
	first := posted(t, &thread, author, "One")
	require.EqualValues(t, 1, first.Sequence)
	require.EqualValues(t, 2, first.Version, "the thread's version, after its creation")
	require.EqualValues(t, 1, first.RevisionCount())

	take(&thread)
	second, events, err := thread.Post(domain.Draft{ID: id(), Author: author, Body: "Two", ReplyTo: 1}, epoch.Add(time.Minute))
	require.NoError(t, err)
	require.EqualValues(t, 1, second.ReplyTo)
	require.Equal(t, epoch.Add(time.Minute), thread.ActivityTime)
	require.Equal(t, []domain.Event{domain.MessagePosted{Thread: thread, Message: second}}, events)

	take(&thread)
	for _, beyond := range []int64{3, 4, 1 << 40} {
		_, _, err = thread.Post(domain.Draft{ReplyTo: beyond}, epoch)
		require.True(t, fault.Is(err, fault.Invalid), "a message answers an earlier one")
	}
}

func TestPostAndState(t *testing.T) {
	t.Parallel()
	thread, author := begin(t), id()
	_, err := thread.Resolve(author, "Done.", epoch)
	require.NoError(t, err)
	posted(t, &thread, author, "Thanks")
	require.Equal(t, domain.Resolved, thread.State, "a resolved thread takes messages")

	yes := true
	_, err = thread.Update(domain.ThreadChange{ReopenOnMessage: &yes}, epoch)
	require.NoError(t, err)
	take(&thread)
	version := thread.Version
	m, events, err := thread.Post(domain.Draft{ID: id(), Author: author, Body: "But"}, epoch)
	require.NoError(t, err)
	require.Equal(t, domain.Open, thread.State)
	require.Len(t, events, 2)
	require.Equal(t, version, m.Version)
	reopened, ok := events[1].(domain.ThreadReopened)
	require.True(t, ok)
	require.Equal(t, m.Sequence, reopened.Message)
	require.Equal(t, "Done.", reopened.PreviousOutcome)
	require.Equal(t, version+1, reopened.Thread.Version)

	_, err = thread.Archive(epoch)
	require.NoError(t, err)
	take(&thread)
	_, _, err = thread.Post(domain.Draft{Body: "No"}, epoch)
	require.True(t, fault.HasReason(err, domain.ReasonThreadArchived))
	require.Equal(t, domain.ThreadName(thread.Workspace, thread.ID), fault.From(err).Preconditions[0].Subject)
}

func TestEdit(t *testing.T) {
	t.Parallel()
	thread, author := begin(t), id()
	ada, bob := domain.Mention{ID: id()}, domain.Mention{ID: id(), Team: true}
	m := posted(t, &thread, author, "@ada", ada)

	_, err := thread.Edit(&m, id(), "mine now", nil, epoch)
	require.True(t, fault.HasReason(err, domain.ReasonNotAuthor))
	require.True(t, fault.Is(err, fault.Denied))

	later := epoch.Add(time.Hour)
	events, err := thread.Edit(&m, author, "@ada @bob", []domain.Mention{ada, bob}, later)
	require.NoError(t, err)
	require.Equal(t, []domain.Event{domain.MessageEdited{
		Thread: thread, Message: m, Added: []domain.Mention{bob}, AddedUrgency: domain.Normal,
	}}, events)
	require.EqualValues(t, 2, m.RevisionCount())
	require.Equal(t, epoch, m.CreateTime)
	require.Equal(t, later, m.UpdateTime)

	events, err = thread.Edit(&m, author, "@ada @bob", []domain.Mention{ada, bob}, later)
	require.NoError(t, err)
	require.Empty(t, events, "the same body is no edit")

	_, err = thread.Delete(&m, author, false, later)
	require.NoError(t, err)
	_, err = thread.Edit(&m, author, "back", nil, later)
	require.True(t, fault.HasReason(err, domain.ReasonMessageDeleted))
}

func TestDelete(t *testing.T) {
	t.Parallel()
	thread, author := begin(t), id()
	m := posted(t, &thread, author, "oops @ada", domain.Mention{ID: id()})
	_, err := thread.React(&m, author, "👍")
	require.NoError(t, err)

	_, err = thread.Delete(&m, id(), false, epoch)
	require.True(t, fault.HasReason(err, domain.ReasonNotAuthor))

	_, err = thread.Archive(epoch)
	require.NoError(t, err)
	events, err := thread.Delete(&m, id(), true, epoch.Add(time.Hour))
	require.NoError(t, err, "a manager may, and an archived thread allows it")
	require.Equal(t, []domain.Event{domain.MessageDeleted{Thread: thread, Message: m}}, events)
	require.True(t, m.Deleted())
	require.Empty(t, m.Body)
	require.Empty(t, m.Mentions)
	require.Empty(t, m.Reactions)
	require.EqualValues(t, 1, m.RevisionCount())
	require.Equal(t, author, m.Author)

	events, err = thread.Delete(&m, author, false, epoch)
	require.NoError(t, err)
	require.Empty(t, events)
}

func TestBody(t *testing.T) {
	t.Parallel()
	require.NoError(t, domain.CheckBody("b", strings.Repeat("x", domain.MaxBody)))
	require.NoError(t, domain.CheckText("b", ""))
	for name, body := range map[string]string{
		"empty": "", "blank": " \n\t\u00a0", "too long": strings.Repeat("x", domain.MaxBody+1),
		"too long in bytes": strings.Repeat("ü", domain.MaxBody/2+1), "nul": "a\x00b", "invalid": "a\xc3",
	} {
		require.True(t, fault.Is(domain.CheckBody("message.body", body), fault.Invalid), name)
	}
}

func TestEmoji(t *testing.T) {
	t.Parallel()
	for _, emoji := range []string{"👍", "👍🏽", "❤️", "👩‍👩‍👧‍👦", "🇨🇴", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", ":shipit:", ":+1:", "☑", "‼️"} {
		require.NoError(t, domain.CheckEmoji(emoji), emoji)
	}
	for _, text := range []string{"", "ok", "1", "#", "👍 ", "👍\n", ":ship it:", "::", ":", "<b>", "日本", "👍a", "\xff", strings.Repeat("👍", 17), "\x00"} {
		err := domain.CheckEmoji(text)
		require.True(t, fault.Is(err, fault.Invalid), "%q", text)
	}
}

func TestReactionsAreBounded(t *testing.T) {
	t.Parallel()
	thread, author := begin(t), id()
	m := posted(t, &thread, author, "x")
	for i := range domain.MaxEmoji {
		_, err := thread.React(&m, author, string(rune(0x1F600+i)))
		require.NoError(t, err)
	}
	_, err := thread.React(&m, author, ":one_more:")
	require.True(t, fault.HasReason(err, domain.ReasonTooManyReactions))
}

// Reactions count like a set of (member, emoji), shown in the order of first use, whoever looks.
func TestReactionsAreASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		thread := begin(t)
		m := posted(t, &thread, id(), "x")
		people := make([]uuid.UUID, 15)
		for i := range people {
			people[i] = id()
		}
		emoji := []string{"👍", "🎉", ":shipit:"}
		model := map[string]map[uuid.UUID]bool{"👍": {}, "🎉": {}, ":shipit:": {}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			who := rapid.SampledFrom(people).Draw(t, "who")
			what := rapid.SampledFrom(emoji).Draw(t, "what")
			seen := m
			seen.Reactions = seenBy(m.Reactions, model, who)
			version := thread.Version
			add := rapid.Bool().Draw(t, "add")
			var events []domain.Event
			var err error
			if add {
				events, err = thread.React(&seen, who, what)
			} else {
				events, err = thread.Unreact(&seen, who, what)
			}
			require.NoError(t, err)
			require.Equal(t, add != model[what][who], len(events) == 1, "an event exactly when something changed")
			require.Equal(t, version+int64(len(events)), thread.Version)
			if add {
				model[what][who] = true
			} else {
				delete(model[what], who)
			}
			m = seen
			for _, r := range m.Reactions {
				require.Equal(t, len(model[r.Emoji]), r.Count)
				require.Positive(t, r.Count)
				require.LessOrEqual(t, len(r.Members), domain.ShownMembers)
				for _, member := range r.Members {
					require.True(t, model[r.Emoji][member])
				}
			}
		}
	})
}

// seenBy is what the database would show this member.
func seenBy(reactions []domain.Reaction, model map[string]map[uuid.UUID]bool, who uuid.UUID) []domain.Reaction {
	seen := make([]domain.Reaction, len(reactions))
	for i, r := range reactions {
		seen[i] = r
		seen[i].ByCaller = model[r.Emoji][who]
	}
	return seen
}

func TestNames(t *testing.T) {
	t.Parallel()
	ws, thread := id(), id()
	require.Equal(t, "workspaces/"+ws.String()+"/threads/"+thread.String()+"/messages/7", domain.MessageName(ws, thread, 7))
	require.Empty(t, domain.MessageName(ws, thread, 0))
	require.Empty(t, domain.MemberName(ws, uuid.Nil))
	require.Equal(t, "7", domain.LastID(domain.MessageName(ws, thread, 7)))
}
