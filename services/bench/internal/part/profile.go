package part

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// profiling fetches a profile of Meridian's processor time while a side is measured, and what Postgres spent on each
// statement meanwhile, where profiles are asked for; wait returns when they are written.
func (b *Bench) profiling(ctx context.Context, side string, d time.Duration) (wait func() error) {
	if b.cfg.Profiles == "" || d != b.cfg.Time || d < time.Second {
		return func() error { return nil }
	}
	b.profiled[side]++
	name := fmt.Sprintf("%s %d", side, b.profiled[side])
	done := make(chan error, 1)
	_, err := b.world.DB.Exec(ctx, `SELECT pg_stat_statements_reset()`)
	go func() {
		done <- errors.Join(err, b.profile(ctx, fmt.Sprintf("profile?seconds=%d", int(d.Seconds())), "cpu "+name+".pprof"), b.statements(ctx, name))
	}()
	return func() error { return <-done }
}

// statements writes what Postgres spent on each statement since it was asked to forget, the dearest first.
func (b *Bench) statements(ctx context.Context, name string) error {
	rows, err := b.world.DB.Query(ctx, `
		SELECT format('%9s ms  %7s calls  %7s ms each  %7s plans  %9s ms  %8s rows  %8s buffers  %s', round(total_exec_time::numeric, 1),
		              calls, round(mean_exec_time::numeric, 3), plans, round(total_plan_time::numeric, 1), rows, shared_blks_hit + shared_blks_read, regexp_replace(query, '\s+', ' ', 'g'))
		FROM pg_stat_statements ORDER BY total_exec_time + total_plan_time DESC LIMIT 100`)
	if err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	return os.WriteFile(filepath.Join(b.cfg.Profiles, "statements "+name+".txt"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// Profiles writes what Meridian has allocated, and where its goroutines waited, into the folder of profiles.
func (b *Bench) Profiles(ctx context.Context) error {
	if b.cfg.Profiles == "" {
		return nil
	}
	for _, kind := range []string{"allocs", "heap", "mutex", "block"} {
		if err := b.profile(ctx, kind, kind+".pprof"); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) profile(ctx context.Context, what, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.world.At.Admin+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetch a profile: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if err := os.MkdirAll(b.cfg.Profiles, 0o750); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(b.cfg.Profiles, name)) //nolint:gosec // the folder the caller named
	if err != nil {
		return err
	}
	_, err = file.ReadFrom(response.Body)
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}
