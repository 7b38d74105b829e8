// Package resource writes hours, times off and the layers over hours as the resources of the API, for answers and for events alike, and reads
// what both sides give: windows, dates and times of day.
//
// It promises that an event shows a thing exactly as a Get by its member would.
package resource

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Schedule is the resource of a version of a member's hours.
func Schedule(s domain.Schedule) *availabilityv1.WorkingSchedule {
	return &availabilityv1.WorkingSchedule{
		Name: domain.ScheduleName(s.Workspace, s.Member, s.ID), Uid: s.ID.String(), TimeZone: s.Zone, Windows: Windows(s.Windows),
		EffectiveDate: Date(s.EffectiveDate), StartTime: Timestamp(s.Start), EndTime: Timestamp(s.End),
		CreateTime: Timestamp(s.CreateTime), HolidayRegion: s.Region,
	}
}

// DefaultSchedule is the resource of a version of a workspace's hours.
func DefaultSchedule(d domain.DefaultSchedule) *availabilityv1.DefaultSchedule {
	return &availabilityv1.DefaultSchedule{
		Name: domain.DefaultScheduleName(d.Workspace, d.ID), Uid: d.ID.String(), Windows: Windows(d.Windows),
		EffectiveDate: Date(d.EffectiveDate), CreateTime: Timestamp(d.CreateTime), HolidayRegion: d.Region,
	}
}

// TimeOff is the resource of a time off.
func TimeOff(t domain.TimeOff) *availabilityv1.TimeOff {
	out := &availabilityv1.TimeOff{
		Name: domain.TimeOffName(t.Workspace, t.Member, t.ID), Uid: t.ID.String(),
		Kind:       availabilityv1.TimeOff_Kind(availabilityv1.TimeOff_Kind_value[string(t.Kind)]),
		Note:       t.Note,
		State:      availabilityv1.TimeOff_State(availabilityv1.TimeOff_State_value[string(t.State)]),
		CreateTime: Timestamp(t.CreateTime), UpdateTime: Timestamp(t.UpdateTime),
		DecideTime: Timestamp(t.DecideTime), DeclineReason: t.DeclineReason,
	}
	if t.Revision > 0 { // else it is shown to who may not know how often it changed
		out.Etag = etag.Of(t.Revision)
	}
	if t.DecidedBy != uuid.Nil {
		out.DecidedBy = domain.MemberName(t.Workspace, t.DecidedBy)
	}
	if t.AllDay {
		out.StartDate, out.EndDate = Date(t.First), Date(t.Last)
	} else {
		out.StartTime, out.EndTime = Timestamp(t.Start), Timestamp(t.End)
	}
	return out
}

// TimeOffPolicy is the resource of how a workspace gives time off.
func TimeOffPolicy(p domain.TimeOffPolicy) *availabilityv1.TimeOffPolicy {
	out := &availabilityv1.TimeOffPolicy{
		Name: domain.TimeOffPolicyName(p.Workspace), Etag: etag.Of(p.Revision), UpdateTime: Timestamp(p.UpdateTime),
	}
	for _, kind := range p.Approval {
		out.ApprovalKinds = append(out.ApprovalKinds, availabilityv1.TimeOff_Kind(availabilityv1.TimeOff_Kind_value[string(kind)]))
	}
	return out
}

// OverlapChoice is the resource of a time to meet that was chosen.
func OverlapChoice(c domain.OverlapChoice) *availabilityv1.OverlapChoice {
	out := &availabilityv1.OverlapChoice{
		Name: domain.OverlapChoiceName(c.Workspace, c.ID), Uid: c.ID.String(), StartTime: Timestamp(c.Start), EndTime: Timestamp(c.End),
		OutsideMinutes: int32(c.Total), Chooser: domain.MemberName(c.Workspace, c.Chooser), CreateTime: Timestamp(c.CreateTime),
	}
	for _, b := range c.Burdens {
		out.Members = append(out.Members, &availabilityv1.MemberBurden{
			Member: domain.MemberName(c.Workspace, b.Member), OutsideMinutes: int32(b.Minutes),
		})
	}
	return out
}

// Delegation is the resource of a delegation.
func Delegation(d domain.Delegation) *availabilityv1.Delegation {
	out := &availabilityv1.Delegation{
		Name: domain.DelegationName(d.Workspace, d.Member, d.ID), Uid: d.ID.String(),
		Delegate: domain.MemberName(d.Workspace, d.Delegate), StartTime: Timestamp(d.Start), EndTime: Timestamp(d.End),
		Etag: etag.Of(d.Revision()), CreateTime: Timestamp(d.CreateTime),
	}
	if d.TimeOff != uuid.Nil {
		out.TimeOff = domain.TimeOffName(d.Workspace, d.Member, d.TimeOff)
	}
	for _, kind := range d.Kinds {
		out.Kinds = append(out.Kinds, availabilityv1.Delegation_Kind(availabilityv1.Delegation_Kind_value[string(kind)]))
	}
	return out
}

// Windows are the resources of weekly windows.
func Windows(windows []domain.Window) []*availabilityv1.WeeklyWindow {
	var out []*availabilityv1.WeeklyWindow
	for _, w := range windows {
		window := &availabilityv1.WeeklyWindow{StartTime: clock(w.Start), EndTime: clock(w.End)}
		for _, day := range w.Days {
			window.Days = append(window.Days, weekday(day))
		}
		out = append(out, window)
	}
	return out
}

// weekday is the API's day of the week: from 1 for Monday to 7 for Sunday.
func weekday(day time.Weekday) dayofweek.DayOfWeek {
	if day == time.Sunday {
		return dayofweek.DayOfWeek_SUNDAY
	}
	return dayofweek.DayOfWeek(day)
}

func clock(c worktime.Clock) *timeofday.TimeOfDay {
	return &timeofday.TimeOfDay{Hours: int32(c / 60), Minutes: int32(c % 60)}
}

// Date is the API's date.
func Date(d worktime.Date) *date.Date {
	year, month, day := d.Parts()
	return &date.Date{Year: int32(year), Month: int32(month), Day: int32(day)}
}

// Timestamp is nil for the zero time, which is none.
func Timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
