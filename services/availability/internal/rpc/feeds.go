package rpc

import (
	"context"
	"net/url"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// feeds implements availabilityv1.CalendarFeedServiceServer.
type feeds struct {
	availabilityv1.UnimplementedCalendarFeedServiceServer
	app *app.App
	// base is the URL that clients reach the API at.
	base string
}

// parentOf reads the name of the member or the team that has feeds.
func parentOf(ctx context.Context, name string) (domain.Feed, error) {
	if strings.Contains(name, "/teams/") {
		id, err := ids(ctx, teamPattern, "parent", name)
		if err != nil {
			return domain.Feed{}, err
		}
		return domain.Feed{Workspace: id[0], Team: id[1]}, nil
	}
	id, err := ids(ctx, memberPattern, "parent", name)
	if err != nil {
		return domain.Feed{}, err
	}
	return domain.Feed{Workspace: id[0], Member: id[1]}, nil
}

// feedOf reads the name of a feed.
func feedOf(ctx context.Context, name string) (domain.Feed, error) {
	pattern, team := memberFeedPattern, strings.Contains(name, "/teams/")
	if team {
		pattern = teamFeedPattern
	}
	id, err := ids(ctx, pattern, "name", name)
	if err != nil {
		return domain.Feed{}, err
	}
	f := domain.Feed{Workspace: id[0], Member: id[1], ID: id[2]}
	if team {
		f.Member, f.Team = f.Team, f.Member
	}
	return f, nil
}

// GetCalendarFeed implements availabilityv1.CalendarFeedServiceServer.
func (s *feeds) GetCalendarFeed(ctx context.Context, req *availabilityv1.GetCalendarFeedRequest) (*availabilityv1.CalendarFeed, error) {
	f, err := feedOf(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.Feed)(s.app.Feed(ctx, f))
}

// ListCalendarFeeds implements availabilityv1.CalendarFeedServiceServer.
func (s *feeds) ListCalendarFeeds(ctx context.Context, req *availabilityv1.ListCalendarFeedsRequest) (*availabilityv1.ListCalendarFeedsResponse, error) {
	of, err := parentOf(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Feeds(ctx, of, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListCalendarFeedsResponse{
		CalendarFeeds: each(found.Items, resource.Feed), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateCalendarFeed implements availabilityv1.CalendarFeedServiceServer.
func (s *feeds) CreateCalendarFeed(ctx context.Context, req *availabilityv1.CreateCalendarFeedRequest) (*availabilityv1.CreateCalendarFeedResponse, error) {
	f, err := parentOf(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	f.DisplayName, f.Kind = req.GetCalendarFeed().GetDisplayName(), domain.FeedKind(req.GetCalendarFeed().GetKind().String())
	f, secret, err := s.app.CreateFeed(ctx, f, req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return &availabilityv1.CreateCalendarFeedResponse{CalendarFeed: nameless(resource.Feed(f))}, nil
	}
	return &availabilityv1.CreateCalendarFeedResponse{
		CalendarFeed: resource.Feed(f), Url: s.base + "/v1/feed.ics?" + url.Values{"secret": {secret}}.Encode(),
	}, nil
}

// DeleteCalendarFeed implements availabilityv1.CalendarFeedServiceServer.
func (s *feeds) DeleteCalendarFeed(ctx context.Context, req *availabilityv1.DeleteCalendarFeedRequest) (*availabilityv1.CalendarFeed, error) {
	f, err := feedOf(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.Feed)(s.app.DeleteFeed(ctx, f, fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// GetFeedContent implements availabilityv1.CalendarFeedServiceServer.
func (s *feeds) GetFeedContent(ctx context.Context, req *availabilityv1.GetFeedContentRequest) (*httpbody.HttpBody, error) {
	return calendarFile(s.app.FeedContent(ctx, req.GetSecret()))
}

// GetFreeBusy implements availabilityv1.CalendarFeedServiceServer.
func (s *feeds) GetFreeBusy(ctx context.Context, req *availabilityv1.GetFreeBusyRequest) (*httpbody.HttpBody, error) {
	id, err := ids(ctx, memberPattern, "name", req.GetName())
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
	return calendarFile(s.app.FreeBusy(ctx, id[0], id[1], start, end))
}

// calendarFile is an answer in iCalendar, RFC 5545 8.1.
func calendarFile(data []byte, err error) (*httpbody.HttpBody, error) {
	if err != nil {
		return nil, err
	}
	return &httpbody.HttpBody{ContentType: "text/calendar; charset=utf-8", Data: data}, nil
}

var (
	memberFeedPattern = resname.MustPattern("workspaces/{workspace}/members/{member}/calendarFeeds/{calendar_feed}")
	teamFeedPattern   = resname.MustPattern("workspaces/{workspace}/teams/{team}/calendarFeeds/{calendar_feed}")
)
