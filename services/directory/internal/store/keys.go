package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

// Keys implements app.Store.
func (s *Store) Keys(ctx context.Context) ([]domain.Key, error) {
	found, err := s.all().q.ListKeys(ctx)
	return each(found, keyOf), err
}

// RotateKeys implements app.Store. Replicas that start together meet at the one row of work.
func (s *Store) RotateKeys(ctx context.Context, fn func([]domain.Key) (app.Rotation, error)) error {
	return s.owner.InTx(ctx, uuid.Nil, func(ctx context.Context, pg *postgres.Tx) error {
		q := db.New(pg)
		if err := q.MakeRotation(ctx, time.Unix(0, 0).UTC()); err != nil {
			return err
		}
		if _, err := q.LockRotation(ctx); err != nil {
			return err
		}
		found, err := q.ListKeys(ctx)
		if err != nil {
			return err
		}
		r, err := fn(each(found, keyOf))
		if err != nil {
			return err
		}
		for _, k := range r.Add {
			arg := db.InsertKeyParams{KeyID: k.ID, Seed: k.Seed, SignsFrom: k.SignsFrom, CreateTime: k.CreateTime}
			if err := q.InsertKey(ctx, arg); err != nil {
				return err
			}
		}
		if len(r.Drop) > 0 {
			if err := q.DeleteKeys(ctx, r.Drop); err != nil {
				return err
			}
		}
		return q.PlanRotation(ctx, r.Due)
	})
}

// ClaimRotation implements app.Store.
func (s *Store) ClaimRotation(ctx context.Context, now time.Time, lease time.Duration) (bool, error) {
	n, err := s.all().q.ClaimRotation(ctx, db.ClaimRotationParams{Now: now, LeaseSeconds: lease.Seconds()})
	return n == 1, err
}

// NextRotation implements app.Store.
func (s *Store) NextRotation(ctx context.Context) (time.Time, bool, error) {
	row, err := s.all().q.GetRotation(ctx)
	if postgres.IsNoRows(err) {
		return time.Time{}, false, nil
	}
	return row.DueTime.UTC(), err == nil, err
}
