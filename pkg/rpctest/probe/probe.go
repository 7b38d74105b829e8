// Package probe is a gRPC service made at run time, for the tests of the server and the client: its proto has a
// method for every kind of access, and its handlers are what the test says.
//
// It promises that its descriptors are as good as generated ones: they are compiled from text, with every option
// known, and registered once a process.
package probe

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	// What probe.proto imports.
	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"

	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1" // as those above: what probe.proto imports
)

// Package is the proto package of the probe's services.
const Package = "meridian.probe.v1"

// Service is the full name of the service that is declared soundly.
const Service = Package + ".ProbeService"

//go:embed probe.proto
var source string

// file compiles and registers the descriptors, once.
//
//nolint:gochecknoglobals // the registry that it fills is the process's
var file = sync.OnceValue(func() protoreflect.FileDescriptor {
	const path = "meridian/probe/v1/probe.proto"
	compiler := protocompile.Compiler{Resolver: protocompile.CompositeResolver{
		&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{path: source})},
		protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			desc, err := protoregistry.GlobalFiles.FindFileByPath(path)
			return protocompile.SearchResult{Desc: desc}, err
		}),
	}}
	files, err := compiler.Compile(context.Background(), path)
	must(err)
	// Through bytes, so that the options are of the linked-in types and not of the compiler's.
	wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(files[0]))
	must(err)
	var plain descriptorpb.FileDescriptorProto
	must(proto.Unmarshal(wire, &plain))
	desc, err := protodesc.NewFile(&plain, protoregistry.GlobalFiles)
	must(err)
	must(protoregistry.GlobalFiles.RegisterFile(desc))
	return desc
})

func must(err error) {
	if err != nil {
		panic("probe: " + err.Error())
	}
}

// Call is one call that reached a handler.
type Call struct {
	// Method is the method's short name, such as `GetThing`.
	Method string
	// Request is what was sent.
	Request proto.Message
	// Send sends one more message of a stream; nil in unary calls.
	Send func(json string) error
	// Reply is an empty message of the method's output, to be filled in by unary handlers.
	Reply proto.Message
}

// Handler handles every method of a probe service.
type Handler func(ctx context.Context, c Call) error

// Register registers the named service of the package, such as `ProbeService`, with the handler.
func Register(r grpc.ServiceRegistrar, service string, h Handler) {
	desc := file().Services().ByName(protoreflect.Name(service))
	if desc == nil {
		panic("probe: there is no service " + service)
	}
	out := &grpc.ServiceDesc{ServiceName: string(desc.FullName()), Metadata: file().Path()}
	for i := range desc.Methods().Len() {
		m := desc.Methods().Get(i)
		if m.IsStreamingServer() {
			out.Streams = append(out.Streams, streaming(m, h))
			continue
		}
		out.Methods = append(out.Methods, unary(m, h))
	}
	r.RegisterService(out, nil)
}

func unary(m protoreflect.MethodDescriptor, h Handler) grpc.MethodDesc {
	full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	handle := func(
		srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
	) (any, error) {
		in := dynamicpb.NewMessage(m.Input())
		if err := decode(in); err != nil {
			return nil, err
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: full}
		return intercept(ctx, in, info, func(ctx context.Context, req any) (any, error) {
			out := dynamicpb.NewMessage(m.Output())
			msg, _ := req.(proto.Message)
			return out, h(ctx, Call{Method: string(m.Name()), Request: msg, Reply: out})
		})
	}
	return grpc.MethodDesc{MethodName: string(m.Name()), Handler: handle}
}

func streaming(m protoreflect.MethodDescriptor, h Handler) grpc.StreamDesc {
	return grpc.StreamDesc{
		StreamName: string(m.Name()), ServerStreams: true,
		Handler: func(_ any, ss grpc.ServerStream) error {
			in := dynamicpb.NewMessage(m.Input())
			if err := ss.RecvMsg(in); err != nil {
				return err
			}
			return h(ss.Context(), Call{Method: string(m.Name()), Request: in, Send: func(json string) error {
				out := dynamicpb.NewMessage(m.Output())
				if err := protojson.Unmarshal([]byte(json), out); err != nil {
					return err
				}
				return ss.SendMsg(out)
			}})
		},
	}
}

// Method returns the full name of a method of ProbeService.
func Method(name string) string { return "/" + Service + "/" + name }

// Message makes a message of the package by its short name, from JSON.
func Message(name, json string) proto.Message {
	desc := file().Messages().ByName(protoreflect.Name(name))
	if desc == nil {
		panic("probe: there is no message " + name)
	}
	msg := dynamicpb.NewMessage(desc)
	if json != "" {
		must(protojson.Unmarshal([]byte(json), msg))
	}
	return msg
}

// JSON writes a message as JSON without spaces.
func JSON(msg proto.Message) string {
	text, err := protojson.Marshal(msg)
	must(err)
	// protojson puts spaces in at random, so that nobody relies on its bytes.
	return strings.ReplaceAll(string(text), " ", "")
}

// Invoke calls a unary method of ProbeService with a request in JSON and returns the answer in JSON.
func Invoke(ctx context.Context, cc grpc.ClientConnInterface, method, json string, opts ...grpc.CallOption) (string, error) {
	m := methodDesc(method)
	in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	if err := protojson.Unmarshal([]byte(json), in); err != nil {
		return "", fmt.Errorf("probe: the request: %w", err)
	}
	if err := cc.Invoke(ctx, Method(method), in, out, opts...); err != nil {
		return "", err
	}
	return JSON(out), nil
}

// Watch opens a stream of ProbeService with a request in JSON. next returns the next message in JSON.
func Watch(ctx context.Context, cc grpc.ClientConnInterface, method, json string) (next func() (string, error), err error) {
	m := methodDesc(method)
	in := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal([]byte(json), in); err != nil {
		return nil, fmt.Errorf("probe: the request: %w", err)
	}
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{StreamName: method, ServerStreams: true}, Method(method))
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(in); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	return func() (string, error) {
		out := dynamicpb.NewMessage(m.Output())
		if err := stream.RecvMsg(out); err != nil {
			return "", err
		}
		return JSON(out), nil
	}, nil
}

func methodDesc(method string) protoreflect.MethodDescriptor {
	m := file().Services().ByName("ProbeService").Methods().ByName(protoreflect.Name(method))
	if m == nil {
		panic("probe: there is no method " + method)
	}
	return m
}
