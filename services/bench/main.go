// Command bench measures Meridian's spine, a message posted, committed, published and consumed, against its limits in
// the same run on the same machine. It starts its own Postgres with durable settings, its own broker, and all services,
// each in a process of its own, in a temporary folder on free loopback ports, and removes them. Figures are ratios;
// rounds are interleaved. It reads the processors' time from /proc, so it runs on Linux.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/part"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

// commands are what the program can be asked for.
type commands struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Measure parts, or all of them."`
	Scale   scaleCmd   `cmd:"" help:"Measure reads in worlds of few and of many messages."`
	Compare compareCmd `cmd:"" help:"Say how a second result differs from a first one."`
	Role    roleCmd    `cmd:"" hidden:"" help:"Play a role in a process of its own."`
}

func main() {
	var cli commands
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed := kong.Parse(&cli, kong.Name("bench"), kong.Description("Measures the spine against its limits."),
		kong.Vars{"parts": strings.Join(append(partNames(), "all"), ",")}, kong.BindTo(ctx, (*context.Context)(nil)))
	err := parsed.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runCmd measures.
type runCmd struct {
	Parts      []string      `arg:"" optional:"" enum:"${parts}" default:"all" help:"What to measure: ${enum}."`
	Rounds     int           `default:"3" help:"Rounds of each side, in turns."`
	Time       time.Duration `default:"5s" help:"How long one side of one round runs."`
	Warm       time.Duration `default:"2s" help:"How long each side runs before that."`
	Clients    int           `default:"32" help:"Clients at once, each a member; twice as many in one part of hot-thread."`
	Threads    int           `default:"1000" help:"Threads that are posted to."`
	Rate       int           `default:"200" help:"Messages a second, for latency."`
	Only       string        `help:"Measure only the side of this name, to look into it; no ratios then." placeholder:"SIDE"`
	JSON       string        `name:"json" default:"bin/bench.json" help:"Where the result goes as JSON." placeholder:"FILE"`
	Profiles   string        `help:"Also write profiles of Meridian into this folder: its processor time while it is posted to with what Postgres spent on each statement meanwhile, and at the end allocations, locks and waits." placeholder:"FOLDER"`
	Contention bool          `help:"Count waits for locks and others, for the profiles. It costs time."`
}

// measurement is a part by its name.
type measurement struct {
	name string
	run  func(*part.Bench, context.Context) (figure.Part, error)
}

// measurements are the parts, in the order of the table.
func measurements() []measurement {
	return []measurement{
		{"post", (*part.Bench).Post},
		{"hot-thread", (*part.Bench).HotThread},
		{"http", (*part.Bench).HTTP},
		{"latency", (*part.Bench).Latency},
		{"relay", (*part.Bench).Relay},
		{"consumer", (*part.Bench).Consumer},
		{"fanout", (*part.Bench).FanOut},
		{"read", (*part.Bench).Read},
		{"memory", (*part.Bench).Memory},
		{"overload", (*part.Bench).Overload},
		{"revocation", (*part.Bench).Revocation},
		{"calendar", (*part.Bench).Calendar},
	}
}

func partNames() []string {
	var names []string
	for _, m := range measurements() {
		names = append(names, m.name)
	}
	return names
}

// Run measures, prints a report of each part when it is done and the table at the end, and writes the result.
func (c *runCmd) Run(ctx context.Context) (err error) {
	w, err := world.Start(ctx, world.Config{Contention: c.Contention, Statements: c.Profiles != ""})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	bench, err := part.New(ctx, w, part.Settings{
		Rounds: c.Rounds, Time: c.Time, Warm: c.Warm, Clients: c.Clients, Threads: c.Threads, Rate: c.Rate, Profiles: c.Profiles, Only: c.Only,
	})
	if err != nil {
		return err
	}
	result := figure.Result{Time: clock.Machine().Now(), Machine: machine(), Settings: map[string]string{
		"rounds": fmt.Sprint(c.Rounds), "time": c.Time.String(), "clients": fmt.Sprint(c.Clients), "threads": fmt.Sprint(c.Threads),
	}}
	failed := c.measure(ctx, bench, &result)
	_, err = os.Stdout.WriteString(figure.Table(result.Parts))
	return errors.Join(failed, err, result.Save(c.JSON))
}

// measure adds the parts that are asked for to the result, up to one that fails.
func (c *runCmd) measure(ctx context.Context, bench *part.Bench, result *figure.Result) error {
	for _, m := range measurements() {
		if !slices.Contains(c.Parts, m.name) && !slices.Contains(c.Parts, "all") {
			continue
		}
		measured, err := m.run(bench, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if c.Only != "" {
			measured.Rows = nil
		}
		result.Parts = append(result.Parts, measured)
		if _, err := os.Stdout.WriteString(measured.Report()); err != nil {
			return err
		}
	}
	return bench.Profiles(ctx)
}

func machine() string {
	return fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

// compareCmd compares two results.
type compareCmd struct {
	A string `arg:"" type:"existingfile" help:"The first result."`
	B string `arg:"" type:"existingfile" help:"The second."`
}

// Run prints the comparison.
func (c *compareCmd) Run() error {
	a, err := figure.Open(c.A)
	if err != nil {
		return err
	}
	b, err := figure.Open(c.B)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(figure.Compare(a, b))
	return err
}
