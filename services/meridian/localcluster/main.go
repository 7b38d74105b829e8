//go:build unix

// Command localcluster runs what the Helm chart renders as processes of this machine: every Deployment with its replicas, each
// at a loopback address of its own, the set-up Job before them, a name server in the place of the cluster's, an issuer of
// certificates in that of cert-manager, a front in the place of the gateway's Service, three nodes of JetStream and a Postgres.
//
// It promises that settings, ports, secrets and their files are the chart's own, read from the rendered objects. What cannot be
// the same on one machine is moved and nothing else: an address of every interface becomes the replica's, a file's path
// stands below the replica's folder, and names are asked of the name server here. SIGHUP is an upgrade by the values as
// they then stand: set-up, then all replicas are replaced one after another. Its data is gone when it ends.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	var c command
	kong.Parse(&c, kong.Name("localcluster"), kong.Description("Runs what the Helm chart renders as processes of this machine."))
	if err := c.run(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "localcluster:", err)
		os.Exit(1)
	}
}

// command is what it is told.
type command struct {
	Bin      string `help:"Folder of the services' binaries and of meridian." default:"bin"`
	Rendered string `help:"Program that renders the chart." default:"bin/rendered"`
	Chart    string `help:"Folder of the chart." default:"deploy/helm/meridian"`
	Values   string `help:"Values of the chart; the broker's address is added." default:"deploy/helm/examples/values-local.yaml"`
	HTTP     string `help:"Where clients reach the gateway's HTTP." default:"127.0.0.1:8080"`
	GRPC     string `help:"Where clients reach the gateway's gRPC." default:"127.0.0.1:9090"`
	Check    bool   `help:"Use it as its users do, say what was seen, and end."`
}

func (c command) run(ctx context.Context, log *slog.Logger) (err error) {
	cluster, err := start(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() {
		err = cluster.stop(context.WithoutCancel(ctx), err)
	}()
	if c.Check {
		file, err := cluster.facts().write(cluster.place.folder)
		if err != nil {
			return err
		}
		return cluster.check(ctx, file)
	}
	if err := cluster.tell(os.Stdout); err != nil {
		return err
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			if err := cluster.upgrade(ctx); err != nil {
				return err
			}
		case err := <-cluster.failed:
			return err
		}
	}
}
