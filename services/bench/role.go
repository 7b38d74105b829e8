package main

import (
	"context"
	"errors"
	"os"

	"github.com/meridianhq/meridian/services/bench/internal/alone"
	"github.com/meridianhq/meridian/services/bench/internal/bare"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

var errRole = errors.New("there is no such role")

// roleCmd plays one of the roles that the benchmark starts as processes of their own.
type roleCmd struct {
	Name string `arg:"" help:"The role."`
}

// Run reads what to do from standard input, answers on standard output and ends with the input.
func (c *roleCmd) Run(ctx context.Context) error {
	switch c.Name {
	case world.RoleBroker:
		return proc.Play(ctx, os.Stdin, os.Stdout, world.Broker)
	case world.RoleMeridian:
		return proc.Play(ctx, os.Stdin, os.Stdout, world.Meridian)
	case bare.RoleServer:
		return proc.Play(ctx, os.Stdin, os.Stdout, bare.Serve)
	case bare.RoleDrain:
		return proc.Play(ctx, os.Stdin, os.Stdout, bare.Drain)
	case bare.RoleConsume:
		return proc.Play(ctx, os.Stdin, os.Stdout, bare.Consume)
	case alone.RoleRelay:
		return proc.Play(ctx, os.Stdin, os.Stdout, alone.Relay)
	case alone.RoleConsumer:
		return proc.Play(ctx, os.Stdin, os.Stdout, alone.Consume)
	case alone.RoleConsumerOne:
		return proc.Play(ctx, os.Stdin, os.Stdout, alone.ConsumeOne)
	}
	return errRole
}
