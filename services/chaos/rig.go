//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/meridianhq/meridian/pkg/natsd"
)

const (
	// replicas is how many processes each service has.
	replicas = 2
	// nodes is how many the broker has.
	nodes = 3
	// startLimit bounds the start of all processes.
	startLimit = 3 * time.Minute
)

// rig is the whole of Meridian as processes of its own, with a way between each of them and what it needs.
type rig struct {
	folder   string
	bin      string
	sabotage string

	ports       ports
	secrets     *secrets
	credentials natsd.Credentials
	database    *database

	// nodes and replicas are by their names, such as nats-1 and threads-2.
	nodes    map[string]*process
	replicas map[string]*process
	// nodeAddrs, grpcAddrs and httpAddrs are where they listen: grpcAddrs by service.
	nodeAddrs []string
	grpcAddrs map[string][]string
	httpAddrs []string
	// ways are each replica's ways to what it needs, by the names of both.
	ways map[string]map[string]*proxy

	// stop ends the run of the replicas, stopNodes that of the broker, without which none stops well.
	stop, stopNodes   context.CancelFunc
	running, nodesRun sync.WaitGroup
}

// newRig starts everything in the folder and returns when all are ready. close must follow, also after an error.
func newRig(ctx context.Context, folder, bin, sabotage string) (*rig, error) {
	r := &rig{
		folder: folder, bin: bin, sabotage: sabotage, secrets: newSecrets(), database: &database{folder: folder},
		nodes: map[string]*process{}, replicas: map[string]*process{}, grpcAddrs: map[string][]string{},
		ways: map[string]map[string]*proxy{},
	}
	if err := os.MkdirAll(filepath.Join(folder, "logs"), 0o700); err != nil {
		return r, err
	}
	ctx, r.stopNodes = context.WithCancel(ctx)
	if err := r.database.start(ctx); err != nil {
		return r, err
	}
	if err := r.prepareNodes(ctx); err != nil {
		return r, err
	}
	if err := r.prepareReplicas(ctx); err != nil {
		return r, err
	}
	for _, p := range r.nodes {
		r.nodesRun.Go(func() { p.keep(ctx) })
	}
	serving, stop := context.WithCancel(ctx)
	r.stop = stop
	for _, p := range r.replicas {
		r.running.Go(func() { p.keep(serving) })
	}
	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err := r.awaitReady(starting)
	return r, err
}

// prepareNodes says how the broker's nodes are run.
func (r *rig) prepareNodes(ctx context.Context) error {
	file := filepath.Join(r.folder, "nats.json")
	var err error
	if r.credentials, err = natsd.LoadCredentials(file); err != nil {
		return err
	}
	var peers []string
	for range nodes {
		addr, err := r.ports.next(ctx)
		if err != nil {
			return err
		}
		peer, err := r.ports.next(ctx)
		if err != nil {
			return err
		}
		r.nodeAddrs, peers = append(r.nodeAddrs, addr), append(peers, peer)
	}
	for i, addr := range r.nodeAddrs {
		name := fmt.Sprintf("nats-%d", i+1)
		r.nodes[name] = &process{
			name: name, path: filepath.Join(r.bin, "chaos"), log: r.logOf(name),
			args: []string{
				"node", "--name", name, "--addr", addr, "--store", filepath.Join(r.folder, name), "--credentials", file,
				"--cluster-addr", peers[i], "--peers", strings.Join(peers, ","),
			},
		}
	}
	return nil
}

func (r *rig) logOf(name string) string { return filepath.Join(r.folder, "logs", name+".log") }

// openDatabase is a connection of the superuser's, past every fault's way.
func (r *rig) openDatabase(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, r.database.url())
}

// processes are all of them, the nodes first, in the order of their names.
func (r *rig) processes() []*process {
	var all []*process
	for _, by := range []map[string]*process{r.nodes, r.replicas} {
		for _, name := range slices.Sorted(maps.Keys(by)) {
			all = append(all, by[name])
		}
	}
	return all
}

// process is the replica or the node of a name.
func (r *rig) process(name string) *process {
	if p := r.nodes[name]; p != nil {
		return p
	}
	return r.replicas[name]
}

// awaitReady waits until every process says that it is ready.
func (r *rig) awaitReady(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range r.processes() {
		group.Go(func() error { return p.awaitReady(ctx) })
	}
	return group.Wait()
}

// connect is a connection of the platform's to the broker, past every fault's way.
func (r *rig) connect() (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect(strings.Join(r.nodeAddrs, ","), nats.UserInfo(r.credentials.User, r.credentials.Password),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(readyEvery))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, js, nil
}

// close stops everything in order. What does not stop is among the troubles then.
func (r *rig) close(ctx context.Context) error {
	if r.stop != nil {
		r.stop()
		r.running.Wait()
	}
	if r.stopNodes != nil {
		r.stopNodes()
		r.nodesRun.Wait()
	}
	for _, ways := range r.ways {
		for _, way := range ways {
			way.close()
		}
	}
	return r.database.stop(ctx, false)
}

// troubles are what processes did that none may do.
func (r *rig) troubles() []string {
	var found []string
	for _, p := range r.processes() {
		found = append(found, p.troubles()...)
	}
	return found
}

// starts counts the starts of all replicas.
func (r *rig) starts() int {
	var n int
	for _, p := range r.processes() {
		n += p.starts
	}
	return n
}

var errNoWay = errors.New("there is no such way")

// way is a replica's way to what it needs.
func (r *rig) way(replica, need string) (*proxy, error) {
	if way := r.ways[replica][need]; way != nil {
		return way, nil
	}
	return nil, fmt.Errorf("%w: %s to %s", errNoWay, replica, need)
}
