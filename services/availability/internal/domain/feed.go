package domain

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// ReasonTooManyFeeds says that a member or a team has as many feeds as there may be. meridian.availability.v1.ErrorReason
// lists it.
const ReasonTooManyFeeds = "TOO_MANY_FEEDS"

// FeedKind is what a feed shows.
type FeedKind string

// The kinds of feeds.
const (
	FeedEvents   FeedKind = "EVENTS"
	FeedFreeBusy FeedKind = "FREE_BUSY"
)

// Feed shows the working time of a member or a team to whoever has its URL.
type Feed struct {
	Workspace, ID uuid.UUID
	// Member or Team is whose time it shows; the other is uuid.Nil.
	Member, Team           uuid.UUID
	DisplayName            string
	Kind                   FeedKind
	Creator                uuid.UUID
	CreateTime, DeleteTime time.Time
}

// Revision counts its changes: its etag. It never changes, but ends.
func (*Feed) Revision() int64 { return 1 }

// Parent is the resource name of whose time it shows.
func (f *Feed) Parent() string {
	if f.Team != uuid.Nil {
		return TeamName(f.Workspace, f.Team)
	}
	return MemberName(f.Workspace, f.Member)
}

// Name is its resource name.
func (f *Feed) Name() string { return f.Parent() + "/calendarFeeds/" + f.ID.String() }

// Check refuses a feed that is to be made, of a parent that has so many already.
func (f *Feed) Check(had int) error {
	if err := checkDisplayName("calendar_feed.", f.DisplayName, MaxCalendarName); err != nil {
		return err
	}
	if had >= MaxFeeds {
		return fault.New(fault.Precondition, ReasonTooManyFeeds, "a member or a team has at most 20 calendar feeds").
			WithPrecondition("CALENDAR_FEEDS", f.Parent(), "the member or the team must have fewer than 20 calendar feeds")
	}
	return nil
}

// FeedRange is what feeds tell of: whole days in UTC, so that all of a day they stay the same unless something changes.
func FeedRange(now time.Time) worktime.Interval {
	today := now.Truncate(24 * time.Hour)
	return worktime.Interval{Start: today.Add(-FeedBack), End: today.Add(FeedAhead)}
}

// product is what writes the calendars, RFC 5545 3.7.3.
const product = "-//Meridian//Availability//EN"

// Content is what the feed shows, in iCalendar. name is the member's or the team's, people are the member or those of the
// team who are active.
func (f *Feed) Content(name string, people []Person, now time.Time) ([]byte, error) {
	span := FeedRange(now)
	stamp := now.Truncate(24 * time.Hour)
	if f.Kind == FeedFreeBusy {
		return FreeBusy(f.ID.String(), people, span, stamp)
	}
	feed := ical.Feed{Product: product, Name: name, Stamp: stamp}
	for _, p := range people {
		for s := range p.Calendar.Stretches(span.Start, span.End) {
			if e, ok := f.entry(p, s); ok {
				feed.Entries = append(feed.Entries, e)
			}
		}
	}
	var text bytes.Buffer
	err := feed.Write(&text)
	return text.Bytes(), err
}

// entry is the event that a stretch of somebody's time is shown as; false for none. In a feed of a team, which is about
// who is away, working time is none.
func (f *Feed) entry(p Person, s worktime.Stretch) (ical.Entry, bool) {
	e := ical.Entry{Interval: s.Interval}
	kind := "away"
	switch s.Kind {
	case worktime.Working:
		kind, e.Title, e.Free = "working", "Working", true
	case worktime.Uninterruptible:
		kind, e.Title = "busy", "Busy"
	case worktime.Away:
		e.Title = "Away"
	case worktime.OnHoliday:
		kind, e.Title = "holiday", s.Name
	case worktime.Off:
		return e, false
	}
	if f.Team != uuid.Nil {
		if s.Kind == worktime.Working || s.Kind == worktime.Uninterruptible {
			return e, false
		}
		e.Title = p.Name + ": " + e.Title
	}
	e.UID = fmt.Sprintf("%s-%s-%d@meridian", p.Member, kind, s.Start.Unix())
	return e, true
}

// FreeBusy is when people are free and busy, as one VFREEBUSY: free when one of them works and may be interrupted, busy
// when some work but none of these may, unavailable when nobody works.
func FreeBusy(uid string, people []Person, span worktime.Interval, stamp time.Time) ([]byte, error) {
	busy := ical.FreeBusy{Product: product, UID: uid + "@meridian", Stamp: stamp, Range: span}
	type edge struct {
		at         time.Time
		free, busy int
	}
	var edges []edge
	for _, p := range people {
		for s := range p.Calendar.Stretches(span.Start, span.End) {
			switch s.Kind {
			case worktime.Working:
				edges = append(edges, edge{at: s.Start, free: 1}, edge{at: s.End, free: -1})
			case worktime.Uninterruptible:
				edges = append(edges, edge{at: s.Start, busy: 1}, edge{at: s.End, busy: -1})
			case worktime.Away, worktime.OnHoliday, worktime.Off:
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	var now edge
	until := func(at time.Time) {
		kind := ical.Unavailable
		if now.busy > 0 {
			kind = ical.Busy
		}
		if now.free > 0 || !now.at.Before(at) {
			return
		}
		if n := len(busy.Times); n > 0 && busy.Times[n-1].Kind == kind && busy.Times[n-1].End.Equal(now.at) {
			busy.Times[n-1].End = at
			return
		}
		busy.Times = append(busy.Times, ical.BusyTime{Interval: worktime.Interval{Start: now.at, End: at}, Kind: kind})
	}
	now.at = span.Start
	for _, e := range edges {
		until(e.at)
		now = edge{at: e.at, free: now.free + e.free, busy: now.busy + e.busy}
	}
	until(span.End)
	var text bytes.Buffer
	err := busy.Write(&text)
	return text.Bytes(), err
}
