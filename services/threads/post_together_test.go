package threads

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/rpc"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// replicas are two instances of the service over one database.
func (w *world) replicas() []threadsv1.MessageServiceClient {
	w.t.Helper()
	other := app.New(app.Deps{
		Store:  store.New(w.db.App, w.db.Owner, w.box, wire.Encoder("meridian.test")),
		Access: w.directory, Clock: w.clock, WorkingTime: w.hours, Pending: func() {},
	})
	conn, _ := rpctest.Serve(w.t, w.authority, rpcserver.Config{Service: "threads"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		rpc.Register(r, other)
	})
	return []threadsv1.MessageServiceClient{w.messages, threadsv1.NewMessageServiceClient(conn)}
}

// attempt is one post of a storm, with what it must be told whatever goes on around it.
type attempt struct {
	who     person
	request *threadsv1.CreateMessageRequest
	code    codes.Code
	// twin is the attempt with the same request_id, -1 for none.
	twin int
	got  *threadsv1.Message
	err  error
}

// storm is a workspace with threads of every kind and people of every right.
type storm struct {
	*world
	ws      uuid.UUID
	people  []person
	open    []string
	refused map[string]codes.Code
}

func newStorm(t *testing.T, w *world) *storm {
	t.Helper()
	s := &storm{world: w, refused: map[string]codes.Code{}}
	ws, space, ada := w.open()
	s.ws = ws
	hidden := s.space(ws, true)
	s.grant(ws, hidden, ada.Member, auth.Manager)
	s.people = []person{ada, s.member(ws, auth.Member, "bob"), s.member(ws, auth.Member, "cy"), s.member(ws, auth.Guest, "guest")}
	for i := range 3 {
		s.open = append(s.open, s.begin(ada, space, fmt.Sprint("open ", i)).GetName())
	}
	reopens := s.begin(ada, space, "reopens").GetName()
	_, err := s.threads.UpdateThread(ada.ctx, &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: reopens, ReopenOnMessage: true, Title: "reopens"}})
	require.NoError(t, err)
	_, err = s.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: reopens, Outcome: "done"})
	require.NoError(t, err)
	s.open = append(s.open, reopens)
	archived := s.begin(ada, space, "archived").GetName()
	_, err = s.threads.ArchiveThread(s.member(ws, auth.Admin, "admin").ctx, &threadsv1.ArchiveThreadRequest{Name: archived})
	require.NoError(t, err)
	s.refused[archived] = codes.FailedPrecondition
	s.refused[domain.ThreadName(ws, uuid.New())] = codes.NotFound
	s.refused[s.begin(ada, hidden, "hidden").GetName()] = codes.NotFound
	for _, thread := range s.open {
		s.post(ada, thread, "the first, for replies")
	}
	return s
}

// draw makes an attempt and knows what it must be told.
func (s *storm) draw(t *rapid.T, refused []string) attempt {
	a := attempt{who: rapid.SampledFrom(s.people).Draw(t, "who"), twin: -1}
	m := &threadsv1.Message{Body: rapid.SampledFrom([]string{"plain", "@bob look", "@cy and @nobody"}).Draw(t, "body")}
	thread := rapid.SampledFrom(s.open).Draw(t, "thread")
	guest := a.who.handle == "guest"
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		thread = rapid.SampledFrom(refused).Draw(t, "refused")
		if a.code = s.refused[thread]; a.who.handle == "ada" && a.code == codes.NotFound {
			a.who = s.people[1]
		}
	case 1:
		m.ReplyTo = thread + "/messages/1"
	case 2:
		m.ReplyTo, a.code = thread+"/messages/100000", codes.InvalidArgument
	case 3:
		m.Urgency, m.UrgentReason = notificationsv1.Notification_URGENT, "fire"
	}
	if guest {
		a.code = codes.NotFound
	}
	a.request = &threadsv1.CreateMessageRequest{Parent: thread, Message: m, RequestId: uuid.NewString()}
	return a
}

