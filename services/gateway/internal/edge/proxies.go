package edge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// Proxies are the networks whose word on where a call came from is believed. Without any, a call came from the
// connection's other end.
type Proxies []netip.Prefix

// ParseProxies reads networks such as 10.0.0.0/8.
func ParseProxies(texts []string) (Proxies, error) {
	proxies := make(Proxies, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted-proxies: %w", err)
		}
		proxies = append(proxies, network)
	}
	return proxies, nil
}

// Client returns where a call came from: the last address in the values of X-Forwarded-For that is no proxy's, when
// the connection's other end is a proxy; else that end itself.
func (p Proxies) Client(end netip.Addr, forwarded []string) netip.Addr {
	if !p.trusted(end) {
		return end
	}
	for _, text := range slices.Backward(strings.Split(strings.Join(forwarded, ","), ",")) {
		address, err := parseAddress(strings.TrimSpace(text))
		if err != nil {
			return end
		}
		if !p.trusted(address) {
			return address
		}
	}
	return end
}

func (p Proxies) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address.Unmap()) })
}

var errNoAddress = errors.New("no address")

// parseAddress takes an address with a port or without.
func parseAddress(text string) (netip.Addr, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Unmap(), nil
	}
	if address, err := netip.ParseAddrPort(text); err == nil {
		return address.Addr().Unmap(), nil
	}
	return netip.Addr{}, errNoAddress
}

// Remote is where a gRPC call came from; the zero address where that is not one of IP.
func (g *Gate) Remote(ctx context.Context) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return netip.Addr{}
	}
	end, err := netip.ParseAddrPort(p.Addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return g.proxies.Client(end.Addr(), metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"))
}
