package rpc

import (
	"context"
	"fmt"
	"time"

	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/workingtime"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// availability implements availabilityv1.AvailabilityServiceServer.
type availability struct {
	availabilityv1.UnimplementedAvailabilityServiceServer
	app *app.App
}

// QueryAvailability implements availabilityv1.AvailabilityServiceServer.
func (s *availability) QueryAvailability(
	ctx context.Context, req *availabilityv1.QueryAvailabilityRequest,
) (*availabilityv1.QueryAvailabilityResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	members, err := membersOf(ws, req.GetMembers())
	if err != nil {
		return nil, err
	}
	start, err := instantOf("start_time", req.GetStartTime())
	if err != nil {
		return nil, err
	}
	end, err := instantOf("end_time", req.GetEndTime())
	if err != nil {
		return nil, err
	}
	found, err := s.app.Query(ctx, ws, members, start, end)
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.QueryAvailabilityResponse{TzdataVersion: worktime.Version()}
	for i, a := range found {
		resp.Members = append(resp.Members, &availabilityv1.MemberAvailability{
			Member: req.GetMembers()[i], TimeZone: a.Zone, Inherited: a.Inherited, Intervals: each(a.Stretches, interval),
		})
	}
	return resp, nil
}

func interval(s worktime.Stretch) *availabilityv1.AvailabilityInterval {
	return &availabilityv1.AvailabilityInterval{
		StartTime: resource.Timestamp(s.Start), EndTime: resource.Timestamp(s.End), Kind: resource.Kind(s.Kind), DisplayName: s.Name,
	}
}

// ComputeDeadlines implements availabilityv1.AvailabilityServiceServer.
func (s *availability) ComputeDeadlines(
	ctx context.Context, req *availabilityv1.ComputeDeadlinesRequest,
) (*availabilityv1.ComputeDeadlinesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	queries := make([]app.DeadlineQuery, len(req.GetQueries()))
	fields := make([]string, len(queries))
	for i, q := range req.GetQueries() {
		fields[i] = fmt.Sprintf("queries[%d]", i)
		if queries[i].Member, err = memberOf(ws, fields[i]+".member", q.GetMember()); err != nil {
			return nil, err
		}
		if queries[i].From, err = instantOf(fields[i]+".start_time", q.GetStartTime()); err != nil {
			return nil, err
		}
		queries[i].Window = workingtime.FromProto(q.GetWindow())
	}
	found, err := s.app.Deadlines(ctx, ws, queries, fields)
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.ComputeDeadlinesResponse{}
	for i, d := range found {
		resp.Deadlines = append(resp.Deadlines, &availabilityv1.Deadline{
			Member: req.GetQueries()[i].GetMember(), DueTime: resource.Timestamp(d.Due), Reason: reason(d.Reason),
			Delegate: delegateName(ws, d.Delegate),
		})
	}
	return resp, nil
}

func reason(r domain.Reason) availabilityv1.Deadline_Reason {
	switch r {
	case domain.NoWorkingTime:
		return availabilityv1.Deadline_NO_WORKING_TIME
	case domain.MemberNotFound:
		return availabilityv1.Deadline_MEMBER_NOT_FOUND
	case domain.Known:
	}
	return availabilityv1.Deadline_REASON_UNSPECIFIED
}

// NextReachable implements availabilityv1.AvailabilityServiceServer.
func (s *availability) NextReachable(
	ctx context.Context, req *availabilityv1.NextReachableRequest,
) (*availabilityv1.NextReachableResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	members, err := membersOf(ws, req.GetMembers())
	if err != nil {
		return nil, err
	}
	at, err := instantOf("at_time", req.GetAtTime())
	if err != nil {
		return nil, err
	}
	found, err := s.app.Reaches(ctx, ws, members, at, urgency(req.GetUrgency()))
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.NextReachableResponse{}
	for i, r := range found {
		out := &availabilityv1.Reachability{
			Member: req.GetMembers()[i], Working: r.Working, ReachableTime: resource.Timestamp(r.At),
			UntilTime: resource.Timestamp(r.Until), DayStartTime: resource.Timestamp(r.DayStart), TimeZone: r.Zone,
			Reason: reason(r.Reason), Version: r.Version, NextWorkingTime: resource.Timestamp(r.Work.Start),
		}
		if r.NextDay {
			out.DayDate = resource.Date(r.Day)
		}
		resp.Members = append(resp.Members, out)
	}
	return resp, nil
}

// urgency is the domain's word; NORMAL when not given.
func urgency(u notificationsv1.Notification_Urgency) domain.Urgency {
	if u == notificationsv1.Notification_URGENCY_UNSPECIFIED {
		return domain.Normal
	}
	return domain.Urgency(u.String())
}

// ResolveExpectation implements availabilityv1.AvailabilityServiceServer.
func (s *availability) ResolveExpectation(
	ctx context.Context, req *availabilityv1.ResolveExpectationRequest,
) (*availabilityv1.ResolveExpectationResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	members, err := membersOf(ws, req.GetMembers())
	if err != nil {
		return nil, err
	}
	found, err := s.app.Expect(ctx, ws, members, urgency(req.GetUrgency()), workingtime.FromProto(req.GetWindow()))
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.ResolveExpectationResponse{}
	for i, e := range found {
		out := &availabilityv1.Expectation{
			Member: req.GetMembers()[i], TimeZone: e.Zone, Working: e.Working, NextWorkingTime: resource.Timestamp(e.Next),
			ReachedTime: resource.Timestamp(e.Reached), DueTime: resource.Timestamp(e.Due), Explanation: e.Explanation,
			Reason: reason(e.Reason), Delegate: delegateName(ws, e.Delegate),
		}
		if !e.Local.IsZero() {
			out.LocalTime = e.Local.Format(time.RFC3339)
		}
		resp.Expectations = append(resp.Expectations, out)
	}
	return resp, nil
}
