package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Overlap returns when members, none of them twice, work at once, in a fixed number of statements. The answer names them
// by their places.
func (a *App) Overlap(ctx context.Context, ws uuid.UUID, members []uuid.UUID, q domain.OverlapQuery) (domain.Overlap, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.Overlap{}, err
	}
	if err := q.Check(len(members)); err != nil {
		return domain.Overlap{}, err
	}
	until := q.Start.Add(worktime.Horizon) // when each next works may be after the range
	if until.Before(q.End) {
		until = q.End
	}
	people, err := a.meeting(ctx, ws, members, q.Start, until)
	if err != nil {
		return domain.Overlap{}, err
	}
	found := domain.FindOverlap(people, q)
	if !found.None() {
		return found, nil
	}
	borne, err := a.store.Borne(ctx, ws, members, a.now().Add(-domain.BurdenMemory))
	if err != nil {
		return domain.Overlap{}, err
	}
	minutes := make([]int, len(members))
	for i, member := range members {
		minutes[i] = borne[member]
	}
	return found.LeastBad(people, q, minutes), nil
}

// meeting are members in their order, each of whom must be there.
func (a *App) meeting(ctx context.Context, ws uuid.UUID, members []uuid.UUID, from, until time.Time) ([]domain.Person, error) {
	known, err := a.people(ctx, ws, members, from, until)
	if err != nil {
		return nil, err
	}
	people := make([]domain.Person, len(members))
	for i, member := range members {
		person, ok := known[member]
		if !ok {
			return nil, fault.NotFoundName(domain.MemberName(ws, member))
		}
		people[i] = person
	}
	return people, nil
}

// ChooseOverlap records a time to meet of members, none of them twice, or with dry says what it would ask of them.
func (a *App) ChooseOverlap(
	ctx context.Context, ws uuid.UUID, members []uuid.UUID, start, end time.Time, dry bool,
) (domain.OverlapChoice, error) {
	none := domain.OverlapChoice{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	start, end = start.Truncate(time.Microsecond), end.Truncate(time.Microsecond)
	var people []domain.Person
	refusal := domain.CheckMeeting(start, end, a.now())
	if refusal == nil {
		people, refusal = a.meeting(ctx, ws, members, start, end)
	}
	id, err := newID()
	if err != nil {
		return none, err
	}
	wanted := domain.OverlapChoice{Workspace: ws, ID: id, Start: start, End: end, Chooser: caller.Member}
	if dry && refusal == nil {
		choice, _ := domain.Choose(wanted, people, a.now())
		return choice, nil
	}
	if dry {
		return none, refusal
	}
	var prior string
	made := none
	err = a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		var replayed bool
		if prior, replayed, err = tx.Replay(ctx, domain.OverlapChoiceName(ws, id)); err != nil || replayed {
			return err
		}
		if refusal != nil {
			return refusal
		}
		now := a.now()
		choice, events := domain.Choose(wanted, people, now)
		made = choice
		if err := tx.AddOverlapChoice(ctx, choice); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, events)
	})
	if err != nil || prior == "" {
		return made, err
	}
	if id, err = madeBefore(prior); err != nil {
		return none, err
	}
	return a.store.OverlapChoice(ctx, ws, id)
}

// OverlapChoice returns a choice with what it asks of whom.
func (a *App) OverlapChoice(ctx context.Context, ws, choice uuid.UUID) (domain.OverlapChoice, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return domain.OverlapChoice{}, err
	}
	return a.store.OverlapChoice(ctx, ws, choice)
}

// OverlapChoices lists the choices of a workspace, the newest first, without what they ask of whom.
func (a *App) OverlapChoices(ctx context.Context, ws uuid.UUID, p Page) (page.Result[domain.OverlapChoice, Cursor], error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return page.Result[domain.OverlapChoice, Cursor]{}, err
	}
	return a.store.OverlapChoices(ctx, ws, p)
}

// DeleteOverlapChoice takes a choice back, or with dry says whether it could be.
func (a *App) DeleteOverlapChoice(ctx context.Context, ws, choice uuid.UUID, dry bool) error {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return err
	}
	return a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		if _, replayed, err := replay(ctx, tx, domain.OverlapChoiceName(ws, choice), dry); err != nil || replayed {
			return err
		}
		c, err := tx.LockOverlapChoice(ctx, choice)
		if err != nil {
			return err
		}
		if c.Chooser != caller.Member && caller.Role < auth.Admin {
			return fault.New(fault.Denied, domain.ReasonNotTheChooser, "only who chose it and administrators may take it back")
		}
		if dry {
			return nil
		}
		now := a.now()
		if err := tx.EndOverlapChoice(ctx, choice, now); err != nil {
			return err
		}
		return publish(ctx, tx, caller, now, c.Withdraw())
	})
}
