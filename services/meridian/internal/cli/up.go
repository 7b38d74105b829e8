package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// UpCmd runs all of Meridian in this process.
type UpCmd struct {
	stack.Config

	LogLevel string `name:"log-level" env:"MERIDIAN_LOG_LEVEL" default:"warn" enum:"debug,info,warn,error" help:"What is logged to standard error: ${enum}."`
}

const (
	// startWithin bounds the start; the first makes a database cluster, and may install its package.
	startWithin = 5 * time.Minute
	// stopWithin is how long everything has to stop in order.
	stopWithin = 30 * time.Second
)

// Run starts the stack and serves until the context ends.
func (c *UpCmd) Run(ctx context.Context, client *Client, streams Streams) (err error) {
	if err := boot.KnownVariables(os.Environ()); err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return fmt.Errorf("log-level: %w", err)
	}
	log := boot.NewLog(streams.Err, level)
	flush, err := boot.Telemetry(ctx, "meridian", log)
	if err != nil {
		return err
	}
	cfg := c.Config
	cfg.Data, cfg.Log = client.Data, log
	starting, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	running, err := stack.Start(starting, cfg)
	if err != nil {
		return err
	}
	defer func() {
		_, _ = io.WriteString(streams.Err, "stopping\n")
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, running.Stop(ending), flush(ending))
	}()
	if _, err := io.WriteString(streams.Out, greeting(running, os.Args[0], client.Data)); err != nil {
		return err
	}
	return running.Wait(ctx)
}

// greeting says where everything is and what to try and, after the first start, what it made.
func greeting(s *stack.Stack, program, data string) string {
	var b strings.Builder
	base, tokenFile := "http://"+s.HTTPAddr(), filepath.Join(data, stack.OwnerTokenFile)
	fmt.Fprintf(&b, "Meridian serves:\n  HTTP  %s\n  gRPC  %s\n  NATS  %s\n", base, s.GRPCAddr(), s.NATSURL())
	var admin string
	if addr := s.AdminAddr(); addr != "" {
		admin = " MERIDIAN_ADMIN=http://" + addr
		fmt.Fprintf(&b, "  admin http://%s/readyz\n", addr)
	}
	if c := s.Clock(); c != nil {
		fmt.Fprintf(&b, "The domain's time stands still at %s: meridian clock moves it, meridian demo tells a night.\n", c.Now().Format(time.RFC3339))
	}
	if w := s.Welcome(); w != nil {
		fmt.Fprintf(&b, `
This is the first start on %s. It made
  %s
and its owner, whose token is shown this once (and kept in %s):

  %s
`, data, w.Workspace, tokenFile, w.Token)
	}
	fmt.Fprintf(&b, `
To try next, in another terminal:
  export MERIDIAN_SERVER=%[1]s MERIDIAN_TOKEN=$(cat %[2]s)%[5]s
  curl -H "Authorization: Bearer $MERIDIAN_TOKEN" %[1]s/v1/workspaces
  grpcurl -plaintext -H "authorization: Bearer $MERIDIAN_TOKEN" %[3]s meridian.directory.v1.WorkspaceService/ListWorkspaces
  %[4]s events tail
  %[4]s spaces create Playground
  %[4]s threads new --space Playground --title Hello "The first message"
  %[4]s import mbox FILE --space Archive --create-space
  %[4]s search hello
  %[4]s availability set me --zone Europe/London 'Mon-Fri 09:00-17:00'
  %[4]s tasks project OPS Operations --space Playground
  %[4]s tasks new --project OPS --holder me "Rotate the keys"
  %[4]s inbox
An integrator's program, with a NATS client alone: services/examples/subscriber
`, base, tokenFile, s.GRPCAddr(), program, admin)
	return b.String()
}
