// Command meridian is all of Meridian in one binary, and the command line for using it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/meridianhq/meridian/services/meridian/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := cli.Main(ctx, os.Args[1:], cli.Standard())
	stop()
	os.Exit(code)
}
