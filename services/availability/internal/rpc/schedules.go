package rpc

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// schedules implements availabilityv1.ScheduleServiceServer.
type schedules struct {
	availabilityv1.UnimplementedScheduleServiceServer
	app *app.App
}

// GetEffectiveSchedule implements availabilityv1.ScheduleServiceServer.
func (s *schedules) GetEffectiveSchedule(
	ctx context.Context, req *availabilityv1.GetEffectiveScheduleRequest,
) (*availabilityv1.EffectiveSchedule, error) {
	id, err := ids(ctx, effectivePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	ws, member := id[0], id[1]
	e, err := s.app.Effective(ctx, ws, member)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.EffectiveSchedule{
		Name: domain.EffectiveName(ws, member), TimeZone: e.Zone, Windows: resource.Windows(e.Windows), Inherited: e.Inherited,
		Source: sourceName(ws, member, e.Source), Version: e.Version, HolidayRegion: e.Region,
	}, nil
}

// sourceName is the name of the hours that hold; empty for the standard ones.
func sourceName(ws, member uuid.UUID, s domain.Source) string {
	switch {
	case s.Schedule == uuid.Nil:
		return ""
	case s.Inherited:
		return domain.DefaultScheduleName(ws, s.Schedule)
	default:
		return domain.ScheduleName(ws, member, s.Schedule)
	}
}

// GetWorkingSchedule implements availabilityv1.ScheduleServiceServer.
func (s *schedules) GetWorkingSchedule(
	ctx context.Context, req *availabilityv1.GetWorkingScheduleRequest,
) (*availabilityv1.WorkingSchedule, error) {
	id, err := ids(ctx, schedulePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.Schedule)(s.app.Schedule(ctx, id[0], id[1], id[2]))
}

// ListWorkingSchedules implements availabilityv1.ScheduleServiceServer.
func (s *schedules) ListWorkingSchedules(
	ctx context.Context, req *availabilityv1.ListWorkingSchedulesRequest,
) (*availabilityv1.ListWorkingSchedulesResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Schedules(ctx, id[0], id[1], p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListWorkingSchedulesResponse{
		WorkingSchedules: each(found.Items, resource.Schedule), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateWorkingSchedule implements availabilityv1.ScheduleServiceServer.
func (s *schedules) CreateWorkingSchedule(
	ctx context.Context, req *availabilityv1.CreateWorkingScheduleRequest,
) (*availabilityv1.WorkingSchedule, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted := req.GetWorkingSchedule()
	hours, err := newHours("working_schedule", wanted.GetWindows(), wanted.GetEffectiveDate())
	if err != nil {
		return nil, err
	}
	hours.Zone, hours.Region = wanted.GetTimeZone(), wanted.GetHolidayRegion()
	return made(resource.Schedule)(s.app.CreateSchedule(ctx, id[0], id[1], hours, req.GetValidateOnly()))
}

func newHours(field string, windows []*availabilityv1.WeeklyWindow, effective *date.Date) (app.NewHours, error) {
	var (
		hours app.NewHours
		err   error
	)
	if hours.Windows, err = windowsOf(field+".windows", windows); err != nil {
		return hours, err
	}
	hours.EffectiveDate, err = dateOf(field+".effective_date", effective)
	return hours, err
}

// GetDefaultSchedule implements availabilityv1.ScheduleServiceServer.
func (s *schedules) GetDefaultSchedule(
	ctx context.Context, req *availabilityv1.GetDefaultScheduleRequest,
) (*availabilityv1.DefaultSchedule, error) {
	id, err := ids(ctx, defaultPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.DefaultSchedule)(s.app.DefaultSchedule(ctx, id[0], id[1]))
}

// ListDefaultSchedules implements availabilityv1.ScheduleServiceServer.
func (s *schedules) ListDefaultSchedules(
	ctx context.Context, req *availabilityv1.ListDefaultSchedulesRequest,
) (*availabilityv1.ListDefaultSchedulesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.DefaultSchedules(ctx, ws, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListDefaultSchedulesResponse{
		DefaultSchedules: each(found.Items, resource.DefaultSchedule), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateDefaultSchedule implements availabilityv1.ScheduleServiceServer.
func (s *schedules) CreateDefaultSchedule(
	ctx context.Context, req *availabilityv1.CreateDefaultScheduleRequest,
) (*availabilityv1.DefaultSchedule, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	hours, err := newHours("default_schedule", req.GetDefaultSchedule().GetWindows(), req.GetDefaultSchedule().GetEffectiveDate())
	if err != nil {
		return nil, err
	}
	hours.Region = req.GetDefaultSchedule().GetHolidayRegion()
	return made(resource.DefaultSchedule)(s.app.CreateDefaultSchedule(ctx, ws, hours, req.GetValidateOnly()))
}

// answer writes what a use case returned as its resource.
func answer[T, R any](write func(T) *R) func(T, error) (*R, error) {
	return func(thing T, err error) (*R, error) {
		if err != nil {
			return nil, err
		}
		return write(thing), nil
	}
}

func each[T, R any](things []T, write func(T) R) []R {
	var all []R
	for _, thing := range things {
		all = append(all, write(thing))
	}
	return all
}
