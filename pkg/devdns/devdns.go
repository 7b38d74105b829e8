// Package devdns is a name server for services that run as processes of one machine, as a cluster's is for theirs: the name of a
// service is the addresses of its replicas.
package devdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers questions for addresses (RFC 1035, RFC 3596) over UDP; a name that it does not know has none.
type Server struct {
	conn net.PacketConn

	mu    sync.Mutex
	known map[string][]netip.Addr
}

// Start serves on a free port of the loopback until Close.
func Start(ctx context.Context) (*Server, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("devdns: %w", err)
	}
	s := &Server{conn: conn, known: map[string][]netip.Addr{}}
	go s.serve()
	return s, nil
}

// Close ends it.
func (s *Server) Close() error { return s.conn.Close() }

// Addr is where it is asked.
func (s *Server) Addr() string { return s.conn.LocalAddr().String() }

// Add puts an address behind a name.
func (s *Server) Add(name string, addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[name] = append(s.known[name], addr)
}

// Remove takes an address from a name.
func (s *Server) Remove(name string, addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[name] = slices.DeleteFunc(slices.Clone(s.known[name]), func(a netip.Addr) bool { return a == addr })
}

// Addresses are those behind a name.
func (s *Server) Addresses(name string) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.known[name])
}

func (s *Server) serve() {
	buffer := make([]byte, 1500)
	for {
		size, from, err := s.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if reply, err := s.answer(buffer[:size]); err == nil {
			_, _ = s.conn.WriteTo(reply, from) // who asks asks again
		}
	}
}

func (s *Server) answer(question []byte) ([]byte, error) {
	var asked dnsmessage.Message
	if err := asked.Unpack(question); err != nil {
		return nil, err
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true, RecursionDesired: asked.RecursionDesired},
		Questions: asked.Questions,
	}
	for _, q := range asked.Questions {
		for _, addr := range s.Addresses(strings.TrimSuffix(q.Name.String(), ".")) {
			if body := record(q.Type, addr); body != nil {
				reply.Answers = append(reply.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: body,
				})
			}
		}
	}
	return reply.Pack()
}

// record is an address as an answer to a question of a type; nil where it is none.
func record(asked dnsmessage.Type, addr netip.Addr) dnsmessage.ResourceBody {
	switch {
	case asked == dnsmessage.TypeA && addr.Is4():
		return &dnsmessage.AResource{A: addr.As4()}
	case asked == dnsmessage.TypeAAAA && addr.Is6():
		return &dnsmessage.AAAAResource{AAAA: addr.As16()}
	}
	return nil
}
