package cli

import (
	"context"
	"time"

	"github.com/meridianhq/meridian/services/meridian/internal/demo"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

// DemoCmd tells a night on a running server with a development clock.
type DemoCmd struct {
	Admin string `help:"The server's operators' address." env:"MERIDIAN_ADMIN" default:"http://127.0.0.1:9091" placeholder:"URL"`
}

// Run tells it. The clock is months further afterwards.
func (c *DemoCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	secret, err := client.secret()
	if err != nil {
		return err
	}
	owner, err := restconn.New(client.Server, secret)
	if err != nil {
		return err
	}
	return demo.Tell(ctx, streams.Out, owner, remoteClock(c.Admin))
}

// remoteClock is the development clock behind an operators' address.
type remoteClock string

// Now implements demo.Clock.
func (c remoteClock) Now(ctx context.Context) (time.Time, error) {
	at, err := readClock(ctx, string(c))
	return at.Now, err
}

// Set implements demo.Clock.
func (c remoteClock) Set(ctx context.Context, to time.Time) error {
	_, err := moveClock(ctx, string(c), map[string]any{"to": to})
	return err
}
