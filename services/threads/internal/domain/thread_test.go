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

var epoch = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func id() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func begin(t require.TestingT) domain.Thread {
	thread, events, err := domain.NewThread(domain.Thread{
		Workspace: id(), ID: id(), Space: id(), Creator: id(), Title: "A thread",
	}, epoch)
	require.NoError(t, err)
	require.Equal(t, []domain.Event{domain.ThreadCreated{Thread: thread}}, events)
	return thread
}

func TestNewThread(t *testing.T) {
	t.Parallel()
	thread := begin(t)
	require.Equal(t, domain.Discussion, thread.Type)
	require.Equal(t, domain.Open, thread.State)
	require.EqualValues(t, 1, thread.Version)
	require.EqualValues(t, 1, thread.Revision)
	require.Zero(t, thread.LastSequence)
	require.Equal(t, epoch, thread.ActivityTime)

	_, _, err := domain.NewThread(domain.Thread{}, epoch)
	require.True(t, fault.HasReason(err, fault.ReasonFieldInvalid))
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for _, title := range []string{"x", "Größe: 3 µm", strings.Repeat("ü", 200), "日本語のタイトル", "a  b"} {
		require.NoError(t, domain.CheckTitle("f", title), title)
	}
	for name, title := range map[string]string{
		"empty": "", "too long": strings.Repeat("ü", 201), "two lines": "a\nb", "leading blank": " a",
		"trailing blank": "a\u00a0", "control": "a\x07b", "nul": "a\x00b", "invalid": "a\xff", "separator": "a\u2028b",
	} {
		err := domain.CheckTitle("thread.title", title)
		require.True(t, fault.Is(err, fault.Invalid), name)
		require.Equal(t, "thread.title", fault.From(err).Fields[0].Path, name)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	require.NoError(t, domain.CheckOutcome("We go with B.\n\nBecause."))
	for name, outcome := range map[string]string{
		"blank": " \n\t", "empty": "", "too long": strings.Repeat("x", 4001), "nul": "a\x00", "invalid": "\xff",
	} {
		require.True(t, fault.Is(domain.CheckOutcome(outcome), fault.Invalid), name)
	}
}

func TestUpdateSaysWhatChanged(t *testing.T) {
	t.Parallel()
	thread := begin(t)
	title, kind, yes := "Another", domain.Question, true
	events, err := thread.Update(domain.ThreadChange{Title: &title, Type: &kind, ReopenOnMessage: &yes}, epoch.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []domain.Event{domain.ThreadUpdated{Thread: thread, Changed: []string{"title", "type", "reopen_on_message"}}}, events)
	require.Equal(t, epoch.Add(time.Hour), thread.UpdateTime)
	require.EqualValues(t, 2, thread.Revision)

	events, err = thread.Update(domain.ThreadChange{Title: &title}, epoch.Add(2*time.Hour))
	require.NoError(t, err)
	require.Empty(t, events)
	require.EqualValues(t, 2, thread.Revision)
	require.Equal(t, epoch.Add(time.Hour), thread.UpdateTime)

	bad := "two\nlines"
	_, err = thread.Update(domain.ThreadChange{Title: &bad}, epoch)
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestResolveReopenArchive(t *testing.T) {
	t.Parallel()
	thread, by := begin(t), id()
	_, err := thread.Reopen(0, epoch)
	require.True(t, fault.HasReason(err, domain.ReasonThreadAlreadyOpen))

	_, err = thread.Resolve(by, "Done.", epoch)
	require.NoError(t, err)
	require.Equal(t, domain.Resolved, thread.State)
	require.Equal(t, by, thread.Resolver)
	_, err = thread.Resolve(by, "Again.", epoch)
	require.True(t, fault.HasReason(err, domain.ReasonThreadNotOpen))

	events, err := thread.Archive(epoch)
	require.NoError(t, err)
	require.Equal(t, []domain.Event{domain.ThreadArchived{Thread: thread, PreviousState: domain.Resolved}}, events)
	require.Equal(t, "Done.", thread.Outcome, "an archived thread keeps its outcome")
	_, err = thread.Archive(epoch)
	require.True(t, fault.HasReason(err, domain.ReasonThreadArchived))
	_, err = thread.Update(domain.ThreadChange{}, epoch)
	require.True(t, fault.HasReason(err, domain.ReasonThreadArchived))

	events, err = thread.Reopen(0, epoch)
	require.NoError(t, err)
	require.Equal(t, []domain.Event{domain.ThreadReopened{Thread: thread, PreviousState: domain.Archived, PreviousOutcome: "Done."}}, events)
	require.Empty(t, thread.Outcome)
	require.Equal(t, uuid.Nil, thread.Resolver)
	require.True(t, thread.ResolveTime.IsZero())
}

// take does what the database does when a post takes its sequence.
func take(thread *domain.Thread) {
	thread.LastSequence++
	thread.Version++
}

// Whatever is done to a thread: each event is one version, in order; the outcome stands exactly while it should; the
// sequence never changes but by a post; a refusal changes nothing.
func TestThreadLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		thread, by := begin(t), id()
		var messages []domain.Message
		now := epoch
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Second)
			before := thread
			var events []domain.Event
			var err error
			switch rapid.SampledFrom([]string{"post", "resolve", "reopen", "archive", "title", "setting", "edit", "delete", "react", "unreact"}).Draw(t, "step") {
			case "post":
				attempt := thread
				take(&attempt)
				var m domain.Message
				m, events, err = attempt.Post(domain.Draft{ID: id(), Author: by, Body: "b", ReplyTo: rapid.Int64Range(0, thread.LastSequence).Draw(t, "reply")}, now)
				if err == nil {
					thread = attempt
					messages = append(messages, m)
					require.Equal(t, before.LastSequence+1, m.Sequence)
				}
			case "resolve":
				events, err = thread.Resolve(by, "Outcome.", now)
			case "reopen":
				events, err = thread.Reopen(0, now)
			case "archive":
				events, err = thread.Archive(now)
			case "title":
				title := rapid.SampledFrom([]string{"One", "Two"}).Draw(t, "title")
				events, err = thread.Update(domain.ThreadChange{Title: &title}, now)
			case "setting":
				reopen := rapid.Bool().Draw(t, "reopen_on_message")
				events, err = thread.Update(domain.ThreadChange{ReopenOnMessage: &reopen}, now)
			default:
				if len(messages) == 0 {
					continue
				}
				events, err = changeOne(t, &thread, messages, by, now)
			}
			if err != nil {
				require.Equal(t, before, thread, "a refusal changes nothing")
				continue
			}
			requireOrder(t, before, thread, events)
		}
	})
}

