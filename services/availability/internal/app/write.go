package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Outcome is what a use case made of a thing. Where it was only asked what it would, Preview says what that would do, and
// nothing was written.
type Outcome[T any] struct {
	Item    T
	Preview *domain.Preview
}

// change is a change of a member's working time under way: their row is locked.
type change struct {
	Tx
	domain.MemberTime
	now time.Time
	// dry says that it is to be foreseen and not made, preview is what was, of the weeks after from.
	dry     bool
	from    time.Time
	preview *domain.Preview
}

// record is what is known of the member from now until a change that begins at from ends, and as far as a preview looks.
func (c *change) record(ctx context.Context, from, until time.Time) (domain.Record, error) {
	if c.from = from; from.Before(c.now) {
		c.from = c.now
	}
	if seen := c.from.Add(domain.PreviewRange); until.Before(seen) {
		until = seen
	}
	return c.Record(ctx, c.Member, c.now.Add(-margin), until.Add(margin))
}

// room refuses one thing more ahead of a member who has as many as there may be.
func (c *change) room(ctx context.Context) error {
	had, err := c.CountAhead(ctx, c.Member, c.now)
	if err != nil {
		return err
	}
	return c.CheckAhead(had)
}

// foresee notes what the change would do to the member, where that is asked for.
func (c *change) foresee(before, after domain.Record) error {
	if !c.dry {
		return nil
	}
	preview, err := domain.Foresee(before, after, c.from)
	c.preview = &preview
	return err
}

// errDry rolls back what was only to be foreseen: nothing of it is kept.
var errDry = errors.New("nothing is to be written")

// margin is how much earlier and later than a range members' layers are read, for working days begin before the instant that
// is asked about, in zones that are ahead and behind; and memory how much earlier those of turns that follow the sun: who
// worked last is on.
const (
	margin = 4 * 24 * time.Hour
	memory = worktime.Horizon + margin
)

// finish saves and publishes what became of the member's working time, if anything did and it is not to be foreseen alone.
func (c *change) finish(ctx context.Context, caller auth.Caller, events []domain.Event) error {
	switch {
	case c.dry:
		return errDry
	case len(events) == 0:
		return nil
	}
	if err := c.SaveMemberTime(ctx, c.MemberTime); err != nil {
		return err
	}
	if err := wake(ctx, c, c.Member, c.now); err != nil {
		return err
	}
	return publish(ctx, c, caller, c.now, events)
}

// changeTime is the frame of every change of a member's working time: lock, replay, rule, save, publish. name is the
// resource's; prior is the name of what an equal request made before, empty when rule was run. With dry all is checked and
// nothing written, and the request_id is left alone.
func changeTime[T any](
	ctx context.Context, a *App, ws, member uuid.UUID, name string, dry bool,
	rule func(ctx context.Context, c *change) (T, []domain.Event, error),
) (out Outcome[T], prior string, err error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return out, "", err
	}
	err = a.confirmed(ctx, ws, member, func() error {
		err := a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
			m, err := tx.LockMember(ctx, member)
			if err != nil {
				return known(err)
			}
			var replayed bool
			if prior, replayed, err = replay(ctx, tx, name, dry); err != nil || replayed {
				return err
			}
			c := &change{Tx: tx, MemberTime: m, now: a.now(), dry: dry}
			item, events, err := rule(ctx, c)
			if err != nil {
				return err
			}
			out = Outcome[T]{Item: item, Preview: c.preview}
			return c.finish(ctx, caller, events)
		})
		if errors.Is(err, errDry) {
			return nil
		}
		return err
	})
	if err != nil {
		return Outcome[T]{}, "", err
	}
	return out, prior, nil
}

// replay is Tx.Replay of a request that is to be done. One that is only tried was never done before, and leaves its request_id alone.
func replay(ctx context.Context, tx Tx, name string, dry bool) (prior string, replayed bool, err error) {
	if dry {
		return "", false, nil
	}
	return tx.Replay(ctx, name)
}

func publish(ctx context.Context, tx Tx, caller auth.Caller, at time.Time, events []domain.Event) error {
	return tx.Publish(ctx, at, caller.Principal(), events...)
}

func newID() (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("make an id: %w", err)
	}
	return id, nil
}

// madeBefore is the id at the end of the name of what an equal request made.
func madeBefore(name string) (uuid.UUID, error) {
	id, err := uuid.Parse(domain.LastID(name))
	if err != nil {
		return uuid.Nil, fmt.Errorf("a replayed resource's name: %w", err)
	}
	return id, nil
}
