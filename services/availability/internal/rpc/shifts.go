package rpc

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// WhoIsOn implements availabilityv1.RotationServiceServer.
func (s *rotations) WhoIsOn(ctx context.Context, req *availabilityv1.WhoIsOnRequest) (*availabilityv1.WhoIsOnResponse, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	at, err := instantOf("at_time", req.GetAtTime())
	if err != nil {
		return nil, err
	}
	at, on, err := s.app.WhoIsOn(ctx, ref, at)
	if err != nil {
		return nil, err
	}
	return whoIsOn(ref.Workspace, at, on), nil
}

// TeamWhoIsOn implements availabilityv1.RotationServiceServer.
func (s *rotations) TeamWhoIsOn(ctx context.Context, req *availabilityv1.TeamWhoIsOnRequest) (*availabilityv1.WhoIsOnResponse, error) {
	id, err := ids(ctx, teamPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	at, err := instantOf("at_time", req.GetAtTime())
	if err != nil {
		return nil, err
	}
	at, on, err := s.app.TeamWhoIsOn(ctx, id[0], id[1], at)
	if err != nil {
		return nil, err
	}
	return whoIsOn(id[0], at, on), nil
}

func whoIsOn(ws uuid.UUID, at time.Time, on []app.OnDuty) *availabilityv1.WhoIsOnResponse {
	resp := &availabilityv1.WhoIsOnResponse{AtTime: resource.Timestamp(at), TzdataVersion: worktime.Version()}
	for _, d := range on {
		shift := &availabilityv1.RotationShift{
			Rotation: domain.RotationName(ws, d.Rotation.Team, d.Rotation.ID), DisplayName: d.Rotation.Name, Shift: resource.Shift(ws, d.Shift),
		}
		for i, r := range d.Acting {
			if r.Outcome != domain.Nobody {
				shift.Delegates = append(shift.Delegates, resolution(ws, d.Shift.Members[i], r))
			}
		}
		resp.Shifts = append(resp.Shifts, shift)
	}
	return resp
}

// ListShifts implements availabilityv1.RotationServiceServer.
func (s *rotations) ListShifts(ctx context.Context, req *availabilityv1.ListShiftsRequest) (*availabilityv1.ListShiftsResponse, error) {
	ref, _, err := rotationOf(ctx, rotationPattern, "parent", req.GetParent())
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
	size, err := page.Size(req.GetPageSize(), defaultPage, largestPage)
	if err != nil {
		return nil, err
	}
	fingerprint := page.Fingerprint(req)
	after, err := page.After[app.ShiftCursor](req.GetPageToken(), fingerprint)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Shifts(ctx, ref, start, end, app.ShiftPage{Size: size, After: after})
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListShiftsResponse{
		Shifts: shifts(ref.Workspace, found.Items), NextPageToken: page.Next(fingerprint, found.Next), TzdataVersion: worktime.Version(),
	}, nil
}
