//go:build unix

// Command devpg runs a command beside a private throw-away Postgres cluster:
//
//	devpg run -- CMD ARG...
//
// CMD finds the superuser's URL in MERIDIAN_TEST_DATABASE_URL. When CMD ends, or devpg is killed, the cluster goes.
// The exit status is CMD's.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/meridianhq/meridian/pkg/devpg"
)

func main() {
	args := os.Args[1:]
	if len(args) < 3 || args[0] != "run" || args[1] != "--" {
		fmt.Fprintln(os.Stderr, "usage: devpg run -- CMD ARG...")
		os.Exit(2)
	}
	status, err := run(args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func run(args []string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cluster, err := devpg.StartTemp(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return 1, err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // running what it is given is its purpose
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MERIDIAN_TEST_DATABASE_URL="+cluster.URL())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = cmd.Run()
	closeErr := cluster.Close(context.Background())
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), closeErr
	}
	if err != nil || closeErr != nil {
		return 1, errors.Join(err, closeErr)
	}
	return 0, nil
}
