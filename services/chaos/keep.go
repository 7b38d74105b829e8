//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// keep starts the process and starts it again until ctx ends, when it stops it in order.
func (p *process) keep(ctx context.Context) {
	for ctx.Err() == nil {
		if !p.awaitRelease(ctx) {
			return
		}
		done, err := p.start()
		if err != nil {
			p.faultf("cannot be started: %v", err)
			return
		}
		if done == nil {
			continue
		}
		go p.watch(ctx, done)
		select {
		case <-done:
			p.ended()
		case <-ctx.Done():
			p.stop(done)
			return
		}
		if clock.Sleep(ctx, restartPause) != nil {
			return
		}
	}
}

// awaitRelease waits until the process may run.
func (p *process) awaitRelease(ctx context.Context) bool {
	for {
		p.mu.Lock()
		held, changed := p.held, p.change()
		p.mu.Unlock()
		if !held {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// change is closed at the next change of held. The caller has the lock.
func (p *process) change() chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// watch notes when the process is ready.
func (p *process) watch(ctx context.Context, done <-chan struct{}) {
	client := &http.Client{Timeout: 2 * time.Second}
	for ctx.Err() == nil {
		select {
		case <-done:
			return
		default:
		}
		if p.asked(ctx, client) {
			p.mu.Lock()
			if p.done == done {
				p.ready = true
			}
			p.mu.Unlock()
			return
		}
		if clock.Sleep(ctx, readyEvery) != nil {
			return
		}
	}
}

// asked says whether the process answers that it is ready now.
func (p *process) asked(ctx context.Context, client *http.Client) bool {
	if p.readyURL == "" {
		return true
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.readyURL, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// ended notes a process that ended by itself after it had been ready: no fault around a process may end it. One that was not
// may give up, and is started again.
func (p *process) ended() {
	p.mu.Lock()
	state, bad := p.cmd.ProcessState, p.ready && !p.killed
	p.mu.Unlock()
	if bad {
		p.faultf("ended by itself (%s): %s", state, lastLine(p.log))
	}
}

func (p *process) faultf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, p.name+" "+fmt.Sprintf(format, args...))
}

// stop ends the process in order, and notes it when that fails. As in ended, one that was never ready may have given up just
// then, and one that was killed from here is not to blame.
func (p *process) stop(done <-chan struct{}) {
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-done:
		p.mu.Lock()
		state, bad := p.cmd.ProcessState, p.ready && !p.killed && !p.cmd.ProcessState.Success()
		p.mu.Unlock()
		if bad {
			p.faultf("did not stop cleanly (%s): %s", state, lastLine(p.log))
		}
	case <-limit.C:
		p.signal(syscall.SIGKILL)
		<-done
		p.faultf("did not stop within %s", stopLimit)
	}
}

// awaitReady waits until the process answers that it is ready.
func (p *process) awaitReady(ctx context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second}
	for !p.asked(ctx, client) {
		if clock.Sleep(ctx, readyEvery) != nil {
			return fmt.Errorf("%s is not ready: %w; its last words: %s", p.name, context.Cause(ctx), lastLine(p.log))
		}
	}
	return nil
}

// troubles are what was noted about the process, and any panic or data race in its log.
func (p *process) troubles() []string {
	p.mu.Lock()
	found := append([]string(nil), p.faults...)
	p.mu.Unlock()
	text, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return append(found, err.Error())
	}
	for _, sign := range []string{"panic: ", "fatal error: ", "WARNING: DATA RACE", `"handler panicked"`} {
		if at := bytes.Index(text, []byte(sign)); at >= 0 {
			const shown = 1500
			found = append(found, fmt.Sprintf("%s has %q in its log: %s", p.name, sign, text[at:min(len(text), at+shown)]))
		}
	}
	return found
}

// lastLine is the end of a log.
func lastLine(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // a log of ours
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
