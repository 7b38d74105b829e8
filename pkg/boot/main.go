package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/meridianhq/meridian/pkg/lifecycle"
)

// Configured is a service's configuration: a struct that embeds Config.
type Configured interface {
	// Base returns the embedded Config.
	Base() Config
}

// Service is what a service's New makes: *Platform's methods, by embedding it.
type Service interface {
	Start(ctx context.Context) error
	Wait(ctx context.Context) error
	Stop(ctx context.Context) error
}

// flushLimit is how long the last telemetry may take to leave.
const flushLimit = 5 * time.Second

// Main is the main function of a service's own binary: it reads flags and variables, makes the service and runs it
// until SIGTERM or SIGINT, or until a part of it fails; then it stops it in order. It does not return: the exit code
// is 0 after a clean stop and 1 otherwise.
func Main[C Configured, S Service](name, about string, newService func(context.Context, C, Deps) (S, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, name, about, os.Args[1:], os.Stdout, os.Stderr, newService)
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%sd: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run[C Configured, S Service](
	ctx context.Context, name, about string, args []string, stdout, stderr io.Writer,
	newService func(context.Context, C, Deps) (S, error),
) error {
	var cfg C
	if done, err := parse(&cfg, name, about, args, stdout, stderr); done || err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Base().LogLevel)); err != nil {
		return fmt.Errorf("log-level: %w", err)
	}
	log := NewLog(stderr, level)
	flush, err := Telemetry(ctx, name, log)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
		defer cancel()
		if err := flush(ctx); err != nil {
			log.WarnContext(ctx, "the last telemetry did not leave", slog.Any("error", err))
		}
	}()
	service, err := newService(ctx, cfg, Deps{Log: log})
	if err != nil {
		return err
	}
	group := lifecycle.New(log)
	group.Add(name, service.Start, service.Stop)
	group.Go(name, service.Wait)
	log.InfoContext(ctx, "starting", slog.String("service", name))
	err = group.Run(ctx)
	log.InfoContext(ctx, "stopped", slog.String("service", name))
	return err
}

// errHelp ends parsing after the help was printed.
var errHelp = errors.New("help was printed")

// parse fills a configuration from arguments and the environment. done says that the help was asked for and printed.
func parse(cfg any, name, about string, args []string, stdout, stderr io.Writer) (done bool, err error) {
	parser, err := kong.New(cfg, kong.Name(name+"d"), kong.Description(about),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(errHelp) }))
	if err != nil {
		return false, err
	}
	// Kong leaves by its exit function when it has printed the help.
	defer func() {
		switch p := recover(); p {
		case nil:
		case errHelp:
			done = true
		default:
			panic(p)
		}
	}()
	_, err = parser.Parse(args)
	return false, err
}
