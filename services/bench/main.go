// Command bench measures Meridian's spine, a message posted, committed, published and consumed, against its limits in
// the same run on the same machine. It starts its own Postgres with durable settings, its own broker and all services
// in a temporary folder, on free loopback ports, and removes them. Figures are ratios; rounds are interleaved.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// settings are the command's flags.
type settings struct {
	Part    string        `arg:"" optional:"" enum:"all,post,latency" default:"all" help:"What to measure: all, post or latency."`
	Rounds  int           `default:"3" help:"Rounds of each side, interleaved."`
	Time    time.Duration `default:"5s" help:"How long one side of one round runs."`
	Clients int           `default:"32" help:"Clients at once."`
	Threads int           `default:"1000" help:"Threads that are posted to."`
	Rate    int           `default:"200" help:"Messages a second, for latency."`
	Profile string        `name:"cpu-profile" help:"Also write a CPU profile of this process, services and load together." placeholder:"FILE"`
	JSON    string        `name:"json" help:"Also write the results to this file." placeholder:"FILE"`
}

func main() {
	var cfg settings
	kong.Parse(&cfg, kong.Name("bench"), kong.Description("Measures the spine against its limits."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, cfg, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg settings, out io.Writer) (err error) {
	bench, err := newRig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bench.close()) }()
	if cfg.Profile != "" {
		file, err := os.Create(cfg.Profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var reports []string
	results := map[string]any{}
	if cfg.Part != "latency" {
		posted, err := bench.measurePosts(ctx)
		if err != nil {
			return err
		}
		reports, results["post"] = append(reports, posted.report(cfg)), posted
	}
	if cfg.Part != "post" {
		delays, err := bench.measureLatency(ctx)
		if err != nil {
			return err
		}
		reports, results["latency"] = append(reports, delays.report(cfg)), delays
	}
	if _, err := io.WriteString(out, strings.Join(reports, "")); err != nil || cfg.JSON == "" {
		return err
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(cfg.JSON, append(text, '\n'), 0o600)
}
