package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// AvailabilityTravelCmd sets a stay in another zone.
type AvailabilityTravelCmd struct {
	Member  string `arg:"" help:"The member (name, id, address or handle), or me."`
	Zone    string `arg:"" help:"The IANA zone, such as Asia/Tokyo."`
	First   string `arg:"" help:"The first date there, such as 2026-12-01."`
	Last    string `arg:"" help:"The last date there, itself included."`
	Preview bool   `help:"Only show what it would change."`
}

// Run sets a travel.
func (c *AvailabilityTravelCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, member, err := client.openFor(ctx, streams, c.Member)
	if err != nil {
		return err
	}
	travel := &availabilityv1.Travel{TimeZone: c.Zone}
	if travel.StartDate, err = dateFrom("the first date", c.First); err != nil {
		return err
	}
	if travel.EndDate, err = dateFrom("the last date", c.Last); err != nil {
		return err
	}
	made, err := s.travels.CreateTravel(ctx, &availabilityv1.CreateTravelRequest{
		Parent: member, Travel: travel, RequestId: uuid.NewString(), ValidateOnly: c.Preview,
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		row(w, made.GetName(), made.GetTimeZone(), c.First, c.Last)
		s.foreseen(ctx, w, member, made.GetPreview())
	})
}

// AvailabilityDayCmd sets the hours of one date.
type AvailabilityDayCmd struct {
	Member  string   `arg:"" help:"The member (name, id, address or handle), or me."`
	Date    string   `arg:"" help:"The date, such as 2026-12-01."`
	Hours   []string `arg:"" optional:"" help:"Windows such as 10:00-12:00. None: no working time that day."`
	Preview bool     `help:"Only show what it would change."`
}

var clocksPattern = regexp.MustCompile(`^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$`)

// Run sets a date override.
func (c *AvailabilityDayCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, member, err := client.openFor(ctx, streams, c.Member)
	if err != nil {
		return err
	}
	override := &availabilityv1.DateOverride{}
	if override.Date, err = dateFrom("the date", c.Date); err != nil {
		return err
	}
	for _, text := range c.Hours {
		parts := clocksPattern.FindStringSubmatch(strings.TrimSpace(text))
		if parts == nil {
			return fmt.Errorf("%q is no window of a day: write it as 10:00-12:00", text)
		}
		override.Windows = append(override.Windows, &availabilityv1.DateWindow{
			StartTime: timeOfDay(parts[1], parts[2]), EndTime: timeOfDay(parts[3], parts[4]),
		})
	}
	made, err := s.overrides.CreateDateOverride(ctx, &availabilityv1.CreateDateOverrideRequest{
		Parent: member, DateOverride: override, RequestId: uuid.NewString(), ValidateOnly: c.Preview,
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		row(w, made.GetName(), c.Date, strings.Join(c.Hours, ", "))
		s.foreseen(ctx, w, member, made.GetPreview())
	})
}

// AvailabilityFocusCmd sets a weekly focus block.
type AvailabilityFocusCmd struct {
	Member  string   `arg:"" help:"The member (name, id, address or handle), or me."`
	Name    string   `arg:"" help:"What it is for; the member and administrators alone see it."`
	Hours   []string `arg:"" help:"Windows such as 'Mon-Fri 09:00-11:00'."`
	From    string   `help:"The first local day, such as 2026-12-01. Today when not given." placeholder:"DATE"`
	Until   string   `help:"The last local day. For ever when not given." placeholder:"DATE"`
	Preview bool     `help:"Only show what it would change."`
}

// Run sets a focus block.
func (c *AvailabilityFocusCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, member, err := client.openFor(ctx, streams, c.Member)
	if err != nil {
		return err
	}
	block := &availabilityv1.FocusBlock{DisplayName: c.Name}
	for _, text := range c.Hours {
		window, err := hoursFrom(text)
		if err != nil {
			return err
		}
		block.Windows = append(block.Windows, window)
	}
	if c.From == "" {
		today, err := s.now(ctx, member)
		if err != nil {
			return err
		}
		c.From = today.Format(time.DateOnly)
	}
	if block.StartDate, err = dateFrom("--from", c.From); err != nil {
		return err
	}
	if c.Until != "" {
		if block.EndDate, err = dateFrom("--until", c.Until); err != nil {
			return err
		}
	}
	made, err := s.focuses.CreateFocusBlock(ctx, &availabilityv1.CreateFocusBlockRequest{
		Parent: member, FocusBlock: block, RequestId: uuid.NewString(), ValidateOnly: c.Preview,
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		row(w, made.GetName(), made.GetDisplayName(), hoursWords(made.GetWindows()))
		s.foreseen(ctx, w, member, made.GetPreview())
	})
}

