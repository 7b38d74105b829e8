package passthrough

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is one message that is passed on as the bytes it came in. It holds one reference to its buffers until it is
// freed; sending takes another one each time, so that a call may be tried again.
type frame struct{ payload mem.BufferSlice }

func (f *frame) free() {
	f.payload.Free()
	f.payload = nil
}

// Codec is gRPC's own codec for protobuf, except that it hands frames through unread. A server with a proxy must
// have it as its forced codec; for everything that is no frame it does what the server would have done without.
type Codec struct{ proto encoding.CodecV2 }

// NewCodec makes the codec.
func NewCodec() Codec { return Codec{proto: encoding.GetCodecV2(proto.Name)} }

// Marshal returns a frame's buffers, or v as protobuf.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		f.payload.Ref()
		return f.payload, nil
	}
	return c.proto.Marshal(v)
}

// Unmarshal keeps the buffers for a frame, or parses them into v.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		data.Ref()
		f.payload = data
		return nil
	}
	return c.proto.Unmarshal(data, v)
}

// Name is `proto`: backends and clients see nothing of the proxy.
func (c Codec) Name() string { return proto.Name }
