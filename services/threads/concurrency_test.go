package threads

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// A hundred writers to one thread, with edits and refusals among them, leave no gap and no double, in the messages and
// in the events, and the order of the events is that of the sequence.
func TestAHundredWriters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	js := w.broker()
	thread := w.begin(ada, space, "hot").GetName()
	const writers, each = 100, 5
	people := make([]person, writers)
	for i := range people {
		people[i] = w.member(ws, auth.Member, fmt.Sprint("m", i))
	}
	var group errgroup.Group
	for _, p := range people {
		group.Go(func() error {
			for range each {
				m, err := w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
					Parent: thread, Message: &threadsv1.Message{Body: "by " + p.handle},
				})
				if err != nil {
					return err
				}
				if m.GetSequence()%10 == 0 {
					if _, err := w.edit(p, m.GetName(), "edited", ""); err != nil {
						return err
					}
				}
				// A refused post takes nothing.
				if _, err := w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
					Parent: thread, Message: &threadsv1.Message{Body: "x", ReplyTo: thread + "/messages/999999"},
				}); err == nil {
					return fmt.Errorf("a post that should be refused was not")
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())

	const posts, edits = writers * each, writers * each / 10
	var next int64
	req := &threadsv1.ListMessagesRequest{Parent: thread, PageSize: 200}
	for {
		resp, err := w.messages.ListMessages(ada.ctx, req)
		require.NoError(t, err)
		for _, m := range resp.GetMessages() {
			next++
			require.Equal(t, next, m.GetSequence())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.EqualValues(t, posts, next)

	var version, posted int64
	for _, e := range w.events(js, 1+posts+edits) {
		require.Equal(t, thread, e.Aggregate)
		version++
		require.Equal(t, version, e.Version, "the stream has the aggregate's events in order")
		if e.Type == "meridian.threads.v1.MessagePosted" {
			posted++
			require.Equal(t, fmt.Sprintf("%s/messages/%d", thread, posted), e.Subject)
		}
	}
	require.EqualValues(t, posts, posted)
}

// Of many at once each is posted or refused as if it had come alone, and what is refused leaves no trace.
func TestEachOfManyGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	boss, guest := w.member(ws, auth.Admin, "boss"), w.member(ws, auth.Guest, "guest")
	reader := w.member(ws, auth.Guest, "reader")
	w.grant(ws, space, reader.Member, auth.Reader)
	open, other, archived, resolved := w.begin(ada, space, "open").GetName(), w.begin(ada, space, "other").GetName(),
		w.begin(ada, space, "archived").GetName(), w.begin(ada, space, "resolved").GetName()
	_, err := w.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: archived})
	require.NoError(t, err)
	_, err = w.threads.UpdateThread(ada.ctx, &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: resolved, ReopenOnMessage: true}})
	require.NoError(t, err)
	_, err = w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: resolved, Outcome: "o"})
	require.NoError(t, err)
	missing := domain.ThreadName(ws, uuid.Must(uuid.NewV7()))

	const rounds = 30
	var group errgroup.Group
	expect := func(want codes.Code, p person, req *threadsv1.CreateMessageRequest) {
		group.Go(func() error {
			_, err := w.messages.CreateMessage(p.ctx, req)
			if status.Code(err) != want {
				return fmt.Errorf("%s in %s: want %s, got %w", p.handle, req.GetParent(), want, err)
			}
			return nil
		})
	}
	post := func(thread, body string) *threadsv1.CreateMessageRequest {
		return &threadsv1.CreateMessageRequest{Parent: thread, Message: &threadsv1.Message{Body: body}, RequestId: uuid.NewString()}
	}
	twin := post(other, "once")
	for range rounds {
		expect(codes.OK, ada, post(open, "by ada"))
		expect(codes.OK, boss, post(open, "by boss, to @ada"))
		expect(codes.OK, boss, post(resolved, "reopens once"))
		expect(codes.OK, ada, twin)
		expect(codes.NotFound, guest, post(open, "by a guest"))
		expect(codes.PermissionDenied, reader, post(open, "by a reader"))
		expect(codes.FailedPrecondition, ada, post(archived, "too late"))
		expect(codes.NotFound, ada, post(missing, "nowhere"))
		answering := post(open, "to nothing")
		answering.Message.ReplyTo = open + "/messages/99999"
		expect(codes.InvalidArgument, ada, answering)
	}
	require.NoError(t, group.Wait())
	for thread, want := range map[string][2]int64{open: {2 * rounds, 2*rounds + 1}, other: {1, 2}, archived: {0, 2}, resolved: {rounds, rounds + 4}} {
		got, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: thread})
		require.NoError(t, err)
		require.Equal(t, want, [2]int64{got.GetLastSequence(), got.GetVersion()}, got.GetTitle())
		var version int64
		for _, e := range w.unpublished() {
			if e.aggregate == thread {
				version++
				require.Equal(t, version, e.version)
			}
		}
		require.Equal(t, want[1], version)
	}
}

