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
	"syscall"
)

// Temp is an unsafe cluster in a folder of its own that goes when it is closed, and also when this process ends in
// any other way.
type Temp struct {
	*Server
	dir    string
	lease  io.Closer
	reaper *exec.Cmd
}

// reap waits for the end of its standard input, which is the end of the process that holds the other end; then it
// stops the server by the folder's own lock file and removes the folder.
const reap = `trap '' INT TERM HUP
cat >/dev/null
pid=$(head -n 1 "$1/pgdata/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
	kill -QUIT "$pid" 2>/dev/null
	n=0
	while kill -0 "$pid" 2>/dev/null && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
fi
rm -rf "$1"`

// StartTemp starts an unsafe cluster below the system's temporary folder. The caller holds on to it: once it is
// garbage, it ends.
func StartTemp(ctx context.Context, log *slog.Logger) (*Temp, error) {
	dir, err := os.MkdirTemp(tempBase(), "meridian-pg-")
	if err != nil {
		return nil, fmt.Errorf("devpg: %w", err)
	}
	t := &Temp{dir: dir}
	if err := t.startReaper(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		return nil, errors.Join(err, t.reapNow())
	}
	if t.Server, err = Start(ctx, Options{Dir: dir, Unsafe: true, Log: log}); err != nil {
		return nil, errors.Join(err, t.reapNow())
	}
	return t, nil
}

// tempBase is /tmp for root, whose own TMPDIR the server's user may not reach.
func tempBase() string {
	if os.Geteuid() == 0 {
		return "/tmp"
	}
	return os.TempDir()
}

func (t *Temp) startReaper() error {
	hold, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	t.reaper = exec.Command("/bin/sh", "-c", reap, "meridian-pg-reaper", t.dir) //nolint:noctx,gosec // it outlives every context; G204: a folder of ours
	t.reaper.Stdin, t.reaper.Dir = hold, filepath.Dir(t.dir)
	t.reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = t.reaper.Start()
	_ = hold.Close()
	if err != nil {
		_ = write.Close()
		return fmt.Errorf("devpg: %w", err)
	}
	t.lease = write
	return nil
}

// reapNow lets the reaper do its work and waits for it.
func (t *Temp) reapNow() error {
	_ = t.lease.Close()
	return t.reaper.Wait()
}

// Close stops the server and removes the folder.
func (t *Temp) Close(ctx context.Context) error {
	return errors.Join(t.Stop(ctx), t.reapNow())
}
