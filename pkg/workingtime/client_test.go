package workingtime_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// availability stands for the service: a calendar in which everybody always works.
type availability struct {
	availabilityv1.UnimplementedAvailabilityServiceServer
	mu     sync.Mutex
	sizes  []int // of the questions, as they came
	asker  string
	err    error
	held   func() // runs where it is set, and no answer comes
	forget bool   // leaves the last answer out
	gone   map[string]availabilityv1.Deadline_Reason
	acting map[string]string // who acts for whom, in a kind
	kind   availabilityv1.Delegation_Kind
}

func (a *availability) asked(ctx context.Context, size int) error {
	caller, _ := auth.FromContext(ctx)
	a.mu.Lock()
	a.sizes, a.asker = append(a.sizes, size), caller.Principal()
	err, held := a.err, a.held
	a.mu.Unlock()
	if held != nil {
		held()
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (a *availability) ComputeDeadlines(
	ctx context.Context, req *availabilityv1.ComputeDeadlinesRequest,
) (*availabilityv1.ComputeDeadlinesResponse, error) {
	if err := a.asked(ctx, len(req.GetQueries())); err != nil {
		return nil, err
	}
	out := &availabilityv1.ComputeDeadlinesResponse{}
	for _, q := range req.GetQueries() {
		one := &availabilityv1.Deadline{Member: q.GetMember(), Reason: a.gone[q.GetMember()]}
		if one.GetReason() == availabilityv1.Deadline_REASON_UNSPECIFIED {
			one.DueTime = timestamppb.New(q.GetStartTime().AsTime().Add(workingtime.FromProto(q.GetWindow()).Time))
		}
		out.Deadlines = append(out.Deadlines, one)
	}
	if a.forget {
		out.Deadlines = out.GetDeadlines()[1:]
	}
	return out, nil
}

func (a *availability) NextReachable(
	ctx context.Context, req *availabilityv1.NextReachableRequest,
) (*availabilityv1.NextReachableResponse, error) {
	if err := a.asked(ctx, len(req.GetMembers())); err != nil {
		return nil, err
	}
	if req.GetUrgency() != notificationsv1.Notification_NORMAL {
		return nil, errors.New("asked for what is not NORMAL")
	}
	out := &availabilityv1.NextReachableResponse{}
	for i, member := range req.GetMembers() {
		one := &availabilityv1.Reachability{Member: member, Reason: a.gone[member], Version: int64(i)}
		if one.GetReason() == availabilityv1.Deadline_REASON_UNSPECIFIED {
			at := req.GetAtTime().AsTime()
			one.Working, one.TimeZone = true, "Asia/Kathmandu"
			one.ReachableTime, one.UntilTime = timestamppb.New(at), timestamppb.New(at.Add(time.Hour))
			one.DayStartTime = timestamppb.New(at.Add(20 * time.Hour))
			one.DayDate = &date.Date{Year: 2026, Month: 12, Day: 2}
		}
		out.Members = append(out.Members, one)
	}
	if a.forget {
		out.Members = out.GetMembers()[1:]
	}
	return out, nil
}

// teams stands for the same of teams: the last of the candidates does not start, and of the others the last is the best.
type teams struct {
	availabilityv1.UnimplementedTeamTimeServiceServer
	*availability
}

func (s *teams) SuggestHandoff(ctx context.Context, req *availabilityv1.SuggestHandoffRequest) (*availabilityv1.SuggestHandoffResponse, error) {
	members := req.GetCandidateMembers()
	if err := s.asked(ctx, len(members)); err != nil {
		return nil, err
	}
	if req.GetHorizon().AsDuration() != 72*time.Hour || req.GetMinWorkingTime().AsDuration() != time.Hour || !req.GetAtTime().AsTime().Equal(noon) {
		return nil, errors.New("asked for something else")
	}
	out := &availabilityv1.SuggestHandoffResponse{}
	for i := len(members) - 2; i >= 0; i-- {
		out.Candidates = append(out.Candidates, &availabilityv1.HandoffCandidate{Member: members[i], StartTime: req.GetAtTime()})
	}
	out.Candidates = append(out.Candidates, &availabilityv1.HandoffCandidate{Member: members[len(members)-1]})
	return out, nil
}

// delegations answers who acts in handoffs: those in acting.
type delegations struct {
	availabilityv1.UnimplementedDelegationServiceServer
	*availability
}

func (s *delegations) ResolveDelegates(
	ctx context.Context, req *availabilityv1.ResolveDelegatesRequest,
) (*availabilityv1.ResolveDelegatesResponse, error) {
	if err := s.asked(ctx, len(req.GetQueries())); err != nil {
		return nil, err
	}
	resp := &availabilityv1.ResolveDelegatesResponse{}
	for _, q := range req.GetQueries() {
		if q.GetKind() != s.kind || !q.GetAtTime().AsTime().Equal(noon) {
			return nil, errors.New("asked for something else")
		}
		resp.Resolutions = append(resp.Resolutions, &availabilityv1.DelegateResolution{Member: q.GetMember(), Delegate: s.acting[q.GetMember()]})
	}
	if s.forget {
		resp.Resolutions = resp.Resolutions[1:]
	}
	return resp, nil
}

// serve serves the calendar, and returns a client that calls as threads.
func serve(t *testing.T, a *availability) *workingtime.Client {
	t.Helper()
	return serveTo(t, a, "threads")
}

func serveTo(t *testing.T, a *availability, service string) *workingtime.Client {
	t.Helper()
	authority := rpctest.NewAuthority(t, service)
	_, server := rpctest.Serve(t, authority, rpcserver.Config{Service: "availability"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		availabilityv1.RegisterAvailabilityServiceServer(r, a)
		availabilityv1.RegisterTeamTimeServiceServer(r, &teams{availability: a})
		availabilityv1.RegisterDelegationServiceServer(r, &delegations{availability: a})
	})
	conn, err := rpcclient.Dial(server.Addr(), rpcclient.Config{Identity: authority.Identity(t, service)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return workingtime.New(conn)
}

func someMembers(n int) []uuid.UUID {
	members := make([]uuid.UUID, n)
	for i := range members {
		members[i] = uuid.Must(uuid.NewV7())
	}
	return members
}

func nameOf(ws, member uuid.UUID) string {
	return "workspaces/" + ws.String() + "/members/" + member.String()
}

// Answers come in the order of the questions, however many calls they take.
func TestDeadlinesComeInTheOrderOfTheQuestions(t *testing.T) {
	t.Parallel()
	a := &availability{}
	client, ws := serve(t, a), uuid.Must(uuid.NewV7())
	queries := make([]workingtime.Query, 0, 2300)
	for i, member := range someMembers(cap(queries)) {
		queries = append(queries, workingtime.Query{
			Member: member, From: noon, Window: window.Working(time.Duration(i) * time.Second),
		})
	}
	// The caller's own token is not for a method of services.
	ctx := auth.WithToken(t.Context(), "somebody's")
	got, err := client.Deadlines(ctx, ws, queries)
	require.NoError(t, err)
	require.Equal(t, []int{1000, 1000, 300}, a.sizes)
	require.Equal(t, "services/threads", a.asker)
	require.Len(t, got, len(queries))
	for i, d := range got {
		require.Equal(t, workingtime.Deadline{Due: noon.Add(time.Duration(i) * time.Second)}, d)
	}
}

func TestReachesComeInTheOrderOfTheMembers(t *testing.T) {
	t.Parallel()
	a := &availability{}
	client, ws := serve(t, a), uuid.Must(uuid.NewV7())
	got, err := client.Reaches(auth.WithToken(t.Context(), "somebody's"), ws, someMembers(1002), noon)
	require.NoError(t, err)
	require.Equal(t, []int{1000, 2}, a.sizes)
	require.Equal(t, "services/threads", a.asker)
	require.Len(t, got, 1002)
	for i, r := range got {
		require.Equal(t, workingtime.Reach{
			Working: true, At: noon, Until: noon.Add(time.Hour), Work: noon, DayStart: noon.Add(20 * time.Hour), DayDate: "2026-12-02",
			Zone: "Asia/Kathmandu", Version: int64(i % 1000),
		}, r)
	}
}

// Those who start come in the order in which they are suggested; of very many the first are asked about.
func TestCandidatesComeInTheOrderOfTheSuggestion(t *testing.T) {
	t.Parallel()
	a := &availability{}
	client, ws := serveTo(t, a, "tasks"), uuid.Must(uuid.NewV7())
	h := workingtime.Handover{Team: uuid.New(), Giver: uuid.New(), Candidates: someMembers(3), At: noon, Horizon: 72 * time.Hour, Least: time.Hour}
	found, err := client.Suggest(t.Context(), ws, h)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{h.Candidates[1], h.Candidates[0]}, found)
	h.Candidates = someMembers(1001)
	found, err = client.Suggest(t.Context(), ws, h)
	require.NoError(t, err)
	require.Len(t, found, 999)
	require.Equal(t, []int{3, 1000}, a.sizes)
	a.err = errors.New("down")
	_, err = client.Suggest(t.Context(), ws, h)
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestWhoActsInHandoffs(t *testing.T) {
	t.Parallel()
	ws, members := uuid.Must(uuid.NewV7()), someMembers(2)
	a := &availability{acting: map[string]string{nameOf(ws, members[0]): nameOf(ws, members[1])}, kind: availabilityv1.Delegation_HANDOFFS}
	client := serveTo(t, a, "tasks")
	delegate, err := client.HandoffDelegate(t.Context(), ws, members[0], noon)
	require.NoError(t, err)
	require.Equal(t, members[1], delegate)
	delegate, err = client.HandoffDelegate(t.Context(), ws, members[1], noon)
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, delegate)
	a.err = errors.New("down")
	_, err = client.HandoffDelegate(t.Context(), ws, members[0], noon)
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestWhoActsInApprovals(t *testing.T) {
	t.Parallel()
	ws, members := uuid.Must(uuid.NewV7()), someMembers(1001)
	a := &availability{acting: map[string]string{nameOf(ws, members[1000]): nameOf(ws, members[1])}, kind: availabilityv1.Delegation_APPROVALS}
	client := serveTo(t, a, "notifications")
	delegates, err := client.ApprovalDelegates(t.Context(), ws, members, noon)
	require.NoError(t, err)
	require.Len(t, delegates, 1001)
	require.Equal(t, uuid.Nil, delegates[0])
	require.Equal(t, members[1], delegates[1000])
	require.Equal(t, []int{1000, 1}, a.sizes)
	a.forget = true
	_, err = client.ApprovalDelegates(t.Context(), ws, members[:2], noon)
	require.ErrorContains(t, err, "asked who acts for 2 members, got 1")
	a.err = errors.New("down")
	_, err = client.ApprovalDelegates(t.Context(), ws, members[:2], noon)
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestNoQuestionIsNotAsked(t *testing.T) {
	t.Parallel()
	a := &availability{}
	client, ws := serve(t, a), uuid.Must(uuid.NewV7())
	deadlines, err := client.Deadlines(t.Context(), ws, nil)
	require.NoError(t, err)
	require.Empty(t, deadlines)
	reaches, err := client.Reaches(t.Context(), ws, nil, noon)
	require.NoError(t, err)
	require.Empty(t, reaches)
	suggested, err := client.Suggest(t.Context(), ws, workingtime.Handover{})
	require.NoError(t, err)
	require.Empty(t, suggested)
	require.Empty(t, a.sizes)
}

// Where there is no instant, the answer says why, and times are zero.
func TestWhatHasNoInstantSaysWhy(t *testing.T) {
	t.Parallel()
	ws, members := uuid.Must(uuid.NewV7()), someMembers(2)
	a := &availability{gone: map[string]availabilityv1.Deadline_Reason{
		nameOf(ws, members[0]): availabilityv1.Deadline_NO_WORKING_TIME,
		nameOf(ws, members[1]): availabilityv1.Deadline_MEMBER_NOT_FOUND,
	}}
	client := serve(t, a)
	deadlines, err := client.Deadlines(t.Context(), ws, []workingtime.Query{
		{Member: members[1], From: noon, Window: window.Days(1)}, {Member: members[0], From: noon, Window: window.Days(1)},
	})
	require.NoError(t, err)
	require.Equal(t, []workingtime.Deadline{{Reason: workingtime.NoMember}, {Reason: workingtime.NoWorkingTime}}, deadlines)
	reaches, err := client.Reaches(t.Context(), ws, members, noon)
	require.NoError(t, err)
	require.Equal(t, []workingtime.Reach{
		{Reason: workingtime.NoWorkingTime}, {Reason: workingtime.NoMember, Version: 1},
	}, reaches)
}

// both asks both questions about one member.
func both(ctx context.Context, client *workingtime.Client) [2]error {
	ws, members := uuid.Must(uuid.NewV7()), someMembers(1)
	_, deadlines := client.Deadlines(ctx, ws, []workingtime.Query{{Member: members[0], From: noon, Window: window.Days(1)}})
	_, reaches := client.Reaches(ctx, ws, members, noon)
	return [2]error{deadlines, reaches}
}

// Whatever the service fails with, the caller hears one thing: not now.
func TestAServiceThatCannotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"down":     fault.New(fault.Unavailable, fault.ReasonUnavailable, "going away"),
		"broken":   errors.New("broken"),
		"refusing": fault.New(fault.Denied, fault.ReasonPermissionDenied, "not you"),
	} {
		for _, err := range both(t.Context(), serve(t, &availability{err: failure})) {
			require.True(t, fault.Is(err, fault.Unavailable), "%s: %v", name, err)
			require.Positive(t, fault.From(err).RetryAfter, name)
		}
	}
	conn, err := rpcclient.Dial("127.0.0.1:1", rpcclient.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	for _, err := range both(t.Context(), workingtime.New(conn)) {
		require.True(t, fault.Is(err, fault.Unavailable), "nobody there: %v", err)
	}
}

// A service that hangs is given two seconds; a caller that goes away hears of its own end.
func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	client := serve(t, &availability{held: func() {}})
	_, err := client.Reaches(t.Context(), uuid.Must(uuid.NewV7()), someMembers(1), noon)
	require.True(t, fault.Is(err, fault.Unavailable))

	ctx, leave := context.WithCancel(t.Context())
	for _, err := range both(ctx, serve(t, &availability{held: leave})) {
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, fault.Is(err, fault.Unavailable))
	}
}

// Answers that do not fit the questions are none: they would be taken for another's.
func TestAnAnswerThatIsMissingIsAnError(t *testing.T) {
	t.Parallel()
	for _, err := range both(t.Context(), serve(t, &availability{forget: true})) {
		require.ErrorContains(t, err, "workingtime: asked for 1")
	}
}

// windows draws every window there can be.
func windows() *rapid.Generator[window.Window] {
	return rapid.OneOf(
		rapid.Just(window.Window{}),
		rapid.Map(rapid.Int64Range(0, int64(2000*time.Hour)), func(n int64) window.Window { return window.Working(time.Duration(n)) }),
		rapid.Map(rapid.IntRange(1, 60), window.Days),
		rapid.Map(rapid.Int64Range(0, int64(366*24*time.Hour)), func(n int64) window.Window { return window.Elapsed(time.Duration(n)) }),
	)
}

// A window comes back from the API as it went, also over the wire.
func TestWindowsGoToTheAPIAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := windows().Draw(t, "window")
		sent := workingtime.Proto(w)
		require.Equal(t, w.None(), sent == nil)
		require.Equal(t, w, workingtime.FromProto(sent))
		bytes, err := proto.Marshal(sent)
		require.NoError(t, err)
		read := &availabilityv1.ResponseWindow{}
		require.NoError(t, proto.Unmarshal(bytes, read))
		require.Equal(t, w, workingtime.FromProto(read))
	})
	require.True(t, workingtime.FromProto(&availabilityv1.ResponseWindow{}).None(), "one that says nothing")
}
