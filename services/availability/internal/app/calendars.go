package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Calendars is what the store keeps of imported calendars.
type Calendars interface {
	// Calendar returns a calendar of a member, one that was deleted only where deleted says so.
	Calendar(ctx context.Context, ws, member, calendar uuid.UUID, deleted bool) (domain.ImportedCalendar, error)
	// Calendars lists a member's calendars, the newest first.
	Calendars(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.ImportedCalendar, Cursor], error)
	// Source returns what is kept of a calendar's file; empty for none.
	Source(ctx context.Context, ws, member, calendar uuid.UUID) ([]byte, error)
	// BusyTimes lists the busy times of a calendar that end after an instant, in the order of their starts.
	BusyTimes(ctx context.Context, ws, member, calendar uuid.UUID, from time.Time, p BusyPage) (page.Result[domain.BusyTime, BusyCursor], error)

	// ClaimCalendars takes calendars of any workspace that are due, for the lease; full says that there may be more.
	ClaimCalendars(ctx context.Context, now time.Time, lease time.Duration, limit int) (claimed []CalendarKey, full bool, err error)
	// NextCalendarDue is when the next is due, false for never.
	NextCalendarDue(ctx context.Context) (time.Time, bool, error)
}

// CalendarsTx is a transaction's part of it. The member is locked.
type CalendarsTx interface {
	// CountCalendars is how many calendars a member has.
	CountCalendars(ctx context.Context, member uuid.UUID) (int, error)
	// Calendar and Source are those of Calendars, of what is not deleted.
	Calendar(ctx context.Context, member, calendar uuid.UUID) (domain.ImportedCalendar, error)
	Source(ctx context.Context, member, calendar uuid.UUID) ([]byte, error)
	// AddCalendar adds a calendar, SaveCalendar keeps what it has become.
	AddCalendar(ctx context.Context, c domain.ImportedCalendar) error
	SaveCalendar(ctx context.Context, c domain.ImportedCalendar) error
	// WakeCalendars has a member's calendars read anew now, those without a zone of their own or every one: times of theirs are
	// others in the zones that now hold.
	WakeCalendars(ctx context.Context, member uuid.UUID, every bool, now time.Time) error
	// SaveSource keeps a calendar's file; ForgetSource forgets it, with all titles.
	SaveSource(ctx context.Context, member, calendar uuid.UUID, source []byte) error
	ForgetSource(ctx context.Context, member, calendar uuid.UUID) error
	// BusyFrom returns the busy times of a calendar that end after an instant.
	BusyFrom(ctx context.Context, member, calendar uuid.UUID, from time.Time) ([]domain.BusyTime, error)
	// ChangeBusy changes the busy times of a calendar; what is cut ends now.
	ChangeBusy(ctx context.Context, member, calendar uuid.UUID, change domain.BusyChange, now time.Time) error
}

// BusyPage is a page of busy times, BusyCursor where one ends.
type BusyPage = page.Request[BusyCursor]

// BusyCursor is a busy time's place in their order.
type BusyCursor struct {
	Start time.Time `json:"s"`
	ID    uuid.UUID `json:"i"`
}

// private is a calendar as the caller may see it: where it is fetched from is told to its member alone.
func private(caller auth.Caller, c domain.ImportedCalendar) domain.ImportedCalendar {
	if caller.Member == c.Member {
		return c
	}
	return c.Private()
}

// Calendar returns an imported calendar.
func (a *App) Calendar(ctx context.Context, ws, member, calendar uuid.UUID) (domain.ImportedCalendar, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return domain.ImportedCalendar{}, err
	}
	c, err := a.store.Calendar(ctx, ws, member, calendar, false)
	return private(caller, c), err
}

