//go:build unix

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
)

// echo answers every line with itself, on an address of its own.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// line is a connection that is asked line by line.
type line struct {
	net.Conn

	in *bufio.Reader
}

func dial(t *testing.T, p *proxy) line {
	t.Helper()
	l, err := reach(t, p)
	require.NoError(t, err)
	return l
}

func reach(t *testing.T, p *proxy) (line, error) {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr())
	if err != nil {
		return line{}, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return line{conn, bufio.NewReader(conn)}, nil
}

// ask says whether the line is answered within a moment.
func (l line) ask(moment time.Duration) error {
	if _, err := l.Write([]byte("hello\n")); err != nil {
		return err
	}
	if err := l.SetReadDeadline(clock.Machine().Now().Add(moment)); err != nil {
		return err
	}
	_, err := l.in.ReadString('\n')
	return err
}

func through(t *testing.T, targets ...string) *proxy {
	t.Helper()
	p, err := newProxy(t.Context(), func() []string { return append([]string(nil), targets...) })
	require.NoError(t, err)
	t.Cleanup(p.close)
	return p
}

const patient = 20 * time.Second

func TestAWayLeadsToATargetThatCanBeReached(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	p := through(t, gone.Addr().String(), echo(t))
	for range 10 {
		require.NoError(t, dial(t, p).ask(patient))
	}
}

func TestACutResetsWhatIsConnectedAndTakesNothingNew(t *testing.T) {
	t.Parallel()
	p := through(t, echo(t))
	before := dial(t, p)
	require.NoError(t, before.ask(patient))
	p.set(weather{kind: cut})
	require.Error(t, before.ask(patient))
	l, err := reach(t, p)
	if err == nil { // else the reset was faster than the dialling
		err = l.ask(patient)
	}
	require.Error(t, err)
	p.set(weather{})
	require.NoError(t, dial(t, p).ask(patient))
}

func TestABlackHoleHoldsEverythingUntilItIsGone(t *testing.T) {
	t.Parallel()
	p := through(t, echo(t))
	before := dial(t, p)
	require.NoError(t, before.ask(patient))
	p.set(weather{kind: hole})
	during := dial(t, p)
	for _, l := range []line{before, during} {
		require.ErrorIs(t, l.ask(50*time.Millisecond), os.ErrDeadlineExceeded)
	}
	p.set(weather{})
	for _, l := range []line{before, during} {
		require.NoError(t, l.ask(patient))
	}
}

func TestASlowWayDelaysBothDirections(t *testing.T) {
	t.Parallel()
	const delay = 100 * time.Millisecond
	p := through(t, echo(t))
	l := dial(t, p)
	require.NoError(t, l.ask(patient))
	p.set(weather{kind: slow, delay: delay})
	began := clock.Machine().Now()
	require.NoError(t, l.ask(patient))
	require.GreaterOrEqual(t, clock.Machine().Now().Sub(began), 2*delay)
}

func TestAWayEndsWithTheRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	target := echo(t)
	p, err := newProxy(ctx, func() []string { return []string{target} })
	require.NoError(t, err)
	p.set(weather{kind: hole})
	l := dial(t, p)
	cancel()
	require.Error(t, l.ask(patient))
	p.close()
	_, err = p.listener.Accept() // who dials may find another test's, at the same port
	require.ErrorIs(t, err, net.ErrClosed)
}
