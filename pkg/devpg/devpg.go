//go:build unix

// Package devpg runs a private Postgres cluster in a folder, for `meridian up`, for scripts and for tests.
//
// It promises that the cluster listens on loopback only and asks for a password there too, that it is durable
// (fsync on) unless told otherwise, that it never runs as root, and that it does not outlive its parent: when the
// parent is killed the server gets a fast shutdown (on Linux at once, elsewhere by the next Start in the folder).
// Start comes back from anything an earlier life left in the folder: a stale lock file, an orphan that still runs,
// a log to be replayed.
package devpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Options of Start.
type Options struct {
	// Dir is the folder of the cluster; it is made when it is not there.
	Dir string
	// Database is made when it is not there, and URL leads to it. Empty means "postgres".
	Database string
	// Unsafe gives durability up for speed. For tests only: a crash of the machine loses the cluster.
	Unsafe bool
	// Settings are further ones of the server, each NAME=VALUE.
	Settings []string
	// Log tells what is done where it takes a while (making the cluster, installing the package); nil for none.
	Log *slog.Logger
}

// Superuser is the name of the cluster's superuser.
const Superuser = "postgres"

const (
	startLimit = 60 * time.Second // a crashed cluster replays its log first
	stopLimit  = 30 * time.Second
	pollEvery  = 20 * time.Millisecond
	startTries = 5
	dirMode    = 0o755
	secretMode = 0o600
	dataFolder = "pgdata"
	secretFile = "password"
	logFile    = "postgres.log"
	lockFile   = "lock"
	maxConns   = 300
)

// Server is a running cluster.
type Server struct {
	opts     Options
	bins     binaries
	user     account
	password string
	port     int
	lock     io.Closer
	proc     *process
}

// Start makes the cluster in opts.Dir where there is none, starts it and returns when it answers. One process at a
// time may hold a folder; a second one is refused. Where this machine has no server binaries, and this process is
// root and apt-get exists, the system's package postgresql is installed; else the error says what to install.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Database == "" {
		opts.Database = "postgres"
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("devpg: %w", err)
	}
	opts.Dir = dir
	s := &Server{opts: opts}
	if err := s.prepare(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	if err := s.ensureDatabase(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// URL is the superuser's URL of the cluster's database. It holds the password.
func (s *Server) URL() string { return s.DatabaseURL(s.opts.Database) }

// DatabaseURL is the superuser's URL of the named database.
func (s *Server) DatabaseURL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(Superuser, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the TCP port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Done is closed when the server process has ended, wanted or not.
func (s *Server) Done() <-chan struct{} { return s.proc.done }

// Stop shuts the server down: open transactions are rolled back, what is committed is on disk. It returns when the
// process has ended; when ctx or half a minute ends first, it ends the server the hard way, from which the next
// Start recovers.
func (s *Server) Stop(ctx context.Context) error {
	defer s.unlock()
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	return s.proc.stop(ctx)
}

func (s *Server) unlock() {
	if s.lock != nil {
		_ = s.lock.Close()
		s.lock = nil
	}
}

func (s *Server) dataDir() string { return filepath.Join(s.opts.Dir, dataFolder) }

// prepare leaves a folder that is ours, holds a cluster, and in which no server runs.
func (s *Server) prepare(ctx context.Context) error {
	var err error
	if err := os.MkdirAll(s.opts.Dir, dirMode); err != nil {
		return fmt.Errorf("devpg: make the folder: %w", err)
	}
	if s.lock, err = lockFolder(filepath.Join(s.opts.Dir, lockFile)); err != nil {
		return err
	}
	version, err := clusterVersion(s.dataDir())
	if err != nil {
		return err
	}
	if s.bins, err = findOrInstall(ctx, s.opts.Log, version); err != nil {
		return err
	}
	if s.user, err = serverAccount(); err != nil {
		return err
	}
	if err := s.user.reaches(s.opts.Dir); err != nil {
		return err
	}
	if version == "" {
		return s.initCluster(ctx)
	}
	if s.password, err = readPassword(filepath.Join(s.opts.Dir, secretFile)); err != nil {
		return err
	}
	if err := stopOrphan(ctx, s.opts.Log, s.dataDir()); err != nil {
		return err
	}
	return s.user.own(s.dataDir()) // last time the server may have run as another user
}

// run starts the server on a free port. Between finding the port and the server's bind another process may take it,
// and after a crash the server may have to wait for its old children: so it tries again.
func (s *Server) run(ctx context.Context) error {
	var err error
	for range startTries {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		if s.proc, err = s.launch(); err != nil {
			return err
		}
		if err = s.await(ctx); err == nil {
			return nil
		}
		if stopErr := s.proc.stop(context.WithoutCancel(ctx)); stopErr != nil {
			return errors.Join(err, stopErr)
		}
		if !errors.Is(err, errEnded) || ctx.Err() != nil {
			break
		}
		if err := clock.Sleep(ctx, 10*pollEvery); err != nil {
			return err
		}
	}
	return fmt.Errorf("devpg: the server does not start: %w\n%s", err, logTail(filepath.Join(s.opts.Dir, logFile)))
}

func (s *Server) launch() (*process, error) {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=",
		"max_connections=" + strconv.Itoa(maxConns), "logging_collector=off", "log_destination=stderr",
		"password_encryption=scram-sha-256", "timezone=UTC", "log_timezone=UTC",
	}
	if s.opts.Unsafe {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=2GB")
	} else {
		settings = append(settings, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
	}
	args := []string{"-D", s.dataDir()}
	for _, setting := range append(settings, s.opts.Settings...) {
		args = append(args, "-c", setting)
	}
	return startProcess(s.user.command(context.Background(), s.bins.postgres(), args...), s.opts.Dir)
}

var errEnded = errors.New("the server process ended")

// await returns when the server takes connections.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DatabaseURL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.proc.done:
			return errEnded
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		default:
		}
		if err := clock.Sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
}

func (s *Server) ensureDatabase(ctx context.Context) error {
	if s.opts.Database == "postgres" {
		return nil
	}
	conn, err := pgx.Connect(ctx, s.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing was left open
	var there bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", s.opts.Database).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "create database "+pgx.Identifier{s.opts.Database}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("devpg: make the database %s: %w", s.opts.Database, err)
	}
	return nil
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("devpg: no free port on loopback: %w", err)
	}
	defer l.Close() //nolint:errcheck // closed to be taken by the server
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("devpg: %s is no TCP address", l.Addr())
	}
	return addr.Port, nil
}

// logTail is the end of the server's log, for an error.
func logTail(file string) string {
	const most = 2000
	text, err := os.ReadFile(file) //nolint:gosec // G304: in the folder we were given
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
