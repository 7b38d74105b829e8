package threads

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// archive is a space that an administrator imports into.
type archive struct {
	*world
	ws, space uuid.UUID
	ada       person
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	return &archive{world: w, ws: ws, space: w.space(ws, false), ada: w.member(ws, auth.Admin, "ada")}
}

// mail is a message written elsewhere, so many minutes after the archive began.
func (a *archive) mail(id, parent, conversation string, minute int) *threadsv1.ImportedMessage {
	return &threadsv1.ImportedMessage{
		ExternalId: id, ParentExternalId: parent, ThreadExternalId: conversation, Subject: "About " + conversation,
		Author: a.ada.name(), Body: "text of " + id, UtcOffset: durationpb.New(-3 * time.Hour),
		CreateTime: timestamppb.New(time.Date(2009, 11, 17, 10, minute, 0, 0, time.UTC)),
	}
}

func (a *archive) call(p person, requestID string, mails ...*threadsv1.ImportedMessage) (*threadsv1.ImportMessagesResponse, error) {
	return a.messages.ImportMessages(p.ctx, &threadsv1.ImportMessagesRequest{
		Parent: domain.SpaceName(a.ws, a.space), Messages: mails, RequestId: requestID,
	})
}

func (a *archive) bring(mails ...*threadsv1.ImportedMessage) []*threadsv1.ImportResult {
	a.t.Helper()
	resp, err := a.call(a.ada, "", mails...)
	require.NoError(a.t, err)
	require.Len(a.t, resp.GetResults(), len(mails))
	for i, r := range resp.GetResults() {
		require.Equal(a.t, mails[i].GetExternalId(), r.GetExternalId())
	}
	return resp.GetResults()
}

func (a *archive) threadList() []*threadsv1.Thread {
	a.t.Helper()
	resp, err := a.threads.ListThreads(a.ada.ctx, &threadsv1.ListThreadsRequest{
		Parent: domain.WorkspaceName(a.ws), OrderBy: "create_time", PageSize: 100,
	})
	require.NoError(a.t, err)
	return resp.GetThreads()
}

// idsOf are the external ids of a thread's messages in their sequence, which must be without gaps.
func (a *archive) idsOf(thread string) []string {
	a.t.Helper()
	var ids []string
	req := &threadsv1.ListMessagesRequest{Parent: thread, PageSize: 200}
	for {
		resp, err := a.messages.ListMessages(a.ada.ctx, req)
		require.NoError(a.t, err)
		for _, m := range resp.GetMessages() {
			ids = append(ids, m.GetExternalId())
			require.EqualValues(a.t, len(ids), m.GetSequence())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return ids
		}
	}
}

func TestImportKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	bob := a.memberIn(a.ws, auth.Member, "bob", "INVITED")
	gone := a.memberIn(a.ws, auth.Member, "gone", "DEACTIVATED")
	first, second, third := a.mail("1", "", "1", 0), a.mail("2", "1", "1", 5), a.mail("3", "?", "1", 3)
	second.Author, second.Body, second.UtcOffset = bob.name(), "", nil
	third.Author, third.Body = gone.name(), "hello @ada"
	results := a.bring(first, second, third)
	require.True(t, results[0].GetThreadCreated())
	require.False(t, results[1].GetThreadCreated())
	for i, r := range results {
		require.Equal(t, threadsv1.ImportResult_IMPORTED, r.GetOutcome())
		require.Equal(t, fmt.Sprintf("%s/messages/%d", r.GetThread(), i+1), r.GetMessage())
		require.Empty(t, r.GetJoinedThreads())
	}

	thread, err := a.threads.GetThread(a.ada.ctx, &threadsv1.GetThreadRequest{Name: results[0].GetThread()})
	require.NoError(t, err)
	require.Equal(t, "About 1", thread.GetTitle())
	require.Equal(t, a.ada.name(), thread.GetCreator())
	require.True(t, thread.GetImported())
	require.EqualValues(t, 3, thread.GetLastSequence())
	require.EqualValues(t, 4, thread.GetVersion())
	require.Equal(t, first.GetCreateTime().AsTime(), thread.GetCreateTime().AsTime())
	require.Equal(t, second.GetCreateTime().AsTime(), thread.GetActivityTime().AsTime(), "the latest")

	resp, err := a.messages.ListMessages(a.ada.ctx, &threadsv1.ListMessagesRequest{Parent: thread.GetName()})
	require.NoError(t, err)
	for i, mail := range []*threadsv1.ImportedMessage{first, second, third} {
		m := resp.GetMessages()[i]
		require.Equal(t, mail.GetAuthor(), m.GetAuthor())
		require.Equal(t, mail.GetBody(), m.GetBody())
		require.Equal(t, mail.GetExternalId(), m.GetExternalId())
		require.Equal(t, mail.GetCreateTime().AsTime(), m.GetCreateTime().AsTime())
		require.True(t, proto.Equal(mail.GetUtcOffset(), m.GetUtcOffset()))
		require.True(t, m.GetImported())
		require.Empty(t, m.GetMentions())
		require.EqualValues(t, 1, m.GetRevisionCount())
	}
	require.Equal(t, results[0].GetMessage(), resp.GetMessages()[1].GetReplyTo())
	require.Empty(t, resp.GetMessages()[2].GetReplyTo(), "its parent is not there")

	events := a.unpublished()
	require.Equal(t, []string{"ThreadCreated", "MessagePosted", "MessagePosted", "MessagePosted"}, kinds(events))
	for i, e := range events {
		require.Equal(t, thread.GetName(), e.aggregate)
		require.EqualValues(t, i+1, e.version)
	}
}

func outcomes(results []*threadsv1.ImportResult) string {
	var text string
	for _, r := range results {
		text += r.GetOutcome().String()[:1]
	}
	return text
}

func TestImportTwiceAndResumed(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	mails := []*threadsv1.ImportedMessage{a.mail("1", "", "1", 0), a.mail("2", "1", "1", 1), a.mail("9", "", "9", 2), a.mail("3", "2", "1", 3)}
	first := a.bring(mails[:2]...)
	before := len(a.unpublished())
	again := a.bring(mails[:2]...)
	require.Equal(t, "DD", outcomes(again))
	for i := range again {
		require.Equal(t, first[i].GetMessage(), again[i].GetMessage())
		require.Equal(t, first[i].GetThread(), again[i].GetThread())
		require.False(t, again[i].GetThreadCreated())
	}
	require.Len(t, a.unpublished(), before, "a repetition publishes nothing")
	require.Equal(t, "DDII", outcomes(a.bring(mails...)), "what was broken off goes on")
	require.Equal(t, []string{"1", "2", "3"}, a.idsOf(first[0].GetThread()))
	require.Len(t, a.threadList(), 2)
	require.Equal(t, "DI", outcomes(a.bring(mails[0], a.mail("4", "3", "1", 4))))
	require.Equal(t, []string{"1", "2", "3", "4"}, a.idsOf(first[0].GetThread()))

	twin := a.mail("5", "", "5", 5)
	other := a.mail("5", "", "another", 6)
	results := a.bring(twin, twin, other)
	require.Equal(t, "IDD", outcomes(results), "twice in one call")
	require.Equal(t, results[0].GetMessage(), results[2].GetMessage())
	require.Len(t, a.threadList(), 3)

	_, err := a.messages.DeleteMessage(a.ada.ctx, &threadsv1.DeleteMessageRequest{Name: results[0].GetMessage()})
	require.NoError(t, err)
	require.Equal(t, "D", outcomes(a.bring(twin)), "what was deleted does not come back")
}

