package domain_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func TestImportedCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	good := domain.Imported{ExternalID: "1", ThreadExternalID: "1", Subject: "s", CreateTime: now}
	for _, at := range []time.Time{time.Unix(0, 0), now, now.Add(24 * time.Hour)} {
		good.CreateTime = at
		require.NoError(t, good.Check("m", now), at)
	}
	for _, at := range []time.Time{{}, time.Unix(0, -1), now.Add(24*time.Hour + 1), now.AddDate(8000, 0, 0)} {
		bad := good
		bad.CreateTime = at
		require.Equal(t, "m.create_time", fault.From(bad.Check("m", now)).Fields[0].Path, at)
	}
	for field, change := range map[string]func(m *domain.Imported){
		"external_id":        func(m *domain.Imported) { m.ExternalID = "" },
		"thread_external_id": func(m *domain.Imported) { m.ThreadExternalID = "" },
		"subject":            func(m *domain.Imported) { m.Subject = " s" },
		"body":               func(m *domain.Imported) { m.Body = "\xff" },
		"utc_offset":         func(m *domain.Imported) { m.UTCOffset = new(24 * time.Hour) },
	} {
		bad := good
		change(&bad)
		err := bad.Check("messages[7]", now)
		require.Error(t, err, field)
		require.Equal(t, "messages[7]."+field, fault.From(err).Fields[0].Path)
	}
}

// space is what a store would keep of imports.
type space struct {
	ws, id  uuid.UUID
	archive domain.Archive
	threads map[uuid.UUID]domain.Thread
	rows    map[string]domain.Message
}

func newSpace() *space {
	return &space{
		ws: uuid.New(), id: uuid.New(), threads: map[uuid.UUID]domain.Thread{}, rows: map[string]domain.Message{},
		archive: domain.Archive{
			Messages: map[string]domain.Place{}, Answers: map[string][]uuid.UUID{}, Conversations: map[string][]uuid.UUID{},
			Begun: map[uuid.UUID]time.Time{},
		},
	}
}

func (s *space) bring(t require.TestingT, mails ...domain.Imported) domain.ImportOutcome {
	plan := domain.NewImport(s.ws, s.id, mails, s.archive)
	var locked []domain.Thread
	for _, id := range plan.Existing() {
		locked = append(locked, s.threads[id])
	}
	out, err := plan.Run(locked)
	require.NoError(t, err)
	for _, thread := range append(out.Created, out.Extended...) {
		s.threads[thread.ID] = thread
		s.archive.Begun[thread.ID] = thread.CreateTime
	}
	for _, b := range out.Brought {
		require.NotContains(t, s.rows, b.Message.ExternalID)
		s.rows[b.Message.ExternalID] = b.Message
	}
	return out
}

func mail(id, parent, conversation string, minute int) domain.Imported {
	return domain.Imported{
		ID: uuid.New(), ThreadID: uuid.New(), ExternalID: id, ParentExternalID: parent, ThreadExternalID: conversation,
		Subject: "About " + conversation, Author: uuid.New(), CreateTime: readTime.Add(time.Duration(minute) * time.Minute),
	}
}

// An archive cut into calls in any way and any order, with repetitions, gives each message once, in one thread for each
// conversation, with sequences and versions without a gap and every event in its thread's order.
func TestAnyCutOfAnArchive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var mails []domain.Imported
		for c := range rapid.IntRange(1, 4).Draw(t, "conversations") {
			root := fmt.Sprint(c)
			ids := []string{root}
			mails = append(mails, mail(root, "", root, c))
			for n := range rapid.IntRange(0, 6).Draw(t, "answers") {
				id := fmt.Sprint(c, ".", n)
				mails = append(mails, mail(id, rapid.SampledFrom(ids).Draw(t, "parent"), root, c+n))
				ids = append(ids, id)
			}
		}
		order := rapid.Permutation(append(mails, mails[:len(mails)/2]...)).Draw(t, "order")
		s := newSpace()
		last := map[uuid.UUID]domain.Thread{}
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(t, "call")
			for _, event := range s.bring(t, order[:n]...).Events {
				thread := threadOf(event)
				require.Equal(t, last[thread.ID].Version+1, thread.Version)
				last[thread.ID] = thread
			}
			order = order[n:]
		}
		require.Len(t, s.rows, len(mails))
		conversations, sequences := map[string]uuid.UUID{}, map[uuid.UUID]map[int64]bool{}
		for _, m := range mails {
			row := s.rows[m.ExternalID]
			if first, met := conversations[m.ThreadExternalID]; met {
				require.Equal(t, first, row.Thread)
			}
			conversations[m.ThreadExternalID] = row.Thread
			if sequences[row.Thread] == nil {
				sequences[row.Thread] = map[int64]bool{}
			}
			sequences[row.Thread][row.Sequence] = true
			if row.ReplyTo > 0 {
				require.Less(t, row.ReplyTo, row.Sequence)
				require.Equal(t, s.rows[m.ParentExternalID].Sequence, row.ReplyTo)
			}
		}
		require.Len(t, s.threads, len(conversations))
		for id, thread := range s.threads {
			require.Len(t, sequences[id], int(thread.LastSequence))
			require.Equal(t, thread.LastSequence, thread.ImportedCount)
			require.Equal(t, thread.LastSequence+1, thread.Version)
		}
	})
}

func threadOf(event domain.Event) domain.Thread {
	switch e := event.(type) {
	case domain.ThreadCreated:
		return e.Thread
	case domain.MessagePosted:
		return e.Thread
	default:
		return domain.Thread{}
	}
}

// The title is that of the conversation's first message where it is at hand, wherever in the call it stands.
func TestImportTitles(t *testing.T) {
	t.Parallel()
	answer, root, lone := mail("2", "1", "1", 1), mail("1", "", "1", 0), mail("9", "8", "7", 2)
	answer.Subject, root.Subject = "Re: it", "It"
	out := newSpace().bring(t, answer, root, lone)
	require.Len(t, out.Created, 2)
	require.Equal(t, "It", out.Created[0].Title)
	require.Equal(t, answer.CreateTime, out.Created[0].CreateTime, "of its first message")
	require.Equal(t, answer.CreateTime, out.Created[0].ActivityTime)
	require.Equal(t, "About 7", out.Created[1].Title)
	require.Equal(t, []bool{true, false, true}, []bool{out.Results[0].ThreadCreated, out.Results[1].ThreadCreated, out.Results[2].ThreadCreated})
}

// Two conversations of one call that are linked by a parent are one thread, whichever comes first.
func TestConversationsOfOneCall(t *testing.T) {
	t.Parallel()
	for _, mails := range [][]domain.Imported{
		{mail("a", "", "a", 0), mail("b", "a", "b", 1)}, {mail("b", "a", "b", 1), mail("a", "", "a", 0)},
	} {
		out := newSpace().bring(t, mails...)
		require.Len(t, out.Created, 1)
		require.EqualValues(t, 2, out.Created[0].LastSequence)
		require.Empty(t, out.Results[1].Joined)
	}
}
