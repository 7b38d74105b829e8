// Package workingtime asks the availability service when windows end and when people can be reached, for the services
// that keep such instants.
//
// It promises answers in the order of the questions, however many there are, and one kind of failure: a fault Unavailable
// when the service cannot be asked within two seconds a thousand. Nothing is kept: who keeps an answer asks again when
// working_time.changed or default_schedule.changed says so. Never call it inside a transaction.
package workingtime

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/window"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
)

const (
	// most is what one call may ask.
	most = 1000
	// patience is how long one call may take.
	patience = 2 * time.Second
)

// Client asks with the service's own identity.
type Client struct {
	service     availabilityv1.AvailabilityServiceClient
	teams       availabilityv1.TeamTimeServiceClient
	delegations availabilityv1.DelegationServiceClient
}

// New makes a client on a connection to the availability service.
func New(conn grpc.ClientConnInterface) *Client {
	return &Client{
		service: availabilityv1.NewAvailabilityServiceClient(conn), teams: availabilityv1.NewTeamTimeServiceClient(conn),
		delegations: availabilityv1.NewDelegationServiceClient(conn),
	}
}

// Query asks when a member's window ends.
type Query struct {
	Member uuid.UUID
	From   time.Time
	Window window.Window
}

// Reason says why there is no instant.
type Reason int

const (
	// Known is no reason: there is an instant.
	Known Reason = iota
	// NoWorkingTime says that they do not work within 90 days, or not long enough.
	NoWorkingTime
	// NoMember says that there is no such member, or that they have left.
	NoMember
)

// Deadline is when a window ends.
type Deadline struct {
	// Due is the instant; zero where Reason says why.
	Due    time.Time
	Reason Reason
	// Delegate acts for the member in asks from the start of the window; uuid.Nil for nobody.
	Delegate uuid.UUID
}

// Deadlines returns when the windows of members of one workspace end, in the order of the queries.
func (c *Client) Deadlines(ctx context.Context, ws uuid.UUID, queries []Query) ([]Deadline, error) {
	found := make([]Deadline, 0, len(queries))
	for part := range slices.Chunk(queries, most) {
		req := &availabilityv1.ComputeDeadlinesRequest{Parent: workspace(ws)}
		for _, q := range part {
			req.Queries = append(req.Queries, &availabilityv1.DeadlineQuery{
				Member: member(ws, q.Member), StartTime: timestamppb.New(q.From), Window: Proto(q.Window),
			})
		}
		answer, err := call(ctx, c.service.ComputeDeadlines, req)
		if err != nil {
			return nil, err
		}
		if len(answer.GetDeadlines()) != len(part) {
			return nil, fmt.Errorf("workingtime: asked for %d deadlines, got %d", len(part), len(answer.GetDeadlines()))
		}
		for _, d := range answer.GetDeadlines() {
			delegate, err := idOf(d.GetDelegate())
			if err != nil {
				return nil, err
			}
			found = append(found, Deadline{Due: instant(d.GetDueTime()), Reason: Reason(d.GetReason()), Delegate: delegate})
		}
	}
	return found, nil
}

// Reach is when a member can be reached.
type Reach struct {
	// Working says whether they work at the instant asked for, uninterruptible or not.
	Working bool
	// At is from when they can be reached below HIGH, Until the end of the time that holds it; zero where Reason says why.
	At, Until time.Time
	// Work is when they next work, uninterruptible or not: from when they can be reached with HIGH; zero for never within 90 days.
	Work time.Time
	// DayStart is the start of their next working day after the instant asked for, DayDate its local date as 2026-12-01;
	// zero where there is none within 90 days.
	DayStart time.Time
	DayDate  string
	// Zone is the IANA zone that holds for them.
	Zone string
	// Version is that of the working time it was answered from.
	Version int64
	Reason  Reason
}

// Reaches returns when members of one workspace can be reached from an instant on, below HIGH and with it, in the order of
// the members.
func (c *Client) Reaches(ctx context.Context, ws uuid.UUID, members []uuid.UUID, at time.Time) ([]Reach, error) {
	found := make([]Reach, 0, len(members))
	for part := range slices.Chunk(members, most) {
		req := &availabilityv1.NextReachableRequest{
			Parent: workspace(ws), AtTime: timestamppb.New(at), Urgency: notificationsv1.Notification_NORMAL,
		}
		for _, m := range part {
			req.Members = append(req.Members, member(ws, m))
		}
		answer, err := call(ctx, c.service.NextReachable, req)
		if err != nil {
			return nil, err
		}
		if len(answer.GetMembers()) != len(part) {
			return nil, fmt.Errorf("workingtime: asked for %d members, got %d", len(part), len(answer.GetMembers()))
		}
		for _, r := range answer.GetMembers() {
			found = append(found, reach(r))
		}
	}
	return found, nil
}

func reach(r *availabilityv1.Reachability) Reach {
	out := Reach{
		Working: r.GetWorking(), At: instant(r.GetReachableTime()), Until: instant(r.GetUntilTime()),
		DayStart: instant(r.GetDayStartTime()), Zone: r.GetTimeZone(), Version: r.GetVersion(), Reason: Reason(r.GetReason()),
	}
	if out.Work = instant(r.GetNextWorkingTime()); out.Work.IsZero() {
		out.Work = out.At // of a service that has no focus blocks yet
	}
	if d := r.GetDayDate(); d != nil {
		out.DayDate = fmt.Sprintf("%04d-%02d-%02d", d.GetYear(), d.GetMonth(), d.GetDay())
	}
	return out
}