func changeOne(t *rapid.T, thread *domain.Thread, messages []domain.Message, by uuid.UUID, now time.Time) ([]domain.Event, error) {
	m := &messages[rapid.IntRange(0, len(messages)-1).Draw(t, "message")]
	kept := *m
	var events []domain.Event
	var err error
	switch rapid.SampledFrom([]string{"edit", "delete", "react", "unreact"}).Draw(t, "change") {
	case "edit":
		events, err = thread.Edit(m, by, rapid.SampledFrom([]string{"b", "c"}).Draw(t, "body"), nil, now)
	case "delete":
		events, err = thread.Delete(m, by, false, now)
	case "react":
		events, err = thread.React(m, by, "👍")
	case "unreact":
		events, err = thread.Unreact(m, by, "👍")
	}
	if err != nil || len(events) == 0 {
		require.Equal(t, kept, *m)
		return events, err
	}
	require.Equal(t, thread.Version, m.Version)
	require.Equal(t, m.Deleted(), m.Body == "")
	return events, nil
}

func requireOrder(t *rapid.T, before, after domain.Thread, events []domain.Event) {
	require.Equal(t, before.Version+int64(len(events)), after.Version)
	for i, event := range events {
		require.Equal(t, before.Version+int64(i)+1, versionOf(t, event))
	}
	require.GreaterOrEqual(t, after.Revision, before.Revision)
	require.Equal(t, after.Outcome != "", after.Resolver != uuid.Nil)
	require.Equal(t, after.Outcome != "", !after.ResolveTime.IsZero())
	switch after.State {
	case domain.Open:
		require.Empty(t, after.Outcome)
	case domain.Resolved:
		require.NotEmpty(t, after.Outcome)
	}
}

func versionOf(t *rapid.T, event domain.Event) int64 {
	switch e := event.(type) {
	case domain.ThreadUpdated:
		return e.Thread.Version
	case domain.ThreadResolved:
		return e.Thread.Version
	case domain.ThreadReopened:
		return e.Thread.Version
	case domain.ThreadArchived:
		return e.Thread.Version
	case domain.MessagePosted:
		return e.Thread.Version
	case domain.MessageEdited:
		return e.Thread.Version
	case domain.MessageDeleted:
		return e.Thread.Version
	case domain.ReactionAdded:
		return e.Thread.Version
	case domain.ReactionRemoved:
		return e.Thread.Version
	default:
		t.Fatalf("no version of %T", event)
		return 0
	}
}
