package threads

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func (w *world) reads() threadsv1.ReadServiceClient { return threadsv1.NewReadServiceClient(w.conn) }

func (w *world) readState(p person, thread string) *threadsv1.ReadState {
	w.t.Helper()
	r, err := w.reads().GetReadState(p.ctx, &threadsv1.GetReadStateRequest{Name: thread + "/readState"})
	require.NoError(w.t, err)
	return r
}

func (w *world) markRead(p person, thread string, through int64) *threadsv1.ReadState {
	w.t.Helper()
	r, err := w.reads().MarkRead(p.ctx, &threadsv1.MarkReadRequest{Name: thread, ThroughSequence: through})
	require.NoError(w.t, err)
	return r
}

// followed are the titles of the threads that a member's list has, in its order, over pages of two.
func (w *world) followed(p person, unreadOnly bool) []string {
	w.t.Helper()
	var titles []string
	req := &threadsv1.ListReadStatesRequest{Parent: domain.WorkspaceName(p.Workspace), PageSize: 2, UnreadOnly: unreadOnly}
	for {
		resp, err := w.reads().ListReadStates(p.ctx, req)
		require.NoError(w.t, err)
		for _, r := range resp.GetReadStates() {
			require.True(w.t, r.GetFollowed())
			require.True(w.t, proto.Equal(r, w.readState(p, r.GetThread())), "a list shows what Get shows")
			titles = append(titles, r.GetThreadTitle())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return titles
		}
	}
}

func TestReadStateOfOneWhoHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	thread := w.begin(ada, space, "News").GetName()
	w.post(ada, thread, "one")
	require.True(t, proto.Equal(&threadsv1.ReadState{
		Name: thread + "/readState", Thread: thread, ThreadTitle: "News", Space: domain.SpaceName(ws, space),
		LastSequence: 1, UnreadCount: 1,
	}, w.readState(bob, thread)))
	require.Empty(t, w.followed(bob, false))
}

func TestMarkReadOnlyGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	thread := w.begin(ada, space, "News").GetName()
	for range 5 {
		w.post(ada, thread, "x")
	}
	before := len(w.unpublished())
	w.clock.Advance(time.Hour)
	r := w.markRead(bob, thread, 3)
	require.EqualValues(t, 3, r.GetLastReadSequence())
	require.EqualValues(t, 2, r.GetUnreadCount())
	require.EqualValues(t, 1, r.GetVersion())
	require.False(t, r.GetFollowed())
	require.Equal(t, epoch.Add(time.Hour), r.GetUpdateTime().AsTime())
	w.clock.Advance(time.Hour)
	for _, through := range []int64{1, 3} {
		require.True(t, proto.Equal(r, w.markRead(bob, thread, through)))
	}
	r = w.markRead(bob, thread, 5)
	require.Zero(t, r.GetUnreadCount())
	require.EqualValues(t, 2, r.GetVersion())
	require.True(t, proto.Equal(r, w.readState(bob, thread)))

	events := w.unpublished()[before:]
	require.Equal(t, []string{"ReadStateChanged", "ReadStateChanged"}, kinds(events))
	for i, e := range events {
		require.Equal(t, thread+"/readStates/"+bob.Member.String(), e.aggregate)
		require.EqualValues(t, i+1, e.version)
		require.Contains(t, e.subject, "own."+ws.String())
	}
	_, err := w.reads().MarkRead(bob.ctx, &threadsv1.MarkReadRequest{Name: thread, ThroughSequence: 6})
	rpctest.Failed(t, err, codes.OutOfRange, "SEQUENCE_BEYOND_END")
	require.Equal(t, []string{"through_sequence"}, rpctest.Fields(status.Convert(err)))
	_, err = w.reads().MarkRead(bob.ctx, &threadsv1.MarkReadRequest{Name: thread})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "through_sequence")
}

func TestBatchMarkReadIsAllOrNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	hidden := w.space(ws, true)
	w.grant(ws, hidden, ada.Member, auth.Writer)
	bob := w.member(ws, auth.Member, "bob")
	secret := w.begin(ada, hidden, "secret").GetName()
	w.post(ada, secret, "x")
	const n = 50
	var marks []*threadsv1.ReadMark
	for i := range n {
		thread := w.begin(ada, space, fmt.Sprint("t", i)).GetName()
		w.post(ada, thread, "x")
		w.post(ada, thread, "y")
		marks = append(marks, &threadsv1.ReadMark{Thread: thread, ThroughSequence: int64(1 + i%2)})
	}
	w.markRead(bob, marks[0].GetThread(), 2)
	batch := func(requestID string, marks ...*threadsv1.ReadMark) (*threadsv1.BatchMarkReadResponse, error) {
		return w.reads().BatchMarkRead(bob.ctx, &threadsv1.BatchMarkReadRequest{Parent: domain.WorkspaceName(ws), Marks: marks, RequestId: requestID})
	}
	before := len(w.unpublished())

	_, err := batch("", append(marks[:n:n], &threadsv1.ReadMark{Thread: secret, ThroughSequence: 1})...)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = batch("", append(marks[:n:n], &threadsv1.ReadMark{Thread: domain.ThreadName(ws, uuid.New()), ThroughSequence: 1})...)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = batch("", marks[0], marks[1], &threadsv1.ReadMark{Thread: marks[2].GetThread(), ThroughSequence: 9})
	rpctest.Failed(t, err, codes.OutOfRange, "SEQUENCE_BEYOND_END")
	require.Equal(t, []string{"marks[2].through_sequence"}, rpctest.Fields(status.Convert(err)))
	_, err = batch("", marks[0], marks[0])
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "marks")
	_, err = batch("", &threadsv1.ReadMark{Thread: domain.ThreadName(uuid.New(), uuid.New()), ThroughSequence: 1})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "marks[0].thread")
	require.Len(t, w.unpublished(), before, "what was refused has done nothing")
	require.Zero(t, w.readState(bob, marks[1].GetThread()).GetLastReadSequence())

	requestID := uuid.NewString()
	for range 2 {
		resp, err := batch(requestID, marks...)
		require.NoError(t, err)
		require.Len(t, resp.GetReadStates(), n)
		for i, r := range resp.GetReadStates() {
			require.Equal(t, marks[i].GetThread(), r.GetThread())
			require.Equal(t, max(marks[i].GetThroughSequence(), 2*int64(1-min(i, 1))), r.GetLastReadSequence())
			require.True(t, proto.Equal(r, w.readState(bob, r.GetThread())))
		}
		require.Len(t, w.unpublished(), before+n-1, "the first stood further already")
	}
}

func TestReadStatesAreTheCallersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, _, ada := w.open()
	hidden := w.space(ws, true)
	w.grant(ws, hidden, ada.Member, auth.Writer)
	otto, guest := w.member(ws, auth.Admin, "otto"), w.member(ws, auth.Guest, "gil")
	stranger := w.member(uuid.Must(uuid.NewV7()), auth.Owner, "sam")
	thread := w.begin(ada, hidden, "secret").GetName()
	w.post(ada, thread, "x")
	for _, p := range []person{otto, guest, stranger} {
		reads := w.reads()
		_, get := reads.GetReadState(p.ctx, &threadsv1.GetReadStateRequest{Name: thread + "/readState"})
		_, mark := reads.MarkRead(p.ctx, &threadsv1.MarkReadRequest{Name: thread, ThroughSequence: 1})
		_, beyond := reads.MarkRead(p.ctx, &threadsv1.MarkReadRequest{Name: thread, ThroughSequence: 99})
		_, follow := reads.FollowThread(p.ctx, &threadsv1.FollowThreadRequest{Name: thread})
		_, unfollow := reads.UnfollowThread(p.ctx, &threadsv1.UnfollowThreadRequest{Name: thread})
		_, mute := reads.MuteThread(p.ctx, &threadsv1.MuteThreadRequest{Name: thread})
		_, unmute := reads.UnmuteThread(p.ctx, &threadsv1.UnmuteThreadRequest{Name: thread})
		for i, err := range []error{get, mark, beyond, follow, unfollow, mute, unmute} {
			rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
			require.NotContains(t, err.Error(), "secret", "%s %d", p.handle, i)
		}
	}
	w.grant(ws, hidden, guest.Member, auth.Reader)
	_, err := w.reads().FollowThread(guest.ctx, &threadsv1.FollowThreadRequest{Name: thread})
	require.NoError(t, err)
	require.Equal(t, []string{"secret"}, w.followed(guest, true))
	w.grant(ws, hidden, guest.Member, auth.NoRight)
	require.Empty(t, w.followed(guest, false), "a right that was taken away a moment ago")
	_, err = w.reads().ListReadStates(ada.ctx, &threadsv1.ListReadStatesRequest{Parent: domain.WorkspaceName(ws), PageToken: "nonsense"})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
	var rows int
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, "SELECT count(*) FROM read_states WHERE member_id = $1", otto.Member).Scan(&rows))
	require.Zero(t, rows, "a refusal leaves nothing")
}

