//go:build unix

package devpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who runs the server: this process's own user, or, when that is root, an unprivileged one.
type account struct {
	name     string // empty: the process's own
	uid, gid uint32
}

// serverAccount is the user postgres, else nobody, when this process is root: Postgres refuses to run as root.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return account{}, errors.New("devpg: Postgres does not run as root, and there is neither a user postgres nor nobody here")
}

// command is a program run as the account, in a process group of its own so that a terminal's interrupt reaches
// only us and the server is stopped in order.
func (a account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: a program that binaries found
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.name != "" {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	return cmd
}

// own gives the account what lies in the folder, and the folder.
func (a account) own(path string) error {
	if a.name == "" {
		return nil
	}
	err := os.Lchown(path, int(a.uid), int(a.gid))
	if info, statErr := os.Stat(path); err == nil && statErr == nil && info.IsDir() {
		err = a.ownBelow(path)
	}
	if err != nil {
		return fmt.Errorf("devpg: give the cluster to the user %s: %w", a.name, err)
	}
	return nil
}

// ownBelow stays below the folder whatever links lead out of it.
func (a account) ownBelow(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, int(a.uid), int(a.gid))
	})
}

// reaches tells, by the mode of each folder on the way, whether the account can get to dir.
func (a account) reaches(dir string) error {
	if a.name == "" {
		return nil
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	for at := resolved; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("devpg: %w", err)
		}
		if !a.mayPass(info) {
			return fmt.Errorf("devpg: Postgres does not run as root, and the user %s, as whom it would run, may not pass "+
				"through the folder %s (mode %04o) on the way to %s; use a data folder elsewhere, or let it pass: chmod o+x %s",
				a.name, at, info.Mode().Perm(), dir, at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a account) mayPass(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid == a.uid:
		return mode&0o100 != 0
	case ok && stat.Gid == a.gid:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
