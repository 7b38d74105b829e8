// Package natsd runs the embedded broker: a nats-server with Meridian's accounts, exports, auth callout and limits,
// from the one configuration text that deploy/nats holds for a server of one's own.
//
// It promises that no listener, TCP or in process, takes a client without credentials, that what integrators can
// reach is exactly what the configuration exports, and that a server started again on the same folder has
// everything that was acknowledged and synced before.
package natsd

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

//go:embed meridian.conf
var configuration string

// defaultMaxStore bounds the file store where no bound is given.
const defaultMaxStore = 10 << 30

// readyWithin bounds the start; a large store is recovered within it.
const readyWithin = 30 * time.Second

// Config says where the broker listens and keeps its data.
type Config struct {
	// Addr is the TCP address as host:port; port 0 picks a free one. Empty: no TCP listener, in-process
	// connections only.
	Addr string
	// StoreDir is the folder of the streams. Required.
	StoreDir string
	// MaxStore bounds the file store in bytes. Zero: 10 GiB.
	MaxStore int64
	// ServerName names the server in its logs and answers. Empty: "meridian".
	ServerName string
	// Credentials are the secrets. Required.
	Credentials Credentials
	// Cluster makes the broker one node of several, as deploy/nats/cluster.conf does. Nil: it is alone.
	Cluster *Cluster
	// Log receives the server's own log lines. Nil: none.
	Log *slog.Logger
}

// Server is a running broker.
type Server struct {
	server *server.Server
	config Config
	listen bool
}

// Start starts the broker and returns when it takes connections. It gives up when ctx is done or after 30 s.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	opts, err := options(cfg)
	if err != nil {
		return nil, err
	}
	if !opts.DontListen {
		if err := free(ctx, net.JoinHostPort(opts.Host, strconv.Itoa(max(0, opts.Port)))); err != nil {
			return nil, err
		}
	}
	broker, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("natsd: make server: %w", err)
	}
	if cfg.Log != nil {
		broker.SetLoggerV2(logger{log: cfg.Log}, false, false, false)
	}
	broker.Start()
	ready := make(chan bool, 1)
	go func() { ready <- broker.ReadyForConnections(readyWithin) }()
	select {
	case ok := <-ready:
		if ok {
			return &Server{server: broker, config: cfg, listen: !opts.DontListen}, nil
		}
		broker.Shutdown()
		return nil, errors.New("natsd: the broker did not become ready; is its address or its folder in use?")
	case <-ctx.Done():
		broker.Shutdown()
		return nil, fmt.Errorf("natsd: start: %w", ctx.Err())
	}
}

// free tells at once that an address is taken, which the server itself would only log.
func free(ctx context.Context, addr string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("natsd: listen on the broker's address: %w", err)
	}
	return listener.Close()
}