// Whatever is posted at once, through two instances of the service: the result is that of some order of single posts. Each
// is told what it would be told alone, sequences have no gap, twins are one message, events are in order, and every read
// state is what its author's posts make of it one after another.
func TestPostingTogetherEqualsPostingOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	services := w.replicas()
	rapid.Check(t, func(rt *rapid.T) {
		s := newStorm(t, w)
		var refused []string
		for thread := range s.refused {
			refused = append(refused, thread)
		}
		slices.Sort(refused)
		attempts := make([]attempt, rapid.IntRange(5, 30).Draw(rt, "attempts"))
		for i := range attempts {
			attempts[i] = s.draw(rt, refused)
			if i > 0 && rapid.IntRange(0, 4).Draw(rt, "twin") == 0 {
				attempts[i] = attempts[i-1]
				attempts[i].twin = i - 1
			}
		}
		var crew sync.WaitGroup
		for i := range attempts {
			a, service := &attempts[i], services[rand.IntN(len(services))]
			crew.Go(func() {
				a.got, a.err = service.CreateMessage(a.who.ctx, a.request)
				for status.Code(a.err) == codes.Unavailable { // as clients do
					a.got, a.err = service.CreateMessage(a.who.ctx, a.request)
				}
			})
		}
		crew.Wait()
		s.checkAnswers(attempts)
		s.checkRows()
	})
}

func (s *storm) checkAnswers(attempts []attempt) {
	s.t.Helper()
	sequences := map[string]map[string]int{}
	for i, a := range attempts {
		require.Equal(s.t, a.code, status.Code(a.err), "%s posting %v: %v", a.who.handle, a.request, a.err)
		if a.err != nil {
			continue
		}
		require.Equal(s.t, a.request.GetMessage().GetBody(), a.got.GetBody())
		if a.twin >= 0 {
			require.Equal(s.t, attempts[a.twin].got.GetName(), a.got.GetName(), "a twin is the same message")
			continue
		}
		if sequences[a.request.GetParent()] == nil {
			sequences[a.request.GetParent()] = map[string]int{}
		}
		_, taken := sequences[a.request.GetParent()][a.got.GetName()]
		require.False(s.t, taken, "two messages of one name")
		sequences[a.request.GetParent()][a.got.GetName()] = i
	}
	for _, thread := range s.open {
		var last, count int
		err := s.db.Owner.Pool().QueryRow(s.ctx, `SELECT t.last_sequence, count(*) FROM threads t JOIN messages m USING (workspace_id, thread_id)
			WHERE t.thread_id = $1 GROUP BY 1`, domain.LastID(thread)).Scan(&last, &count)
		require.NoError(s.t, err)
		require.Equal(s.t, last, count, "no gap")
		require.Equal(s.t, len(sequences[thread])+1, count, "all that was acknowledged, and nothing else")
	}
}

