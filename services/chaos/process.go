//go:build unix

package main

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// restartPause is between the end of a process and its next start.
	restartPause = 300 * time.Millisecond
	// readyEvery is how often a process is asked whether it is ready.
	readyEvery = 250 * time.Millisecond
	// stopLimit is how long a process may take to stop in order.
	stopLimit = 45 * time.Second
)

// process is a child that is kept running, as an orchestrator would: whenever it ends it is started again, unless it is held.
type process struct {
	name string
	// path and env are what is run.
	path string
	args []string
	env  []string
	// log is the file that all its lives write to.
	log string
	// readyURL answers 200 when the process serves; empty for one that has none.
	readyURL string

	mu      sync.Mutex
	cmd     *exec.Cmd
	done    chan struct{} // closed at the end of this life
	ready   bool          // it was ready at some time in this life: at once, when it has no readyURL
	killed  bool          // this life was ended from here
	held    bool
	changed chan struct{} // closed when held changes
	starts  int
	faults  []string
}

// start starts one life, unless the process is held: then there is nothing to wait for, and done is nil. The kernel ties a
// child's death to the thread that started it, so that thread is kept.
func (p *process) start() (done chan struct{}, err error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()                      //nolint:errcheck // the child has its own
	cmd := exec.Command(p.path, p.args...) //nolint:gosec,noctx // our own binary; it is ended by signals
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		return nil, nil
	}
	done = make(chan struct{})
	started := make(chan error)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.cmd, p.done, p.ready, p.killed = cmd, done, p.readyURL == "", false
	p.starts++
	return done, nil
}

// signal sends a signal to this life, if there is one.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	if s == syscall.SIGKILL {
		p.killed = true
	}
	_ = p.cmd.Process.Signal(s) // it fails when that life is over
}

// kill ends this life at once and keeps the process down until release.
func (p *process) kill() {
	p.hold(true)
	p.signal(syscall.SIGKILL)
}

// release lets the process run.
func (p *process) release() { p.hold(false) }

func (p *process) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	close(p.change())
	p.changed = nil
}

// pause stops this life until the returned function is called. A later life is not touched.
func (p *process) pause() (resume func()) {
	p.mu.Lock()
	cmd := p.cmd
	p.mu.Unlock()
	if cmd == nil {
		return func() {}
	}
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	return func() { _ = cmd.Process.Signal(syscall.SIGCONT) }
}