// In whatever order and in whatever calls a conversation comes, it is one thread.
func TestImportOutOfOrder(t *testing.T) {
	t.Parallel()
	for name, calls := range map[string][][]int{
		"backwards in one call": {{4, 3, 2, 1, 0}}, "backwards one by one": {{4}, {3}, {2}, {1}, {0}}, "mixed": {{2, 4}, {0}, {3, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			chain := []*threadsv1.ImportedMessage{
				a.mail("0", "", "0", 0), a.mail("1", "0", "0", 1), a.mail("2", "1", "0", 2), a.mail("3", "0", "0", 3), a.mail("4", "3", "0", 4),
			}
			var want []string
			for _, call := range calls {
				var mails []*threadsv1.ImportedMessage
				for _, n := range call {
					mails, want = append(mails, chain[n]), append(want, chain[n].GetExternalId())
				}
				a.bring(mails...)
			}
			list := a.threadList()
			require.Len(t, list, 1)
			require.Equal(t, "About 0", list[0].GetTitle())
			require.Equal(t, want, a.idsOf(list[0].GetName()))
		})
	}
}

// The first message of a conversation may not be in the first archive: what the importer could not see then it is told
// by the parents, and by the answers that waited.
func TestImportJoinsByParentsAndWaitingAnswers(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	waiting := a.bring(a.mail("b", "a", "b", 5), a.mail("c", "b", "b", 6))[0].GetThread()
	parent := a.bring(a.mail("a", "", "a", 0), a.mail("d", "a", "a", 7))
	require.Equal(t, waiting, parent[0].GetThread(), "the parent that was waited for")
	require.Equal(t, waiting, parent[1].GetThread())
	require.Equal(t, waiting, a.bring(a.mail("e", "c", "e", 8))[0].GetThread(), "an answer whose conversation was not seen")
	require.Equal(t, []string{"b", "c", "a", "d", "e"}, a.idsOf(waiting))
	require.Len(t, a.threadList(), 1)

	// Subjects never join.
	same := a.mail("z", "", "z", 9)
	same.Subject = "About b"
	require.NotEqual(t, waiting, a.bring(same)[0].GetThread())
}

// A message that joins two threads goes to the older, and the newer is named.
func TestImportReportsJoins(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	newer := a.bring(a.mail("new", "", "new", 30))[0].GetThread()
	older := a.bring(a.mail("answer", "bridge", "answer", 10))[0].GetThread()
	results := a.bring(a.mail("bridge", "new", "new", 40), a.mail("after", "bridge", "new", 41))
	require.Equal(t, older, results[0].GetThread())
	require.Equal(t, []string{newer}, results[0].GetJoinedThreads())
	require.Equal(t, older, results[1].GetThread())
	require.Empty(t, results[1].GetJoinedThreads(), "it is reported once")
	require.False(t, results[0].GetThreadCreated())
	later := a.bring(a.mail("later", "bridge", "new", 42))
	require.Equal(t, older, later[0].GetThread())
	require.Empty(t, later[0].GetJoinedThreads())
	both := a.bring(a.mail("both", "new", "new", 43))
	require.Equal(t, older, both[0].GetThread())
	require.Equal(t, []string{newer}, both[0].GetJoinedThreads(), "its parent is in the newer one")
	require.Equal(t, []string{"answer", "bridge", "after", "later", "both"}, a.idsOf(older))
	require.Equal(t, []string{"new"}, a.idsOf(newer))
}

