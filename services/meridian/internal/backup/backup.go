package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/outbox"
)

const (
	// within is how long after the stream's last sequence the snapshot is taken at the latest: while every row that was
	// acknowledged after the former still stands, with some time to spare.
	within = outbox.SyncDelay - outbox.SyncDelay/4
	// tries is how often both are read before a machine is too slow for it.
	tries = 5
)

// Backup writes a backup into a folder, which it makes and which must not hold anything. Services go on meanwhile.
func Backup(ctx context.Context, cfg Config, folder string) (m Manifest, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return m, err
	}
	if there, err := os.ReadDir(folder); err != nil || len(there) > 0 {
		return m, errors.Join(err, fmt.Errorf("%s must be a folder with nothing in it", folder))
	}
	p, err := cfg.open(ctx)
	if err != nil {
		return m, err
	}
	defer p.close()
	if err := claim(filepath.Join(folder, dumpFile)); err != nil {
		return m, err
	}
	m = Manifest{Format: format, Version: version()}
	snapshot, tx, err := p.pin(ctx, &m)
	if err != nil {
		return m, err
	}
	// It only read.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if m.Migrations, err = migrations(ctx, tx); err != nil {
		return m, err
	}
	oldest, err := oldestRow(ctx, tx)
	if err != nil {
		return m, err
	}
	if err := p.saveRecent(ctx, m, oldest, filepath.Join(folder, recentFile)); err != nil {
		return m, err
	}
	if err := p.dump(ctx, snapshot, filepath.Join(folder, dumpFile)); err != nil {
		return m, err
	}
	return m, m.write(folder)
}

// pin reads where the stream and its readers stand and then takes a snapshot of the database, soon enough after it. The
// transaction keeps the snapshot.
func (p *place) pin(ctx context.Context, m *Manifest) (snapshot string, tx pgx.Tx, err error) {
	var took time.Duration
	for range tries {
		if m.Durables, err = p.durables(ctx); err != nil {
			return "", nil, err
		}
		began := clock.Machine().Now()
		stream, err := p.stream(ctx)
		if err != nil {
			return "", nil, err
		}
		m.StreamCreated, m.StreamSequence = stream.Created, stream.State.LastSeq
		if snapshot, tx, err = p.snapshot(ctx, &m.StateTime); err != nil {
			return "", nil, err
		}
		if took = clock.Machine().Now().Sub(began); took < within {
			return snapshot, tx, nil
		}
		if err := tx.Rollback(ctx); err != nil {
			return "", nil, err
		}
	}
	return "", nil, fmt.Errorf("the broker and the database are too slow: the snapshot came %s after the stream's last sequence, and must come within %s",
		took.Round(time.Millisecond), within)
}

// snapshot takes one that other sessions can see, and tells its instant: the transaction's begin, right before it.
func (p *place) snapshot(ctx context.Context, at *time.Time) (name string, tx pgx.Tx, err error) {
	tx, err = p.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", nil, err
	}
	err = tx.QueryRow(ctx, `
		SELECT pg_export_snapshot(), now(), set_config('idle_in_transaction_session_timeout', '0', true)`).
		Scan(&name, at, new(string))
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("take a snapshot: %w", err), tx.Rollback(ctx))
	}
	return name, tx, nil
}
