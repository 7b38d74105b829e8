package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/clock"
)

// begun says whether this restore was begun before, and refuses one that was done: services may have run since.
func (r *restore) begun(ctx context.Context, standing []string) (bool, error) {
	if !slices.Contains(standing, "directory") {
		return false, nil
	}
	var done bool
	err := r.db.QueryRow(ctx, "SELECT done_time IS NOT NULL FROM directory.restores WHERE state_time = $1", r.report.StateTime).Scan(&done)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for an earlier restore: %w", err)
	case done:
		return false, fmt.Errorf("the database was restored to %s before, and that is done: restoring again takes a new database", r.report.StateTime.Format(time.RFC3339Nano))
	}
	return true, nil
}

// begin finds noted, or notes where the database was put back by other means, what is to be taken back: up to where the stream went while no service ran.
func (r *restore) begin(ctx context.Context) error {
	began, err := r.noted(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		var note string
		if note, err = r.note(ctx); err == nil {
			_, err = r.db.Exec(ctx, note)
		}
		if err != nil {
			return fmt.Errorf("note the restore: %w", err)
		}
		began, err = r.noted(ctx)
	}
	if err != nil {
		return fmt.Errorf("look for the restore's note: %w", err)
	}
	r.renewed = r.last == 0
	r.report.LostFile = filepath.Join(r.folder, strings.Replace(lostFiles, "*", began.UTC().Format("20060102T150405.000000Z"), 1))
	return nil
}

// note is the statement that writes it.
func (r *restore) note(ctx context.Context) (string, error) {
	kept, last, err := r.reach(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`
		INSERT INTO directory.restores (state_time, kept_sequence, last_sequence, begin_time) VALUES ('%s', %d, %d, clock_timestamp())`,
		// The database's own precision: it rounds a text, and cuts off what is asked for.
		r.report.StateTime.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), kept, last), nil
}

// noted reads the restore's note, and tells when it began.
func (r *restore) noted(ctx context.Context) (began time.Time, err error) {
	err = r.db.QueryRow(ctx, "SELECT kept_sequence, last_sequence, begin_time FROM directory.restores WHERE state_time = $1", r.report.StateTime).
		Scan(&r.report.KeptSequence, &r.last, &began)
	return began, err
}

func (r *restore) done(ctx context.Context) error {
	_, err := r.db.Exec(ctx, "UPDATE directory.restores SET done_time = $2 WHERE state_time = $1", r.report.StateTime, clock.Machine().Now())
	return err
}
