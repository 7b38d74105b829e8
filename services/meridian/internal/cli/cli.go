// Package cli is Meridian's command line: one command that runs everything, and those that use it.
//
// It promises: what was asked for goes to standard output, as a table for people or with --json in proto3's JSON for
// machines, and nothing else does; errors go to standard error and name the field and its rule; progress is shown on
// a terminal only; the exit code says what kind of failure it was; control characters in other people's text never
// reach the terminal.
//
// The commands speak REST, since a user's one address is the gateway's HTTP one: the gRPC port need not be open to
// them, and proxies let it through.
package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Root is the command line.
type Root struct {
	Client

	Up           UpCmd           `cmd:"" help:"Run all of Meridian in this process: Postgres, the broker, every service and the gateway."`
	Secrets      SecretsCmd      `cmd:"" help:"Make the Secrets of a first installation on Kubernetes, for kubectl create -f -."`
	Workspace    WorkspaceCmd    `cmd:"" help:"Make workspaces, as an operator."`
	Import       ImportCmd       `cmd:"" help:"Bring messages from elsewhere into a space."`
	Events       EventsCmd       `cmd:"" help:"Follow what happens."`
	Threads      ThreadsCmd      `cmd:"" help:"Read and write threads."`
	Search       SearchCmd       `cmd:"" help:"Search the messages you may read."`
	Inbox        InboxCmd        `cmd:"" help:"What concerns you, why, and when it reaches you."`
	Tasks        TasksCmd        `cmd:"" help:"Make, pick up and move tasks."`
	Handoff      HandoffCmd      `cmd:"" help:"Pass batons on, and take them."`
	Availability AvailabilityCmd `cmd:"" help:"Who works when: hours, time off, and what a sender may expect."`
	Members      MembersCmd      `cmd:"" help:"List, invite and deactivate members."`
	Spaces       SpacesCmd       `cmd:"" help:"List and make spaces, and say who may use them."`
	Token        TokenCmd        `cmd:"" help:"Make, list and revoke your API tokens."`
	Demo         DemoCmd         `cmd:"" help:"Tell and show a night on a server that runs with --dev-clock: a baton from London to Chicago."`
	Backup       BackupCmd       `cmd:"" help:"Write a backup of a running Meridian into a folder."`
	Restore      RestoreCmd      `cmd:"" help:"Put a backup back: the database, and the broker to what it says. Services must be stopped."`
	Clock        ClockCmd        `cmd:"" help:"Show and move the clock of a server that runs with --dev-clock."`
}

// Exit codes beside 0.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitDenied      = 3
	exitNotFound    = 4
	exitConflict    = 5
	exitUnavailable = 6
)

const description = `Meridian is the backend for teams who work at different hours.

Exit codes: 0 done, 1 failed, 2 wrong usage or an invalid argument, 3 not signed in or not allowed, 4 not found,
5 in conflict with what is there, 6 not to be reached or overloaded.`

// Main runs the command line and returns its exit code.
func Main(ctx context.Context, args []string, streams Streams) int {
	var root Root
	code := -1
	parser, err := kong.New(&root, kong.Name("meridian"), kong.Description(description), kong.UsageOnError(),
		kong.Writers(streams.Out, streams.Err), kong.Exit(func(c int) { code = c }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return report(streams.Err, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if code >= 0 {
		return code
	}
	if err != nil {
		var wrong *kong.ParseError
		if errors.As(err, &wrong) {
			_ = wrong.Context.PrintUsage(true)
		}
		_ = report(streams.Err, err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&root.Client, streams); err != nil {
		return report(streams.Err, err)
	}
	return 0
}

// Standard are the process's own streams.
func Standard() Streams { return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr} }