// options parses the configuration text with the settings put in front of it, which is how its variables are
// answered here; a server of one's own takes them from the environment.
func options(cfg Config) (*server.Options, error) {
	if cfg.StoreDir == "" {
		return nil, errors.New("natsd: no store folder given")
	}
	if err := cfg.Credentials.check(); err != nil {
		return nil, err
	}
	text, err := settings(cfg)
	if err != nil {
		return nil, err
	}
	cluster, err := cfg.Cluster.section()
	if err != nil {
		return nil, err
	}
	opts := &server.Options{NoSigs: true, NoLog: cfg.Log == nil, DontListen: cfg.Addr == ""}
	if err := opts.ProcessConfigString(text + configuration + cluster); err != nil {
		// The parser's error can quote a line, and a line can hold a password.
		return nil, errors.New("natsd: the broker's settings do not parse")
	}
	if port(cfg.Addr) == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

func settings(cfg Config) (string, error) {
	creds := cfg.Credentials
	issuer, err := creds.IssuerKey()
	if err != nil {
		return "", err
	}
	issuerPublic, err := issuer.PublicKey()
	if err != nil {
		return "", fmt.Errorf("natsd: issuer: %w", err)
	}
	curve, err := creds.XKey()
	if err != nil {
		return "", err
	}
	curvePublic, err := curve.PublicKey()
	if err != nil {
		return "", fmt.Errorf("natsd: xkey: %w", err)
	}
	store, err := filepath.Abs(cfg.StoreDir)
	if err != nil {
		return "", fmt.Errorf("natsd: store folder: %w", err)
	}
	addr := cfg.Addr
	if port(addr) == 0 {
		// The parser takes no port 0; options puts the real wish in afterwards.
		addr = net.JoinHostPort(host(cfg.Addr), "4222")
	}
	var text strings.Builder
	for _, setting := range [][2]string{
		{"SERVER_NAME", orElse(cfg.ServerName, "meridian")},
		{"LISTEN", addr},
		{"STORE", store},
		{"USER", creds.User},
		{"PASSWORD", creds.Password},
		{"CALLOUT_USER", creds.CalloutUser},
		{"CALLOUT_PASSWORD", creds.CalloutPassword},
		{"SYSTEM_USER", creds.SystemUser},
		{"SYSTEM_PASSWORD", creds.SystemPassword},
		{"CALLOUT_ISSUER", issuerPublic},
		{"CALLOUT_XKEY", curvePublic},
	} {
		if strings.ContainsAny(setting[1], "\"\\\n\r") {
			return "", fmt.Errorf("natsd: setting %s holds a quote, a backslash or a line end", setting[0])
		}
		fmt.Fprintf(&text, "MERIDIAN_NATS_%s: \"%s\"\n", setting[0], setting[1])
	}
	limit := cfg.MaxStore
	if limit <= 0 {
		limit = defaultMaxStore
	}
	fmt.Fprintf(&text, "MERIDIAN_NATS_MAX_STORE: %d\n", limit)
	return text.String(), nil
}

// URL is the address for TCP clients, without credentials; empty when there is no TCP listener.
func (s *Server) URL() string {
	if !s.listen {
		return ""
	}
	return s.server.ClientURL()
}

// Connect opens an in-process connection as Meridian's services.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	return s.ConnectAs(s.config.Credentials.User, s.config.Credentials.Password, opts...)
}

// ConnectAs opens an in-process connection with the given credentials. It does not retry the first connect; once
// connected it reconnects for ever unless opts say otherwise.
func (s *Server) ConnectAs(user, password string, opts ...nats.Option) (*nats.Conn, error) {
	all := append([]nats.Option{
		nats.InProcessServer(s.server), nats.UserInfo(user, password), nats.MaxReconnects(-1),
	}, opts...)
	conn, err := nats.Connect("", all...)
	if err != nil {
		return nil, fmt.Errorf("natsd: connect: %w", err)
	}
	return conn, nil
}

// Healthy says whether JetStream runs.
func (s *Server) Healthy() bool { return s.server.Running() && s.server.JetStreamEnabled() }

// Stop closes every connection, syncs the store and returns when the server is down or ctx is done.
func (s *Server) Stop(ctx context.Context) error {
	down := make(chan struct{})
	go func() {
		defer close(down)
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("natsd: stop: %w", ctx.Err())
	}
}

func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil || h == "" {
		return "127.0.0.1"
	}
	return h
}

func port(addr string) int {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return number
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// logger hands the server's lines to slog. Its notices are many and dull, so they are debug here.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(format string, v ...any) {
	l.log.Debug("broker", "line", fmt.Sprintf(format, v...))
}

func (l logger) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, "Plaintext passwords") {
		// They are random, live in memory here, and hashing them would cost each connection 100 ms.
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "broker", "line", fmt.Sprintf(format, v...))
}

func (l logger) Errorf(format string, v ...any) {
	l.log.Error("broker", "line", fmt.Sprintf(format, v...))
}

func (l logger) Fatalf(format string, v ...any) {
	l.log.Error("broker", "line", fmt.Sprintf(format, v...))
}

func (l logger) Debugf(format string, v ...any) {
	l.log.Debug("broker", "line", fmt.Sprintf(format, v...))
}

func (l logger) Tracef(format string, v ...any) {
	l.log.Debug("broker", "line", fmt.Sprintf(format, v...))
}
