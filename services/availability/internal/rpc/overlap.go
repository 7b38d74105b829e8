package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// FindOverlap implements availabilityv1.AvailabilityServiceServer.
func (s *availability) FindOverlap(
	ctx context.Context, req *availabilityv1.FindOverlapRequest,
) (*availabilityv1.FindOverlapResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	members, err := membersOf(ws, req.GetMembers())
	if err != nil {
		return nil, err
	}
	q := domain.OverlapQuery{Length: req.GetMinDuration().AsDuration(), Quorum: int(req.GetQuorum())}
	if q.Start, err = instantOf("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	if q.End, err = instantOf("end_time", req.GetEndTime()); err != nil {
		return nil, err
	}
	found, err := s.app.Overlap(ctx, ws, members, q)
	if err != nil {
		return nil, err
	}
	return overlap(found, req.GetMembers()), nil
}

// overlap writes an answer whose places are those of members.
func overlap(found domain.Overlap, members []string) *availabilityv1.FindOverlapResponse {
	resp := &availabilityv1.FindOverlapResponse{Truncated: found.Truncated, TzdataVersion: worktime.Version()}
	for _, w := range found.Windows {
		resp.Windows = append(resp.Windows, &availabilityv1.OverlapWindow{
			StartTime: resource.Timestamp(w.Start), EndTime: resource.Timestamp(w.End),
			MissingMembers: each(w.Missing, func(i int) string { return members[i] }),
		})
	}
	if found.None() {
		resp.Reason = availabilityv1.FindOverlapResponse_NO_OVERLAP
	}
	for i, next := range found.Next {
		resp.NextWorkingIntervals = append(resp.NextWorkingIntervals, &availabilityv1.NextWorkingInterval{
			Member: members[i], StartTime: resource.Timestamp(next.Start), EndTime: resource.Timestamp(next.End),
		})
	}
	for _, slot := range found.Slots {
		out := &availabilityv1.MeetingSlot{
			StartTime: resource.Timestamp(slot.Start), EndTime: resource.Timestamp(slot.End), OutsideMinutes: int32(slot.Total),
		}
		for i, minutes := range slot.Outside {
			out.Members = append(out.Members, &availabilityv1.MemberBurden{Member: members[i], OutsideMinutes: int32(minutes)})
		}
		resp.Slots = append(resp.Slots, out)
	}
	return resp
}

// ChooseOverlap implements availabilityv1.AvailabilityServiceServer.
func (s *availability) ChooseOverlap(
	ctx context.Context, req *availabilityv1.ChooseOverlapRequest,
) (*availabilityv1.OverlapChoice, error) {
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
	dry := req.GetValidateOnly()
	return tried(dry, resource.OverlapChoice)(s.app.ChooseOverlap(ctx, ws, members, start, end, dry))
}

// GetOverlapChoice implements availabilityv1.AvailabilityServiceServer.
func (s *availability) GetOverlapChoice(
	ctx context.Context, req *availabilityv1.GetOverlapChoiceRequest,
) (*availabilityv1.OverlapChoice, error) {
	id, err := choicePattern.ParseUUIDs("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.OverlapChoice)(s.app.OverlapChoice(ctx, id[0], id[1]))
}

// ListOverlapChoices implements availabilityv1.AvailabilityServiceServer.
func (s *availability) ListOverlapChoices(
	ctx context.Context, req *availabilityv1.ListOverlapChoicesRequest,
) (*availabilityv1.ListOverlapChoicesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.OverlapChoices(ctx, ws, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListOverlapChoicesResponse{
		OverlapChoices: each(found.Items, resource.OverlapChoice), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// DeleteOverlapChoice implements availabilityv1.AvailabilityServiceServer.
func (s *availability) DeleteOverlapChoice(ctx context.Context, req *availabilityv1.DeleteOverlapChoiceRequest) (*emptypb.Empty, error) {
	id, err := choicePattern.ParseUUIDs("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.app.DeleteOverlapChoice(ctx, id[0], id[1], req.GetValidateOnly())
}
