//go:build unix

package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// names answers for the cluster's name server: the name of a Service is the addresses of its replicas that serve.
type names struct {
	conn net.PacketConn

	mu    sync.Mutex
	known map[string][]netip.Addr
}

func serveNames(ctx context.Context) (*names, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &names{conn: conn, known: map[string][]netip.Addr{}}
	go n.serve()
	return n, nil
}

// addr is where it is asked.
func (n *names) addr() string { return n.conn.LocalAddr().String() }

// add and remove say which address stands behind a name.
func (n *names) add(name string, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[name] = append(n.known[name], addr)
}

func (n *names) remove(name string, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[name] = slices.DeleteFunc(slices.Clone(n.known[name]), func(a netip.Addr) bool { return a == addr })
}

// behind are a name's addresses.
func (n *names) behind(name string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.known[name])
}

func (n *names) serve() {
	buffer := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if reply, err := n.answer(buffer[:size]); err == nil {
			_, _ = n.conn.WriteTo(reply, from) // who asks asks again
		}
	}
}

func (n *names) answer(question []byte) ([]byte, error) {
	var asked dnsmessage.Message
	if err := asked.Unpack(question); err != nil {
		return nil, err
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true, RecursionDesired: asked.RecursionDesired},
		Questions: asked.Questions,
	}
	for _, q := range asked.Questions {
		if q.Type != dnsmessage.TypeA {
			continue
		}
		for _, addr := range n.behind(strings.TrimSuffix(q.Name.String(), ".")) {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: addr.As4()},
			})
		}
	}
	return reply.Pack()
}
