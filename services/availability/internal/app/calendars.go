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

// CreateCalendar imports a calendar: a file, or what a URL names, which is fetched soon after.
func (a *App) CreateCalendar(ctx context.Context, c domain.ImportedCalendar, content []byte) (domain.ImportedCalendar, error) {
	id, err := newID()
	if err != nil {
		return c, err
	}
	c.ID = id
	var read *reading
	if c.URL == "" {
		if read, err = a.uploaded(ctx, c, content); err != nil {
			return c, err
		}
	}
	made := c
	prior, err := a.changeTime(ctx, c.Workspace, c.Member, domain.CalendarName(c.Workspace, c.Member, id),
		func(ctx context.Context, tx Tx, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			had, err := tx.CountCalendars(ctx, c.Member)
			if err != nil {
				return nil, err
			}
			if made, err = domain.NewCalendar(c, had, now); err != nil {
				return nil, err
			}
			events, err := read.keep(ctx, tx, &made, m, now)
			if err != nil {
				return nil, err
			}
			return events, tx.AddCalendar(ctx, made)
		})
	return a.changed(ctx, made, prior, err)
}

// changed is what a change made of a calendar, or what an equal request made before. Whoever imports is told of it.
func (a *App) changed(ctx context.Context, c domain.ImportedCalendar, prior string, err error) (domain.ImportedCalendar, error) {
	if err != nil {
		return domain.ImportedCalendar{}, err
	}
	if prior != "" {
		id, err := madeBefore(prior)
		if err != nil {
			return domain.ImportedCalendar{}, err
		}
		if c, err = a.store.Calendar(ctx, c.Workspace, c.Member, id, true); err != nil {
			return domain.ImportedCalendar{}, err
		}
	}
	a.imports.Wake()
	caller, err := auth.Require(ctx)
	return private(caller, c), err
}

// UpdateCalendar changes a calendar's name, its file, or where it is fetched from. Content is nil for none given.
func (a *App) UpdateCalendar(
	ctx context.Context, ws, member, calendar uuid.UUID, change domain.CalendarChange, content []byte, fresh Fresh,
) (domain.ImportedCalendar, error) {
	var (
		read *reading
		err  error
	)
	if change.Content {
		if read, err = a.replaced(ctx, ws, member, calendar, content); err != nil {
			return domain.ImportedCalendar{}, err
		}
	}
	c := domain.ImportedCalendar{Workspace: ws, Member: member, ID: calendar}
	prior, err := a.changeTime(ctx, ws, member, domain.CalendarName(ws, member, calendar),
		func(ctx context.Context, tx Tx, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			if c, err = tx.Calendar(ctx, member, calendar); err != nil {
				return nil, err
			}
			if err := fresh.check(c.Revision); err != nil {
				return nil, err
			}
			revision := c.Revision
			if _, err := c.Update(change, now); err != nil {
				return nil, err
			}
			events, err := read.keep(ctx, tx, &c, m, now)
			if err != nil || c.Revision == revision {
				return events, err
			}
			return events, tx.SaveCalendar(ctx, c)
		})
	return a.changed(ctx, c, prior, err)
}

// DeleteCalendar deletes a calendar. What it said of time that has passed stays.
func (a *App) DeleteCalendar(ctx context.Context, ws, member, calendar uuid.UUID, fresh Fresh) (domain.ImportedCalendar, error) {
	c := domain.ImportedCalendar{Workspace: ws, Member: member, ID: calendar}
	prior, err := a.changeTime(ctx, ws, member, domain.CalendarName(ws, member, calendar),
		func(ctx context.Context, tx Tx, m *domain.MemberTime, now time.Time) (events []domain.Event, err error) {
			if c, err = tx.Calendar(ctx, member, calendar); err != nil {
				return nil, err
			}
			if err := fresh.check(c.Revision); err != nil {
				return nil, err
			}
			if events, _, err = replaceBusy(ctx, tx, &c, nil, m, now); err != nil {
				return nil, err
			}
			c.Delete(now)
			if err := tx.ForgetSource(ctx, member, calendar); err != nil {
				return nil, err
			}
			return events, tx.SaveCalendar(ctx, c)
		})
	return a.changed(ctx, c, prior, err)
}

// RefreshCalendar has a calendar fetched soon.
func (a *App) RefreshCalendar(ctx context.Context, ws, member, calendar uuid.UUID, fresh Fresh) (domain.ImportedCalendar, error) {
	c := domain.ImportedCalendar{Workspace: ws, Member: member, ID: calendar}
	prior, err := a.changeTime(ctx, ws, member, domain.CalendarName(ws, member, calendar),
		func(ctx context.Context, tx Tx, _ *domain.MemberTime, now time.Time) (_ []domain.Event, err error) {
			if c, err = tx.Calendar(ctx, member, calendar); err != nil {
				return nil, err
			}
			if err := fresh.check(c.Revision); err != nil {
				return nil, err
			}
			if err := c.Refresh(now); err != nil {
				return nil, err
			}
			return nil, tx.SaveCalendar(ctx, c)
		})
	return a.changed(ctx, c, prior, err)
}
