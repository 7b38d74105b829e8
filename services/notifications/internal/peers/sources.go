package peers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

const (
	// mostChecks is what one call may ask.
	mostChecks = 500
	// patience is how long one call may take.
	patience = 2 * time.Second
	// followedPage is how much followed activity a digest can use.
	followedPage = domain.MaxDigestItems
)

// Sources implements app.Sources over the owners of sources.
type Sources struct {
	owners map[domain.Owner]notificationsv1.SourceServiceClient
}

// NewSources makes it over connections to the owners.
func NewSources(threads, tasks, availability grpc.ClientConnInterface) *Sources {
	return &Sources{owners: map[domain.Owner]notificationsv1.SourceServiceClient{
		domain.Threads:      notificationsv1.NewSourceServiceClient(threads),
		domain.Tasks:        notificationsv1.NewSourceServiceClient(tasks),
		domain.Availability: notificationsv1.NewSourceServiceClient(availability),
	}}
}

// Check implements app.Sources.
func (s *Sources) Check(ctx context.Context, ws uuid.UUID, checks []app.SourceCheck) ([]domain.SourceState, error) {
	states := make([]domain.SourceState, len(checks))
	places := map[domain.Owner][]int{}
	for i, c := range checks {
		owner := domain.OwnerOf(c.Source)
		places[owner] = append(places[owner], i)
	}
	for owner, all := range places {
		if owner == "" { // only a newer version knows whom to ask
			for _, i := range all {
				states[i] = domain.SourceState{Unknown: true}
			}
			continue
		}
		for part := range slices.Chunk(all, mostChecks) {
			if err := s.checkPart(ctx, owner, ws, checks, part, states); err != nil {
				return nil, err
			}
		}
	}
	return states, nil
}

// checkPart asks one owner about the checks at the places, and writes what it answers there.
func (s *Sources) checkPart(
	ctx context.Context, owner domain.Owner, ws uuid.UUID, checks []app.SourceCheck, places []int, states []domain.SourceState,
) error {
	req := &notificationsv1.CheckSourcesRequest{Parent: domain.WorkspaceName(ws)}
	for _, i := range places {
		req.Checks = append(req.Checks, &notificationsv1.SourceCheck{
			Source: checks[i].Source, Member: domain.MemberName(ws, checks[i].Member),
		})
	}
	asking, cancel := context.WithTimeout(rpcclient.AsService(ctx), patience)
	defer cancel()
	answer, err := s.owners[owner].CheckSources(asking, req)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil && len(answer.GetStates()) != len(places) {
		err = fmt.Errorf("peers: asked %s about %d sources, got %d", owner, len(places), len(answer.GetStates()))
	}
	for at, i := range places {
		if err != nil {
			states[i] = domain.SourceState{Unknown: true}
			continue
		}
		states[i] = stateOf(answer.GetStates()[at])
	}
	return nil
}

func stateOf(s *notificationsv1.SourceState) domain.SourceState {
	out := domain.SourceState{
		Gone: s.GetGone(), Read: s.GetRead(), Waiting: s.GetWaiting(), Settled: s.GetSettledReason(), Title: s.GetTitle(),
		Excerpt: markdown.Excerpt(s.GetText()),
	}
	if s.GetDueTime() != nil {
		out.Due = s.GetDueTime().AsTime()
	}
	return out
}

// space is the name of a space.
var space = resname.MustPattern("workspaces/{workspace}/spaces/{space}")

// Followed implements app.Sources.
func (s *Sources) Followed(ctx context.Context, ws, member uuid.UUID) ([]domain.Activity, error) {
	asking, cancel := context.WithTimeout(rpcclient.AsService(ctx), patience)
	defer cancel()
	answer, err := s.owners[domain.Threads].ListFollowedActivity(asking, &notificationsv1.ListFollowedActivityRequest{
		Parent: domain.WorkspaceName(ws), Member: domain.MemberName(ws, member), PageSize: followedPage,
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "followed activity cannot be asked for now").Wrap(err)
	}
	all := make([]domain.Activity, 0, len(answer.GetActivities()))
	for _, a := range answer.GetActivities() {
		ids, err := space.ParseUUIDs("activity.space", a.GetSpace())
		if err != nil {
			return nil, err
		}
		all = append(all, domain.Activity{
			Thread: a.GetThread(), Title: a.GetTitle(), Space: ids[1], Unread: int(a.GetUnreadCount()), Time: a.GetActivityTime().AsTime(),
		})
	}
	return all, nil
}
