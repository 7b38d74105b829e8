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

// CreateTimeOff takes time off for a member.
func (a *App) CreateTimeOff(ctx context.Context, ws, member uuid.UUID, in NewTimeOff) (domain.TimeOff, error) {
	id, err := newID()
	if err != nil {
		return domain.TimeOff{}, err
	}
	t := domain.TimeOff{
		Workspace: ws, Member: member, ID: id, Kind: in.Kind, Note: in.Note, AllDay: in.AllDay, First: in.First, Last: in.Last,
		Start: in.Start.Truncate(time.Microsecond), End: in.End.Truncate(time.Microsecond),
	}
	var made domain.TimeOff
	prior, err := a.changeTime(ctx, ws, member, domain.TimeOffName(ws, member, id),
		func(ctx context.Context, tx Tx, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			calendar, err := lockedCalendar(ctx, tx, member, now)
			if err != nil {
				return nil, err
			}
			t, events, err := domain.NewTimeOff(t, calendar, m, now)
			if err != nil {
				return nil, err
			}
			made = t
			return events, tx.AddTimeOff(ctx, t)
		})
	if err != nil || prior == "" {
		return made, err
	}
	if id, err = madeBefore(prior); err != nil {
		return domain.TimeOff{}, err
	}
	return a.store.TimeOff(ctx, ws, member, id)
}

// lockedCalendar is the calendar of a locked member, with all the hours that will be in force.
func lockedCalendar(ctx context.Context, tx Tx, member uuid.UUID, now time.Time) (*worktime.Calendar, error) {
	record, err := tx.Record(ctx, member, now, now)
	if err != nil {
		return nil, err
	}
	person, err := record.Lay()
	return person.Calendar, err
}

// CancelTimeOff takes a time off back; what of it has passed stays.
func (a *App) CancelTimeOff(ctx context.Context, ws, member, timeOff uuid.UUID, fresh Fresh) (domain.TimeOff, error) {
	var cancelled domain.TimeOff
	_, err := a.changeTime(ctx, ws, member, domain.TimeOffName(ws, member, timeOff),
		func(ctx context.Context, tx Tx, m *domain.MemberTime, now time.Time) ([]domain.Event, error) {
			t, err := tx.TimeOff(ctx, member, timeOff)
			if err != nil {
				return nil, err
			}
			cancelled = t
			if err := fresh.check(t.Revision); err != nil {
				return nil, err
			}
			calendar, err := lockedCalendar(ctx, tx, member, now)
			if err != nil {
				return nil, err
			}
			events, err := t.Cancel(calendar, m, now)
			if err != nil || len(events) == 0 {
				return nil, err
			}
			cancelled = t
			return events, tx.SaveTimeOff(ctx, t)
		})
	if err != nil || cancelled.ID != uuid.Nil {
		return cancelled, err
	}
	return a.store.TimeOff(ctx, ws, member, timeOff) // an equal request did it
}
