//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// ports hands out addresses for processes that come back to the same one after a kill. They lie below the range that
// systems take outgoing connections' ports from, so that none is taken meanwhile.
type ports struct {
	given map[int]bool
}

const (
	firstPort = 15000
	lastPort  = 30000
)

// next is a loopback address that nothing listens on.
func (p *ports) next(ctx context.Context) (string, error) {
	const tries = 1000
	for range tries {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // any will do
		if p.given[port] {
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		if p.given == nil {
			p.given = map[int]bool{}
		}
		p.given[port] = true
		return addr, listener.Close()
	}
	return "", errors.New("there is no free port on loopback")
}
