//go:build unix

// Command chaos runs Meridian as real processes, two of each service, three nodes of the broker and a Postgres of its own, has
// many members work through the API, and meanwhile kills, pauses, restarts and cuts off whatever a seed says. Then it takes the
// faults away, waits until everything is settled, and audits: what was acknowledged against the tables, the tables against the
// stream, the stream against the effects of its consumers, and what was due against what was done. It fails when it finds
// anything.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are the command's roles.
type commands struct {
	Run  runCommand  `cmd:"" default:"withargs" help:"Run seeds and audit each."`
	Node nodeCommand `cmd:"" hidden:"" help:"Be one node of the broker."`
}

func main() {
	var c commands
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed := kong.Parse(&c, kong.Name("chaos"), kong.Description("Breaks Meridian at random and audits what it promised."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := parsed.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}
