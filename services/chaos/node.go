//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/meridianhq/meridian/pkg/natsd"
)

// nodeCommand is one node of the broker's cluster, as a process of its own: what `chaos run` starts three of.
type nodeCommand struct {
	Name        string   `required:"" help:"The node's name."`
	Addr        string   `required:"" help:"Where clients reach it."`
	Store       string   `required:"" help:"Folder of its streams."`
	Credentials string   `required:"" help:"File of the broker's credentials."`
	ClusterAddr string   `required:"" help:"Where the other nodes reach it."`
	Peers       []string `required:"" help:"Where all nodes are reached by each other."`
}

// Run serves until the process is told to end.
func (n nodeCommand) Run(ctx context.Context) error {
	credentials, err := natsd.LoadCredentials(n.Credentials)
	if err != nil {
		return err
	}
	server, err := natsd.Start(ctx, natsd.Config{
		Addr: n.Addr, StoreDir: n.Store, ServerName: n.Name, Credentials: credentials,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Cluster: &natsd.Cluster{
			Addr: n.ClusterAddr, Peers: n.Peers, Password: credentials.SystemPassword, Hidden: true,
		},
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return server.Stop(stopping)
}