// Handover asks who of candidates can take over from a giver.
type Handover struct {
	Team, Giver uuid.UUID
	Candidates  []uuid.UUID
	At          time.Time
	// Horizon is how far ahead is looked, Least how much working time a day must have left for somebody to start in it.
	Horizon, Least time.Duration
}

// Suggest returns those of the candidates who start within the horizon, the best first. Of more than a thousand candidates
// it is the first thousand who are asked about.
func (c *Client) Suggest(ctx context.Context, ws uuid.UUID, h Handover) ([]uuid.UUID, error) {
	if len(h.Candidates) == 0 {
		return nil, nil
	}
	req := &availabilityv1.SuggestHandoffRequest{
		Name: workspace(ws) + "/teams/" + h.Team.String(), Giver: member(ws, h.Giver), AtTime: timestamppb.New(h.At),
		Horizon: durationpb.New(h.Horizon), MinWorkingTime: durationpb.New(h.Least),
	}
	for _, m := range h.Candidates[:min(len(h.Candidates), most)] {
		req.CandidateMembers = append(req.CandidateMembers, member(ws, m))
	}
	answer, err := call(ctx, c.teams.SuggestHandoff, req)
	if err != nil {
		return nil, err
	}
	var found []uuid.UUID
	for _, candidate := range answer.GetCandidates() {
		if candidate.GetStartTime() == nil {
			continue
		}
		id, err := idOf(candidate.GetMember())
		if err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, nil
}

// HandoffDelegate returns who acts for a member in handoffs at an instant; uuid.Nil for nobody who could.
func (c *Client) HandoffDelegate(ctx context.Context, ws, of uuid.UUID, at time.Time) (uuid.UUID, error) {
	found, err := c.delegates(ctx, ws, []uuid.UUID{of}, availabilityv1.Delegation_HANDOFFS, at)
	if err != nil {
		return uuid.Nil, err
	}
	return found[0], nil
}

// ApprovalDelegates returns who acts for members in approvals at an instant, in the order of the members; uuid.Nil for nobody who
// could.
func (c *Client) ApprovalDelegates(ctx context.Context, ws uuid.UUID, of []uuid.UUID, at time.Time) ([]uuid.UUID, error) {
	return c.delegates(ctx, ws, of, availabilityv1.Delegation_APPROVALS, at)
}

func (c *Client) delegates(
	ctx context.Context, ws uuid.UUID, of []uuid.UUID, kind availabilityv1.Delegation_Kind, at time.Time,
) ([]uuid.UUID, error) {
	found := make([]uuid.UUID, 0, len(of))
	for part := range slices.Chunk(of, most) {
		req := &availabilityv1.ResolveDelegatesRequest{Parent: workspace(ws)}
		for _, m := range part {
			req.Queries = append(req.Queries, &availabilityv1.DelegateQuery{Member: member(ws, m), Kind: kind, AtTime: timestamppb.New(at)})
		}
		answer, err := call(ctx, c.delegations.ResolveDelegates, req)
		if err != nil {
			return nil, err
		}
		if len(answer.GetResolutions()) != len(part) {
			return nil, fmt.Errorf("workingtime: asked who acts for %d members, got %d", len(part), len(answer.GetResolutions()))
		}
		for _, r := range answer.GetResolutions() {
			delegate, err := idOf(r.GetDelegate())
			if err != nil {
				return nil, err
			}
			found = append(found, delegate)
		}
	}
	return found, nil
}

// call asks once, as the service itself.
func call[Req, Resp any](
	ctx context.Context, method func(context.Context, Req, ...grpc.CallOption) (Resp, error), req Req,
) (Resp, error) {
	asking, cancel := context.WithTimeout(rpcclient.AsService(ctx), patience)
	defer cancel()
	answer, err := method(asking, req)
	if err != nil {
		var none Resp
		if ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		return none, fault.New(fault.Unavailable, fault.ReasonUnavailable, "working time cannot be asked for now; try again").
			WithRetryAfter(time.Second).Wrap(err)
	}
	return answer, nil
}

// Proto writes a window for the API; nil for none.
func Proto(w window.Window) *availabilityv1.ResponseWindow {
	switch w.Unit {
	case window.WorkingTime:
		return &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(w.Time)}}
	case window.WorkingDays:
		return &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingDays{WorkingDays: int32(w.Days)}}
	case window.ElapsedTime:
		return &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_ElapsedTime{ElapsedTime: durationpb.New(w.Time)}}
	}
	return nil
}

// FromProto reads a window of the API; nil, and one that says nothing, is none.
func FromProto(w *availabilityv1.ResponseWindow) window.Window {
	switch one := w.GetWindow().(type) {
	case *availabilityv1.ResponseWindow_WorkingTime:
		return window.Working(one.WorkingTime.AsDuration())
	case *availabilityv1.ResponseWindow_WorkingDays:
		return window.Days(int(one.WorkingDays))
	case *availabilityv1.ResponseWindow_ElapsedTime:
		return window.Elapsed(one.ElapsedTime.AsDuration())
	}
	return window.Window{}
}

func workspace(ws uuid.UUID) string { return "workspaces/" + ws.String() }

func member(ws, member uuid.UUID) string { return workspace(ws) + "/members/" + member.String() }

// idOf is the id of a member's name; uuid.Nil for the empty one.
func idOf(name string) (uuid.UUID, error) {
	if name == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(name[strings.LastIndexByte(name, '/')+1:])
	if err != nil {
		return uuid.Nil, fmt.Errorf("workingtime: %q is no member: %w", name, err)
	}
	return id, nil
}

func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
