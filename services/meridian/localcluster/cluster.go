//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/meridianhq/meridian/pkg/devdns"
	"github.com/meridianhq/meridian/pkg/devpg"
	"github.com/meridianhq/meridian/pkg/natsd"
)

const (
	release, namespace = "meridian", "meridian"
	adminPort          = 9091
	// startTries is how often a replica is started that ends before it serves.
	startTries = 5
)

// cluster is what runs.
type cluster struct {
	command command
	log     *slog.Logger
	place   place
	names   *devdns.Server
	// services and the others are the chart's.
	services, jobs, deployments, certificates []object
	issuer                                    *issuer

	postgres *devpg.Server
	nodes    []*natsd.Server
	fronts   []*front

	mu   sync.Mutex
	pods map[string][]*pod // by their Deployment
	born int
	// failed gets why the cluster cannot go on.
	failed chan error
}

// start brings everything up, or nothing.
func start(ctx context.Context, c command, log *slog.Logger) (_ *cluster, err error) {
	folder, err := os.MkdirTemp("", "meridian-cluster-")
	if err != nil {
		return nil, err
	}
	// Postgres runs as a user of its own, which passes through it.
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // what is secret below it has its own mode
		return nil, err
	}
	k := &cluster{command: c, log: log, place: place{folder: folder, bin: c.Bin}, pods: map[string][]*pod{}, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = k.stop(context.WithoutCancel(ctx), err)
		}
	}()
	if err := os.MkdirAll(filepath.Join(folder, "logs"), 0o700); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"Postgres", k.startPostgres},
		{"the broker's nodes", k.startBroker},
		{"the name server and the issuer", k.stand},
		{"the chart", k.render},
		{"the set-up Job", k.setUp},
		{"the Deployments", k.deploy},
		{"the fronts", k.open},
	} {
		log.InfoContext(ctx, "starting", slog.String("what", step.what))
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return k, nil
}

func (k *cluster) startPostgres(ctx context.Context) (err error) {
	k.postgres, err = devpg.Start(ctx, devpg.Options{Dir: filepath.Join(k.place.folder, "postgres"), Database: "meridian", Log: k.log})
	if err != nil {
		return err
	}
	// The Secrets of a first installation, made as an operator makes them.
	made, err := objects(ctx, filepath.Join(k.place.bin, "meridian"), "secrets", "--namespace", namespace,
		"--postgres", fmt.Sprintf("127.0.0.1:%d", k.postgres.Port()), "--options", "sslmode=disable",
		"--mail-url", "file://"+filepath.Join(k.place.folder, "mail"))
	if err != nil {
		return err
	}
	k.place.secrets = secrets(made)
	// An operator's own file of a key, as docs/operating.md has it.
	if err := os.WriteFile(k.operatorKey(), []byte(k.place.secrets["meridian-operator"]["identity-key"]), 0o600); err != nil {
		return err
	}
	return k.makeAdmin(ctx)
}

func (k *cluster) operatorKey() string { return filepath.Join(k.place.folder, "operator.key") }

// startBroker starts the nodes that deploy/helm/examples/nats-values.yaml makes.
func (k *cluster) startBroker(ctx context.Context) error {
	user, edge, server := k.place.secrets["meridian-nats"], k.place.secrets["meridian-nats-edge"], k.place.secrets["meridian-nats-server"]
	credentials := natsd.Credentials{
		User: user["user"], Password: user["password"], CalloutUser: edge["callout-user"], CalloutPassword: edge["callout-password"],
		SystemUser: edge["system-user"], SystemPassword: edge["system-password"], IssuerSeed: edge["issuer-seed"], XKeySeed: edge["xkey-seed"],
	}
	const nodes = 3
	var peers []string
	for range nodes {
		addr, err := freeAddr(ctx)
		if err != nil {
			return err
		}
		peers = append(peers, addr)
	}
	for i, peer := range peers {
		addr, err := freeAddr(ctx)
		if err != nil {
			return err
		}
		node, err := natsd.Start(ctx, natsd.Config{
			Addr: addr, ServerName: fmt.Sprintf("nats-%d", i), StoreDir: filepath.Join(k.place.folder, fmt.Sprintf("nats-%d", i)),
			Credentials: credentials, Cluster: &natsd.Cluster{Addr: peer, Peers: peers, Password: server["cluster-password"], Hidden: true},
		})
		if err != nil {
			return err
		}
		k.nodes = append(k.nodes, node)
	}
	return nil
}

