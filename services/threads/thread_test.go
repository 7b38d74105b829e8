package threads

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func TestCreateAndGetThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	created, err := w.threads.CreateThread(ada.ctx, &threadsv1.CreateThreadRequest{
		Parent: domain.WorkspaceName(ws),
		Thread: &threadsv1.Thread{
			Space: domain.SpaceName(ws, space), Title: "Größe?", Type: threadsv1.Thread_QUESTION, ReopenOnMessage: true,
			State: threadsv1.Thread_ARCHIVED, LastSequence: 7, Uid: "output only is ignored",
		},
	})
	require.NoError(t, err)
	require.Equal(t, "workspaces/"+ws.String()+"/threads/"+created.GetUid(), created.GetName())
	require.Equal(t, threadsv1.Thread_OPEN, created.GetState())
	require.Equal(t, threadsv1.Thread_QUESTION, created.GetType())
	require.Equal(t, ada.name(), created.GetCreator())
	require.True(t, created.GetReopenOnMessage())
	require.Zero(t, created.GetLastSequence())
	require.Equal(t, `"1"`, created.GetEtag())
	require.Equal(t, epoch, created.GetCreateTime().AsTime())

	got, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: created.GetName()})
	require.NoError(t, err)
	require.Equal(t, created.String(), got.String())
	require.Equal(t, []string{"ThreadCreated"}, kinds(w.unpublished()))
}

func TestCreateThreadRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	create := func(parent, space, title string) error {
		_, err := w.threads.CreateThread(ada.ctx, &threadsv1.CreateThreadRequest{
			Parent: parent, Thread: &threadsv1.Thread{Space: space, Title: title},
		})
		return err
	}
	parent, name := domain.WorkspaceName(ws), domain.SpaceName(ws, space)
	rpctest.FailedField(t, create(parent, name, ""), fault.ReasonFieldInvalid, "thread.title")
	rpctest.FailedField(t, create(parent, name, "two\nlines"), fault.ReasonFieldInvalid, "thread.title")
	rpctest.FailedField(t, create(parent, name, strings.Repeat("x", 201)), fault.ReasonFieldInvalid, "thread.title")
	rpctest.FailedField(t, create(parent, name, "nul \x00"), fault.ReasonFieldInvalid, "thread.title")
	rpctest.FailedField(t, create(parent, "", "title"), fault.ReasonFieldInvalid, "thread.space")
	rpctest.FailedField(t, create(parent, domain.SpaceName(uuid.Must(uuid.NewV7()), space), "title"), fault.ReasonFieldInvalid, "thread.space")
	rpctest.Failed(t, create(parent, domain.SpaceName(ws, uuid.Must(uuid.NewV7())), "title"), codes.NotFound, fault.ReasonResourceNotFound)
	rpctest.Failed(t, create(domain.WorkspaceName(uuid.Must(uuid.NewV7())), name, "title"), codes.NotFound, fault.ReasonResourceNotFound)
	require.Empty(t, w.unpublished())
}

func TestUpdateThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "First")
	w.post(ada, thread.GetName(), "a message does not make the etag stale")
	update := func(change *threadsv1.Thread, paths ...string) (*threadsv1.Thread, error) {
		change.Name = thread.GetName()
		req := &threadsv1.UpdateThreadRequest{Thread: change}
		if paths != nil {
			req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
		}
		return w.threads.UpdateThread(ada.ctx, req)
	}
	w.clock.Advance(time.Hour)
	changed, err := update(&threadsv1.Thread{Title: "Second", Type: threadsv1.Thread_REVIEW, Etag: thread.GetEtag()}, "title")
	require.NoError(t, err)
	require.Equal(t, "Second", changed.GetTitle())
	require.Equal(t, threadsv1.Thread_DISCUSSION, changed.GetType(), "not in the mask")
	require.EqualValues(t, 1, changed.GetLastSequence())
	require.Equal(t, epoch.Add(time.Hour), changed.GetUpdateTime().AsTime())

	_, err = update(&threadsv1.Thread{Title: "Third", Etag: thread.GetEtag()}, "title")
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	_, err = update(&threadsv1.Thread{Title: "Third", Etag: "garbage"}, "title")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "thread.etag")
	_, err = update(&threadsv1.Thread{}, "creator")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask")
	_, err = update(&threadsv1.Thread{}, "title")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "thread.title")

	changed, err = update(&threadsv1.Thread{ReopenOnMessage: true, Type: threadsv1.Thread_REVIEW})
	require.NoError(t, err)
	require.True(t, changed.GetReopenOnMessage(), "without a mask, what has a value")
	require.Equal(t, "Second", changed.GetTitle())
	changed, err = update(&threadsv1.Thread{}, "reopen_on_message", "type")
	require.NoError(t, err)
	require.False(t, changed.GetReopenOnMessage())
	require.Equal(t, threadsv1.Thread_DISCUSSION, changed.GetType())
	before := len(w.unpublished())
	_, err = update(&threadsv1.Thread{Title: "Second"}, "title")
	require.NoError(t, err)
	require.Len(t, w.unpublished(), before, "nothing changed, nothing is published")
}

func TestThreadStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	boss := w.member(ws, auth.Admin, "boss")
	thread := w.begin(ada, space, "A question")
	name := thread.GetName()

	_, err := w.threads.ReopenThread(ada.ctx, &threadsv1.ReopenThreadRequest{Name: name})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonThreadAlreadyOpen)
	_, err = w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: name})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "outcome")
	_, err = w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: name, Outcome: " \n"})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "outcome")
	resolved, err := w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: name, Outcome: "42", Etag: thread.GetEtag()})
	require.NoError(t, err)
	require.Equal(t, "42", resolved.GetOutcome())
	require.Equal(t, ada.name(), resolved.GetResolver())
	require.Equal(t, epoch, resolved.GetResolveTime().AsTime())

	w.post(ada, name, "a resolved thread still takes messages")
	still, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: name})
	require.NoError(t, err)
	require.Equal(t, threadsv1.Thread_RESOLVED, still.GetState())
	_, err = w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: name, Outcome: "43"})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonThreadNotOpen)

	_, err = w.threads.ArchiveThread(ada.ctx, &threadsv1.ArchiveThreadRequest{Name: name})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	archived, err := w.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: name})
	require.NoError(t, err)
	require.Equal(t, threadsv1.Thread_ARCHIVED, archived.GetState())
	require.Equal(t, "42", archived.GetOutcome())
	_, err = w.messages.CreateMessage(ada.ctx, &threadsv1.CreateMessageRequest{Parent: name, Message: &threadsv1.Message{Body: "x"}})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonThreadArchived)
	_, err = w.threads.ReopenThread(ada.ctx, &threadsv1.ReopenThreadRequest{Name: name})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	reopened, err := w.threads.ReopenThread(boss.ctx, &threadsv1.ReopenThreadRequest{Name: name})
	require.NoError(t, err)
	require.Equal(t, threadsv1.Thread_OPEN, reopened.GetState())
	require.Empty(t, reopened.GetOutcome())
	require.EqualValues(t, 1, reopened.GetLastSequence(), "the refused post took no sequence")
	require.Equal(t, []string{"ThreadCreated", "ThreadResolved", "MessagePosted", "ThreadArchived", "ThreadReopened"}, kinds(w.unpublished()))
}

func TestAMessageReopens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread, err := w.threads.CreateThread(ada.ctx, &threadsv1.CreateThreadRequest{
		Parent: domain.WorkspaceName(ws),
		Thread: &threadsv1.Thread{Space: domain.SpaceName(ws, space), Title: "t", ReopenOnMessage: true},
	})
	require.NoError(t, err)
	_, err = w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: thread.GetName(), Outcome: "Done."})
	require.NoError(t, err)
	m := w.post(ada, thread.GetName(), "Not quite")
	require.EqualValues(t, 3, m.GetVersion())
	got, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: thread.GetName()})
	require.NoError(t, err)
	require.Equal(t, threadsv1.Thread_OPEN, got.GetState())
	require.EqualValues(t, 4, got.GetVersion())
	require.Equal(t, []string{"ThreadCreated", "ThreadResolved", "MessagePosted", "ThreadReopened"}, kinds(w.unpublished()))
}

