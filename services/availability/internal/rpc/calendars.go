package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// calendars implements availabilityv1.CalendarServiceServer.
type calendars struct {
	availabilityv1.UnimplementedCalendarServiceServer
	app *app.App
}

// GetCalendar implements availabilityv1.CalendarServiceServer.
func (s *calendars) GetCalendar(ctx context.Context, req *availabilityv1.GetCalendarRequest) (*availabilityv1.Calendar, error) {
	id, err := ids(ctx, calendarPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.Calendar)(s.app.Calendar(ctx, id[0], id[1], id[2]))
}

// ListCalendars implements availabilityv1.CalendarServiceServer.
func (s *calendars) ListCalendars(ctx context.Context, req *availabilityv1.ListCalendarsRequest) (*availabilityv1.ListCalendarsResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Calendars(ctx, id[0], id[1], p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListCalendarsResponse{
		Calendars: each(found.Items, resource.Calendar), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// ListBusyTimes implements availabilityv1.CalendarServiceServer.
func (s *calendars) ListBusyTimes(ctx context.Context, req *availabilityv1.ListBusyTimesRequest) (*availabilityv1.ListBusyTimesResponse, error) {
	id, err := ids(ctx, calendarPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	from, err := instantOf("start_time", req.GetStartTime())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageBy[app.BusyCursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.BusyTimes(ctx, id[0], id[1], id[2], from, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListBusyTimesResponse{
		BusyTimes: each(found.Items, resource.BusyTime), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateCalendar implements availabilityv1.CalendarServiceServer.
func (s *calendars) CreateCalendar(ctx context.Context, req *availabilityv1.CreateCalendarRequest) (*availabilityv1.Calendar, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	c := req.GetCalendar()
	if (len(c.GetContent()) == 0) == (c.GetSourceUrl() == "") {
		return nil, fault.InvalidField("calendar", "must have either content or a source_url, and not both")
	}
	return made(resource.Calendar)(s.app.CreateCalendar(ctx, domain.ImportedCalendar{
		Workspace: id[0], Member: id[1], DisplayName: c.GetDisplayName(), URL: c.GetSourceUrl(), Titles: c.GetKeepTitles(),
		Zone: c.GetTimeZone(),
	}, c.GetContent(), req.GetValidateOnly()))
}

// UpdateCalendar implements availabilityv1.CalendarServiceServer.
func (s *calendars) UpdateCalendar(ctx context.Context, req *availabilityv1.UpdateCalendarRequest) (*availabilityv1.Calendar, error) {
	c := req.GetCalendar()
	id, err := ids(ctx, calendarPattern, "calendar.name", c.GetName())
	if err != nil {
		return nil, err
	}
	var change domain.CalendarChange
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		for path, set := range map[string]bool{"display_name": c.GetDisplayName() != "", "content": len(c.GetContent()) > 0, "source_url": c.GetSourceUrl() != ""} {
			if set {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range paths {
		switch path {
		case "display_name":
			change.DisplayName = &c.DisplayName
		case "source_url":
			change.URL = &c.SourceUrl
		case "content":
			change.Content = true
		default:
			return nil, fault.InvalidField("update_mask", path+" cannot be changed; only display_name, content and source_url")
		}
	}
	return changed(resource.Calendar)(s.app.UpdateCalendar(
		ctx, calendarAt(id), change, c.GetContent(), fresh("calendar.etag", c.GetEtag()), req.GetValidateOnly()))
}

// DeleteCalendar implements availabilityv1.CalendarServiceServer.
func (s *calendars) DeleteCalendar(ctx context.Context, req *availabilityv1.DeleteCalendarRequest) (*availabilityv1.Calendar, error) {
	id, err := ids(ctx, calendarPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.Calendar)(s.app.DeleteCalendar(ctx, calendarAt(id), fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// RefreshCalendar implements availabilityv1.CalendarServiceServer.
func (s *calendars) RefreshCalendar(ctx context.Context, req *availabilityv1.RefreshCalendarRequest) (*availabilityv1.Calendar, error) {
	id, err := ids(ctx, calendarPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.Calendar)(s.app.RefreshCalendar(ctx, calendarAt(id), fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// calendarAt is the calendar that the ids of a name say.
func calendarAt(id []uuid.UUID) domain.ImportedCalendar {
	return domain.ImportedCalendar{Workspace: id[0], Member: id[1], ID: id[2]}
}