// Calendars lists a member's imported calendars, the newest first.
func (a *App) Calendars(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.ImportedCalendar, Cursor], error) {
	none := page.Result[domain.ImportedCalendar, Cursor]{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	if err := a.there(ctx, ws, member); err != nil {
		return none, err
	}
	found, err := a.store.Calendars(ctx, ws, member, p)
	if err != nil {
		return none, err
	}
	for i, c := range found.Items {
		found.Items[i] = private(caller, c)
	}
	return found, nil
}

// BusyTimes lists the busy times of a calendar that end after an instant, now when it is zero. Titles are told to the
// member alone.
func (a *App) BusyTimes(ctx context.Context, ws, member, calendar uuid.UUID, from time.Time, p BusyPage) (page.Result[domain.BusyTime, BusyCursor], error) {
	none := page.Result[domain.BusyTime, BusyCursor]{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	if _, err := a.store.Calendar(ctx, ws, member, calendar, false); err != nil {
		return none, err
	}
	if from.IsZero() {
		from = a.now()
	}
	found, err := a.store.BusyTimes(ctx, ws, member, calendar, from, p)
	if err != nil {
		return none, err
	}
	if caller.Member != member {
		for i := range found.Items {
			found.Items[i].Title = ""
		}
	}
	return found, nil
}

// CreateCalendar imports a calendar, a file or what a URL names, which is fetched soon after; or with dry says what that
// would do. It is given all but its id and times.
func (a *App) CreateCalendar(ctx context.Context, wanted domain.ImportedCalendar, content []byte, dry bool) (Outcome[domain.ImportedCalendar], error) {
	none := Outcome[domain.ImportedCalendar]{}
	var err error
	if wanted.ID, err = newID(); err != nil {
		return none, err
	}
	var read *reading
	if wanted.URL == "" {
		if read, err = a.uploaded(ctx, wanted, content); err != nil {
			return none, err
		}
	}
	return a.changeCalendar(ctx, wanted, dry,
		func(ctx context.Context, c *change) (domain.ImportedCalendar, []domain.Event, error) {
			had, err := c.CountCalendars(ctx, wanted.Member)
			if err != nil {
				return wanted, nil, err
			}
			made, err := domain.NewCalendar(wanted, had, c.now)
			if err != nil {
				return made, nil, err
			}
			if err := a.checkURL(made.URL); err != nil {
				return made, nil, err
			}
			events, err := c.keep(ctx, read, &made)
			if err != nil {
				return made, nil, err
			}
			return made, events, c.AddCalendar(ctx, made)
		})
}

// changeCalendar is changeTime for a calendar. Whoever imports is told of it.
func (a *App) changeCalendar(
	ctx context.Context, of domain.ImportedCalendar, dry bool,
	rule func(ctx context.Context, c *change) (domain.ImportedCalendar, []domain.Event, error),
) (Outcome[domain.ImportedCalendar], error) {
	none := Outcome[domain.ImportedCalendar]{}
	done, prior, err := changeTime(ctx, a, of.Workspace, of.Member, domain.CalendarName(of.Workspace, of.Member, of.ID), dry, rule)
	if err != nil {
		return none, err
	}
	if prior != "" {
		id, err := madeBefore(prior)
		if err != nil {
			return none, err
		}
		if done.Item, err = a.store.Calendar(ctx, of.Workspace, of.Member, id, true); err != nil {
			return none, err
		}
	}
	if !dry {
		a.imports.Wake()
	}
	caller, err := auth.Require(ctx)
	done.Item = private(caller, done.Item)
	return done, err
}

// existing is a rule for a calendar that there is, at the revision that the caller has seen.
func existing(
	of domain.ImportedCalendar, fresh Fresh,
	rule func(ctx context.Context, c *change, calendar *domain.ImportedCalendar) ([]domain.Event, error),
) func(ctx context.Context, c *change) (domain.ImportedCalendar, []domain.Event, error) {
	return func(ctx context.Context, c *change) (domain.ImportedCalendar, []domain.Event, error) {
		calendar, err := c.Calendar(ctx, of.Member, of.ID)
		if err != nil {
			return calendar, nil, err
		}
		if err := fresh.check(calendar.Revision); err != nil {
			return calendar, nil, err
		}
		seen := calendar.Revision
		events, err := rule(ctx, c, &calendar)
		if err != nil || calendar.Revision == seen {
			return calendar, events, err
		}
		return calendar, events, c.SaveCalendar(ctx, calendar)
	}
}

// UpdateCalendar changes a calendar's name, its file, or where it is fetched from, or with dry says what that would do.
func (a *App) UpdateCalendar(
	ctx context.Context, of domain.ImportedCalendar, wanted domain.CalendarChange, content []byte, fresh Fresh, dry bool,
) (Outcome[domain.ImportedCalendar], error) {
	var (
		read *reading
		err  error
	)
	if wanted.Content {
		if read, err = a.replaced(ctx, of, content); err != nil {
			return Outcome[domain.ImportedCalendar]{}, err
		}
	}
	return a.changeCalendar(ctx, of, dry, existing(of, fresh, func(ctx context.Context, c *change, calendar *domain.ImportedCalendar) ([]domain.Event, error) {
		if _, err := calendar.Update(wanted, c.now); err != nil {
			return nil, err
		}
		if wanted.URL != nil {
			if err := a.checkURL(calendar.URL); err != nil {
				return nil, err
			}
		}
		return c.keep(ctx, read, calendar)
	}))
}

// DeleteCalendar deletes a calendar, or with dry says what that would do. What it said of time that has passed stays.
func (a *App) DeleteCalendar(ctx context.Context, of domain.ImportedCalendar, fresh Fresh, dry bool) (Outcome[domain.ImportedCalendar], error) {
	return a.changeCalendar(ctx, of, dry, existing(of, fresh, func(ctx context.Context, c *change, calendar *domain.ImportedCalendar) ([]domain.Event, error) {
		events, _, err := c.replaceBusy(ctx, calendar, nil)
		if err != nil {
			return nil, err
		}
		calendar.Delete(c.now)
		return events, c.ForgetSource(ctx, calendar.Member, calendar.ID)
	}))
}

// RefreshCalendar has a calendar fetched soon, or with dry says when it would be.
func (a *App) RefreshCalendar(ctx context.Context, of domain.ImportedCalendar, fresh Fresh, dry bool) (Outcome[domain.ImportedCalendar], error) {
	return a.changeCalendar(ctx, of, dry, existing(of, fresh, func(_ context.Context, c *change, calendar *domain.ImportedCalendar) ([]domain.Event, error) {
		return nil, calendar.Refresh(c.now)
	}))
}
