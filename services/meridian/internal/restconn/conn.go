// Package restconn speaks Meridian's gRPC services over their REST form, so that a program which knows only the
// gateway's HTTP address can use the generated clients.
//
// It promises: a Conn is a grpc.ClientConnInterface for unary methods that have a google.api.http rule; errors are
// gRPC statuses with all their details; reads, and writes that carry a request_id, are tried again for some seconds
// while the server is not to be reached.
package restconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/clock"
)

// maxResponse bounds what is read of a response.
const maxResponse = 64 << 20

// Conn is a connection to a gateway. It is safe for concurrent use.
type Conn struct {
	base  string
	token string
	http  *http.Client
	// attempts is how often a call that may be repeated is tried.
	attempts int
}

// New returns a connection to the gateway at that address ("http://host:port", with or without the scheme), as the
// bearer of that token (an API token or an access token; empty for public methods).
func New(server, token string) (*Conn, error) {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("server %q is no http address", server)
	}
	return &Conn{base: strings.TrimSuffix(u.String(), "/"), token: token, http: &http.Client{}, attempts: 5}, nil
}

// Invoke calls a unary method.
func (c *Conn) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	in, ok := args.(proto.Message)
	out, ok2 := reply.(proto.Message)
	if !ok || !ok2 {
		return status.Error(codes.Internal, "arguments are no protobuf messages")
	}
	call, err := newCall(method, in)
	if err != nil {
		return err
	}
	attempts := 1
	if call.repeatable {
		attempts = c.attempts
	}
	for attempt := 1; ; attempt++ {
		err = c.try(ctx, call, out)
		if status.Code(err) != codes.Unavailable || attempt >= attempts {
			return err
		}
		if clock.Sleep(ctx, 200*time.Millisecond<<attempt) != nil {
			return err
		}
	}
}

// NewStream is refused: streams go over the gateway's gRPC port or its server-sent events.
func (c *Conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "streams do not go over REST")
}

func (c *Conn) try(ctx context.Context, call *call, out proto.Message) error {
	var body io.Reader
	if call.body != nil {
		body = bytes.NewReader(call.body)
	}
	request, err := http.NewRequestWithContext(ctx, call.verb, c.base+call.path, body)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if call.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return status.Errorf(codes.Unavailable, "reading the answer of %s: %v", c.base, err)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, out); err != nil {
		return status.Errorf(codes.Internal, "the answer of %s is not what the API says: %v", c.base, err)
	}
	return nil
}

// Do sends a request of one's own with the connection's token. An answer that is no success becomes a status.
func (c *Conn) Do(request *http.Request) (*http.Response, error) {
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, transportError(request.Context(), c.base, err)
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	data, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return nil, statusOf(response.StatusCode, data)
}

// Base is the gateway's address.
func (c *Conn) Base() string { return c.base }

func transportError(ctx context.Context, base string, err error) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return status.Errorf(codes.Unavailable, "%s is not to be reached: %v", base, err)
}
