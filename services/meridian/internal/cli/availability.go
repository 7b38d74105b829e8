package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
)

// AvailabilityCmd groups the commands about who works when.
type AvailabilityCmd struct {
	Show     AvailabilityShowCmd     `cmd:"" default:"withargs" help:"Show a member's hours and their coming days."`
	Set      AvailabilitySetCmd      `cmd:"" help:"Set a member's weekly hours, from today or a later day on."`
	Off      AvailabilityOffCmd      `cmd:"" help:"Take time off."`
	Delegate AvailabilityDelegateCmd `cmd:"" help:"Have somebody act for a member."`
	Requests AvailabilityRequestsCmd `cmd:"" help:"List the requests for time off that wait for your approval."`
	Approve  AvailabilityApproveCmd  `cmd:"" help:"Approve a request for time off."`
	Decline  AvailabilityDeclineCmd  `cmd:"" help:"Decline a request for time off."`
	Expect   AvailabilityExpectCmd   `cmd:"" help:"Before you send something: when will they see it, and when is an answer due?"`

	Travel   AvailabilityTravelCmd   `cmd:"" help:"Be in another zone for some days: the hours stay, local to it."`
	Day      AvailabilityDayCmd      `cmd:"" help:"Set the hours of one date, a holiday too."`
	Focus    AvailabilityFocusCmd    `cmd:"" help:"Take no interruptions below HIGH, every week."`
	Drop     AvailabilityDropCmd     `cmd:"" help:"Take a travel, the hours of a date or a focus block back."`
	Holidays AvailabilityHolidaysCmd `cmd:"" help:"List the regions whose public holidays are known, or the holidays of one."`
	Oncall   AvailabilityOncallCmd   `cmd:"" help:"Show who of a team is on, in all of its rotations."`
	Week     AvailabilityWeekCmd     `cmd:"" help:"Draw the next days of a team: who works when, core hours, holidays."`

	Import    AvailabilityImportCmd    `cmd:"" help:"Import a calendar, from a file or a URL: while it is busy, its member is not interrupted."`
	Calendars AvailabilityCalendarsCmd `cmd:"" help:"List a member's imported calendars, and how they stand."`
	Feed      AvailabilityFeedCmd      `cmd:"" help:"Make a URL that calendars of other products can subscribe to."`
}

// AvailabilityShowCmd shows a member's working time.
type AvailabilityShowCmd struct {
	Member string `arg:"" optional:"" default:"me" help:"The member (name, id, address or handle)."`
	Days   int    `help:"How many days." default:"7"`
}

// Run shows a member's working time from now on.
func (c *AvailabilityShowCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	schedule, err := s.schedules.GetEffectiveSchedule(ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: member + "/effectiveSchedule"})
	if err != nil {
		return err
	}
	from, err := s.now(ctx, member)
	if err != nil {
		return err
	}
	found, err := s.availability.QueryAvailability(ctx, &availabilityv1.QueryAvailabilityRequest{
		Parent: s.workspace, Members: []string{member}, StartTime: timestamppb.New(from), EndTime: timestamppb.New(from.AddDate(0, 0, c.Days)),
	})
	if err != nil {
		return err
	}
	return s.print(found, func(w io.Writer) {
		origin := "own hours"
		if schedule.GetInherited() {
			origin = "the workspace's default hours"
		}
		row(w, schedule.GetTimeZone(), origin, hoursWords(schedule.GetWindows()))
		for _, i := range found.GetMembers()[0].GetIntervals() {
			if i.GetKind() == availabilityv1.AvailabilityInterval_OFF {
				continue
			}
			row(w, inZone(i.GetStartTime(), schedule.GetTimeZone()), inZone(i.GetEndTime(), schedule.GetTimeZone()), i.GetKind().String(), i.GetDisplayName())
		}
	})
}