// render has Helm render the chart with the values and what only now is known: where the broker is.
func (k *cluster) render(ctx context.Context) (err error) {
	values, err := os.ReadFile(k.command.Values)
	if err != nil {
		return err
	}
	var urls []string
	for _, node := range k.nodes {
		urls = append(urls, node.URL())
	}
	file := filepath.Join(k.place.folder, "values.yaml")
	whole := strings.ReplaceAll(string(values), "nats://broker:4222", strings.Join(urls, ","))
	if whole == string(values) {
		return fmt.Errorf("%s must say nats://broker:4222 where the broker's address goes", k.command.Values)
	}
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil { //nolint:gosec // the folder is our own
		return err
	}
	all, err := objects(ctx, k.command.Rendered, "--chart", k.command.Chart, "--name", release, "--namespace", namespace, "--values", file)
	if err != nil {
		return err
	}
	k.services, k.jobs, k.deployments, k.certificates = of(all, "Service"), of(all, "Job"), of(all, "Deployment"), of(all, "Certificate")
	return k.issue(k.issuer, k.issuer)
}

// stand starts what stands in the place of the cluster's own parts.
func (k *cluster) stand(ctx context.Context) (err error) {
	if k.names, err = devdns.Start(ctx); err != nil {
		return err
	}
	k.place.names = k.names.Addr()
	k.issuer, err = newIssuer()
	return err
}

// upgrade does as `helm upgrade` with the values as they then stand.
func (k *cluster) upgrade(ctx context.Context) error {
	if err := k.render(ctx); err != nil {
		return err
	}
	if err := k.setUp(ctx); err != nil {
		return err
	}
	return k.replaceAll(ctx)
}

// setUp runs the Job's containers at the same time, as a pod does.
func (k *cluster) setUp(ctx context.Context) error {
	var pods []*pod
	for _, job := range k.jobs {
		for _, c := range job.Spec.Template.Spec.Containers {
			p, err := k.place.launch(job.Metadata.Name+"-"+c.Name, netip.MustParseAddr("127.0.0.1"), job.Spec.Template.Spec, c, nil)
			if err != nil {
				return err
			}
			pods = append(pods, p)
		}
	}
	var err error
	for _, p := range pods {
		err = errors.Join(err, p.finish(ctx))
	}
	return err
}

// deploy starts all replicas at the same time, as a cluster does: each waits for what it needs.
func (k *cluster) deploy(ctx context.Context) error {
	var started sync.WaitGroup
	failures := make([]error, len(k.deployments))
	for i, d := range k.deployments {
		started.Go(func() {
			for range d.Spec.Replicas {
				failures[i] = errors.Join(failures[i], k.add(ctx, d))
			}
		})
	}
	started.Wait()
	return errors.Join(failures...)
}

// add starts one more replica and lets callers find it once it serves. One that ends too early is started again.
func (k *cluster) add(ctx context.Context, d object) error {
	for try := 1; ; try++ {
		p, err := k.launch(d)
		if err != nil {
			return err
		}
		if err = p.awaitReady(ctx, adminPort); err == nil {
			k.mu.Lock()
			k.pods[d.Metadata.Name] = append(k.pods[d.Metadata.Name], p)
			k.mu.Unlock()
			k.find(p, true)
			go k.watch(p)
			return nil
		}
		_ = p.cmd.Process.Kill()
		<-p.ended
		if try == startTries || ctx.Err() != nil {
			return err
		}
	}
}

func (k *cluster) launch(d object) (*pod, error) {
	k.mu.Lock()
	k.born++
	n := k.born
	k.mu.Unlock()
	addr := netip.AddrFrom4([4]byte{127, 30, byte(n >> 8), byte(n)})
	template := d.Spec.Template
	return k.place.launch(fmt.Sprintf("%s-%d", d.Metadata.Name, n), addr, template.Spec, template.Spec.Containers[0], template.Metadata.Labels)
}

// watch ends the cluster when a replica ends that was not told to.
func (k *cluster) watch(p *pod) {
	<-p.ended
	if !p.meant.Load() {
		select {
		case k.failed <- fmt.Errorf("%s ended with %d: %s", p.name, p.cmd.ProcessState.ExitCode(), p.said()):
		default:
		}
	}
}

// find lets callers find a replica by the names of the Services that choose it, or no longer.
func (k *cluster) find(p *pod, there bool) {
	for _, s := range k.services {
		if !s.selects(p.labels) {
			continue
		}
		name := fmt.Sprintf("%s.%s.svc", s.Metadata.Name, namespace)
		if there {
			k.names.Add(name, p.addr)
		} else {
			k.names.Remove(name, p.addr)
		}
	}
}

