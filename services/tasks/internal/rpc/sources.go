package rpc

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/resname"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// Sources implements notificationsv1.SourceServiceServer for handoffs and tasks.
type Sources struct {
	notificationsv1.UnimplementedSourceServiceServer
	app *app.App
}

// NewSources makes the service over its use cases.
func NewSources(a *app.App) *Sources { return &Sources{app: a} }

// CheckSources implements notificationsv1.SourceServiceServer. What is no handoff and no task is gone, as far as this
// service knows.
func (s *Sources) CheckSources(ctx context.Context, req *notificationsv1.CheckSourcesRequest) (*notificationsv1.CheckSourcesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	var handoffs, tasks []app.Check
	for i, c := range req.GetChecks() {
		field := fmt.Sprintf("checks[%d]", i)
		check := app.Check{Place: i}
		if check.Member, err = required(memberPattern, field+".member", c.GetMember(), ws); err != nil {
			return nil, err
		}
		switch {
		case handoffPattern.Matches(c.GetSource()):
			if check.ID, err = within(handoffPattern, field+".source", c.GetSource(), ws); err != nil {
				return nil, err
			}
			handoffs = append(handoffs, check)
		case taskPattern.Matches(c.GetSource()):
			if check.ID, err = within(taskPattern, field+".source", c.GetSource(), ws); err != nil {
				return nil, err
			}
			tasks = append(tasks, check)
		}
	}
	states, err := s.app.CheckSources(ctx, ws, handoffs, tasks, len(req.GetChecks()))
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.CheckSourcesResponse{States: make([]*notificationsv1.SourceState, len(states))}
	for i, state := range states {
		resp.States[i] = sourceState(state)
	}
	return resp, nil
}

func sourceState(s app.SourceState) *notificationsv1.SourceState {
	if s.Gone {
		return &notificationsv1.SourceState{Gone: true}
	}
	out := &notificationsv1.SourceState{Waiting: s.Waiting, SettledReason: s.SettledReason, Title: s.Title, Text: s.Text}
	if !s.DueTime.IsZero() {
		out.DueTime = timestamppb.New(s.DueTime)
	}
	return out
}

// ListFollowedActivity implements notificationsv1.SourceServiceServer: nobody follows a task.
func (s *Sources) ListFollowedActivity(
	context.Context, *notificationsv1.ListFollowedActivityRequest,
) (*notificationsv1.ListFollowedActivityResponse, error) {
	return &notificationsv1.ListFollowedActivityResponse{}, nil
}