// checkRows holds the rows against what posting in the order of the sequences makes.
func (s *storm) checkRows() {
	s.t.Helper()
	var wrong int
	err := s.db.Owner.Pool().QueryRow(s.ctx, `
		SELECT count(*) FROM (
			SELECT version - lag(version, 1, 0::bigint) OVER (PARTITION BY aggregate ORDER BY id) AS step
			FROM outbox WHERE workspace_id = $1 AND aggregate LIKE '%/threads/%' AND aggregate NOT LIKE '%readStates%') e
		WHERE e.step <> 1`, s.ws).Scan(&wrong)
	require.NoError(s.t, err)
	require.Zero(s.t, wrong, "each aggregate's events in order without a gap")
	rows, err := s.db.Owner.Pool().Query(s.ctx, `SELECT thread_id, author_id, sequence FROM messages
		WHERE workspace_id = $1 ORDER BY thread_id, sequence`, s.ws)
	require.NoError(s.t, err)
	type key struct{ thread, member uuid.UUID }
	pointers, newest := map[key]int64{}, map[key]int64{}
	for rows.Next() {
		var k key
		var sequence int64
		require.NoError(s.t, rows.Scan(&k.thread, &k.member, &sequence))
		newest[k] = sequence
		if pointers[k] == sequence-1 {
			pointers[k] = sequence
		} else if _, follows := pointers[k]; !follows {
			pointers[k] = 0
		}
	}
	require.NoError(s.t, rows.Err())
	kept, taken := map[key]int64{}, map[key]int64{}
	states, err := s.db.Owner.Pool().Query(s.ctx, `SELECT thread_id, member_id, last_read_sequence, own_sequence FROM read_states
		WHERE workspace_id = $1 AND followed`, s.ws)
	require.NoError(s.t, err)
	for states.Next() {
		var k key
		var pointer, own int64
		require.NoError(s.t, states.Scan(&k.thread, &k.member, &pointer, &own))
		kept[k], taken[k] = pointer, own
	}
	require.NoError(s.t, states.Err())
	require.Equal(s.t, pointers, kept, "read states")
	require.Equal(s.t, newest, taken, "the posts that they have taken up")
}

// A group does not wait for a thread that somebody else holds: its posts are then done alone, and only those to that thread
// wait.
func TestALockedThreadHoldsUpItsOwnPostsAlone(t *testing.T) {
	t.Parallel()
	s := newStorm(t, newWorld(t))
	ada := s.people[0]
	hold, err := s.db.Owner.Pool().Begin(s.ctx)
	require.NoError(t, err)
	_, err = hold.Exec(s.ctx, `SELECT FROM threads WHERE thread_id = $1 FOR UPDATE`, domain.LastID(s.open[0]))
	require.NoError(t, err)
	var crew, held sync.WaitGroup
	for range 3 {
		held.Go(func() {
			_, err := s.messages.CreateMessage(ada.ctx, &threadsv1.CreateMessageRequest{Parent: s.open[0], Message: &threadsv1.Message{Body: "waits"}})
			if err != nil && status.Code(err) != codes.Unavailable {
				t.Errorf("the one that waited: %v", err)
			}
		})
	}
	for range 8 {
		crew.Go(func() {
			_, err := s.messages.CreateMessage(ada.ctx, &threadsv1.CreateMessageRequest{Parent: s.open[1], Message: &threadsv1.Message{Body: "goes on"}})
			if err != nil {
				t.Errorf("a neighbour: %v", err)
			}
		})
	}
	crew.Wait() // while the lock is still held
	require.NoError(t, hold.Rollback(s.ctx))
	held.Wait()
}

// One that waits for a thread that somebody else holds is refused after a while, with nothing done, and can be sent again.
func TestAPostDoesNotWaitForALockedThreadForEver(t *testing.T) {
	t.Parallel()
	s := newStorm(t, newWorld(t))
	ada := s.people[0]
	hold, err := s.db.Owner.Pool().Begin(s.ctx)
	require.NoError(t, err)
	_, err = hold.Exec(s.ctx, `SELECT FROM threads WHERE thread_id = $1 FOR UPDATE`, domain.LastID(s.open[0]))
	require.NoError(t, err)
	request := &threadsv1.CreateMessageRequest{Parent: s.open[0], Message: &threadsv1.Message{Body: "waits"}, RequestId: uuid.NewString()}
	_, err = s.messages.CreateMessage(ada.ctx, request)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	require.NoError(t, hold.Rollback(s.ctx))
	m, err := s.messages.CreateMessage(ada.ctx, request)
	require.NoError(t, err)
	var posted int
	require.NoError(t, s.db.Owner.Pool().QueryRow(s.ctx, `SELECT count(*) FROM messages WHERE body = 'waits'`).Scan(&posted))
	require.Equal(t, 1, posted, m.GetName())
}
