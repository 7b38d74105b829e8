// Package egress fetches what a URL given by a user names, and nothing that only this machine or its neighbours can reach.
//
// An address is checked when a connection to it is made, after its name was resolved; so neither a name that resolves to
// a private address, nor one that resolves differently the second time, nor a redirect gets past it. Refused is every
// address that is not of the public internet: private, loopback, link-local, shared (RFC 6598), multicast, unspecified,
// reserved, and those of IPv6 that carry such an address of IPv4 (mapped, NAT64, 6to4, Teredo). No proxy is used, no
// cookie is kept, and no connection is shared with a later request.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// Options say what is allowed beside the public internet by HTTPS on port 443.
type Options struct {
	// HTTP allows plain HTTP, which is then also fetched from port 80.
	HTTP bool
	// AnyPort allows every port.
	AnyPort bool
	// Networks are those that are reached although they are not public: an operator's own.
	Networks []netip.Prefix
	// Timeout bounds a request with its redirects and its body: 30 s where it is zero.
	Timeout time.Duration
	// Redirects is how many are followed: 5 where it is zero, none below zero.
	Redirects int
	// MaxBody is how many bytes of a body are read: 16 MiB where it is zero.
	MaxBody int64
	// Resolver resolves names; the system's where it is nil.
	Resolver *net.Resolver
}

// Error says why a request was not made or not read to its end.
type Error struct {
	// Part is what of the request is refused: scheme, port, address, redirects, body or user.
	Part string
	// Value is what it was, Rule what holds for it.
	Value, Rule string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("egress: the %s %s %s", e.Part, e.Value, e.Rule) }

// NewClient makes a client. Its errors wrap an *Error where something is refused; reading a body that is too large does
// too. Nothing of a refused request is sent.
func NewClient(o Options) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Redirects == 0 {
		o.Redirects = 5
	}
	if o.MaxBody == 0 {
		o.MaxBody = 16 << 20
	}
	dialer := &net.Dialer{Resolver: o.Resolver, ControlContext: o.control}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: o.redirect,
		Transport: &guard{options: o, next: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout:    10 * time.Second,
		}},
	}
}

// Refused is the refusal in an error of a client; nil where it is another error.
func Refused(err error) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	return nil
}

// CheckURL refuses a URL that no request is made to, whatever a name in it leads to: that is looked up only when a connection is
// made. Its error is an *Error.
func (o Options) CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return &Error{Part: "URL", Value: strconv.Quote(text), Rule: "must be one"}
	}
	if err := o.check(u); err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return o.checkAddress(ip)
	}
	return nil
}

// control checks the address that a connection is about to be made to.
func (o Options) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Part: "address", Value: address, Rule: "must be an address of IP"}
	}
	return o.checkAddress(to.Addr())
}

func (o Options) checkAddress(ip netip.Addr) error {
	ip = ip.WithZone("").Unmap()
	for _, network := range o.Networks {
		if network.Contains(ip) {
			return nil
		}
	}
	if !public(ip) {
		return &Error{Part: "address", Value: ip.String(), Rule: "must be one of the public internet"}
	}
	return nil
}

// redirect checks whether one more redirect is followed. What of headers may not reach another host the client leaves out
// itself; what stands in a URL it does not, so a URL with a user is refused by the guard.
func (o Options) redirect(_ *http.Request, via []*http.Request) error {
	if len(via) > max(o.Redirects, 0) {
		return &Error{Part: "redirects", Value: "more than " + strconv.Itoa(max(o.Redirects, 0)), Rule: "are not followed"}
	}
	return nil
}

// guard checks every request, also those that a redirect makes, and bounds the body of every answer.
type guard struct {
	options Options
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := g.options.check(request.URL); err != nil {
		if request.Body != nil {
			_ = request.Body.Close() // it is not sent
		}
		return nil, err
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // the client wraps it with the URL
	}
	if response.ContentLength > g.options.MaxBody {
		_ = response.Body.Close() // it is not read
		return nil, g.options.tooLarge()
	}
	response.Body = &bounded{ReadCloser: response.Body, left: g.options.MaxBody, refusal: g.options.tooLarge()}
	return response, nil
}

func (o Options) check(u *url.URL) error {
	port := u.Port()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !o.HTTP):
		return &Error{Part: "scheme", Value: strconv.Quote(u.Scheme), Rule: "must be https"}
	case u.User != nil:
		return &Error{Part: "user", Value: "of the URL", Rule: "must not be there"}
	case o.AnyPort, port == "", port == "443", port == "80" && o.HTTP:
		return nil
	default:
		return &Error{Part: "port", Value: port, Rule: "must be 443, or 80 where HTTP is allowed"}
	}
}

func (o Options) tooLarge() *Error {
	return &Error{Part: "body", Value: "of more than " + strconv.FormatInt(o.MaxBody, 10) + " bytes", Rule: "is not read"}
}

// bounded is a body that ends with a refusal where it is longer than it may be.
type bounded struct {
	io.ReadCloser
	left    int64
	refusal *Error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		b.left = 0
		return n, b.refusal
	}
	b.left -= int64(n)
	return n, err //nolint:wrapcheck // io.EOF is compared
}
