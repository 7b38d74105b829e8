package rpcclient

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// hop is what a call takes off the deadline for its own way there and back.
	hop = 50 * time.Millisecond
	// leastTime is the time that must be left for a call to be worth making.
	leastTime = 20 * time.Millisecond
	// tokenRenewal is when an identity token, which lives a minute, is replaced.
	tokenRenewal = auth.IdentityLife / 2
)

const metadataToken = "authorization"

// caller makes the calls of one connection.
type caller struct {
	identity auth.Identity
	machine  clock.Clock
	throttle *throttle
	log      *slog.Logger
	often    *rate.Sometimes
	methods  sync.Map // full method -> repeats

	mu     sync.Mutex
	token  string
	signed time.Time
}

func (c *caller) unary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) (err error) {
	ctx, cancel, err := c.prepare(ctx)
	defer cancel()
	if err != nil {
		return err
	}
	defer func() { c.away(ctx, err) }()
	if !c.repeatable(method, req) {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	return c.retry(ctx, func() error {
		if m, ok := reply.(proto.Message); ok {
			proto.Reset(m)
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	})
}

// stream opens a stream, once. Its deadline is trimmed too; a watcher has none.
func (c *caller) stream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	ctx, cancel, err := c.prepare(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	s, err := open(ctx, desc, cc, method, append(opts, grpc.OnFinish(func(err error) { c.away(ctx, err); cancel() }))...)
	if err != nil {
		c.away(ctx, err)
		cancel()
		return nil, err
	}
	return s, nil
}

// away tells the log, now and then, why a callee is not reached: whoever called is told no more than that it is not. A status with
// details comes from the callee itself.
func (c *caller) away(ctx context.Context, err error) {
	if s, ok := status.FromError(err); ok && s.Code() == codes.Unavailable && len(s.Proto().GetDetails()) == 0 {
		c.often.Do(func() { c.log.WarnContext(ctx, "a service is not reached", slog.String("error", s.Message())) })
	}
}

// prepare trims the deadline and adds the token. The cancel function is never nil.
func (c *caller) prepare(ctx context.Context) (context.Context, context.CancelFunc, error) {
	cancel := func() {}
	if at, ok := ctx.Deadline(); ok {
		at = at.Add(-hop)
		if at.Sub(c.machine.Now()) < leastTime {
			return ctx, cancel, errDeadlineTooShort()
		}
		ctx, cancel = context.WithDeadline(ctx, at)
	}
	token, err := c.tokenFor(ctx)
	if err != nil {
		return ctx, cancel, err
	}
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, metadataToken, "Bearer "+token)
	}
	return ctx, cancel, nil
}

// tokenFor returns the token that a call goes out with: one that is set already stays ("" adds none), then the
// caller's, then our own.
func (c *caller) tokenFor(ctx context.Context) (string, error) {
	if md, ok := metadata.FromOutgoingContext(ctx); ok && len(md.Get(metadataToken)) > 0 {
		return "", nil
	}
	if token, ok := auth.TokenFrom(ctx); ok {
		return token, nil
	}
	if c.identity.Name == "" {
		return "", nil
	}
	return c.own()
}

// own returns the identity's token, a new one when the last is half through its life.
func (c *caller) own() (string, error) {
	now := c.machine.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && now.Sub(c.signed) < tokenRenewal {
		return c.token, nil
	}
	token, err := c.identity.Token(now)
	if err != nil {
		return "", fault.From(err)
	}
	c.token, c.signed = token, now
	return token, nil
}
