package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// AvailabilityImportCmd imports a calendar.
type AvailabilityImportCmd struct {
	Member string `arg:"" help:"The member (name, id, address or handle), or me."`
	Source string `arg:"" help:"A file in iCalendar, or the http or https URL of one."`
	Name   string `help:"What to call it." default:"Calendar"`
	Titles bool   `help:"Keep the titles of events, for the member alone."`
	Zone   string `help:"The IANA zone of all-day and floating times. The member's when not given."`
}

// Run imports the calendar.
func (c *AvailabilityImportCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	calendar := &availabilityv1.Calendar{DisplayName: c.Name, KeepTitles: c.Titles, TimeZone: c.Zone}
	if strings.HasPrefix(c.Source, "https://") || strings.HasPrefix(c.Source, "http://") {
		calendar.SourceUrl = c.Source
	} else if calendar.Content, err = os.ReadFile(c.Source); err != nil {
		return fmt.Errorf("read the calendar: %w", err)
	}
	made, err := s.calendars.CreateCalendar(ctx, &availabilityv1.CreateCalendarRequest{Parent: member, Calendar: calendar, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		row(w, id(made.GetName()), safe(made.GetDisplayName()), calendarWords(made))
		for _, e := range made.GetRefusedEvents() {
			row(w, "", fmt.Sprintf("line %d", e.GetLine()), safe(e.GetProperty()+" "+e.GetRule()))
		}
	})
}

// calendarWords say how a calendar stands.
func calendarWords(c *availabilityv1.Calendar) string {
	switch {
	case c.GetLastError() != "":
		return "failed: " + safe(c.GetLastError()) + "; again " + inZone(c.GetNextFetchTime(), "UTC")
	case c.GetHorizonTime() == nil:
		return "will be fetched in a moment"
	case c.GetRefusedEventCount() > 0:
		return fmt.Sprintf("read until %s, but for %d events", inZone(c.GetHorizonTime(), "UTC"), c.GetRefusedEventCount())
	default:
		return "read until " + inZone(c.GetHorizonTime(), "UTC")
	}
}

// AvailabilityCalendarsCmd lists a member's imported calendars.
type AvailabilityCalendarsCmd struct {
	Member string `arg:"" optional:"" default:"me" help:"The member (name, id, address or handle)."`
}

// Run lists the calendars.
func (c *AvailabilityCalendarsCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	found, err := s.calendars.ListCalendars(ctx, &availabilityv1.ListCalendarsRequest{Parent: member})
	if err != nil {
		return err
	}
	return s.print(found, func(w io.Writer) {
		for _, each := range found.GetCalendars() {
			row(w, id(each.GetName()), safe(each.GetDisplayName()), calendarWords(each))
		}
	})
}

// AvailabilityFeedCmd makes a calendar feed.
type AvailabilityFeedCmd struct {
	Member   string `arg:"" optional:"" default:"me" help:"The member (name, id, address or handle)."`
	Name     string `help:"What to call it, such as for whom it is." default:"Feed"`
	FreeBusy bool   `help:"Show when they are free and busy, and not events."`
}

// Run makes the feed and prints its URL, this once.
func (c *AvailabilityFeedCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	feed := &availabilityv1.CalendarFeed{DisplayName: c.Name, Kind: availabilityv1.CalendarFeed_EVENTS}
	if c.FreeBusy {
		feed.Kind = availabilityv1.CalendarFeed_FREE_BUSY
	}
	made, err := s.feeds.CreateCalendarFeed(ctx, &availabilityv1.CreateCalendarFeedRequest{Parent: member, CalendarFeed: feed, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) { _, _ = fmt.Fprintln(w, made.GetUrl()) })
}
