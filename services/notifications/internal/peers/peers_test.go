package peers

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

var at = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// owner plays the service that owns sources. It answers with a title that says which of its calls it was.
type owner struct {
	notificationsv1.UnimplementedSourceServiceServer
	calls int
	sizes []int
	fail  error
	short bool
}

func (o *owner) CheckSources(_ context.Context, req *notificationsv1.CheckSourcesRequest) (*notificationsv1.CheckSourcesResponse, error) {
	o.calls++
	o.sizes = append(o.sizes, len(req.GetChecks()))
	if o.fail != nil {
		return nil, o.fail
	}
	resp := &notificationsv1.CheckSourcesResponse{}
	for _, c := range req.GetChecks() {
		resp.States = append(resp.States, &notificationsv1.SourceState{
			Waiting: true, Title: domain.LastID(c.GetSource()), Text: "**bold**", DueTime: timestamppb.New(at), SettledReason: "s",
		})
	}
	if o.short {
		resp.States = resp.GetStates()[1:]
	}
	return resp, nil
}

func (o *owner) ListFollowedActivity(_ context.Context, req *notificationsv1.ListFollowedActivityRequest) (*notificationsv1.ListFollowedActivityResponse, error) {
	if o.fail != nil {
		return nil, o.fail
	}
	return &notificationsv1.ListFollowedActivityResponse{Activities: []*notificationsv1.FollowedActivity{{
		Thread: req.GetParent() + "/threads/1", Title: "T", Space: req.GetParent() + "/spaces/" + uuid.Max.String(), UnreadCount: 3,
		ActivityTime: timestamppb.New(at),
	}}}, nil
}

