package app

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Imports is what importing calendars takes.
type Imports struct {
	// Fetcher fetches calendars.
	Fetcher Fetcher
	// Wake tells who does what is due that a calendar may be.
	Wake func()
}

// Fetcher fetches calendars from where they are.
type Fetcher interface {
	// Check refuses a URL that is surely not fetched, whose host is an address of a private network, say. It looks up no name. Its
	// error is a *FetchError.
	Check(url string) error
	// Fetch fetches what a URL names, if it has changed since it was seen. Its error is a *FetchError, or the context's.
	Fetch(ctx context.Context, url string, seen domain.Validators) (Fetched, error)
}

// Fetched is what a server answered.
type Fetched struct {
	// Unchanged says that it is as it was seen; else Content is what it is.
	Unchanged bool
	Content   []byte
	Seen      domain.Validators
}

// FetchError says why a calendar could not be fetched, in words that tell nothing of the network it was fetched from.
type FetchError struct{ Why string }

// Error implements error.
func (e *FetchError) Error() string { return e.Why }

// CalendarKey names a calendar.
type CalendarKey struct{ Workspace, Member, Calendar uuid.UUID }

// reading is a file that was read: what is kept of it, and its busy times from now on. One that is nil keeps nothing.
type reading struct {
	// source is what is kept of the file; nil for one that is read anew.
	source  []byte
	refused []domain.RefusedEvent
	count   int
	busy    []domain.BusyTime
	// until is when floating times stand for others, for the member is in another zone then; zero for never.
	until time.Time
}

// mostRefused is how many refused events of a file are kept.
const mostRefused = 100

// read reads a file. Its error is a *domain.FileError.
func read(content []byte, c domain.ImportedCalendar, person domain.Person, now time.Time) (*reading, error) {
	zone, until := c.Zone, time.Time{}
	if zone == "" {
		zone, until = person.ZoneAt(now), person.Calendar.ZoneUntil(now)
	}
	in, err := domain.CheckZone("time_zone", domain.KnownZone(zone))
	if err != nil {
		return nil, err
	}
	var kept bytes.Buffer
	file, err := ical.Parse(bytes.NewReader(content), ical.Options{Titles: c.Titles, Limits: domain.FileLimits(), Copy: &kept})
	if err != nil {
		return nil, domain.RefuseFile(err)
	}
	if err := domain.CheckSource(kept.Len()); err != nil {
		return nil, err
	}
	busy, err := domain.BusyTimes(file, c.Titles, in, now)
	if err != nil {
		return nil, err
	}
	r := &reading{source: kept.Bytes(), busy: busy, count: len(file.Refused()), until: until}
	for _, e := range file.Refused()[:min(mostRefused, r.count)] {
		r.refused = append(r.refused, domain.RefusedEvent{Line: e.Line, UID: e.UID, Property: e.Property, Rule: e.Rule})
	}
	return r, nil
}

// checkURL refuses a URL that is surely not fetched.
func (a *App) checkURL(text string) error {
	err := a.imports.Fetcher.Check(text)
	if refusal, ok := errors.AsType[*FetchError](err); ok {
		return fault.InvalidField("calendar.source_url", refusal.Why)
	}
	return err
}

// uploaded reads the file of a request, for a member who is there.
func (a *App) uploaded(ctx context.Context, c domain.ImportedCalendar, content []byte) (*reading, error) {
	if _, err := a.caller(ctx, c.Workspace); err != nil {
		return nil, err
	}
	now := a.now()
	people, err := a.people(ctx, c.Workspace, []uuid.UUID{c.Member}, now, now)
	if err != nil {
		return nil, err
	}
	person, ok := people[c.Member]
	if !ok {
		return nil, fault.NotFoundName(domain.MemberName(c.Workspace, c.Member))
	}
	r, err := read(content, c, person, now)
	if refusal, ok := errors.AsType[*domain.FileError](err); ok {
		return nil, refusal.Fault("calendar.content")
	}
	return r, err
}

// replaced reads the file of a request for a calendar that there is.
func (a *App) replaced(ctx context.Context, of domain.ImportedCalendar, content []byte) (*reading, error) {
	if _, err := a.caller(ctx, of.Workspace); err != nil {
		return nil, err
	}
	c, err := a.store.Calendar(ctx, of.Workspace, of.Member, of.ID, true) // whether it is deleted is decided after the replay
	if err != nil {
		return nil, err
	}
	return a.uploaded(ctx, c, content)
}

// keep makes a calendar what was read. The same file again changes nothing.
func (c *change) keep(ctx context.Context, r *reading, calendar *domain.ImportedCalendar) ([]domain.Event, error) {
	if r == nil {
		return nil, c.foresee(domain.Record{}, domain.Record{}) // nothing is known of it yet
	}
	events, changed, err := c.replaceBusy(ctx, calendar, r.busy)
	if err != nil || r.source == nil {
		return events, err
	}
	former, err := c.Source(ctx, calendar.Member, calendar.ID)
	if err != nil {
		return nil, err
	}
	if !changed && bytes.Equal(former, r.source) && calendar.Horizon.Equal(domain.Horizon(c.now)) {
		return events, nil
	}
	calendar.Read(r.refused, r.count, c.now)
	calendar.DueBy(r.until)
	return events, c.SaveSource(ctx, calendar.Member, calendar.ID, r.source)
}

