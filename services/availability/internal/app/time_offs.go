package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// TimeOff returns a time off; why is told to the member and administrators alone.
func (a *App) TimeOff(ctx context.Context, ws, member, timeOff uuid.UUID) (domain.TimeOff, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return domain.TimeOff{}, err
	}
	t, err := a.store.TimeOff(ctx, ws, member, timeOff)
	return shown(caller, t), err
}

// shown is a time off as the caller may see it.
func shown(caller auth.Caller, t domain.TimeOff) domain.TimeOff {
	if seesReasons(caller, t.Member) {
		return t
	}
	return t.Public()
}

// TimeOffs lists a member's times off, the newest first.
func (a *App) TimeOffs(ctx context.Context, ws, member uuid.UUID, p Page) (page.Result[domain.TimeOff, Cursor], error) {
	none := page.Result[domain.TimeOff, Cursor]{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	if err := a.there(ctx, ws, member); err != nil {
		return none, err
	}
	found, err := a.store.TimeOffs(ctx, ws, member, p)
	if err != nil {
		return none, err
	}
	for i, t := range found.Items {
		found.Items[i] = shown(caller, t)
	}
	return found, nil
}

// NewTimeOff is what a time off is asked to be: dates when AllDay, else times.
type NewTimeOff struct {
	Kind        domain.TimeOffKind
	Note        string
	AllDay      bool
	First, Last worktime.Date
	Start, End  time.Time
}

// CreateTimeOff takes time off for a member, or with dry says what that would do.
func (a *App) CreateTimeOff(ctx context.Context, ws, member uuid.UUID, in NewTimeOff, dry bool) (Outcome[domain.TimeOff], error) {
	id, err := newID()
	if err != nil {
		return Outcome[domain.TimeOff]{}, err
	}
	wanted := domain.TimeOff{
		Workspace: ws, Member: member, ID: id, Kind: in.Kind, Note: in.Note, AllDay: in.AllDay, First: in.First, Last: in.Last,
		Start: in.Start.Truncate(time.Microsecond), End: in.End.Truncate(time.Microsecond),
	}
	made, prior, err := changeTime(ctx, a, ws, member, domain.TimeOffName(ws, member, id), dry,
		func(ctx context.Context, c *change) (domain.TimeOff, []domain.Event, error) {
			before, calendar, err := c.calendar(ctx, wanted)
			if err != nil {
				return wanted, nil, err
			}
			t, events, err := domain.NewTimeOff(wanted, calendar, &c.MemberTime, c.now)
			if err != nil {
				return wanted, nil, err
			}
			if err := c.foresee(before, before.WithTimeOff(t)); err != nil {
				return wanted, nil, err
			}
			return t, events, c.AddTimeOff(ctx, t)
		})
	if err != nil || prior == "" {
		return made, err
	}
	if id, err = madeBefore(prior); err != nil {
		return Outcome[domain.TimeOff]{}, err
	}
	made.Item, err = a.store.TimeOff(ctx, ws, member, id)
	return made, err
}

// calendar is that of the member, with all that lies over their hours until a time off is over.
func (c *change) calendar(ctx context.Context, t domain.TimeOff) (domain.Record, *worktime.Calendar, error) {
	_, until := t.Reaches()
	record, err := c.record(ctx, until)
	if err != nil {
		return domain.Record{}, nil, err
	}
	person, err := record.Lay()
	return record, person.Calendar, err
}

// CancelTimeOff takes a time off back, or with dry says what that would do; what of it has passed stays.
func (a *App) CancelTimeOff(ctx context.Context, ws, member, timeOff uuid.UUID, fresh Fresh, dry bool) (Outcome[domain.TimeOff], error) {
	cancelled, prior, err := changeTime(ctx, a, ws, member, domain.TimeOffName(ws, member, timeOff), dry,
		func(ctx context.Context, c *change) (domain.TimeOff, []domain.Event, error) {
			t, err := c.TimeOff(ctx, member, timeOff)
			if err != nil {
				return t, nil, err
			}
			if err := fresh.check(t.Revision); err != nil {
				return t, nil, err
			}
			before, calendar, err := c.calendar(ctx, t)
			if err != nil {
				return t, nil, err
			}
			events, err := t.Cancel(calendar, &c.MemberTime, c.now)
			if err != nil {
				return t, nil, err
			}
			if err := c.foresee(before, before.WithTimeOff(t)); err != nil || len(events) == 0 {
				return t, nil, err
			}
			return t, events, c.SaveTimeOff(ctx, t)
		})
	if err != nil || prior == "" {
		return cancelled, err
	}
	cancelled.Item, err = a.store.TimeOff(ctx, ws, member, timeOff) // an equal request did it
	return cancelled, err
}
