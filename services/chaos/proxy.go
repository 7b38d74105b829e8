//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// weather is what the way through a proxy is like.
type weather struct {
	kind kind
	// delay is what each piece of data waits when the way is slow.
	delay time.Duration
}

type kind int

const (
	fair kind = iota
	// cut: connections are reset, and no new one is taken.
	cut
	// hole: what is sent arrives nowhere, and nobody is told.
	hole
	// slow: everything arrives late.
	slow
)

const (
	dialLimit = 2 * time.Second
	pieceSize = 32 << 10
)

// proxy is one process's way to one thing that it needs: a listener of its own before the replicas of that thing. Each
// connection goes to one of those that can be reached.
type proxy struct {
	listener net.Listener
	targets  func() []string

	mu      sync.Mutex
	now     weather
	changed chan struct{} // closed when the weather changes
	conns   map[net.Conn]bool
}

// newProxy listens on a free loopback port. targets are asked for each connection.
func newProxy(ctx context.Context, targets func() []string) (*proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, targets: targets, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	go p.serve(ctx)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// set changes the weather. A cut resets what is connected.
func (p *proxy) set(w weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = w
	close(p.changed)
	p.changed = make(chan struct{})
	if w.kind == cut {
		p.reset()
	}
}

// close ends the proxy and its connections.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset()
}

// reset breaks every connection. The caller has the lock.
func (p *proxy) reset() {
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

func (p *proxy) weather() (weather, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now, p.changed
}

func (p *proxy) serve(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.carry(ctx, conn)
	}
}

// carry takes a connection to a target and back until either side ends.
func (p *proxy) carry(ctx context.Context, near net.Conn) {
	if !p.add(near) {
		return
	}
	defer p.drop(near)
	if !p.pass(ctx) {
		return
	}
	far, err := p.dial(ctx)
	if err != nil || !p.add(far) {
		return
	}
	defer p.drop(far)
	var both sync.WaitGroup
	both.Go(func() { p.pump(ctx, near, far) })
	both.Go(func() { p.pump(ctx, far, near) })
	both.Wait()
}

// add keeps a connection so that a cut reaches it; false when the way is cut already.
func (p *proxy) add(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
	if p.now.kind == cut {
		p.reset()
		delete(p.conns, conn)
		return false
	}
	return true
}

func (p *proxy) drop(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// dial reaches one of the targets, in no particular order.
func (p *proxy) dial(ctx context.Context) (net.Conn, error) {
	targets := p.targets()
	rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] }) //nolint:gosec // any will do
	errs := []error{errors.New("no target")}
	for _, target := range targets {
		dialer := net.Dialer{Timeout: dialLimit}
		conn, err := dialer.DialContext(ctx, "tcp", target)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// pump moves data one way. The end of one side is the end of both: nothing here speaks a protocol with half-open ends.
func (p *proxy) pump(ctx context.Context, from, to net.Conn) {
	defer from.Close() //nolint:errcheck // it is over
	defer to.Close()   //nolint:errcheck // it is over
	piece := make([]byte, pieceSize)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if !p.pass(ctx) {
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return
			}
			// What a peer that has gone sent last still arrives, and only then does its end.
			_ = p.pass(ctx)
			return
		}
	}
}

// pass waits as the weather asks for; false when ctx has ended.
func (p *proxy) pass(ctx context.Context) bool {
	for {
		now, changed := p.weather()
		switch now.kind {
		case hole:
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return false
			}
		case slow:
			return clock.Sleep(ctx, now.delay) == nil
		case fair, cut:
		}
		return true
	}
}