// replaceAll puts a new replica in the place of each, one after another: the new one serves before the old one leaves. The steps
// are done on the way, one after every second Deployment.
func (k *cluster) replaceAll(ctx context.Context, steps ...func() error) error {
	for i, d := range k.deployments {
		if i%2 == 1 && i/2 < len(steps) {
			if err := steps[i/2](); err != nil {
				return err
			}
		}
		k.mu.Lock()
		old := slices.Clone(k.pods[d.Metadata.Name])
		k.mu.Unlock()
		for _, p := range old {
			if err := k.add(ctx, d); err != nil {
				return err
			}
			k.find(p, false)
			if err := p.stop(ctx); err != nil {
				return err
			}
			k.mu.Lock()
			k.pods[d.Metadata.Name] = slices.DeleteFunc(k.pods[d.Metadata.Name], func(q *pod) bool { return q == p })
			k.mu.Unlock()
			k.log.InfoContext(ctx, "replaced", slog.String("replica", p.name))
		}
	}
	k.log.InfoContext(ctx, "all replicas are replaced")
	return nil
}

// facts are what programs must know of a running cluster.
type facts struct {
	HTTP        string `json:"http"`
	GRPC        string `json:"grpc"`
	Directory   string `json:"directory"`
	OperatorKey string `json:"operator_key"`
	TLS         string `json:"tls"` // folder of tls.crt, tls.key and ca.crt, for calls of the directory; empty where it asks for none
	Mail        string `json:"mail"`
	Logs        string `json:"logs"`
}

func (k *cluster) facts() facts {
	f := facts{
		HTTP: "http://" + k.command.HTTP, GRPC: k.command.GRPC,
		Directory:   fmt.Sprintf("dns://%s/%s-directory.%s.svc:9090", k.names.Addr(), release, namespace),
		OperatorKey: k.operatorKey(), Mail: filepath.Join(k.place.folder, "mail"), Logs: filepath.Join(k.place.folder, "logs"),
	}
	if len(k.certificates) > 0 {
		f.TLS = filepath.Join(k.place.folder, "tls")
	}
	return f
}

// tlsFlags are the flags of the command line for calls of the directory.
func (f facts) tlsFlags() []string {
	if f.TLS == "" {
		return nil
	}
	return []string{"--tls-ca=" + filepath.Join(f.TLS, "ca.crt"), "--tls-cert=" + filepath.Join(f.TLS, "tls.crt"), "--tls-key=" + filepath.Join(f.TLS, "tls.key")}
}

// write writes what programs must know into the cluster's folder, and returns the file.
func (f facts) write(folder string) (string, error) {
	file := filepath.Join(folder, "facts.json")
	text, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, text, 0o600)
}

// tell says what runs and what to try.
func (k *cluster) tell(out io.Writer) error {
	f := k.facts()
	count := 0
	for _, pods := range k.pods {
		count += len(pods)
	}
	_, err := fmt.Fprintf(out, `Meridian runs as the chart has it: %d processes of %d Deployments, three nodes of the broker, a Postgres.
  HTTP  %s
  gRPC  %s
  logs  %s
  mail  %s
Make a workspace; its owner's token is printed once:
  %s workspace create Here --owner-email you@example.com \
    --directory-addr %s \
    --identity-key @%s%s
  export MERIDIAN_SERVER=%s MERIDIAN_TOKEN=...
Upgrade, by the values as they then stand, which replaces all replicas one after another:  kill -HUP %d
`, count, len(k.deployments), f.HTTP, f.GRPC, f.Logs, f.Mail, filepath.Join(k.place.bin, "meridian"), f.Directory, f.OperatorKey,
		strings.Join(append([]string{""}, f.tlsFlags()...), " \\\n    "), f.HTTP, os.Getpid())
	return err
}

// stop ends everything and throws the data away, but for a failure until then, which it returns with its own.
func (k *cluster) stop(ctx context.Context, failure error) error {
	for _, f := range k.fronts {
		f.close()
	}
	for _, d := range slices.Backward(k.deployments) { // the gateway first
		var stopped sync.WaitGroup
		failures := make([]error, len(k.pods[d.Metadata.Name]))
		for i, p := range k.pods[d.Metadata.Name] {
			stopped.Go(func() { failures[i] = p.stop(ctx) })
		}
		stopped.Wait()
		failure = errors.Join(failure, errors.Join(failures...))
	}
	for _, node := range k.nodes {
		failure = errors.Join(failure, node.Stop(ctx))
	}
	if k.names != nil {
		failure = errors.Join(failure, k.names.Close())
	}
	if k.postgres != nil {
		failure = errors.Join(failure, k.postgres.Stop(ctx))
	}
	if failure != nil {
		return fmt.Errorf("%w (the logs are kept in %s)", failure, k.place.folder)
	}
	return os.RemoveAll(k.place.folder)
}

// freeAddr is an address on loopback that nobody listens on.
func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
