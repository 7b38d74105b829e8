package app

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// changeTime is the frame of every change of a member's working time: lock, replay, rule, save, publish. name is the
// resource's; prior is the name of what an equal request made before, empty when rule was run.
func (a *App) changeTime(
	ctx context.Context, ws, member uuid.UUID, name string,
	rule func(ctx context.Context, tx Tx, m *domain.MemberTime, now time.Time) ([]domain.Event, error),
) (prior string, err error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return "", err
	}
	err = a.confirmed(ctx, ws, member, func() error {
		return a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
			m, err := tx.LockMember(ctx, member)
			if err != nil {
				return known(err)
			}
			var replayed bool
			if prior, replayed, err = tx.Replay(ctx, name); err != nil || replayed {
				return err
			}
			now := a.now()
			events, err := rule(ctx, tx, &m, now)
			if err != nil || len(events) == 0 {
				return err
			}
			if err := tx.SaveMemberTime(ctx, m); err != nil {
				return err
			}
			if err := tx.WakeSun(ctx, now); err != nil {
				return err
			}
			return publish(ctx, tx, caller, now, events)
		})
	})
	return prior, err
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
