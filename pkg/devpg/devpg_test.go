//go:build unix

package devpg

import (
	"bufio"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const (
	patience = 30 * time.Second
	envChild = "DEVPG_TEST_CHILD" // what the test binary does as a process of its own, see TestMain
)

// TestMain lets a test start a process that runs a cluster and can be killed.
func TestMain(m *testing.M) {
	switch what, dir, _ := strings.Cut(os.Getenv(envChild), ":"); what {
	case "":
		os.Exit(m.Run())
	case "start":
		s, err := Start(context.Background(), Options{Dir: dir})
		report(err)
		say(s.opts.Dir)
	case "temp":
		s, err := StartTemp(context.Background(), nil)
		report(err)
		say(s.dir)
		defer s.Close(context.Background())
	}
	select {}
}

func report(err error) {
	if err != nil {
		say(err.Error())
		os.Exit(1)
	}
}

func say(line string) { _, _ = os.Stdout.WriteString(line + "\n") }

// child starts such a process and returns it with its first line.
func child(t *testing.T, what string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"="+what)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

// folder is one that the server's user can reach, as t.TempDir is not when the tests run as root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(tempBase(), "devpg-test-") //nolint:usetesting // see above
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

func query(t *testing.T, url, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestAPrivateCluster(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Options{Dir: dir, Database: "meridian"})
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "server_encoding": "UTF8",
		"password_encryption": "scram-sha-256", "lc_collate": "C.UTF-8", "timezone": "UTC",
	} {
		if setting == "lc_collate" {
			require.Equal(t, want, query(t, s.URL(), "select datcollate from pg_database where datname = 'meridian'"))
			continue
		}
		require.Equal(t, want, query(t, s.URL(), "select current_setting('"+setting+"')"), setting)
	}
	require.Equal(t, "meridian", query(t, s.URL(), "select current_database()::text"))
	info, err := os.Stat(filepath.Join(dir, secretFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.FileExists(t, filepath.Join(dir, logFile))
	require.NoFileExists(t, filepath.Join(dir, "initdb.password"))
	for _, user := range []*url.Userinfo{url.User(Superuser), url.UserPassword(Superuser, "wrong")} {
		u, err := url.Parse(s.URL())
		require.NoError(t, err)
		u.User = user
		_, err = pgx.Connect(t.Context(), u.String())
		require.ErrorContains(t, err, "password", "also on loopback")
	}
	proc, err := os.Stat("/proc/" + strconv.Itoa(s.proc.cmd.Process.Pid))
	if err == nil {
		require.NotZero(t, proc.Sys().(*syscall.Stat_t).Uid, "not as root")
	}
	_, err = Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, "another process uses the folder "+dir)
}

func TestItComesBackWithItsData(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	execute(t, s.URL(), "create table kept as select 'here' as word")
	require.NoError(t, s.Stop(t.Context()))

	// Killed with all its processes.
	s, err = Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	execute(t, s.URL(), "insert into kept values ('here too')")
	require.NoError(t, s.proc.cmd.Process.Kill())
	<-s.Done()
	require.NoError(t, s.Stop(t.Context()), "stopping what has died is no fault")

	// A lock file whose number belongs to someone else by now.
	require.NoError(t, os.WriteFile(filepath.Join(dir, dataFolder, "postmaster.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600))
	s = start(t, Options{Dir: dir})
	require.Equal(t, "here, here too", query(t, s.URL(), "select string_agg(word, ', ' order by word) from kept"))
}

// TestTheParentIsKilled: the server must not outlive it, and the next Start finds all that was committed.
func TestTheParentIsKilled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	execute(t, s.URL(), "create table kept as select 'here' as word")
	require.NoError(t, s.Stop(t.Context()))
	parent, _ := child(t, "start:"+dir)
	pid, err := readPid(filepath.Join(dir, dataFolder, "postmaster.pid"))
	require.NoError(t, err)
	require.True(t, servesFolder(t.Context(), pid, s.dataDir()))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	s = start(t, Options{Dir: dir}) // at once, while the old one may still be shutting down
	require.Equal(t, "here", query(t, s.URL(), "select word from kept"))
	require.False(t, servesFolder(t.Context(), pid, s.dataDir()))
}

// TestAnOrphanIsStopped: where the system has no means to end it with its parent, the next Start does.
func TestAnOrphanIsStopped(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))
	orphan := s.user.command(context.Background(), s.bins.postgres(), "-D", s.dataDir(),
		"-c", "listen_addresses=", "-c", "unix_socket_directories=")
	orphan.Dir = dir
	require.NoError(t, orphan.Start())
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	require.Eventually(t, func() bool {
		pid, err := readPid(filepath.Join(s.dataDir(), "postmaster.pid"))
		return err == nil && pid == orphan.Process.Pid && servesFolder(t.Context(), pid, s.dataDir())
	}, patience, 5*time.Millisecond)
	start(t, Options{Dir: dir})
	<-ended
}

func TestAHalfMadeClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, half := range []string{dataFolder, dataFolder + ".new"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, half, "base"), 0o700))
	}
	s := start(t, Options{Dir: dir, Unsafe: true})
	require.Equal(t, "off", query(t, s.URL(), "show fsync"))
}

func TestAFolderOutOfReachIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root changes its user")
	}
	closed := filepath.Join(folder(t), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	_, err := Start(t.Context(), Options{Dir: filepath.Join(closed, "data")})
	require.ErrorContains(t, err, "may not pass through the folder "+closed+" (mode 0700)")
}

func TestATemporaryClusterGoes(t *testing.T) {
	t.Parallel()
	t.Run("when closed", func(t *testing.T) {
		t.Parallel()
		s, err := StartTemp(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, "off", query(t, s.URL(), "show fsync"))
		require.NoError(t, s.Close(t.Context()))
		require.NoDirExists(t, s.dir)
	})
	t.Run("when its process is killed", func(t *testing.T) {
		t.Parallel()
		parent, dir := child(t, "temp")
		require.DirExists(t, dir)
		pid, err := readPid(filepath.Join(dir, dataFolder, "postmaster.pid"))
		require.NoError(t, err)
		require.NoError(t, parent.Process.Kill())
		_ = parent.Wait()
		require.Eventually(t, func() bool {
			_, err := os.Stat(dir)
			return os.IsNotExist(err) && syscall.Kill(pid, 0) != nil
		}, patience, 10*time.Millisecond)
	})
}

func TestChoosingBinaries(t *testing.T) {
	t.Parallel()
	found := []binaries{{"/old", 13}, {"/a", 15}, {"/b", 17}}
	b, err := choose(found, "")
	require.NoError(t, err)
	require.Equal(t, "/b", b.dir, "the newest for a new cluster")
	b, err = choose(found, "15")
	require.NoError(t, err)
	require.Equal(t, "/a", b.dir, "its own for an old one")
	_, err = choose(found, "16")
	require.ErrorContains(t, err, "the cluster in the folder is of Postgres 16")
	_, err = choose(found[:1], "")
	require.ErrorContains(t, err, "too old")
	_, err = choose(nil, "")
	require.ErrorContains(t, err, "install the package postgresql")
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 17beta1":                          17,
		"postgres (PostgreSQL) 18":                               18,
		"something else":                                         0,
		"postgres (PostgreSQL) x":                                0,
	} {
		require.Equal(t, want, parseVersion(text), text)
	}
}
