package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// OnDuty is the shift of a rotation.
type OnDuty struct {
	Rotation domain.Rotation
	Shift    domain.Shift
	// Acting are who acts for each member of the shift, in that order.
	Acting []domain.Resolution
}

// span is how much of a shift is told to both sides of an instant.
const span = 366 * 24 * time.Hour

// WhoIsOn returns the shift of a rotation at an instant, now when it is zero, and who then acts for those who are on; none
// where the rotation does not hold then.
func (a *App) WhoIsOn(ctx context.Context, ref RotationRef, at time.Time) (time.Time, []OnDuty, error) {
	at, err := a.instant(ctx, ref.Workspace, at)
	if err != nil {
		return at, nil, err
	}
	r, err := a.store.Rotation(ctx, ref)
	if err != nil {
		return at, nil, err
	}
	on, err := a.onDuty(ctx, ref.Workspace, []domain.Rotation{r}, at)
	return at, on, err
}

// TeamWhoIsOn returns the shifts of all rotations of a team at an instant, in a fixed number of statements.
func (a *App) TeamWhoIsOn(ctx context.Context, ws, team uuid.UUID, at time.Time) (time.Time, []OnDuty, error) {
	at, err := a.instant(ctx, ws, at)
	if err != nil {
		return at, nil, err
	}
	if err := a.store.Team(ctx, ws, team); err != nil {
		return at, nil, err
	}
	rotations, err := a.store.RotationsAt(ctx, ws, team, at, domain.MaxRotations)
	if err != nil || len(rotations) == 0 {
		return at, nil, err
	}
	on, err := a.onDuty(ctx, ws, rotations, at)
	return at, on, err
}

// instant is the one that is asked about, once the caller may ask.
func (a *App) instant(ctx context.Context, ws uuid.UUID, at time.Time) (time.Time, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return at, err
	}
	if at.IsZero() {
		at = a.now()
	}
	return at, domain.CheckInstant("at_time", at)
}

func (a *App) onDuty(ctx context.Context, ws uuid.UUID, rotations []domain.Rotation, at time.Time) ([]OnDuty, error) {
	watches, err := a.watches(ctx, ws, rotations, at.Add(-span), at.Add(span))
	if err != nil {
		return nil, err
	}
	var on []OnDuty
	for i, r := range rotations {
		if shift, ok := watches[i].At(at, span); ok {
			on = append(on, OnDuty{Rotation: r, Shift: shift})
		}
	}
	return on, a.acting(ctx, ws, on, at)
}

// acting finds who acts at an instant for those who are on.
func (a *App) acting(ctx context.Context, ws uuid.UUID, on []OnDuty, at time.Time) error {
	var queries []DelegateQuery
	for _, d := range on {
		for _, member := range d.Shift.Members {
			queries = append(queries, DelegateQuery{Member: member, Kind: domain.Duty, At: at})
		}
	}
	if len(queries) == 0 {
		return nil
	}
	found, err := a.resolve(ctx, ws, queries)
	if err != nil {
		return err
	}
	for i := range on {
		n := len(on[i].Shift.Members)
		on[i].Acting, found = found[:n], found[n:]
	}
	return nil
}

// watches lays rotations of one workspace for what is between two instants, and reads their turns and overrides into them.
func (a *App) watches(ctx context.Context, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) ([]domain.Watch, error) {
	if err := a.store.Turns(ctx, ws, rotations, from, until); err != nil {
		return nil, err
	}
	if err := a.store.Overrides(ctx, ws, rotations, from, until); err != nil {
		return nil, err
	}
	var members []uuid.UUID
	for i := range rotations {
		members = append(members, rotations[i].Members()...)
	}
	var people domain.People
	if members = unique(members); len(members) > 0 {
		var err error
		if people, err = layAll(a.store.Records(ctx, ws, members, from.Add(-memory), until.Add(margin))); err != nil {
			return nil, err
		}
	}
	watches := make([]domain.Watch, len(rotations))
	for i := range rotations {
		var err error
		if watches[i], err = rotations[i].Lay(people); err != nil {
			return nil, err
		}
	}
	return watches, nil
}

// ShiftPage is a page of shifts.
type ShiftPage = page.Request[ShiftCursor]

// ShiftCursor is where a page of shifts ends: the next begins there.
type ShiftCursor struct {
	Start time.Time `json:"s"`
}

// Shifts lists the shifts of a rotation from start until end, in order.
func (a *App) Shifts(ctx context.Context, ref RotationRef, start, end time.Time, p ShiftPage) (page.Result[domain.Shift, ShiftCursor], error) {
	var found page.Result[domain.Shift, ShiftCursor]
	if _, err := a.caller(ctx, ref.Workspace); err != nil {
		return found, err
	}
	if err := domain.CheckRange(start, end, 0); err != nil {
		return found, err
	}
	r, err := a.store.Rotation(ctx, ref)
	if err != nil {
		return found, err
	}
	if p.After != nil {
		if p.After.Start.Before(start) || p.After.Start.After(end) {
			return found, fault.InvalidField("page_token", "must be of the same range")
		}
		start = p.After.Start
	}
	watches, err := a.watches(ctx, ref.Workspace, []domain.Rotation{r}, start, end)
	if err != nil {
		return found, err
	}
	for s := range watches[0].Shifts(start, end) {
		if len(found.Items) == p.Size {
			found.Next = &ShiftCursor{Start: s.Start}
			break
		}
		found.Items = append(found.Items, s)
	}
	return found, nil
}

// TellShifts tells of the boundaries of a rotation's shifts since it was last looked at, each once: late where nobody looked
// at their time. A hundred at once; what is left is due at once.
func (a *App) TellShifts(ctx context.Context, ref RotationRef) error {
	return a.store.InTx(ctx, ref.Workspace, func(ctx context.Context, tx Tx) error {
		r, err := tx.LockRotation(ctx, ref)
		if err != nil {
			return err
		}
		now := a.now()
		if r.Due.IsZero() || r.Due.After(now) {
			return nil
		}
		from, until := r.ToldFrom(), now.Add(domain.TellAhead)
		if err := tx.Layers(ctx, &r, from, until); err != nil {
			return err
		}
		w, err := lay(ctx, tx, &r, from, until)
		if err != nil {
			return err
		}
		events := r.Tell(w, now)
		if err := tx.SaveRotation(ctx, r); err != nil {
			return err
		}
		return tx.Publish(ctx, now, actor, events...)
	})
}

// ClaimShifts takes up to limit rotations whose shifts are to be looked at.
func (a *App) ClaimShifts(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]RotationRef, error) {
	return a.store.ClaimShifts(ctx, now, lease, limit)
}

// NextShift is when the next rotation's shifts are to be looked at.
func (a *App) NextShift(ctx context.Context) (time.Time, bool, error) { return a.store.NextShift(ctx) }
