//go:build unix

package devpg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// clusterVersion is the major version of the cluster in the data folder, empty when there is none.
func clusterVersion(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION")) //nolint:gosec // G304: in the folder we were given
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("devpg: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func readPassword(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // G304: in the folder we were given
	if err != nil {
		return "", fmt.Errorf("devpg: the cluster's password: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// initCluster makes the cluster beside its place and moves it there, so that a half-made one is never taken for one.
func (s *Server) initCluster(ctx context.Context) error {
	s.opts.Log.InfoContext(ctx, "making a private Postgres cluster", "folder", s.dataDir())
	s.password = rand.Text()
	secret := filepath.Join(s.opts.Dir, secretFile)
	if err := os.WriteFile(secret, []byte(s.password+"\n"), secretMode); err != nil {
		return fmt.Errorf("devpg: keep the password: %w", err)
	}
	// An initdb of a killed life may still write to its own folder, so each gets one for itself, and what cannot be
	// cleared away now is at a later start.
	leftovers, _ := filepath.Glob(s.dataDir() + ".new*") // the pattern is good
	for _, leftover := range leftovers {
		_ = os.RemoveAll(leftover)
	}
	if err := os.RemoveAll(s.dataDir()); err != nil { // without PG_VERSION it is no cluster
		return fmt.Errorf("devpg: clear a half-made cluster: %w", err)
	}
	fresh, err := os.MkdirTemp(s.opts.Dir, dataFolder+".new-")
	if err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	if err := s.user.own(fresh); err != nil {
		return err
	}
	if err := s.runInitdb(ctx, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, s.dataDir()); err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	return nil
}

func (s *Server) runInitdb(ctx context.Context, data string) error {
	// initdb reads the password as the unprivileged user, so it gets a file of its own, gone right after.
	pwfile := filepath.Join(s.opts.Dir, "initdb.password")
	if err := os.WriteFile(pwfile, []byte(s.password+"\n"), secretMode); err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	defer os.Remove(pwfile) //nolint:errcheck // removed again by the next initdb's write
	if err := s.user.own(pwfile); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + data, "--username=" + Superuser, "--pwfile=" + pwfile, "--encoding=UTF8",
		"--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "--no-instructions",
	}
	args = append(args, localeArgs()...)
	if s.opts.Unsafe {
		args = append(args, "--no-sync")
	}
	cmd := s.user.command(ctx, s.bins.initdb(), args...)
	cmd.Dir = s.opts.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("devpg: initdb: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
