//go:build unix

package main

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/meridianhq/meridian/pkg/devpg"
)

// database is the run's own Postgres, durable, which can be taken away and brought back.
type database struct {
	folder string

	// changing is held while the server is taken away and brought back.
	changing sync.Mutex

	mu     sync.Mutex
	server *devpg.Server
	port   int
}

func (d *database) start(ctx context.Context) error {
	server, err := devpg.Start(ctx, devpg.Options{Dir: filepath.Join(d.folder, "postgres"), Database: "meridian"})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server, d.port = server, server.Port()
	return nil
}

// stop ends the server: in order, or at once as a crash would, so that the next start recovers from its log.
func (d *database) stop(ctx context.Context, crash bool) error {
	d.mu.Lock()
	server := d.server
	d.server = nil
	d.mu.Unlock()
	if server == nil {
		return nil
	}
	if !crash {
		return server.Stop(ctx)
	}
	// With no time to stop in order the server is told to stop at once, which Stop reports.
	now, cancel := context.WithCancel(ctx)
	cancel()
	_ = server.Stop(now)
	return nil
}

// targets is where the server is now: each start takes another port.
func (d *database) targets() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port))}
}

// url is the superuser's, at the server itself.
func (d *database) url() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.server.URL()
}

// at is the URL of the database at another address, as another role; the superuser without one.
func at(base, addr, role, password string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u.Host = addr
	if role != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String(), nil
}

// outage takes the server away while during runs; one outage follows the other, and none begins once ctx has ended.
func (d *database) outage(ctx context.Context, crash bool, during func()) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	if ctx.Err() != nil {
		return nil // the faults are over
	}
	// Not bound to ctx: at the end of the faults everything is there again.
	if err := d.stop(context.WithoutCancel(ctx), crash); err != nil {
		return err
	}
	during()
	return d.start(context.WithoutCancel(ctx))
}