func TestListThreads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	other := w.space(ws, false)
	var names []string
	for i := range 7 {
		in := space
		if i%3 == 0 {
			in = other
		}
		names = append(names, w.begin(ada, in, "Thread").GetName())
		w.clock.Advance(time.Minute)
	}
	_, err := w.threads.ResolveThread(ada.ctx, &threadsv1.ResolveThreadRequest{Name: names[4], Outcome: "Done."})
	require.NoError(t, err)

	list := func(req *threadsv1.ListThreadsRequest) []string {
		req.Parent = domain.WorkspaceName(ws)
		var got []string
		for range 20 {
			resp, err := w.threads.ListThreads(ada.ctx, req)
			require.NoError(t, err)
			for _, thread := range resp.GetThreads() {
				got = append(got, thread.GetName())
			}
			if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
				return got
			}
			require.NotEmpty(t, resp.GetThreads())
		}
		require.Fail(t, "the list does not end")
		return nil
	}
	pick := func(indexes ...int) []string {
		var picked []string
		for _, i := range indexes {
			picked = append(picked, names[i])
		}
		return picked
	}
	for _, size := range []int32{0, 1, 2, 7, 1000} {
		require.Equal(t, pick(6, 5, 4, 3, 2, 1, 0), list(&threadsv1.ListThreadsRequest{PageSize: size}))
		require.Equal(t, pick(0, 1, 2, 3, 4, 5, 6), list(&threadsv1.ListThreadsRequest{PageSize: size, OrderBy: "create_time"}))
		require.Equal(t, pick(0, 1, 2, 3, 4, 5, 6), list(&threadsv1.ListThreadsRequest{PageSize: size, OrderBy: "activity_time"}))
		require.Equal(t, pick(6, 3, 0), list(&threadsv1.ListThreadsRequest{
			PageSize: size, OrderBy: "create_time desc", Filter: `space = "` + domain.SpaceName(ws, other) + `"`,
		}))
	}
	require.Equal(t, pick(4), list(&threadsv1.ListThreadsRequest{Filter: "state = RESOLVED"}))
	require.Equal(t, pick(5, 2, 1), list(&threadsv1.ListThreadsRequest{
		Filter: `state != RESOLVED AND space = "` + domain.SpaceName(ws, space) + `" AND type = DISCUSSION AND imported = false`,
	}))
	require.Equal(t, pick(6, 5), list(&threadsv1.ListThreadsRequest{Filter: `create_time >= "2026-11-23T09:05:00Z"`}))
	require.Len(t, list(&threadsv1.ListThreadsRequest{Filter: `creator = "` + ada.name() + `"`}), 7)
	require.Empty(t, list(&threadsv1.ListThreadsRequest{Filter: `creator != "` + ada.name() + `"`}))
	require.Empty(t, list(&threadsv1.ListThreadsRequest{Filter: `space = "` + domain.SpaceName(ws, uuid.Must(uuid.NewV7())) + `"`}))
}

func TestListThreadsRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	for range 3 {
		w.begin(ada, space, "t")
	}
	list := func(req *threadsv1.ListThreadsRequest) (*threadsv1.ListThreadsResponse, error) {
		req.Parent = domain.WorkspaceName(ws)
		return w.threads.ListThreads(ada.ctx, req)
	}
	first, err := list(&threadsv1.ListThreadsRequest{PageSize: 2})
	require.NoError(t, err)
	_, err = list(&threadsv1.ListThreadsRequest{PageSize: 1, PageToken: first.GetNextPageToken()})
	require.NoError(t, err, "the size may change")
	for _, req := range []*threadsv1.ListThreadsRequest{
		{PageToken: first.GetNextPageToken(), OrderBy: "create_time"},
		{PageToken: first.GetNextPageToken(), Filter: "state = OPEN"},
		{PageToken: "garbage"},
	} {
		_, err = list(req)
		rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
	}
	for _, filter := range []string{"nonsense = 1", "state = CLOSED", "title = x", "state = OPEN OR state = RESOLVED", "space != \"x\"", "create_time > yesterday"} {
		_, err = list(&threadsv1.ListThreadsRequest{Filter: filter})
		rpctest.FailedField(t, err, fault.ReasonFilterInvalid, "filter")
	}
	for _, order := range []string{"title", "create_time, activity_time", "create_time up"} {
		_, err = list(&threadsv1.ListThreadsRequest{OrderBy: order})
		rpctest.FailedField(t, err, fault.ReasonOrderByInvalid, "order_by")
	}
	_, err = list(&threadsv1.ListThreadsRequest{PageSize: -1})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "page_size")
}