// The same request many times at once does one thing, and all get the same answer.
func TestTheSameRequestAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread := w.begin(ada, space, "t").GetName()
	w.post(ada, thread, "first")
	for name, call := range map[string]func(id string) (proto.Message, error){
		"CreateMessage": func(id string) (proto.Message, error) {
			return w.messages.CreateMessage(ada.ctx, &threadsv1.CreateMessageRequest{
				Parent: thread, Message: &threadsv1.Message{Body: "once"}, RequestId: id,
			})
		},
		"CreateThread": func(id string) (proto.Message, error) {
			return w.threads.CreateThread(ada.ctx, &threadsv1.CreateThreadRequest{
				Parent: domain.WorkspaceName(ws), Thread: &threadsv1.Thread{Space: domain.SpaceName(ws, space), Title: "once"}, RequestId: id,
			})
		},
		"ResolveThread": func(id string) (proto.Message, error) {
			return w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: thread, Outcome: "o", Etag: `"1"`, RequestId: id})
		},
		"UpdateMessage": func(id string) (proto.Message, error) {
			return w.messages.UpdateMessage(ada.ctx, &threadsv1.UpdateMessageRequest{
				Message: &threadsv1.Message{Name: thread + "/messages/1", Body: "edited", Etag: `"1"`}, RequestId: id,
			})
		},
		"AddReaction": func(id string) (proto.Message, error) {
			return w.messages.AddReaction(ada.ctx, &threadsv1.AddReactionRequest{Name: thread + "/messages/1", Emoji: "👍", RequestId: id})
		},
	} {
		before := len(w.unpublished())
		id := uuid.NewString()
		answers := make([]string, 12)
		var group errgroup.Group
		for i := range answers {
			group.Go(func() error {
				answer, err := call(id)
				if err == nil {
					answers[i] = resourceName(answer)
				}
				return err
			})
		}
		require.NoError(t, group.Wait(), name)
		for _, answer := range answers {
			require.Equal(t, answers[0], answer, name)
		}
		require.Len(t, w.unpublished(), before+1, "%s: one thing was done", name)
	}
	require.EqualValues(t, 2, w.message(ada, thread+"/messages/2").GetSequence())
	require.EqualValues(t, 3, w.post(ada, thread, "next").GetSequence(), "the twins took no sequence")
}

func resourceName(m proto.Message) string {
	named, ok := m.(interface{ GetName() string })
	if !ok {
		return ""
	}
	return named.GetName()
}

// A repeated request returns the resource as it now stands, also where the state would refuse it by now.
func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	boss := w.member(ws, auth.Admin, "boss")
	thread := w.begin(ada, space, "t").GetName()
	req := &threadsv1.CreateMessageRequest{Parent: thread, Message: &threadsv1.Message{Body: "hello"}, RequestId: uuid.NewString()}
	first, err := w.messages.CreateMessage(ada.ctx, req)
	require.NoError(t, err)
	edited, err := w.edit(ada, first.GetName(), "hello again", "")
	require.NoError(t, err)
	again, err := w.messages.CreateMessage(ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, edited.String(), again.String())

	_, err = w.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: thread, RequestId: uuid.NewString()})
	require.NoError(t, err)
	again, err = w.messages.CreateMessage(ada.ctx, req)
	require.NoError(t, err, "the replay comes before the state")
	require.Equal(t, edited.String(), again.String())

	other, ok := proto.Clone(req).(*threadsv1.CreateMessageRequest)
	require.True(t, ok)
	other.Message.Body = "something else"
	_, err = w.messages.CreateMessage(ada.ctx, other)
	rpctest.FailedField(t, err, fault.ReasonRequestIDReused, "request_id")
	req.RequestId = "not a uuid"
	_, err = w.messages.CreateMessage(ada.ctx, req)
	rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonFieldInvalid)

	// The same id of another caller is another request.
	open := w.begin(ada, space, "u").GetName()
	id := uuid.NewString()
	for i, p := range []person{ada, boss} {
		m, err := w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{Parent: open, Message: &threadsv1.Message{Body: "x"}, RequestId: id})
		require.NoError(t, err)
		require.EqualValues(t, i+1, m.GetSequence())
	}
}

// A failed request is not remembered: the same one may succeed later.
func TestAFailureIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	boss := w.member(ws, auth.Admin, "boss")
	thread := w.begin(ada, space, "t").GetName()
	_, err := w.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: thread})
	require.NoError(t, err)
	req := &threadsv1.CreateMessageRequest{Parent: thread, Message: &threadsv1.Message{Body: "x"}, RequestId: uuid.NewString()}
	_, err = w.messages.CreateMessage(ada.ctx, req)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonThreadArchived)
	_, err = w.threads.ReopenThread(boss.ctx, &threadsv1.ReopenThreadRequest{Name: thread})
	require.NoError(t, err)
	m, err := w.messages.CreateMessage(ada.ctx, req)
	require.NoError(t, err)
	require.EqualValues(t, 1, m.GetSequence())
}

// Two people edit from the same state: one wins, the other is told.
func TestStaleEditsLose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "t")
	var won, stale int
	var mu sync.Mutex
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			_, err := w.threads.UpdateThread(ada.ctx, &threadsv1.UpdateThreadRequest{
				Thread: &threadsv1.Thread{Name: thread.GetName(), Title: fmt.Sprint("Title ", i), Etag: thread.GetEtag()},
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
				return nil
			}
			stale++
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 1, won)
	require.Equal(t, 7, stale)
}
