//go:build unix

package devpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version that the schemas are written for.
const oldest = 14

// binaries is a folder with initdb and postgres of one major version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) initdb() string   { return filepath.Join(b.dir, "initdb") }
func (b binaries) postgres() string { return filepath.Join(b.dir, "postgres") }

// places are the folders, beside PATH, in which distributions keep the server's programs.
func places() []string {
	return []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // PGDG on Red Hat
		"/usr/libexec/postgresql*",  // Alpine
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

var errNoServer = errors.New("devpg: no Postgres server found on this machine; install the package postgresql " +
	"(Debian, Ubuntu: postgresql; Fedora: postgresql-server postgresql-contrib; macOS: brew install postgresql@17), " +
	"or give the URL of a running one")

// findOrInstall finds the server binaries for a cluster of the given major version, or for a new one when it is
// empty, and installs the system's package where there is none and it may.
func findOrInstall(ctx context.Context, log *slog.Logger, version string) (binaries, error) {
	found := installed(ctx)
	if len(found) == 0 {
		if err := install(ctx, log); err != nil {
			return binaries{}, err
		}
		found = installed(ctx)
	}
	return choose(found, version)
}

// choose takes the newest for a new cluster, and the very version for an old one.
func choose(found []binaries, version string) (binaries, error) {
	if version == "" {
		if len(found) == 0 {
			return binaries{}, errNoServer
		}
		newest := slices.MaxFunc(found, func(a, b binaries) int { return a.major - b.major })
		if newest.major < oldest {
			return binaries{}, fmt.Errorf("devpg: Postgres %d in %s is too old; %d or later is needed", newest.major, newest.dir, oldest)
		}
		return newest, nil
	}
	for _, b := range found {
		if strconv.Itoa(b.major) == version {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("devpg: the cluster in the folder is of Postgres %s, and this machine has no server of "+
		"that version; install it, or upgrade the cluster with pg_upgrade", version)
}

// installed lists the server binaries of this machine.
func installed(ctx context.Context) []binaries {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range places() {
		more, err := filepath.Glob(pattern)
		if err == nil {
			dirs = append(dirs, more...)
		}
	}
	var found []binaries
	seen := map[string]bool{}
	for _, dir := range dirs {
		resolved, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[resolved] {
			continue
		}
		seen[resolved] = true
		b := binaries{dir: resolved}
		if _, err := os.Stat(b.initdb()); err != nil {
			continue
		}
		if b.major = majorVersion(ctx, b.postgres()); b.major > 0 {
			found = append(found, b)
		}
	}
	return found
}

// majorVersion asks the program; 0 when it does not answer like Postgres.
func majorVersion(ctx context.Context, program string) int {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0
	}
	return parseVersion(string(out))
}

// parseVersion reads "postgres (PostgreSQL) 15.20 (Debian ...)", also "17beta1".
func parseVersion(text string) int {
	_, after, ok := strings.Cut(text, "(PostgreSQL) ")
	if !ok {
		return 0
	}
	end := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(after)
	}
	major, err := strconv.Atoi(after[:end])
	if err != nil {
		return 0
	}
	return major
}

// install installs the system's package. Debian's would also make and start a cluster of its own, which no one here
// wants: a createcluster.conf laid down before keeps it from that, unless the machine has one already.
func install(ctx context.Context, log *slog.Logger) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 || runtime.GOOS != "linux" {
		return errNoServer
	}
	log.InfoContext(ctx, "no Postgres server on this machine: installing the system's package postgresql with apt-get")
	const conf = "/etc/postgresql-common/createcluster.conf"
	if _, err := os.Stat(conf); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(conf), dirMode); err != nil {
			return fmt.Errorf("devpg: %w", err)
		}
		text := "# Laid down by meridian before it installed postgresql: no cluster of the system's own.\ncreate_main_cluster = false\n"
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil { //nolint:gosec // a public setting
			return fmt.Errorf("devpg: %w", err)
		}
	}
	for _, args := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, apt, args...) //nolint:gosec // G204: apt-get, found in PATH
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			tail := out[max(0, len(out)-1000):]
			return fmt.Errorf("%w\n(apt-get %s: %w)\n%s", errNoServer, args[0], err, strings.TrimSpace(string(tail)))
		}
	}
	log.InfoContext(ctx, "installed postgresql")
	return nil
}

// localeArgs asks for C.UTF-8: Unicode character classes, bytewise order, the same on every machine. macOS has no
// such locale, so there the two halves are named apart.
func localeArgs() []string {
	if runtime.GOOS == "darwin" {
		return []string{"--locale=C", "--lc-ctype=UTF-8"}
	}
	return []string{"--locale=C.UTF-8"}
}
