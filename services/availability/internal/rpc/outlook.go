package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// GetTeamOutlook implements availabilityv1.TeamTimeServiceServer.
func (s *teamTimes) GetTeamOutlook(
	ctx context.Context, req *availabilityv1.GetTeamOutlookRequest,
) (*availabilityv1.TeamOutlook, error) {
	id, err := ids(ctx, outlookPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	ws, team := id[0], id[1]
	q := domain.OutlookQuery{Zone: req.GetTimeZone(), Days: int(req.GetDays())}
	if q.At, err = instantOf("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	found, err := s.app.Outlook(ctx, ws, team, q)
	if err != nil {
		return nil, err
	}
	out := &availabilityv1.TeamOutlook{
		Name: domain.TeamOutlookName(ws, team), TimeZone: found.Zone, Days: each(found.Days, outlookDay),
		CoreIntervals: each(found.Core, coverageInterval), Need: 1,
		Buckets: each(found.Coverage.Buckets, bucket), Gaps: each(found.Coverage.Gaps, coverageInterval),
		TzdataVersion: worktime.Version(),
	}
	if found.Coverage.CoreHours.Set() {
		out.CoreHours, out.Need = domain.CoreHoursName(ws, team), int32(found.Coverage.CoreHours.Need)
	}
	for _, r := range found.Rows {
		out.Rows = append(out.Rows, &availabilityv1.OutlookRow{
			Member: domain.MemberName(ws, r.Member), DisplayName: r.Name, TimeZone: r.Zone, Intervals: each(r.Stretches, interval),
			Delegate: delegateName(ws, r.Delegate),
		})
	}
	for _, h := range found.Holidays {
		out.Holidays = append(out.Holidays, &availabilityv1.OutlookHoliday{
			Date: resource.Date(h.Date), DisplayName: h.Name,
			Members: each(h.Members, func(member uuid.UUID) string { return domain.MemberName(ws, member) }),
		})
	}
	return out, nil
}

func outlookDay(d domain.OutlookDay) *availabilityv1.OutlookDay {
	return &availabilityv1.OutlookDay{
		Date: resource.Date(d.Date), StartTime: resource.Timestamp(d.Start), EndTime: resource.Timestamp(d.End),
	}
}
