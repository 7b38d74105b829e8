package domain

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// BusyTime is when a calendar says that its member is busy, at most LongestBusy of it.
type BusyTime struct {
	ID         uuid.UUID
	Start, End time.Time
	// Title is the event's, where the calendar keeps titles.
	Title string
}

// LongestBusy is the longest busy time that is kept in one: what is longer is parted where the clock of UTC comes to a
// multiple of it.
const LongestBusy = 28 * 24 * time.Hour

// Horizon is until when busy times are reckoned: the same all of a day in UTC, so that the same file gives the same.
func Horizon(now time.Time) time.Time { return now.Truncate(24 * time.Hour).Add(BusyHorizon) }

// FileLimits bound what reading a file may cost, beside those of ical.
func FileLimits() ical.Limits { return ical.Limits{Instances: MaxBusyTimes, Work: 2_000_000} }

// BusyTimes are those of a file from now until the horizon, ordered by start, end and title. Its error is a *FileError.
func BusyTimes(file *ical.Calendar, titles bool, zone *worktime.Zone, now time.Time) ([]BusyTime, error) {
	var all []BusyTime
	add := func(i worktime.Interval, title string) {
		i.Start, i.End = later(i.Start, now), earlier(i.End, Horizon(now))
		for i.Start.Before(i.End) {
			to := earlier(i.End, i.Start.Truncate(LongestBusy).Add(LongestBusy))
			all = append(all, BusyTime{Start: i.Start, End: to, Title: title})
			i.Start = to
		}
	}
	if titles {
		found, err := file.Instances(zone, now, Horizon(now))
		if err != nil {
			return nil, RefuseFile(err)
		}
		for _, i := range found {
			add(i.Interval, Storable(i.Title, MaxTitle))
		}
	} else {
		found, err := file.Busy(zone, now, Horizon(now))
		if err != nil {
			return nil, RefuseFile(err)
		}
		for _, i := range found {
			add(i, "")
		}
	}
	if len(all) > MaxBusyTimes {
		return nil, &FileError{Text: "must have at most 20000 busy times in the next 400 days", Limit: "BusyTimes"}
	}
	slices.SortFunc(all, compareBusy)
	return slices.CompactFunc(all, func(a, b BusyTime) bool { return compareBusy(a, b) == 0 }), nil
}

// Storable is of a text what a database can hold: valid UTF-8 without U+0000, and so many characters at most.
func Storable(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	n := 0
	for i := range text {
		if n++; n > most {
			return text[:i]
		}
	}
	return text
}

func compareBusy(a, b BusyTime) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	if c := a.End.Compare(b.End); c != 0 {
		return c
	}
	return strings.Compare(a.Title, b.Title)
}

// BusyChange is what becomes of kept busy times: some are dropped, some that are under way end now, others come.
type BusyChange struct {
	Drop, Cut []uuid.UUID
	Add       []BusyTime
	// From and Until hold all that changes.
	From, Until time.Time
}

// Empty says that nothing changes.
func (c *BusyChange) Empty() bool { return len(c.Drop)+len(c.Cut)+len(c.Add) == 0 }

// ReplaceBusy puts fresh busy times, which have no ids, in the place of the kept ones, as far as either have not passed.
// What has passed stays.
func ReplaceBusy(kept, fresh []BusyTime, now time.Time) BusyChange {
	type key struct {
		start, end int64
		title      string
	}
	of := func(b BusyTime) key { return key{later(b.Start, now).UnixMicro(), b.End.UnixMicro(), b.Title} }
	wanted := make(map[key]bool, len(fresh))
	for _, b := range fresh {
		wanted[of(b)] = b.End.After(now)
	}
	var c BusyChange
	note := func(b BusyTime) {
		if from := later(b.Start, now); c.From.IsZero() || from.Before(c.From) {
			c.From = from
		}
		c.Until = later(c.Until, b.End)
	}
	for _, b := range kept {
		if !b.End.After(now) {
			continue
		}
		if wanted[of(b)] {
			wanted[of(b)] = false
			continue
		}
		if note(b); b.Start.Before(now) {
			c.Cut = append(c.Cut, b.ID)
		} else {
			c.Drop = append(c.Drop, b.ID)
		}
	}
	for _, b := range fresh {
		if wanted[of(b)] {
			wanted[of(b)] = false
			b.Start = later(b.Start, now)
			note(b)
			c.Add = append(c.Add, b)
		}
	}
	return c
}

// apply is a member's busy times after the change.
func (c *BusyChange) apply(all []BusyTime, now time.Time) []BusyTime {
	gone := make(map[uuid.UUID]bool, len(c.Drop)+len(c.Cut))
	for _, id := range slices.Concat(c.Drop, c.Cut) {
		gone[id] = true
	}
	var left []BusyTime
	for _, b := range all {
		if gone[b.ID] {
			b.End = earlier(b.End, now)
		}
		if b.Start.Before(b.End) {
			left = append(left, b)
		}
	}
	return append(left, c.Add...)
}

// WithBusy is the record once its busy times are changed.
func (r Record) WithBusy(c BusyChange, now time.Time) Record {
	r.BusyTimes = c.apply(r.BusyTimes, now)
	return r
}

// Events are those of a change of what is known of a member: none where they work at none of these times, or were busy
// anyway.
func (c *BusyChange) Events(before, after Record, m *MemberTime) ([]Event, error) {
	return m.differ(before, after, c.From, c.Until, false)
}

// FileError says why a file does not become busy times.
type FileError struct {
	// Text names the line, and the property with its rule or the limit.
	Text string
	// Line is where it is, 0 for nowhere; Property or Limit is what is at fault, as ical names it.
	Line            int
	Property, Limit string
}

// Error implements error.
func (r *FileError) Error() string { return r.Text }

// Fault is the refusal of a request that gave the file in a field.
func (r *FileError) Fault(field string) error {
	f := fault.InvalidField(field, r.Text)
	for key, value := range map[string]string{"property": r.Property, "limit": r.Limit} {
		if value != "" {
			f = f.With(key, value)
		}
	}
	if r.Line > 0 {
		f = f.With("line", strconv.Itoa(r.Line))
	}
	return f
}

// RefuseFile is the refusal that an error of ical stands for; any other error stays as it is.
func RefuseFile(err error) error {
	switch why := err.(type) { //nolint:errorlint // ical gives them as they are
	case *ical.Error:
		return &FileError{Text: "line " + strconv.Itoa(why.Line) + ": " + why.Property + " " + why.Rule, Line: why.Line, Property: why.Property}
	case *ical.LimitError:
		return &FileError{
			Text: "line " + strconv.Itoa(why.Line) + ": must be at most " + strconv.FormatInt(why.Max, 10) + ", the limit of " + limitWords(why.Limit),
			Line: why.Line, Limit: why.Limit,
		}
	default:
		return err
	}
}

// CheckSource refuses what is too large to be kept.
func CheckSource(size int) error {
	if size <= MaxSource {
		return nil
	}
	return &FileError{Text: "must be at most 4000000 bytes, reduced to what decides when it is busy", Limit: "Source"}
}

// limitWords are what a limit of ical.Limits counts.
func limitWords(limit string) string {
	words := map[string]string{
		"Bytes": "the bytes of a file", "Line": "the bytes of a line", "Depth": "components within each other",
		"Events": "events", "Dates": "values of RDATE and EXDATE", "Zones": "VTIMEZONE components",
		"Changes": "changes of offsets of VTIMEZONE components", "Instances": "instances of events in the next 400 days",
		"Work": "steps in expanding recurrences",
	}
	if known, ok := words[limit]; ok {
		return known
	}
	return limit
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