// replaceBusy puts busy times in the place of a calendar's that have not passed, and says whether any of them are others.
func (c *change) replaceBusy(ctx context.Context, calendar *domain.ImportedCalendar, fresh []domain.BusyTime) ([]domain.Event, bool, error) {
	kept, err := c.BusyFrom(ctx, calendar.Member, calendar.ID, c.now)
	if err != nil {
		return nil, false, err
	}
	change := domain.ReplaceBusy(kept, fresh, c.now)
	if change.Empty() {
		return nil, false, c.foresee(domain.Record{}, domain.Record{})
	}
	for i := range change.Add {
		if change.Add[i].ID, err = newID(); err != nil {
			return nil, false, err
		}
	}
	before, err := c.record(ctx, change.From, change.Until)
	if err != nil {
		return nil, false, err
	}
	after := before.WithBusy(change, c.now)
	if err := c.foresee(before, after); err != nil {
		return nil, false, err
	}
	events, err := change.Events(before, after, &c.MemberTime)
	if err != nil {
		return nil, false, err
	}
	return events, true, c.ChangeBusy(ctx, calendar.Member, calendar.ID, change, c.now)
}

// attempt is what came of fetching or reading a calendar anew.
type attempt struct {
	*reading
	seen domain.Validators
	// why is why it failed; empty when it did not.
	why string
}

// ImportCalendar does what is due of a calendar: it fetches it where it is fetched, and reads it until the horizon of now.
// What fails is noted on the calendar and tried again later; what it said before still counts.
func (a *App) ImportCalendar(ctx context.Context, k CalendarKey) error {
	now := a.now()
	c, err := a.store.Calendar(ctx, k.Workspace, k.Member, k.Calendar, false)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || c.DueTime.After(now) {
		return err
	}
	records, err := a.store.Records(ctx, k.Workspace, []uuid.UUID{k.Member}, now.Add(-margin), now.Add(margin))
	if err != nil {
		return err
	}
	person, err := records[k.Member].Lay()
	if err != nil {
		return err
	}
	done := attempt{why: "the member is not active"}
	if person.Active {
		done, err = a.attempt(ctx, c, person, now)
	}
	if err != nil {
		return err
	}
	return a.store.InTx(ctx, k.Workspace, func(ctx context.Context, tx Tx) error {
		m, err := tx.LockTime(ctx, k.Member)
		if err != nil {
			return err
		}
		still, err := tx.Calendar(ctx, k.Member, k.Calendar)
		if fault.Is(err, fault.NotFound) || err == nil && still.Revision != c.Revision {
			return nil // whoever changed it said when it is due
		}
		if err != nil {
			return err
		}
		return (&change{Tx: tx, MemberTime: m, now: a.now()}).keepAttempt(ctx, c, done)
	})
}

// attempt fetches a calendar where it is fetched, and reads it.
func (a *App) attempt(ctx context.Context, c domain.ImportedCalendar, person domain.Person, now time.Time) (attempt, error) {
	fetched := Fetched{Unchanged: true}
	var err error
	if c.URL != "" {
		fetched, err = a.imports.Fetcher.Fetch(ctx, c.URL, c.Seen)
		if why, ok := errors.AsType[*FetchError](err); ok {
			return attempt{why: why.Why}, nil
		}
		if err != nil {
			return attempt{}, err
		}
	}
	if fetched.Unchanged {
		if fetched.Content, err = a.store.Source(ctx, c.Workspace, c.Member, c.ID); err != nil {
			return attempt{}, err
		}
	}
	r, err := read(fetched.Content, c, person, now)
	if refusal, ok := errors.AsType[*domain.FileError](err); ok {
		return attempt{why: refusal.Text}, nil
	}
	if err == nil && fetched.Unchanged {
		r.source = nil
	}
	return attempt{reading: r, seen: fetched.Seen}, err
}

// keepAttempt keeps what came of an attempt, at the time at which it ended.
func (c *change) keepAttempt(ctx context.Context, calendar domain.ImportedCalendar, done attempt) error {
	if done.why != "" {
		calendar.Failed(done.why, c.now)
		return c.SaveCalendar(ctx, calendar)
	}
	events, err := c.keep(ctx, done.reading, &calendar)
	if err != nil {
		return err
	}
	calendar.Rolled(c.now)
	if calendar.URL != "" {
		calendar.Fetched(done.seen, c.now)
	}
	calendar.DueBy(done.until)
	if err := c.SaveCalendar(ctx, calendar); err != nil {
		return err
	}
	return c.conclude(ctx, events)
}

// ClaimCalendars takes calendars that are due, for the lease.
func (a *App) ClaimCalendars(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]CalendarKey, bool, error) {
	return a.store.ClaimCalendars(ctx, now, lease, limit)
}

// NextCalendarDue is when the next calendar is due.
func (a *App) NextCalendarDue(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextCalendarDue(ctx)
}