// now is the domain's time as the server knows it, to the minute.
func (s *session) now(ctx context.Context, member string) (time.Time, error) {
	told, err := s.availability.ResolveExpectation(ctx, &availabilityv1.ResolveExpectationRequest{Parent: s.workspace, Members: []string{member}})
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, told.GetExpectations()[0].GetLocalTime())
}

// AvailabilitySetCmd sets weekly hours.
type AvailabilitySetCmd struct {
	Member   string   `arg:"" help:"The member (name, id, address or handle), or me."`
	Zone     string   `required:"" help:"The IANA zone, such as America/Chicago."`
	Hours    []string `arg:"" optional:"" help:"Windows such as 'Mon-Fri 09:00-17:00' or 'Sat,Sun 22:00-06:00'. None: no working time."`
	From     string   `help:"The first local day, such as 2026-12-01." placeholder:"DATE"`
	Holidays string   `help:"The region whose public holidays are not worked, such as DE-BE." placeholder:"REGION"`
	Preview  bool     `help:"Only show what it would change."`
}

// Run sets the hours.
func (c *AvailabilitySetCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	schedule := &availabilityv1.WorkingSchedule{TimeZone: c.Zone, HolidayRegion: c.Holidays}
	for _, text := range c.Hours {
		window, err := hoursFrom(text)
		if err != nil {
			return err
		}
		schedule.Windows = append(schedule.Windows, window)
	}
	if c.From != "" {
		if schedule.EffectiveDate, err = dateFrom("--from", c.From); err != nil {
			return err
		}
	}
	made, err := s.schedules.CreateWorkingSchedule(ctx, &availabilityv1.CreateWorkingScheduleRequest{
		Parent: member, WorkingSchedule: schedule, RequestId: uuid.NewString(), ValidateOnly: c.Preview,
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		row(w, made.GetTimeZone(), hoursWords(made.GetWindows()), "from "+inZone(made.GetStartTime(), made.GetTimeZone()))
		s.foreseen(ctx, w, member, made.GetPreview())
	})
}

// AvailabilityOffCmd takes time off.
type AvailabilityOffCmd struct {
	Member string `arg:"" help:"The member (name, id, address or handle), or me."`
	First  string `arg:"" help:"The first day off, such as 2026-12-01."`
	Last   string `arg:"" help:"The last day off, itself included."`
	Kind   string `help:"VACATION, SICK, PARENTAL or OTHER." enum:"VACATION,SICK,PARENTAL,OTHER" default:"VACATION"`
	Note   string `help:"A private note."`

	Preview bool `help:"Only show what it would change."`
}

// Run takes time off.
func (c *AvailabilityOffCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	off := &availabilityv1.TimeOff{Kind: availabilityv1.TimeOff_Kind(availabilityv1.TimeOff_Kind_value[c.Kind]), Note: c.Note}
	if off.StartDate, err = dateFrom("the first day", c.First); err != nil {
		return err
	}
	if off.EndDate, err = dateFrom("the last day", c.Last); err != nil {
		return err
	}
	made, err := s.timeOffs.CreateTimeOff(ctx, &availabilityv1.CreateTimeOffRequest{
		Parent: member, TimeOff: off, RequestId: uuid.NewString(), ValidateOnly: c.Preview,
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		row(w, id(made.GetName()), made.GetState().String(), c.First, c.Last)
		s.foreseen(ctx, w, member, made.GetPreview())
	})
}

// AvailabilityExpectCmd tells a sender what to expect.
type AvailabilityExpectCmd struct {
	Members []string      `arg:"" help:"The recipients (names, ids, addresses or handles)."`
	Urgency string        `help:"LOW, NORMAL, HIGH or URGENT." enum:"LOW,NORMAL,HIGH,URGENT" default:"NORMAL"`
	Window  time.Duration `help:"How long they would have, in their working time. The workspace's window when not given."`
}

