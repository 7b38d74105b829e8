package rpc

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// The names of this service, and those of the directory that it refers to.
var (
	memberPattern     = resname.MustPattern("workspaces/{workspace}/members/{member}")
	effectivePattern  = resname.MustPattern("workspaces/{workspace}/members/{member}/effectiveSchedule")
	schedulePattern   = resname.MustPattern("workspaces/{workspace}/members/{member}/workingSchedules/{working_schedule}")
	defaultPattern    = resname.MustPattern("workspaces/{workspace}/defaultSchedules/{default_schedule}")
	timeOffPattern    = resname.MustPattern("workspaces/{workspace}/members/{member}/timeOffs/{time_off}")
	choicePattern     = resname.MustPattern("workspaces/{workspace}/overlapChoices/{overlap_choice}")
	policyPattern     = resname.MustPattern("workspaces/{workspace}/timeOffPolicy")
	delegationPattern = resname.MustPattern("workspaces/{workspace}/members/{member}/delegations/{delegation}")
	calendarPattern   = resname.MustPattern("workspaces/{workspace}/members/{member}/calendars/{calendar}")
	travelPattern     = resname.MustPattern("workspaces/{workspace}/members/{member}/travels/{travel}")
	datePattern       = resname.MustPattern("workspaces/{workspace}/members/{member}/dateOverrides/{date_override}")
	focusPattern      = resname.MustPattern("workspaces/{workspace}/members/{member}/focusBlocks/{focus_block}")
	coveragePattern   = resname.MustPattern("workspaces/{workspace}/teams/{team}/coverage")
	teamPattern       = resname.MustPattern("workspaces/{workspace}/teams/{team}")
	corePattern       = resname.MustPattern("workspaces/{workspace}/teams/{team}/coreHours")
	outlookPattern    = resname.MustPattern("workspaces/{workspace}/teams/{team}/outlook")
	rotationPattern   = resname.MustPattern("workspaces/{workspace}/teams/{team}/rotations/{rotation}")
	overridePattern   = resname.MustPattern("workspaces/{workspace}/teams/{team}/rotations/{rotation}/overrides/{override}")
	swapPattern       = resname.MustPattern("workspaces/{workspace}/teams/{team}/rotations/{rotation}/swaps/{swap}")
)

// The page sizes of lists.
const (
	defaultPage = 50
	largestPage = 200
)

// ids are those of a name of the caller's own workspace, whose member may be `me`.
func ids(ctx context.Context, pattern *resname.Pattern, field, name string) ([]uuid.UUID, error) {
	return pattern.ParseUUIDs(field, rpcserver.OwnName(ctx, name))
}

// membersOf reads names of members, who must be of the workspace.
func membersOf(ws uuid.UUID, names []string) ([]uuid.UUID, error) {
	members := make([]uuid.UUID, len(names))
	for i, name := range names {
		var err error
		if members[i], err = memberOf(ws, fmt.Sprintf("members[%d]", i), name); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func memberOf(ws uuid.UUID, field, name string) (uuid.UUID, error) {
	ids, err := memberPattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	if ids[0] != ws {
		return uuid.Nil, fault.InvalidField(field, "must be of the same workspace")
	}
	return ids[1], nil
}

// paged is a list request.
type paged interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// rotationOf reads the name of a rotation, and the ids of what is below it.
func rotationOf(ctx context.Context, pattern *resname.Pattern, field, name string) (app.RotationRef, []uuid.UUID, error) {
	id, err := ids(ctx, pattern, field, name)
	if err != nil {
		return app.RotationRef{}, nil, err
	}
	return app.RotationRef{Workspace: id[0], Team: id[1], Rotation: id[2]}, id[3:], nil
}

// pageOf reads the page of a list in the order of ids, and the fingerprint for the next one's token.
func pageOf(req paged) (app.Page, string, error) { return pageBy[app.Cursor](req) }

// pageBy is pageOf for a list in another order.
func pageBy[C any](req paged) (page.Request[C], string, error) {
	size, err := page.Size(req.GetPageSize(), defaultPage, largestPage)
	if err != nil {
		return page.Request[C]{}, "", err
	}
	fingerprint := page.Fingerprint(req)
	after, err := page.After[C](req.GetPageToken(), fingerprint)
	return page.Request[C]{Size: size, After: after}, fingerprint, err
}

// instantOf reads a timestamp; the zero time for none.
func instantOf(field string, at *timestamppb.Timestamp) (time.Time, error) {
	if at == nil {
		return time.Time{}, nil
	}
	if err := at.CheckValid(); err != nil {
		return time.Time{}, fault.InvalidField(field, "must be a valid timestamp")
	}
	return at.AsTime(), domain.CheckInstant(field, at.AsTime())
}

// dateOf reads a date; nil for none.
func dateOf(field string, d *date.Date) (*worktime.Date, error) {
	if d == nil {
		return nil, nil //nolint:nilnil // no date is the answer, and no failure
	}
	read, ok := worktime.NewDate(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()))
	if !ok {
		return nil, fault.InvalidField(field, "must be a whole date that there is")
	}
	return &read, domain.CheckDate(field, read)
}

// windowsOf reads weekly windows.
func windowsOf(field string, windows []*availabilityv1.WeeklyWindow) ([]domain.Window, error) {
	var read []domain.Window
	for i, w := range windows {
		path := fmt.Sprintf("%s[%d]", field, i)
		var (
			out domain.Window
			err error
		)
		for _, day := range w.GetDays() {
			out.Days = append(out.Days, weekdayOf(day))
		}
		if out.Start, err = clockOf(path+".start_time", w.GetStartTime()); err != nil {
			return nil, err
		}
		if out.End, err = clockOf(path+".end_time", w.GetEndTime()); err != nil {
			return nil, err
		}
		read = append(read, out)
	}
	return read, nil
}

// weekdayOf is the day from 0 for Sunday; none for a day that there is not, which the domain refuses.
func weekdayOf(day dayofweek.DayOfWeek) time.Weekday {
	switch day {
	case dayofweek.DayOfWeek_SUNDAY:
		return time.Sunday
	case dayofweek.DayOfWeek_DAY_OF_WEEK_UNSPECIFIED:
		return -1
	default:
	}
	return time.Weekday(day)
}

// clockOf reads a time of day, to the minute, up to 24:00.
func clockOf(field string, t *timeofday.TimeOfDay) (worktime.Clock, error) {
	switch {
	case t.GetSeconds() != 0 || t.GetNanos() != 0:
		return 0, fault.InvalidField(field, "must be to the minute")
	case t.GetHours() < 0 || t.GetHours() > 24 || t.GetMinutes() < 0 || t.GetMinutes() > 59:
		return 0, fault.InvalidField(field, "must be a time of day")
	}
	return worktime.Clock(t.GetHours()*60 + t.GetMinutes()), nil
}
