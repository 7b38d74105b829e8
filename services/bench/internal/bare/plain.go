package bare

import (
	"context"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Plain is a program that posts as most would write it: BEGIN, three statements, COMMIT, in five round trips.
type Plain struct{ db *pgxpool.Pool }

// OpenPlain opens its pool. Close must follow.
func OpenPlain(ctx context.Context, databaseURL string) (*Plain, error) {
	db, err := open(ctx, databaseURL)
	return &Plain{db: db}, err
}

// Close closes the pool.
func (p *Plain) Close() error {
	p.db.Close()
	return nil
}

// Post posts to a thread.
func (p *Plain) Post(ctx context.Context, thread int, body string) error {
	ws := uuid.MustParse(Workspace)
	return pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		var sequence int64
		err := tx.QueryRow(ctx, `UPDATE bench.threads SET last_sequence = last_sequence + 1 WHERE workspace = $1 AND id = $2
			RETURNING last_sequence`, ws, thread).Scan(&sequence)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO bench.messages VALUES ($1, $2, $3, $4, $5, $6)`, ws, thread, sequence, ws, body, clock.Machine().Now())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO bench.unread (aggregate, payload) VALUES ($1, $2)`, strconv.Itoa(thread), eventBytes())
		return err
	})
}