// Posts, marks and follows of the same people in the same threads at the same time: none waits for another in a
// circle, none is lost, and the events of each read state are without a gap.
func TestReadStatesAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	people := []person{ada}
	for i := range 5 {
		people = append(people, w.member(ws, auth.Member, fmt.Sprint("p", i)))
	}
	const threads, rounds = 4, 12
	var marks []*threadsv1.ReadMark
	for i := range threads {
		thread := w.begin(ada, space, fmt.Sprint("t", i)).GetName()
		w.post(ada, thread, "x")
		marks = append(marks, &threadsv1.ReadMark{Thread: thread, ThroughSequence: 1})
	}
	settle := w.reacting()
	var group errgroup.Group
	for _, p := range people {
		group.Go(func() error {
			for i := range rounds {
				thread := marks[i%threads].GetThread()
				m, err := w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
					Parent: thread, Message: &threadsv1.Message{Body: "@ada @p0 @p1 @p2 @p3 @p4"},
				})
				if err != nil {
					return err
				}
				mine := append([]*threadsv1.ReadMark{{Thread: thread, ThroughSequence: m.GetSequence()}}, without(marks, i%threads)...)
				if _, err := w.reads().BatchMarkRead(p.ctx, &threadsv1.BatchMarkReadRequest{Parent: domain.WorkspaceName(ws), Marks: mine}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	settle()
	settle()
	stream, err := w.js.Stream(w.ctx, eventbus.Stream)
	require.NoError(t, err)
	info, err := stream.Info(w.ctx)
	require.NoError(t, err)
	versions := map[string]int64{}
	for _, e := range w.events(w.js, int(info.State.Msgs)) {
		if e.Type == "meridian.threads.v1.ReadStateChanged" {
			versions[e.Aggregate]++
			require.Equal(t, versions[e.Aggregate], e.Version)
		}
	}
	require.Len(t, versions, len(people)*threads)
	for _, p := range people {
		for _, mark := range marks {
			r := w.markRead(p, mark.GetThread(), 1)
			require.True(t, r.GetFollowed())
			require.GreaterOrEqual(t, r.GetUnreadCount(), int64(0))
			r = w.markRead(p, mark.GetThread(), r.GetLastSequence())
			require.Zero(t, r.GetUnreadCount())
		}
	}
}

func without(marks []*threadsv1.ReadMark, i int) []*threadsv1.ReadMark {
	var others []*threadsv1.ReadMark
	for j, mark := range marks {
		if j != i {
			others = append(others, mark)
		}
	}
	return others
}

// The same request, again and at the same time, is done once and gets the same answer.
func TestReadStateReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	thread := w.begin(ada, space, "t").GetName()
	w.post(ada, thread, "1")
	w.post(ada, thread, "2")
	reads := w.reads()
	for name, call := range map[string]func(id string) (*threadsv1.ReadState, error){
		"MarkRead": func(id string) (*threadsv1.ReadState, error) {
			return reads.MarkRead(bob.ctx, &threadsv1.MarkReadRequest{Name: thread, ThroughSequence: 1, RequestId: id})
		},
		"FollowThread": func(id string) (*threadsv1.ReadState, error) {
			return reads.FollowThread(bob.ctx, &threadsv1.FollowThreadRequest{Name: thread, RequestId: id})
		},
		"MuteThread": func(id string) (*threadsv1.ReadState, error) {
			return reads.MuteThread(bob.ctx, &threadsv1.MuteThreadRequest{Name: thread, RequestId: id})
		},
	} {
		before, id := len(w.unpublished()), uuid.NewString()
		answers := make([]*threadsv1.ReadState, 5)
		var group errgroup.Group
		for i := range answers {
			group.Go(func() error {
				var err error
				answers[i], err = call(id)
				return err
			})
		}
		require.NoError(t, group.Wait(), name)
		for _, answer := range answers {
			require.True(t, proto.Equal(answers[0], answer), name)
		}
		require.Len(t, w.unpublished(), before+1, name)
	}
	// A replay does nothing, also when the state has moved on: unfollow, unmute, then the old requests again.
	id := uuid.NewString()
	_, err := reads.UnfollowThread(bob.ctx, &threadsv1.UnfollowThreadRequest{Name: thread, RequestId: id})
	require.NoError(t, err)
	_, err = reads.FollowThread(bob.ctx, &threadsv1.FollowThreadRequest{Name: thread})
	require.NoError(t, err)
	r, err := reads.UnfollowThread(bob.ctx, &threadsv1.UnfollowThreadRequest{Name: thread, RequestId: id})
	require.NoError(t, err)
	require.True(t, r.GetFollowed(), "it returns the read state as it now stands")
	_, err = reads.UnfollowThread(bob.ctx, &threadsv1.UnfollowThreadRequest{Name: w.begin(ada, space, "u").GetName(), RequestId: id})
	rpctest.FailedField(t, err, fault.ReasonRequestIDReused, "request_id")
}

// Whatever a member does in a thread with others, and in whatever order the two aggregates' events come, their clients work out
// their read state: the newest that was told, and then the posts of their own that it has not taken up.
func TestClientsWorkOutTheirReadState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	rapid.Check(t, func(t *rapid.T) {
		thread := w.begin(ada, space, "t").GetName()
		var own []int64
		told := w.readState(bob, thread)
		last := int64(0)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			hear := func(r *threadsv1.ReadState, err error) {
				require.NoError(t, err)
				if r.GetVersion() > told.GetVersion() {
					told = r // as its event says
				}
			}
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				last = w.post(bob, thread, "mine").GetSequence()
				own = append(own, last)
			case 2:
				last = w.post(ada, thread, "hers").GetSequence()
			case 3:
				hear(w.reads().UnfollowThread(bob.ctx, &threadsv1.UnfollowThreadRequest{Name: thread}))
			case 4:
				if last > 0 {
					hear(w.reads().MarkRead(bob.ctx, &threadsv1.MarkReadRequest{Name: thread, ThroughSequence: rapid.Int64Range(1, last).Draw(t, "through")}))
				}
			}
		}
		got := proto.Clone(told).(*threadsv1.ReadState)
		for _, sequence := range own {
			if sequence <= told.GetOwnSequence() {
				continue
			}
			got.Followed = true
			if got.GetLastReadSequence() == sequence-1 {
				got.LastReadSequence = sequence
			}
		}
		want := w.readState(bob, thread)
		require.Equal(t, []any{want.GetFollowed(), want.GetLastReadSequence()}, []any{got.GetFollowed(), got.GetLastReadSequence()})
		require.Equal(t, append([]int64{0}, own...)[len(own)], want.GetOwnSequence())
	})
}
