package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// FirstOfMany implements app.EventTx.
func (t *tx) FirstOfMany(ctx context.Context) ([]bool, error) { return inbox.ClaimMany(ctx, t.pg) }

// Activity implements app.EventTx.
func (t *tx) Activity(ctx context.Context, latest map[uuid.UUID]time.Time) error {
	rows := db.MoveActivityParams{WorkspaceID: t.ws}
	for thread, at := range latest {
		rows.ThreadIds, rows.ActivityTimes = append(rows.ThreadIds, thread), append(rows.ActivityTimes, at)
	}
	return t.writes.MoveActivity(ctx, rows)
}

// ahead has the statements that sqlc's methods are asked to run travel with the transaction's next one. It serves those
// without a result.
type ahead struct{ tx *postgres.Tx }

// Exec implements db.DBTX.
func (a ahead) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	a.tx.Ahead(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query implements db.DBTX.
func (ahead) Query(context.Context, string, ...any) (pgx.Rows, error) {
	panic("store: a statement that goes ahead has no rows")
}

// QueryRow implements db.DBTX.
func (ahead) QueryRow(context.Context, string, ...any) pgx.Row {
	panic("store: a statement that goes ahead has no row")
}
