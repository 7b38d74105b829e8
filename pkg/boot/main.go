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
	"github.com/meridianhq/meridian/pkg/postgres"
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
// until SIGTERM or SIGINT, or until a part of it fails; then it stops it in order. With the command setup it makes what the
// service stands on, with these sets of migrations, and ends; with health it asks the one that runs. It does not return: the
// exit code is 0 after a clean end and 1 otherwise.
func Main[C Configured, S Service](name, about string, newService func(context.Context, C, Deps) (S, error), sets ...postgres.Set) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, name, about, os.Args[1:], os.Stdout, os.Stderr, newService, sets...)
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%sd: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run[C Configured, S Service](
	ctx context.Context, name, about string, args []string, stdout, stderr io.Writer,
	newService func(context.Context, C, Deps) (S, error), sets ...postgres.Set,
) error {
	if err := KnownVariables(os.Environ()); err != nil {
		return err
	}
	var program Program[C]
	command, err := parse(&program, name, about, args, stdout, stderr)
	if command == "" || err != nil {
		return err
	}
	cfg := program.Config
	if command == commandHealth {
		return health(ctx, cfg.Base())
	}
	if cfg.Base().GRPCAddr == "" {
		return errors.New("grpc-addr: must be given")
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
	if command == commandSetup {
		if err := Setup(ctx, name, cfg.Base(), Deps{Log: log}, sets...); err != nil {
			return err
		}
		log.InfoContext(ctx, "set up", slog.String("service", name))
		return nil
	}
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

// Program is what a service's own binary takes: its settings, and what to do with them. Kong reads it.
type Program[C Configured] struct {
	Config C        `embed:""`
	Serve  struct{} `cmd:"" default:"1" help:"Serve until told to end: what is done without a command."`
	Setup  struct{} `cmd:"" help:"Make the roles, the schema and the event stream, and end."`
	Health struct{} `cmd:"" help:"Ask the one that serves with these settings whether it can take work, at its admin port; fails with what is missing."`
}

const (
	commandSetup  = "setup"
	commandHealth = "health"
)

// errHelp ends parsing after the help was printed.
var errHelp = errors.New("help was printed")

// parse fills a program from arguments and the environment. No command says that the help was asked for and printed.
func parse(program any, name, about string, args []string, stdout, stderr io.Writer) (command string, err error) {
	parser, err := kong.New(program, kong.Name(name+"d"), kong.Description(about),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(errHelp) }))
	if err != nil {
		return "", err
	}
	// Kong leaves by its exit function when it has printed the help.
	defer func() {
		switch p := recover(); p {
		case nil:
		case errHelp:
			command, err = "", nil
		default:
			panic(p)
		}
	}()
	context, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	return context.Command(), nil
}
