package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/clock"
)

// pruneBatch is how many rows one transaction deletes: few enough to hold nobody up.
const pruneBatch = 5000

// Pruning is how long a table keeps its rows, by their column stored_at, which is machine time.
type Pruning struct {
	Table string
	// Keep is how long a row stays, Every how often is looked.
	Keep, Every time.Duration
}

// Run deletes what is older, now and every so often, until ctx ends, whose error it returns. It needs the owner's
// role. Any number of replicas may run it. A failure is logged and tried again the next time.
func (p Pruning) Run(ctx context.Context, owner *DB, machine clock.Clock, log *slog.Logger) error {
	return clock.Every(ctx, p.Every, func(ctx context.Context) {
		if _, err := p.Once(ctx, owner.Pool(), machine.Now()); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "old rows stay for now", "table", p.Table, "error", err)
		}
	})
}

// Once deletes what is older at the given machine time, in small transactions, and returns how many rows it were.
func (p Pruning) Once(ctx context.Context, owner DBTX, now time.Time) (int64, error) {
	table := pgx.Identifier{p.Table}.Sanitize()
	statement := "DELETE FROM " + table +
		" WHERE ctid = ANY (ARRAY (SELECT ctid FROM " + table + " WHERE stored_at < $1 LIMIT $2))"
	var total int64
	for {
		tag, err := owner.Exec(ctx, statement, now.Add(-p.Keep), pruneBatch)
		if err != nil {
			return total, fmt.Errorf("postgres: prune %s: %w", p.Table, err)
		}
		total += tag.RowsAffected()
		if tag.RowsAffected() < pruneBatch {
			return total, nil
		}
	}
}
