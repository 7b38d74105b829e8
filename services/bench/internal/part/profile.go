package part

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profiling fetches a profile of Meridian's processor time while a side is measured, where profiles are asked for; wait
// returns when it is written.
func (b *Bench) profiling(ctx context.Context, side string, d time.Duration) (wait func() error) {
	if b.cfg.Profiles == "" || d != b.cfg.Time || d < time.Second {
		return func() error { return nil }
	}
	b.profiled[side]++
	name := fmt.Sprintf("cpu %s %d.pprof", side, b.profiled[side])
	done := make(chan error, 1)
	go func() { done <- b.profile(ctx, fmt.Sprintf("profile?seconds=%d", int(d.Seconds())), name) }()
	return func() error { return <-done }
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
