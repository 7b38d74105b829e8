// Package passthrough hands gRPC calls to the service that owns the method, so that clients need one address.
//
// It promises that messages go through as the bytes they came in, that status, details, headers and trailers come
// back unchanged, that the caller's own token never reaches a service (only the access token it was exchanged
// for), that no method for Meridian's own services can be called from outside, and that no unary call goes on
// without a deadline.
package passthrough

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// defaultDeadline is what a unary call without a deadline gets.
const defaultDeadline = 10 * time.Second

// Proxy hands calls on. Make it with New and give its Handler to the server.
type Proxy struct {
	catalog  *edge.Catalog
	gate     *edge.Gate
	backends map[string]grpc.ClientConnInterface
	codec    Codec
	reflect  *reflector
}

// New makes a proxy for the methods of the catalog, each to the connection of its backend. With reflection it also
// describes them to tools.
func New(
	catalog *edge.Catalog, gate *edge.Gate, backends map[string]grpc.ClientConnInterface, reflection bool,
) *Proxy {
	p := &Proxy{catalog: catalog, gate: gate, backends: backends, codec: NewCodec()}
	if reflection {
		p.reflect = newReflector(catalog)
	}
	return p
}

// Handle serves one call of a method that the server itself does not have: a grpc.StreamHandler.
func (p *Proxy) Handle(_ any, downstream grpc.ServerStream) error {
	ctx := downstream.Context()
	name, _ := grpc.Method(ctx)
	if served, err := p.reflect.serve(name, downstream); served {
		return err
	}
	method, ok := p.catalog.Method(name)
	backend := p.backends[method.Backend]
	if !ok || method.Internal || backend == nil {
		return edge.Unimplemented(gatewayv1.ErrorReason_METHOD_NOT_SERVED.String(),
			"the method "+name+" is not served here", nil)
	}
	in, _ := metadata.FromIncomingContext(ctx)
	remote := p.gate.Remote(ctx)
	session, err := p.gate.Pass(ctx, edge.Request{
		Method: method, Authorization: in.Get("authorization"), Remote: remote,
	})
	if err != nil {
		return err
	}
	ctx = auth.NewContext(ctx, session.Caller)
	ctx, cancel := bounded(metadata.NewOutgoingContext(ctx, outgoing(in, session, remote)), method)
	defer cancel()
	if method.Streaming {
		err = p.stream(ctx, backend, name, downstream)
	} else {
		err = p.unary(ctx, backend, name, downstream)
	}
	if len(status.Convert(err).Proto().GetDetails()) == 0 {
		// Not a service's word but the connection's, which may tell addresses.
		return rpcserver.StatusOf(ctx, "gateway", err).Err()
	}
	return err
}

// bounded sets a deadline where a unary call has none. The connection takes its hop off by itself.
func bounded(ctx context.Context, method edge.Method) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || method.Streaming {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, defaultDeadline)
}

// outgoing is the metadata that goes on: the client's own, less what belongs to this connection or could be taken
// for the gateway's word, with the access token instead of what the client presented, and with its address.
func outgoing(in metadata.MD, session edge.Session, remote netip.Addr) metadata.MD {
	out := make(metadata.MD, len(in))
	for key, values := range in {
		switch {
		case strings.HasPrefix(key, ":"), strings.HasPrefix(key, "grpc-"):
		case key == "authorization", key == "content-type", key == "te", key == "connection", key == "user-agent":
		case strings.HasPrefix(key, "x-forwarded-"), key == "forwarded":
		case key == "traceparent", key == "tracestate", key == "baggage":
		default:
			out[key] = values
		}
	}
	if session.Access != "" {
		out.Set("authorization", "Bearer "+session.Access)
	}
	if remote.IsValid() {
		out.Set("x-forwarded-for", remote.Unmap().String())
	}
	return out
}

// unary passes one message on and one back. Reads are tried again by the connection while the backend is away.
func (p *Proxy) unary(
	ctx context.Context, backend grpc.ClientConnInterface, name string, downstream grpc.ServerStream,
) error {
	var request, answer frame
	if err := downstream.RecvMsg(&request); err != nil {
		if errors.Is(err, io.EOF) {
			return fault.InvalidField("request", "must be one message")
		}
		return err
	}
	defer request.free()
	var header, trailer metadata.MD
	err := backend.Invoke(ctx, name, &request, &answer, grpc.ForceCodecV2(p.codec), grpc.Header(&header), grpc.Trailer(&trailer))
	defer answer.free()
	downstream.SetTrailer(clean(trailer))
	if header != nil {
		if err := downstream.SetHeader(clean(header)); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return downstream.SendMsg(&answer)
}

// stream runs the two directions at the same time and ends with the backend's status.
func (p *Proxy) stream(
	ctx context.Context, backend grpc.ClientConnInterface, name string, downstream grpc.ServerStream,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	upstream, err := backend.NewStream(ctx, desc, name, grpc.ForceCodecV2(p.codec))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		if err := request(downstream, upstream); err != nil {
			failed <- err
			cancel() // the backend need not go on for a client that is gone
		}
	}()
	err = respond(upstream, downstream)
	if status.Code(err) == codes.Canceled {
		select {
		case cause := <-failed:
			return cause
		default:
		}
	}
	return err
}

// request passes the client's messages on until it has no more.
func request(from grpc.ServerStream, to grpc.ClientStream) error {
	for {
		var f frame
		if err := from.RecvMsg(&f); errors.Is(err, io.EOF) {
			return to.CloseSend()
		} else if err != nil {
			return err
		}
		err := to.SendMsg(&f)
		f.free()
		if errors.Is(err, io.EOF) {
			return nil // the backend has ended the call: its status comes the other way
		}
		if err != nil {
			return err
		}
	}
}

// respond passes the backend's headers, messages and trailers on and returns its status.
func respond(from grpc.ClientStream, to grpc.ServerStream) error {
	header, err := from.Header()
	if err == nil && header != nil {
		if err := to.SendHeader(clean(header)); err != nil {
			return err
		}
	}
	for {
		var f frame
		if err := from.RecvMsg(&f); err != nil {
			to.SetTrailer(clean(from.Trailer()))
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		err := to.SendMsg(&f)
		f.free()
		if err != nil {
			return err
		}
	}
}

// clean drops what the server writes by itself.
func clean(md metadata.MD) metadata.MD {
	out := md.Copy()
	for key := range out {
		if key == "content-type" || strings.HasPrefix(key, "grpc-") {
			delete(out, key)
		}
	}
	return out
}
