// Package world starts everything that is measured, each in a process of its own: a private Postgres with durable
// settings, a broker, and Meridian with all its services; and knows what is under way between them.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/meridianhq/meridian/pkg/devpg"
	"github.com/meridianhq/meridian/pkg/natsd"
	"github.com/meridianhq/meridian/services/bench/internal/job"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// traceShare is the part of calls that is traced.
const traceShare = "0.01"

// Config says what world to start.
type Config struct {
	// Folder keeps everything. Empty: a temporary one, removed at the end.
	Folder string
	// Contention has Meridian count where its goroutines wait.
	Contention bool
	// Statements has Postgres count what each statement costs.
	Statements bool
}

// World is everything, started. Make it with Start; Stop must follow.
type World struct {
	// At is where Meridian is.
	At Addresses
	// DB is a pool of the superuser, for what is seeded and looked at.
	DB *pgxpool.Pool
	// JS is JetStream as the platform's user.
	JS jetstream.JetStream

	cfg         Config
	folder      string
	postgres    *devpg.Server
	postgresPID int
	broker      *proc.Process
	access      job.Broker
	meridian    *proc.Process
	sink        *http.Server
	closers     []func() error
}

// Start starts the world and returns when it serves.
func Start(ctx context.Context, cfg Config) (w *World, err error) {
	w = &World{cfg: cfg, folder: cfg.Folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Stop())
		}
	}()
	for _, step := range []func(context.Context) error{w.makeFolder, w.startPostgres, w.startBroker, w.startSink, w.startMeridian} {
		if err := step(ctx); err != nil {
			return w, err
		}
	}
	return w, nil
}

// makeFolder makes the folder; as root, whose private Postgres runs as another user, one that others may pass through.
func (w *World) makeFolder(context.Context) (err error) {
	if w.folder == "" {
		if w.folder, err = os.MkdirTemp("", "meridian-bench-"); err != nil {
			return err
		}
		w.closers = append(w.closers, func() error { return os.RemoveAll(w.folder) })
	}
	if w.folder, err = filepath.Abs(w.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(w.folder, 0o711); err != nil { //nolint:gosec // passed through, not read
		return err
	}
	return os.Chmod(w.folder, 0o711) //nolint:gosec // passed through, not read
}

func (w *World) startPostgres(ctx context.Context) (err error) {
	folder := filepath.Join(w.folder, "postgres")
	opts := devpg.Options{Dir: folder, Database: "meridian"}
	if w.cfg.Statements {
		opts.Settings = []string{"shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on"}
	}
	if w.postgres, err = devpg.Start(ctx, opts); err != nil {
		return err
	}
	w.closers = append(w.closers, func() error { return w.postgres.Stop(context.Background()) })
	text, err := os.ReadFile(filepath.Join(folder, "pgdata", "postmaster.pid")) //nolint:gosec // our own cluster's
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if w.postgresPID, err = strconv.Atoi(first); err != nil {
		return fmt.Errorf("postmaster.pid: %w", err)
	}
	if w.DB, err = pgxpool.New(ctx, w.postgres.URL()); err != nil {
		return err
	}
	w.closers = append(w.closers, func() error { w.DB.Close(); return nil })
	return nil
}

func (w *World) startBroker(ctx context.Context) (err error) {
	credentials, err := natsd.LoadCredentials(stack.CredentialsFile(w.data()))
	if err != nil {
		return err
	}
	w.broker, w.access.URL, err = proc.Start[string](ctx, RoleBroker, BrokerConfig{Data: w.data(), Store: filepath.Join(w.folder, "streams")})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, w.broker.Stop)
	w.access.User, w.access.Password = credentials.User, credentials.Password
	conn, js, err := w.access.Connect()
	if err != nil {
		return err
	}
	w.JS = js
	w.closers = append(w.closers, func() error { conn.Close(); return nil })
	return nil
}

// startSink listens for the traces and drops them.
func (w *World) startSink(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.sink = &http.Server{ReadHeaderTimeout: time.Minute, Addr: listener.Addr().String(), Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	go func() { _ = w.sink.Serve(listener) }()
	w.closers = append(w.closers, w.sink.Close)
	return nil
}

func (w *World) startMeridian(ctx context.Context) (err error) {
	w.meridian, w.At, err = proc.Start[Addresses](ctx, RoleMeridian, MeridianConfig{
		Data: w.data(), DatabaseURL: w.postgres.URL(), NATSURL: w.access.URL, Contention: w.cfg.Contention,
	}, w.traced()...)
	if err == nil {
		w.closers = append(w.closers, w.meridian.Stop)
	}
	return err
}

// traced is the environment of a process whose traces are sampled and sent.
func (w *World) traced() []string {
	return []string{
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://" + w.sink.Addr + "/v1/traces",
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=" + traceShare, "OTEL_METRICS_EXPORTER=none",
	}
}

func (w *World) data() string { return filepath.Join(w.folder, "data") }

// Folder is where everything is kept.
func (w *World) Folder() string { return w.folder }

// DatabaseURL is the superuser's, with the password.
func (w *World) DatabaseURL() string { return w.postgres.URL() }

// Programs is the folder of the server's own programs, among which pgbench is.
func (w *World) Programs() (string, error) {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", w.postgresPID))
	return filepath.Dir(program), err
}

// Job is what a role beside Meridian is told to do.
func (w *World) Job(events int) job.Config {
	return job.Config{DatabaseURL: w.DatabaseURL(), Broker: w.access, Events: events}
}

// Connect opens connections to an address; they are closed with the world.
func (w *World) Connect(addr string, n int) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, 0, n)
	for range n {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		w.closers = append(w.closers, conn.Close)
		conns = append(conns, conn)
	}
	return conns, nil
}

// Keep has something stopped with the world, before what was started earlier.
func (w *World) Keep(stop func() error) { w.closers = append(w.closers, stop) }

// OwnerToken is the API token of the workspace's owner.
func (w *World) OwnerToken() (string, error) {
	token, err := os.ReadFile(filepath.Join(w.data(), stack.OwnerTokenFile))
	return strings.TrimSpace(string(token)), err
}

// MeridianPID is the process of all services.
func (w *World) MeridianPID() int { return w.meridian.PID() }

// Stop stops everything in reverse order and removes a temporary folder.
func (w *World) Stop() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	w.closers = nil
	return errors.Join(errs...)
}
