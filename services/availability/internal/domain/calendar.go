package domain

import (
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The reasons of refusals about calendars. meridian.availability.v1.ErrorReason lists them.
const (
	// ReasonTooManyCalendars says that a member has as many calendars as there may be.
	ReasonTooManyCalendars = "TOO_MANY_CALENDARS"
	// ReasonCalendarNotFetched says that a calendar was uploaded, so there is nothing to fetch.
	ReasonCalendarNotFetched = "CALENDAR_NOT_FETCHED"
)

// ImportedCalendar is a calendar of a member's own, uploaded or fetched from a URL.
type ImportedCalendar struct {
	// Workspace, Member and ID say which it is.
	Workspace, Member, ID uuid.UUID
	DisplayName           string
	// URL is where it is fetched from, a secret of its member; empty for what was uploaded.
	URL string
	// Hidden says that there is a URL that is not shown.
	Hidden bool
	// Titles says that titles are kept.
	Titles bool
	// Zone is that of floating times; empty for the one in force for the member.
	Zone string
	// Seen is what the server said of what was last read.
	Seen Validators
	// Refused are the first events that cannot be read, RefusedCount how many cannot.
	Refused      []RefusedEvent
	RefusedCount int
	// Horizon is until when busy times are known; zero while nothing was read.
	Horizon time.Time
	// Failures counts the attempts that failed since the last that did not; LastError says why the last did.
	Failures  int
	LastError string
	// FetchTime is of the last fetch that succeeded, AskedTime when one was last asked for, DueTime when it is fetched or read
	// anew next.
	FetchTime, AskedTime, DueTime time.Time
	// Revision counts its changes, from 1: its etag.
	Revision                           int64
	CreateTime, UpdateTime, DeleteTime time.Time
}

// Validators are what a server says of a version of a resource, RFC 9110 8.8: of itself it means nothing here.
type Validators struct{ Etag, Modified string }

// RefusedEvent is an event of a file that cannot be read.
type RefusedEvent struct {
	Line                int
	UID, Property, Rule string
}

// NewCalendar makes a calendar, of which nothing is read yet. had is how many the member has.
func NewCalendar(c ImportedCalendar, had int, now time.Time) (ImportedCalendar, error) {
	if had >= MaxCalendars {
		return c, fault.New(fault.Precondition, ReasonTooManyCalendars, "a member has at most 20 calendars").
			WithPrecondition("CALENDARS", MemberName(c.Workspace, c.Member), "the member must have fewer than 20 calendars")
	}
	if c.Zone != "" {
		if _, err := CheckZone("calendar.time_zone", c.Zone); err != nil {
			return c, err
		}
	}
	if err := c.check(); err != nil {
		return c, err
	}
	c.Revision, c.CreateTime, c.UpdateTime, c.DueTime = 1, now, now, now
	return c, nil
}

func (c *ImportedCalendar) check() error {
	if err := checkDisplayName("calendar.", c.DisplayName, MaxCalendarName); err != nil || c.URL == "" {
		return err
	}
	return checkURL("calendar.source_url", c.URL)
}

// checkURL refuses what is no URL to fetch from. Whether it leads where it may is known only when it is fetched.
func checkURL(field, text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' }):
		return fault.InvalidField(field, "must be a URL such as https://calendar.example/me.ics")
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.InvalidField(field, "must begin with https:// or http://; webcal:// stands for https://")
	case u.User != nil:
		return fault.InvalidField(field, "must not have a user or a password")
	}
	return nil
}

// CalendarChange is what an update asks for; nil leaves things as they are.
type CalendarChange struct {
	DisplayName, URL *string
	// Content is set when a file is given.
	Content bool
}

// Update changes the name, or where it is fetched from, which is then done at once. It says whether anything changed.
func (c *ImportedCalendar) Update(change CalendarChange, now time.Time) (changed bool, err error) {
	switch fetched := c.URL != ""; {
	case fetched && change.Content:
		return false, fault.InvalidField("calendar.content", "must not be given for a calendar that is fetched")
	case change.URL != nil && fetched != (*change.URL != ""):
		return false, fault.InvalidField("calendar.source_url", "must not turn a file into a calendar that is fetched, nor back")
	}
	if change.DisplayName != nil && *change.DisplayName != c.DisplayName {
		c.DisplayName, changed = *change.DisplayName, true
	}
	if change.URL != nil && *change.URL != c.URL {
		c.URL, changed = *change.URL, true
		c.Seen, c.Failures, c.LastError, c.DueTime = Validators{}, 0, "", now
	}
	if changed {
		c.touch(now)
	}
	return changed, c.check()
}

// Refresh has it fetched now, or a minute after that was last asked for: whose server it is did not ask for it.
func (c *ImportedCalendar) Refresh(now time.Time) error {
	if c.URL == "" {
		return fault.New(fault.Precondition, ReasonCalendarNotFetched, "the calendar was uploaded, so there is nothing to fetch").
			WithPrecondition("CALENDAR_SOURCE", CalendarName(c.Workspace, c.Member, c.ID), "the calendar must have a source_url")
	}
	at := now
	if earliest := c.AskedTime.Add(RefreshPause); earliest.After(now) {
		at = earliest
	}
	if at.Before(c.DueTime) {
		c.AskedTime, c.DueTime = at, at
		c.touch(now)
	}
	return nil
}

// Delete takes it away with all that is not needed for what has been.
func (c *ImportedCalendar) Delete(now time.Time) {
	c.URL, c.Seen, c.Refused, c.RefusedCount, c.LastError, c.DueTime = "", Validators{}, nil, 0, "", time.Time{}
	c.DeleteTime = now
	c.touch(now)
}

// Fetched notes an attempt that succeeded, Failed one that did not and why.
func (c *ImportedCalendar) Fetched(seen Validators, now time.Time) {
	c.Seen, c.FetchTime, c.Failures, c.LastError, c.DueTime = seen, now, 0, "", now.Add(FetchEvery)
	c.touch(now)
}

// Failed notes an attempt that failed, and why. What was known before still counts.
func (c *ImportedCalendar) Failed(why string, now time.Time) {
	pause := LongestPause
	if c.URL != "" {
		pause = min(FirstPause<<min(c.Failures, 16), LongestPause)
	}
	c.Failures++
	c.LastError, c.DueTime = why, now.Add(pause)
	c.touch(now)
}

// Read notes that the file is read until a horizon, and what of it cannot be. What was uploaded is read anew the next day.
func (c *ImportedCalendar) Read(refused []RefusedEvent, count int, now time.Time) {
	c.Refused, c.RefusedCount = refused, count
	c.Rolled(now)
}

// Rolled notes that busy times are known until a new horizon.
func (c *ImportedCalendar) Rolled(now time.Time) {
	c.Horizon = Horizon(now)
	if c.URL == "" {
		c.Failures, c.LastError, c.DueTime = 0, "", now.Truncate(24*time.Hour).Add(24*time.Hour)
	}
	c.touch(now)
}

// DueBy has it read anew by an instant, for what it says is another then; zero for none.
func (c *ImportedCalendar) DueBy(at time.Time) {
	if !at.IsZero() && at.Before(c.DueTime) {
		c.DueTime = at
	}
}

func (c *ImportedCalendar) touch(now time.Time) {
	c.UpdateTime = now
	c.Revision++
}

// Private is the calendar as administrators see it: without its URL.
func (c *ImportedCalendar) Private() ImportedCalendar {
	hidden := *c
	hidden.URL, hidden.Hidden = "", c.URL != ""
	return hidden
}