// Run tells what to expect.
func (c *AvailabilityExpectCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	req := &availabilityv1.ResolveExpectationRequest{Parent: s.workspace, Urgency: urgencyOf(c.Urgency)}
	if c.Window > 0 {
		req.Window = workingWindow(c.Window)
	}
	for _, given := range c.Members {
		member, err := s.member(ctx, given)
		if err != nil {
			return err
		}
		req.Members = append(req.Members, member)
	}
	told, err := s.availability.ResolveExpectation(ctx, req)
	if err != nil {
		return err
	}
	return s.print(told, func(w io.Writer) {
		for _, e := range told.GetExpectations() {
			_, _ = fmt.Fprintln(w, safe(e.GetExplanation()))
		}
	})
}

func urgencyOf(word string) notificationsv1.Notification_Urgency {
	return notificationsv1.Notification_Urgency(notificationsv1.Notification_Urgency_value[word])
}

func workingWindow(d time.Duration) *availabilityv1.ResponseWindow {
	return &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(d)}}
}

// inZone shows an instant in a zone; in UTC where it is none that is known here.
func inZone(t *timestamppb.Timestamp, zone string) string {
	if t == nil {
		return "-"
	}
	at := t.AsTime()
	if place, err := worktime.LoadZone(zone); err == nil {
		at = place.Local(at)
	}
	return at.Format("Mon 2006-01-02 15:04 MST")
}

func dateFrom(what, text string) (*date.Date, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fmt.Errorf("%s must be a date such as 2026-12-01", what)
	}
	return &date.Date{Year: int32(day.Year()), Month: int32(day.Month()), Day: int32(day.Day())}, nil
}

var hoursPattern = regexp.MustCompile(`^([A-Za-z,-]+) +(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$`)

// weekdays are the days of a week in their order, by the first three letters.
func weekdays() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// hoursFrom reads a window such as "Mon-Fri 09:00-17:00".
func hoursFrom(text string) (*availabilityv1.WeeklyWindow, error) {
	parts := hoursPattern.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return nil, fmt.Errorf("%q is no window: write it as 'Mon-Fri 09:00-17:00'", text)
	}
	window := &availabilityv1.WeeklyWindow{StartTime: timeOfDay(parts[2], parts[3]), EndTime: timeOfDay(parts[4], parts[5])}
	for _, part := range strings.Split(parts[1], ",") {
		first, last, ranged := strings.Cut(part, "-")
		from := slices.Index(weekdays(), strings.ToLower(first[:min(3, len(first))]))
		to := from
		if ranged {
			to = slices.Index(weekdays(), strings.ToLower(last[:min(3, len(last))]))
		}
		if from < 0 || to < 0 {
			return nil, fmt.Errorf("%q names no day of the week", text)
		}
		for day := from; ; day = (day + 1) % len(weekdays()) {
			window.Days = append(window.Days, dayofweek.DayOfWeek(day+1))
			if day == to {
				break
			}
		}
	}
	return window, nil
}

func timeOfDay(hours, minutes string) *timeofday.TimeOfDay {
	h, _ := strconv.ParseInt(hours, 10, 32)   // two digits, by the pattern
	m, _ := strconv.ParseInt(minutes, 10, 32) // the server refuses what is out of the day
	return &timeofday.TimeOfDay{Hours: int32(h), Minutes: int32(m)}
}

// hoursWords writes windows as hoursFrom reads them.
func hoursWords(windows []*availabilityv1.WeeklyWindow) string {
	if len(windows) == 0 {
		return "no working time"
	}
	var words []string
	for _, w := range windows {
		var days []string
		for _, d := range w.GetDays() {
			name := d.String()
			days = append(days, name[:1]+strings.ToLower(name[1:3]))
		}
		words = append(words, fmt.Sprintf("%s %02d:%02d-%02d:%02d", strings.Join(days, ","),
			w.GetStartTime().GetHours(), w.GetStartTime().GetMinutes(), w.GetEndTime().GetHours(), w.GetEndTime().GetMinutes()))
	}
	return strings.Join(words, "; ")
}