// AvailabilityDropCmd deletes a travel, an override or a focus block.
type AvailabilityDropCmd struct {
	Name    string `arg:"" help:"The name, as it was shown when it was made: workspaces/.../travels/..., dateOverrides or focusBlocks."`
	Preview bool   `help:"Only show what it would change."`
}

// Run deletes it.
func (c *AvailabilityDropCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member := c.Name
	for range 2 { // without the collection and the id
		member = member[:max(strings.LastIndexByte(member, '/'), 0)]
	}
	again := uuid.NewString()
	switch {
	case strings.Contains(c.Name, "/travels/"):
		gone, err := s.travels.DeleteTravel(ctx, &availabilityv1.DeleteTravelRequest{Name: c.Name, RequestId: again, ValidateOnly: c.Preview})
		if err != nil {
			return err
		}
		return s.print(gone, func(w io.Writer) { s.foreseen(ctx, w, member, gone.GetPreview()) })
	case strings.Contains(c.Name, "/dateOverrides/"):
		gone, err := s.overrides.DeleteDateOverride(ctx, &availabilityv1.DeleteDateOverrideRequest{Name: c.Name, RequestId: again, ValidateOnly: c.Preview})
		if err != nil {
			return err
		}
		return s.print(gone, func(w io.Writer) { s.foreseen(ctx, w, member, gone.GetPreview()) })
	case strings.Contains(c.Name, "/focusBlocks/"):
		gone, err := s.focuses.DeleteFocusBlock(ctx, &availabilityv1.DeleteFocusBlockRequest{Name: c.Name, RequestId: again, ValidateOnly: c.Preview})
		if err != nil {
			return err
		}
		return s.print(gone, func(w io.Writer) { s.foreseen(ctx, w, member, gone.GetPreview()) })
	}
	return fmt.Errorf("%q is the name of no travel, date override or focus block", c.Name)
}

// AvailabilityHolidaysCmd lists regions, or the public holidays of one.
type AvailabilityHolidaysCmd struct {
	Region string `arg:"" optional:"" help:"The region, such as DE-BE. None: list the regions."`
	Year   int32  `help:"The year. This one when not given."`
}

// Run lists them.
func (c *AvailabilityHolidaysCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, member, err := client.openFor(ctx, streams, "me")
	if err != nil {
		return err
	}
	if c.Region == "" {
		found, err := s.holidays.ListHolidayRegions(ctx, &availabilityv1.ListHolidayRegionsRequest{Parent: s.workspace, PageSize: 200})
		if err != nil {
			return err
		}
		return s.print(found, func(w io.Writer) {
			for _, r := range found.GetHolidayRegions() {
				row(w, r.GetCode(), r.GetDisplayName())
			}
		})
	}
	if c.Year == 0 {
		now, err := s.now(ctx, member)
		if err != nil {
			return err
		}
		c.Year = int32(now.Year())
	}
	found, err := s.holidays.ListHolidays(ctx, &availabilityv1.ListHolidaysRequest{Parent: s.workspace, Region: c.Region, Year: c.Year, PageSize: 200})
	if err != nil {
		return err
	}
	return s.print(found, func(w io.Writer) {
		for _, h := range found.GetHolidays() {
			row(w, dateText(h.GetDate()), h.GetDisplayName())
		}
	})
}

func dateText(d *date.Date) string {
	return fmt.Sprintf("%04d-%02d-%02d", d.GetYear(), d.GetMonth(), d.GetDay())
}

// openFor opens a session about a member.
func (c *Client) openFor(ctx context.Context, streams Streams, given string) (*session, string, error) {
	s, err := c.open(ctx, streams)
	if err != nil {
		return nil, "", err
	}
	member, err := s.member(ctx, given)
	return s, member, err
}

// foreseen shows what a change would do, in the member's zone; nothing where it was made.
func (s *session) foreseen(ctx context.Context, w io.Writer, member string, p *availabilityv1.Preview) {
	if p == nil {
		return
	}
	zone := "UTC"
	if e, err := s.schedules.GetEffectiveSchedule(ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: member + "/effectiveSchedule"}); err == nil {
		zone = e.GetTimeZone()
	}
	if len(p.GetChanges()) == 0 {
		row(w, "nothing would change in the four weeks from where it begins")
	}
	for _, c := range p.GetChanges() {
		row(w, inZone(c.GetStartTime(), zone), inZone(c.GetEndTime(), zone), c.GetBefore().String()+" -> "+c.GetAfter().String())
	}
}