// Two who import the same archive at the same time, in different orders and cuts, make no double and no deadlock.
func TestImportAtTheSameTime(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	const conversations, each = 12, 6
	var mails []*threadsv1.ImportedMessage
	for c := range conversations {
		root := fmt.Sprint(c)
		mails = append(mails, a.mail(root, "", root, c))
		for n := 1; n < each; n++ {
			mails = append(mails, a.mail(fmt.Sprint(c, "/", n), root, root, c+n))
		}
	}
	var group errgroup.Group
	for worker := range 4 {
		group.Go(func() error {
			size, mine := 7+3*worker, append([]*threadsv1.ImportedMessage{}, mails...)
			if worker%2 == 1 {
				for i, j := 0, len(mine)-1; i < j; i, j = i+1, j-1 {
					mine[i], mine[j] = mine[j], mine[i]
				}
			}
			for len(mine) > 0 {
				n := min(size, len(mine))
				if _, err := a.call(a.ada, "", mine[:n]...); err != nil {
					return err
				}
				mine = mine[n:]
			}
			return nil
		})
	}
	// People write in the same threads meanwhile.
	group.Go(func() error {
		for range 5 {
			for _, thread := range a.threadList() {
				if _, err := a.messages.CreateMessage(a.ada.ctx, &threadsv1.CreateMessageRequest{
					Parent: thread.GetName(), Message: &threadsv1.Message{Body: "meanwhile"},
				}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	require.NoError(t, group.Wait())
	list := a.threadList()
	require.Len(t, list, conversations)
	seen := map[string]bool{}
	for _, thread := range list {
		for _, id := range a.idsOf(thread.GetName()) {
			if id != "" {
				require.False(t, seen[id])
				seen[id] = true
			}
		}
	}
	require.Len(t, seen, len(mails))
	versions := map[string]int64{}
	for _, e := range a.unpublished() {
		if e.kind != "meridian.threads.v1.ReadStateChanged" {
			versions[e.aggregate]++
			require.Equal(t, versions[e.aggregate], e.version, "in order and without a gap")
		}
	}
}

func TestImportReplay(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	id := uuid.NewString()
	var group errgroup.Group
	answers := make([]string, 4)
	for i := range answers {
		group.Go(func() error {
			resp, err := a.call(a.ada, id, a.mail("1", "", "1", 0), a.mail("2", "1", "1", 1))
			if err != nil {
				return err
			}
			answers[i] = outcomes(resp.GetResults())
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.ElementsMatch(t, []string{"II", "DD", "DD", "DD"}, answers)
	_, err := a.call(a.ada, id, a.mail("3", "", "3", 0))
	rpctest.FailedField(t, err, fault.ReasonRequestIDReused, "request_id")
	require.Len(t, a.threadList(), 1)
}

// Imported messages go to threads in any state, change it in nothing, and notify nobody.
func TestImportIsHistory(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	settle := a.reacting()
	bob := a.member(a.ws, auth.Member, "bob")
	var names []string
	for i, state := range []threadsv1.Thread_State{threadsv1.Thread_RESOLVED, threadsv1.Thread_ARCHIVED} {
		root := fmt.Sprint(i)
		mail := a.mail(root, "", root, 0)
		mail.Body = "findme @bob"
		name := a.bring(mail)[0].GetThread()
		_, err := a.threads.UpdateThread(a.ada.ctx, &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: name, ReopenOnMessage: true}})
		require.NoError(t, err)
		if state == threadsv1.Thread_RESOLVED {
			_, err = a.threads.ResolveThread(a.ada.ctx, &threadsv1.ResolveThreadRequest{Name: name, Outcome: "done"})
		} else {
			_, err = a.threads.ArchiveThread(a.ada.ctx, &threadsv1.ArchiveThreadRequest{Name: name})
		}
		require.NoError(t, err)
		a.bring(a.mail(root+"+", root, root, 1))
		thread, err := a.threads.GetThread(a.ada.ctx, &threadsv1.GetThreadRequest{Name: name})
		require.NoError(t, err)
		require.Equal(t, state, thread.GetState())
		require.EqualValues(t, 2, thread.GetLastSequence())
		names = append(names, name)
	}
	settle()
	settle()
	for _, p := range []person{a.ada, bob} {
		require.Empty(t, a.followed(p, false))
		for _, name := range names {
			require.Zero(t, a.readState(p, name).GetUnreadCount())
		}
	}
	require.Len(t, a.search(bob, "findme", ""), 2, "they are found")
}
