//go:build unix

package devpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// process is a server process that this one started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startProcess starts the server with its output in the folder's log.
//
// The signal that the kernel sends at the parent's death is tied to the thread that started the child. So a
// goroutine keeps that thread for the child's whole life.
func startProcess(cmd *exec.Cmd, dir string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, secretMode) //nolint:gosec // G304: in the folder we were given
	if err != nil {
		return nil, fmt.Errorf("devpg: open the log: %w", err)
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
	dieWithParent(cmd.SysProcAttr)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		err := cmd.Start()
		_ = log.Close()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("devpg: start the server: %w", err)
	}
	return p, nil
}

// stop asks for a fast shutdown, and when ctx ends before it is done, for an immediate one.
func (p *process) stop(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
		return fmt.Errorf("devpg: the server did not shut down in time and was ended: %w", ctx.Err())
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("devpg: the server had to be killed: %w", ctx.Err())
	}
}

// lockFolder takes the folder for this process. The lock ends with the process, however it ends.
func lockFolder(file string) (io.Closer, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, secretMode) //nolint:gosec // G304: in the folder we were given
	if err != nil {
		return nil, fmt.Errorf("devpg: open the lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("devpg: another process uses the folder %s", filepath.Dir(file))
	}
	return f, nil
}

// stopOrphan ends a server that an earlier parent left running in the data folder, and clears a lock file whose
// process is no more. We hold the folder's lock, so the server is no one else's.
func stopOrphan(ctx context.Context, log *slog.Logger, data string) error {
	pidFile := filepath.Join(data, "postmaster.pid")
	pid, err := readPid(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !servesFolder(ctx, pid, data) {
		// The number may belong to something else by now, which would keep Postgres from starting.
		if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("devpg: clear a stale lock file: %w", err)
		}
		return nil
	}
	log.InfoContext(ctx, "stopping a Postgres server that was left running in the folder", "pid", pid)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("devpg: stop the server left running (pid %d): %w", pid, err)
		}
		for waited := time.Duration(0); waited < stopLimit; waited += pollEvery {
			if !servesFolder(ctx, pid, data) {
				return nil
			}
			if err := clock.Sleep(ctx, pollEvery); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("devpg: a server left running in %s does not stop (pid %d)", data, pid)
}

// readPid reads the first line of postmaster.pid.
func readPid(file string) (int, error) {
	text, err := os.ReadFile(file) //nolint:gosec // G304: in the folder we were given
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 {
		return 0, nil //nolint:nilerr // an empty or broken lock file is a stale one
	}
	return pid, nil
}

// servesFolder tells whether the process is a Postgres server of this very data folder. A postmaster's working
// directory is its data folder; where the system does not show that, its command line names the folder.
func servesFolder(ctx context.Context, pid int, data string) bool {
	if pid <= 1 || syscall.Kill(pid, 0) != nil {
		return false
	}
	if cwd, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd"); err == nil {
		resolved, err := filepath.EvalSymlinks(data)
		return err == nil && cwd == resolved
	}
	if runtime.GOOS == "linux" {
		return false // gone, or not ours to look at
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // G204: a number
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}
