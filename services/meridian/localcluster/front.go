//go:build unix

package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/devdns"
)

// front is a Service with an address of its own: each connection goes to the next replica behind a name.
type front struct {
	listener net.Listener
	names    *devdns.Server
	name     string
	port     int

	mu   sync.Mutex
	turn int
}

// open lets clients in at the gateway's Service.
func (k *cluster) open(ctx context.Context) error {
	for port, addr := range map[int]string{8080: k.command.HTTP, 9090: k.command.GRPC} {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		f := &front{listener: l, names: k.names, name: release + "." + namespace + ".svc", port: port}
		k.fronts = append(k.fronts, f)
		go f.serve()
	}
	return nil
}

func (f *front) close() { _ = f.listener.Close() }

func (f *front) serve() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		go f.carry(conn)
	}
}

func (f *front) next() (netip.Addr, bool) {
	all := f.names.Addresses(f.name)
	if len(all) == 0 {
		return netip.Addr{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	return all[f.turn%len(all)], true
}

// carry joins a client's connection with one to a replica, until either ends.
func (f *front) carry(client net.Conn) {
	defer client.Close() //nolint:errcheck // it is over
	addr, ok := f.next()
	if !ok {
		return
	}
	server, err := net.Dial("tcp", net.JoinHostPort(addr.String(), strconv.Itoa(f.port))) //nolint:noctx // it is on this machine
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // it is over
	over := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			if half, ok := way[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			over <- struct{}{}
		}()
	}
	<-over
	<-over
}

// makeAdmin makes the role that may make roles, as deploy/helm/examples/postgres.yaml does.
func (k *cluster) makeAdmin(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, k.postgres.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing was left open
	admin := k.place.secrets["meridian-postgres-admin"]
	role := pgx.Identifier{admin["username"]}.Sanitize()
	for _, statement := range []string{
		// The password is ours, of letters and digits.
		"create role " + role + " login createrole password '" + admin["password"] + "'",
		"grant create on database meridian to " + role,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
