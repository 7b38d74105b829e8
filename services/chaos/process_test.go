//go:build unix

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script is a process of a shell script that counts its lives in a file, and the function that stops it.
func script(t *testing.T, text, readyURL string) (p *process, stop func()) {
	t.Helper()
	folder := t.TempDir()
	p = &process{
		name: "script", path: "/bin/sh", args: []string{"-c", "echo begun; " + text}, log: filepath.Join(folder, "log"), readyURL: readyURL,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.keep(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return p, stop
}

// lives is how often the script has begun.
func lives(t *testing.T, p *process) int {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return strings.Count(string(text), "begun")
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 20*time.Second, 5*time.Millisecond)
}

const (
	// obedient ends in order when it is told to.
	obedient = `trap 'exit 0' TERM; while :; do sleep 0.02; done`
	// rude does not end in order.
	rude = `trap 'echo last words; exit 3' TERM; while :; do sleep 0.02; done`
)

func TestAKilledProcessStaysDownUntilItIsReleased(t *testing.T) {
	t.Parallel()
	p, stop := script(t, obedient, "")
	eventually(t, func() bool { return lives(t, p) == 1 })
	p.kill()
	p.mu.Lock()
	life := p.done
	p.mu.Unlock()
	<-life
	require.Equal(t, 1, lives(t, p))
	p.release()
	eventually(t, func() bool { return lives(t, p) == 2 })
	stop()
	require.Empty(t, p.troubles(), "who is killed is not to blame, and it stopped in order")
	require.Equal(t, 2, p.starts)
}

func TestAProcessThatEndsByItselfIsStartedAgainAndBlamed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	p, stop := script(t, "sleep 0.4; echo broken; exit 1", server.URL)
	eventually(t, func() bool { return lives(t, p) == 2 })
	stop()
	require.NotZero(t, asked.Load())
	require.Contains(t, p.troubles()[0], "ended by itself (exit status 1): broken")
}

func TestAProcessThatWasNeverReadyMayEnd(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	p, stop := script(t, "exit 1", server.URL)
	eventually(t, func() bool { return lives(t, p) == 3 })
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorContains(t, p.awaitReady(short), "its last words: begun")
	p.kill()
	stop()
	require.Empty(t, p.troubles())
}

func TestAProcessThatDoesNotStopInOrderIsBlamed(t *testing.T) {
	t.Parallel()
	p, stop := script(t, rude, "")
	eventually(t, func() bool { return lives(t, p) == 1 })
	stop()
	require.Equal(t, []string{"script did not stop cleanly (exit status 3): last words"}, p.troubles())
}

func TestAPausedProcessGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	p, _ := script(t, `trap 'exit 0' TERM; while :; do echo tick; sleep 0.02; done`, "")
	ticks := func() int {
		text, err := os.ReadFile(p.log)
		require.NoError(t, err)
		return strings.Count(string(text), "tick")
	}
	eventually(t, func() bool { return lives(t, p) == 1 && ticks() > 0 })
	resume := p.pause()
	// What was on its way into the file may still arrive; then nothing does.
	var before int
	eventually(t, func() bool {
		had := before
		before = ticks()
		return had == before
	})
	resume()
	eventually(t, func() bool { return ticks() > before })
	require.Equal(t, 1, lives(t, p))
}

func TestAPanicInALogIsATrouble(t *testing.T) {
	t.Parallel()
	p, stop := script(t, `echo 'panic: no such thing'; `+obedient, "")
	eventually(t, func() bool { return strings.Contains(lastLine(p.log), "panic") })
	stop()
	require.Len(t, p.troubles(), 1)
	require.Contains(t, p.troubles()[0], "panic: no such thing")
}
