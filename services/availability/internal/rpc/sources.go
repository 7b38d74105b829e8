package rpc

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

// sources implements notificationsv1.SourceServiceServer for times off and swaps.
type sources struct {
	notificationsv1.UnimplementedSourceServiceServer
	app *app.App
}

// CheckSources implements notificationsv1.SourceServiceServer. What is no time off and no swap is gone, as far as this service
// knows.
func (s *sources) CheckSources(ctx context.Context, req *notificationsv1.CheckSourcesRequest) (*notificationsv1.CheckSourcesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	var (
		timeOffs []app.TimeOffCheck
		swaps    []app.SwapCheck
	)
	for i, c := range req.GetChecks() {
		field := fmt.Sprintf("checks[%d]", i)
		member, err := memberOf(ws, field+".member", c.GetMember())
		if err != nil {
			return nil, err
		}
		switch {
		case timeOffPattern.Matches(c.GetSource()):
			id, err := within(timeOffPattern, field+".source", c.GetSource(), ws)
			if err != nil {
				return nil, err
			}
			timeOffs = append(timeOffs, app.TimeOffCheck{Place: i, Owner: id[1], ID: id[2], Member: member})
		case swapPattern.Matches(c.GetSource()):
			id, err := within(swapPattern, field+".source", c.GetSource(), ws)
			if err != nil {
				return nil, err
			}
			ref := app.RotationRef{Workspace: ws, Team: id[1], Rotation: id[2]}
			swaps = append(swaps, app.SwapCheck{Place: i, Ref: ref, ID: id[3], Member: member})
		}
	}
	states, err := s.app.CheckSources(ctx, ws, timeOffs, swaps, len(req.GetChecks()))
	if err != nil {
		return nil, err
	}
	return &notificationsv1.CheckSourcesResponse{States: each(states, sourceState)}, nil
}

// within reads a name that must be of the workspace.
func within(pattern *resname.Pattern, field, name string, ws uuid.UUID) ([]uuid.UUID, error) {
	ids, err := pattern.ParseUUIDs(field, name)
	if err == nil && ids[0] != ws {
		err = fault.InvalidField(field, "must be of the same workspace")
	}
	return ids, err
}

func sourceState(s app.SourceState) *notificationsv1.SourceState {
	out := &notificationsv1.SourceState{Gone: s.Gone, Waiting: s.Waiting, SettledReason: s.SettledReason}
	if s.Waiting && !s.DueTime.IsZero() {
		out.DueTime = timestamppb.New(s.DueTime)
	}
	return out
}

// ListFollowedActivity implements notificationsv1.SourceServiceServer: nobody follows a time off.
func (s *sources) ListFollowedActivity(
	context.Context, *notificationsv1.ListFollowedActivityRequest,
) (*notificationsv1.ListFollowedActivityResponse, error) {
	return &notificationsv1.ListFollowedActivityResponse{}, nil
}
