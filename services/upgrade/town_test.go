package upgrade

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/devdns"
	"github.com/meridianhq/meridian/pkg/devpg"
	"github.com/meridianhq/meridian/pkg/natsd"
)

// patience is how long anything may take on a machine that is busy.
const patience = time.Minute

// services are those of a town, in the order of starting.
var services = []string{"directory", "availability", "threads", "tasks", "notifications", "gateway"}

// town is everything that replicas need: a database, a broker, names and keys.
type town struct {
	t        *testing.T
	folder   string
	database string
	broker   *natsd.Server
	nats     natsd.Credentials
	names    *devdns.Server
	hosts    []string // where the replicas of a service listen, at the same port, under one name
	ports    map[string]string
	keys     map[string]ed25519.PrivateKey
}

func newTown(t *testing.T) *town {
	t.Helper()
	folder, err := os.MkdirTemp("", "meridian-upgrade-") //nolint:usetesting // the cluster's own user must pass through
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	w := &town{t: t, folder: folder, hosts: []string{"127.0.0.1", another(t)}, ports: map[string]string{}, keys: map[string]ed25519.PrivateKey{}}

	cluster, err := devpg.Start(t.Context(), devpg.Options{Dir: filepath.Join(folder, "postgres"), Database: "meridian", Unsafe: true})
	require.NoError(t, err)
	t.Cleanup(func() { stopped(t, cluster.Stop) })
	w.database = cluster.URL()
	w.nats, err = natsd.NewCredentials()
	require.NoError(t, err)
	w.broker, err = natsd.Start(t.Context(), natsd.Config{
		Addr: "127.0.0.1:0", StoreDir: filepath.Join(folder, "nats"), Credentials: w.nats,
	})
	require.NoError(t, err)
	t.Cleanup(func() { stopped(t, w.broker.Stop) })
	w.names, err = devdns.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.names.Close()) })
	for _, name := range append([]string{"meridian"}, services...) {
		w.ports[name] = w.freePort()
		_, w.keys[name], err = ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		for _, host := range w.hosts { // those that serve and, for callers to bear, those that do not
			w.names.Add(name+".town", netip.MustParseAddr(host))
		}
	}
	return w
}

// another is an address of the loopback beside 127.0.0.1: a machine has all of 127.0.0.0/8, or IPv6.
func another(t *testing.T) string {
	t.Helper()
	var failure error
	for _, host := range []string{"127.0.0.2", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err == nil {
			require.NoError(t, l.Close())
			return host
		}
		failure = errors.Join(failure, err)
	}
	require.NoError(t, failure, "two replicas need two addresses")
	return ""
}

func stopped(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, stop(ctx))
}

// freePort is a port that nobody listens on at either host.
func (w *town) freePort() string {
	w.t.Helper()
	for {
		l, err := net.Listen("tcp", net.JoinHostPort(w.hosts[0], "0"))
		require.NoError(w.t, err)
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(w.t, err)
		other, err := net.Listen("tcp", net.JoinHostPort(w.hosts[1], port))
		require.NoError(w.t, l.Close())
		if err == nil {
			require.NoError(w.t, other.Close())
			return port
		}
	}
}

// target is where callers find all replicas of a service: by its name, as in a cluster.
func (w *town) target(service string) string {
	return fmt.Sprintf("dns://%s/%s.town:%s", w.names.Addr(), service, w.ports[service])
}

func (w *town) identity(name string) auth.Identity {
	return auth.Identity{Name: name, Key: w.keys[name]}
}

// environment is what the replica of a service at a host is told.
func (w *town) environment(service, host string) []string {
	var public []string
	for name, key := range w.keys {
		known, ok := key.Public().(ed25519.PublicKey)
		require.True(w.t, ok)
		public = append(public, name+"="+base64.StdEncoding.EncodeToString(known))
	}
	env := []string{
		"GRPC_ADDR=" + net.JoinHostPort(host, w.ports[service]),
		"NATS_URL=" + w.broker.URL(), "NATS_USER=" + w.nats.User, "NATS_PASSWORD=" + w.nats.Password,
		"IDENTITY_KEY=" + base64.StdEncoding.EncodeToString(w.keys[service].Seed()), "SERVICE_KEYS=" + strings.Join(public, ";"),
		"THREADS_ADDR=" + w.target("threads"), "AVAILABILITY_ADDR=" + w.target("availability"),
		"TASKS_ADDR=" + w.target("tasks"), "NOTIFICATIONS_ADDR=" + w.target("notifications"),
		"LOG_LEVEL=warn", "DRAIN_DELAY=1s",
	}
	if service != "directory" {
		env = append(env, "DIRECTORY_ADDR="+w.target("directory"))
	}
	if service == "gateway" {
		return append(env, "HTTP_ADDR="+net.JoinHostPort(host, w.ports["meridian"]), "PRINCIPAL_RATE=0", "WORKSPACE_RATE=0", "ADDRESS_RATE=0")
	}
	return append(env, "DATABASE_ADMIN_URL="+w.database, "DATABASE_CONNS=8",
		"DATABASE_OWNER_URL="+w.as(service+"_owner"), "DATABASE_URL="+w.as(service+"_app"))
}

// as is the database's URL as another role.
func (w *town) as(role string) string {
	u, err := url.Parse(w.database)
	require.NoError(w.t, err)
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// http is the gateway's base address at a host.
func (w *town) http(host string) string {
	return "http://" + net.JoinHostPort(host, w.ports["meridian"])
}

// replica is a running process.
type replica struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	output string
	ended  chan struct{}
}

// run starts the replica of a service at a host from a folder of binaries, and returns when it serves.
func (w *town) run(binaries, service, host string) *replica {
	w.t.Helper()
	admin := net.JoinHostPort(host, w.freePort())
	r := &replica{t: w.t, name: service + " at " + host, ended: make(chan struct{})}
	r.output = filepath.Join(w.folder, fmt.Sprintf("%s-%s.log", service, strings.ReplaceAll(host, ":", "")))
	out, err := os.OpenFile(r.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(w.t, err)
	defer out.Close()
	r.cmd = exec.Command(filepath.Join(binaries, service+"d"), "--admin-addr", admin)
	r.cmd.Stdout, r.cmd.Stderr = out, out
	r.cmd.Env = os.Environ()
	for _, each := range w.environment(service, host) {
		r.cmd.Env = append(r.cmd.Env, "MERIDIAN_"+each)
	}
	require.NoError(w.t, r.cmd.Start())
	go func() {
		_ = r.cmd.Wait() // the test reads the exit code
		close(r.ended)
	}()
	w.t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.ended
	})
	require.Eventually(w.t, func() bool {
		select {
		case <-r.ended:
			return true
		default:
		}
		resp, err := http.Get("http://" + admin + "/readyz")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, patience, 20*time.Millisecond, "%s is not ready", r.name)
	select {
	case <-r.ended:
		require.Fail(w.t, r.name+" ended", r.said())
	default:
	}
	return r
}

// stop ends the replica in order, as an orchestrator does.
func (r *replica) stop() {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-r.ended:
	case <-time.After(patience):
		require.Fail(r.t, r.name+" does not stop", r.said())
	}
	require.Zero(r.t, r.cmd.ProcessState.ExitCode(), "%s: %s", r.name, r.said())
}

func (r *replica) said() string {
	text, err := os.ReadFile(r.output)
	require.NoError(r.t, err)
	return string(text)
}
