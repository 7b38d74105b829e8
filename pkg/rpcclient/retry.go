package rpcclient

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	attempts   = 4
	backoffMin = 100 * time.Millisecond
	backoffMax = 2 * time.Second
)

// repeats says when a method may be called again: always, or with a request_id.
type repeats struct {
	always    bool
	requestID protoreflect.FieldDescriptor
}

// repeatable says whether a call may be made twice: a read, or a request that carries its request_id.
func (c *caller) repeatable(method string, req any) bool {
	r := c.repeatsOf(method)
	if r.always || r.requestID == nil {
		return r.always
	}
	msg, ok := req.(proto.Message)
	return ok && msg.ProtoReflect().Descriptor() == r.requestID.ContainingMessage() && msg.ProtoReflect().Has(r.requestID)
}

func (c *caller) repeatsOf(method string) repeats {
	if known, ok := c.methods.Load(method); ok {
		r, _ := known.(repeats)
		return r
	}
	r := declared(method)
	c.methods.Store(method, r)
	return r
}

// declared reads a method's descriptor. A method whose descriptor is not linked in is never repeated.
func declared(method string) repeats {
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return repeats{}
	}
	desc, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return repeats{}
	}
	options, _ := desc.Options().(*descriptorpb.MethodOptions)
	r := repeats{always: options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS}
	id := desc.Input().Fields().ByName("request_id")
	if id != nil && id.Kind() == protoreflect.StringKind && !id.IsList() {
		r.requestID = id
	}
	return r
}

// retry makes a call up to four times while its callee is unavailable, with growing pauses that are spread so that
// callers do not come back all at once.
func (c *caller) retry(ctx context.Context, call func() error) error {
	pause := backoffMin
	for attempt := 1; ; attempt++ {
		err := call()
		if status.Code(err) != codes.Unavailable {
			c.throttle.succeeded()
			return err
		}
		if !c.throttle.failed() || attempt == attempts || ctx.Err() != nil {
			return err
		}
		wait := max(asked(err), time.Duration(float64(pause)*(0.8+0.4*rand.Float64()))) //nolint:gosec // no secret hangs on the spread
		if at, ok := ctx.Deadline(); ok && at.Sub(c.machine.Now()) < wait+leastTime {
			return err
		}
		if clock.Sleep(ctx, wait) != nil {
			return err
		}
		pause = min(2*pause, backoffMax)
	}
}

// asked is how long the callee asks to wait.
func asked(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

const (
	throttleMax   = 100
	throttleRatio = 0.1
)

// throttle is gRPC's retry throttling: every failure costs a token, every success gives a tenth of one back, and
// below half of them nothing is retried.
type throttle struct {
	mu     sync.Mutex
	tokens float64
}

func newThrottle() *throttle { return &throttle{tokens: throttleMax} }

func (t *throttle) succeeded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tokens = min(t.tokens+throttleRatio, throttleMax)
}

// failed takes a token and says whether a retry is still allowed.
func (t *throttle) failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tokens = max(t.tokens-1, 0)
	return t.tokens > throttleMax/2
}
