package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// The page sizes of followed activity.
const (
	defaultActivities = 20
	maxActivities     = 50
)

// Sources implements notificationsv1.SourceServiceServer for messages and asks.
type Sources struct {
	notificationsv1.UnimplementedSourceServiceServer
	app *app.App
}

// NewSources makes the service over its use cases.
func NewSources(a *app.App) *Sources { return &Sources{app: a} }

// CheckSources implements notificationsv1.SourceServiceServer.
func (s *Sources) CheckSources(
	ctx context.Context, req *notificationsv1.CheckSourcesRequest,
) (*notificationsv1.CheckSourcesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	checks := make([]app.SourceCheck, len(req.GetChecks()))
	for i, check := range req.GetChecks() {
		checks[i] = sourceCheck(ws, check)
	}
	found, err := s.app.Sources(ctx, ws, checks)
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.CheckSourcesResponse{}
	for _, source := range found {
		resp.States = append(resp.States, &notificationsv1.SourceState{
			Gone: source.Gone, Read: source.Read, Waiting: source.Waiting, SettledReason: source.Settled,
			DueTime: resource.Time(source.Due), Title: source.Title, Text: source.Text,
		})
	}
	return resp, nil
}

// sourceCheck reads what is to be looked at. What is not one of ours, or of another workspace, is nothing: it is answered
// as gone.
func sourceCheck(ws uuid.UUID, check *notificationsv1.SourceCheck) app.SourceCheck {
	member, err := within(memberPattern, "member", check.GetMember(), ws)
	if err != nil {
		return app.SourceCheck{}
	}
	if ask, err := within(askPattern, "source", check.GetSource(), ws); err == nil {
		return app.SourceCheck{Member: member, Ask: ask}
	}
	if _, err := within(threadPattern, "source", threadOf(check.GetSource()), ws); err != nil {
		return app.SourceCheck{}
	}
	thread, sequence, err := messageID("source", check.GetSource())
	if err != nil {
		return app.SourceCheck{}
	}
	return app.SourceCheck{Member: member, Thread: thread, Sequence: sequence}
}

// ListFollowedActivity implements notificationsv1.SourceServiceServer.
func (s *Sources) ListFollowedActivity(
	ctx context.Context, req *notificationsv1.ListFollowedActivityRequest,
) (*notificationsv1.ListFollowedActivityResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	member, err := within(memberPattern, "member", req.GetMember(), ws)
	if err != nil {
		return nil, err
	}
	fingerprint := page.Fingerprint(req)
	var wanted page.Request[app.ActivityCursor]
	if wanted.Size, err = page.Size(req.GetPageSize(), defaultActivities, maxActivities); err != nil {
		return nil, err
	}
	if wanted.After, err = page.After[app.ActivityCursor](req.GetPageToken(), fingerprint); err != nil {
		return nil, err
	}
	found, err := s.app.FollowedActivity(ctx, ws, member, wanted)
	if err != nil {
		return nil, err
	}
	resp := &notificationsv1.ListFollowedActivityResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, a := range found.Items {
		resp.Activities = append(resp.Activities, &notificationsv1.FollowedActivity{
			Thread: domain.ThreadName(ws, a.Thread), Title: a.Title, Space: domain.SpaceName(ws, a.Space),
			UnreadCount: int32(a.Unread), ActivityTime: resource.Time(a.Time),
		})
	}
	return resp, nil
}