func serve(t *testing.T, o *owner) grpc.ClientConnInterface {
	t.Helper()
	authority := rpctest.NewAuthority(t, "notifications")
	_, server := rpctest.Serve(t, authority, rpcserver.Config{Service: "threads"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		notificationsv1.RegisterSourceServiceServer(r, o)
	})
	conn, err := rpcclient.Dial(server.Addr(), rpcclient.Config{Identity: authority.Identity(t, "notifications")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// Each source is asked of its owner, in bounded parts, and the answers come in the order of the questions. An owner that cannot
// be asked does not hide what another says.
func TestChecks(t *testing.T) {
	t.Parallel()
	threads, tasks, leave := &owner{}, &owner{}, &owner{}
	s := NewSources(serve(t, threads), serve(t, tasks), serve(t, leave))
	ws, member := uuid.New(), uuid.New()
	var checks []app.SourceCheck
	name := func(kind string, i int) string {
		return domain.WorkspaceName(ws) + "/" + kind + "/00000000-0000-0000-0000-" + "000000" + strconv.Itoa(100000+i)
	}
	for i := range 1200 {
		checks = append(checks, app.SourceCheck{Source: name([]string{"asks", "handoffs", "tasks", "members/" + member.String() + "/timeOffs"}[i%4], i), Member: member})
	}
	states, err := s.Check(t.Context(), ws, checks)
	require.NoError(t, err)
	require.Len(t, states, len(checks))
	for i, state := range states {
		require.Equal(t, domain.LastID(checks[i].Source), state.Title)
		require.Equal(t, "bold", state.Excerpt)
		require.True(t, state.Waiting)
		require.Equal(t, at, state.Due)
		require.Equal(t, "s", state.Settled)
	}
	require.Equal(t, []int{300}, threads.sizes)
	require.Equal(t, []int{500, 100}, tasks.sizes)
	require.Equal(t, []int{300}, leave.sizes)

	for _, broken := range []func(){
		func() { threads.fail = status.Error(codes.Internal, "broken") }, func() { threads.fail, threads.short = nil, true },
	} {
		broken()
		states, err = s.Check(t.Context(), ws, checks[:2])
		require.NoError(t, err)
		require.Equal(t, domain.SourceState{Unknown: true}, states[0])
		require.False(t, states[1].Unknown)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Check(ended, ws, checks[:2])
	require.ErrorIs(t, err, context.Canceled)
}

// Whom to ask about a source of a kind that is not known here, only a newer version knows.
func TestASourceOfANewerVersion(t *testing.T) {
	t.Parallel()
	threads := &owner{}
	s := NewSources(serve(t, threads), serve(t, &owner{}), serve(t, &owner{}))
	ws := uuid.New()
	states, err := s.Check(t.Context(), ws, []app.SourceCheck{{Source: domain.WorkspaceName(ws) + "/polls/1", Member: uuid.New()}})
	require.NoError(t, err)
	require.Equal(t, []domain.SourceState{{Unknown: true}}, states)
}

func TestFollowed(t *testing.T) {
	t.Parallel()
	threads := &owner{}
	s := NewSources(serve(t, threads), serve(t, &owner{}), serve(t, &owner{}))
	ws := uuid.New()
	got, err := s.Followed(t.Context(), ws, uuid.New())
	require.NoError(t, err)
	require.Equal(t, []domain.Activity{{Thread: domain.WorkspaceName(ws) + "/threads/1", Title: "T", Space: uuid.Max, Unread: 3, Time: at}}, got)
	threads.fail = status.Error(codes.Internal, "broken")
	_, err = s.Followed(t.Context(), ws, uuid.New())
	require.True(t, fault.Is(err, fault.Unavailable))
}

// availability plays the availability service.
type availability struct {
	availabilityv1.UnimplementedAvailabilityServiceServer
	fail error
}

func (a *availability) NextReachable(_ context.Context, req *availabilityv1.NextReachableRequest) (*availabilityv1.NextReachableResponse, error) {
	if a.fail != nil {
		return nil, a.fail
	}
	resp := &availabilityv1.NextReachableResponse{}
	for i, m := range req.GetMembers() {
		one := &availabilityv1.Reachability{Member: m, Reason: availabilityv1.Deadline_MEMBER_NOT_FOUND}
		if i == 0 {
			one = &availabilityv1.Reachability{
				Member: m, Working: true, ReachableTime: req.GetAtTime(), UntilTime: timestamppb.New(at.Add(time.Hour)),
				DayStartTime: timestamppb.New(at.Add(24 * time.Hour)), DayDate: &date.Date{Year: 2026, Month: 12, Day: 2},
				TimeZone: "Asia/Kathmandu", Version: 7,
			}
		}
		resp.Members = append(resp.Members, one)
	}
	return resp, nil
}

func TestReaches(t *testing.T) {
	t.Parallel()
	authority, played := rpctest.NewAuthority(t, "notifications"), &availability{}
	_, server := rpctest.Serve(t, authority, rpcserver.Config{Service: "availability"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		availabilityv1.RegisterAvailabilityServiceServer(r, played)
	})
	conn, err := rpcclient.Dial(server.Addr(), rpcclient.Config{Identity: authority.Identity(t, "notifications")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	w := NewWorkingTime(workingtime.New(conn))
	ws, first, second := uuid.New(), uuid.New(), uuid.New()
	got, err := w.Reaches(t.Context(), ws, []uuid.UUID{first, second}, at)
	require.NoError(t, err)
	kathmandu, err := worktime.LoadZone("Asia/Kathmandu")
	require.NoError(t, err)
	require.Equal(t, domain.Reach{
		Known: true, Working: true, At: at, Until: at.Add(time.Hour), Work: at, DayStart: at.Add(24 * time.Hour), DayDate: "2026-12-02",
		Local: kathmandu.Location(), Version: 7,
	}, got[first])
	require.Equal(t, domain.Reach{Known: true, Missing: true}, got[second])
	none, err := w.Reaches(t.Context(), ws, nil, at)
	require.NoError(t, err)
	require.Empty(t, none)
	played.fail = status.Error(codes.Internal, "broken")
	_, err = w.Reaches(t.Context(), ws, []uuid.UUID{first}, at)
	require.True(t, fault.Is(err, fault.Unavailable))
}
