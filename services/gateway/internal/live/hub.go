package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/time/rate"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

const (
	// Heartbeat is how often a stream without events shows that it is alive.
	Heartbeat = 15 * time.Second
	// MaxStreams is how many streams one principal may have at this process.
	MaxStreams = 50
	// SendTimeout is how long a client may take nothing before its stream ends.
	SendTimeout = 30 * time.Second
	// maxCatchUps is how many watchers may read the past at the same time: each has a consumer at the broker. A
	// workspace has a share of them, so that it cannot keep the others from theirs.
	maxCatchUps = 64
	// beginTimeout is how long a watcher waits for the stream to be there.
	beginTimeout = 5 * time.Second
	// asksPerSecond bounds what all watchers together ask the directory.
	asksPerSecond, asksBurst = 50, 100
)

// Sessions signs in anew: edge.Gate.
type Sessions interface {
	// Renew fails Unauthenticated when the session's token is no longer good, Unavailable when that cannot be known.
	Renew(ctx context.Context, session edge.Session) (edge.Session, error)
	// Session signs in with a token.
	Session(ctx context.Context, token string) (edge.Session, error)
}

// Config is what a hub needs. Heartbeat, SendTimeout and MaxStreams may be left zero.
type Config struct {
	JS          jetstream.JetStream
	Directory   Directory
	Sessions    Sessions
	Revocations *auth.Revocations
	Machine     clock.Clock
	Log         *slog.Logger
	// TokenKey signs resume tokens. Replicas must have the same, of at least 32 bytes.
	TokenKey []byte
	// Heartbeat, SendTimeout and MaxStreams replace the constants of the same name.
	Heartbeat, SendTimeout time.Duration
	MaxStreams             int
}

// Hub serves all watchers of this process. Run it, then serve its Service and its ServeHTTP.
type Hub struct {
	cfg      Config
	reader   reader
	signer   signer
	streams  *counter
	catchUps chan struct{}
	asks     *rate.Limiter

	wanted chan struct{}
	once   sync.Once

	mu      sync.Mutex
	life    *life
	begun   chan struct{} // closed when there is a life
	drained bool
}

// New makes a hub that reads nothing before its first watcher.
func New(cfg Config) *Hub {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = Heartbeat
	}
	if cfg.SendTimeout == 0 {
		cfg.SendTimeout = SendTimeout
	}
	if cfg.MaxStreams == 0 {
		cfg.MaxStreams = MaxStreams
	}
	return &Hub{
		cfg: cfg, reader: reader{cfg.JS}, signer: signer{cfg.TokenKey},
		streams: newCounter(cfg.MaxStreams), catchUps: make(chan struct{}, maxCatchUps),
		asks:   rate.NewLimiter(asksPerSecond, asksBurst),
		wanted: make(chan struct{}), begun: make(chan struct{}),
	}
}

// Run follows the stream from the first watcher on until the context ends, through every loss of the broker.
func (h *Hub) Run(ctx context.Context) error {
	select {
	case <-h.wanted:
	case <-ctx.Done():
		return nil
	}
	for ctx.Err() == nil {
		l, err := h.begin(ctx)
		if err != nil {
			h.cfg.Log.WarnContext(ctx, "live events: the stream is away", slog.Any("error", err))
			_ = clock.Sleep(ctx, time.Second) // the loop looks at ctx
			continue
		}
		err = l.follow(ctx)
		h.end(l)
		if ctx.Err() == nil {
			h.cfg.Log.ErrorContext(ctx, "live events: beginning anew", slog.Any("error", err))
			_ = clock.Sleep(ctx, time.Second)
		}
	}
	return nil
}

// begin finds the stream and lets watchers in.
func (h *Hub) begin(ctx context.Context) (*life, error) {
	state, err := h.reader.state(ctx)
	if err != nil {
		return nil, err
	}
	revokes, err := revoking()
	if err != nil {
		return nil, err
	}
	l := &life{
		created: state.created, reader: h.reader, directory: h.cfg.Directory, log: h.cfg.Log,
		revokes: revokes, revoked: h.cfg.Revocations, topics: make(map[uuid.UUID]*topic),
	}
	l.position.Store(state.last)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.life = l
	close(h.begun)
	return l, nil
}

func (h *Hub) end(l *life) {
	h.mu.Lock()
	h.life, h.begun = nil, make(chan struct{})
	h.mu.Unlock()
	l.finish(closed("the stream of events ended here; go on from the token"))
}

// current returns the present life, waiting a little for one.
func (h *Hub) current(ctx context.Context) (*life, error) {
	h.once.Do(func() { close(h.wanted) })
	ctx, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	for {
		h.mu.Lock()
		l, begun, drained := h.life, h.begun, h.drained
		h.mu.Unlock()
		if drained {
			return nil, closed("the server is stopping")
		}
		if l != nil {
			return l, nil
		}
		select {
		case <-begun:
		case <-ctx.Done():
			return nil, closed("the stream of events cannot be reached at the moment")
		}
	}
}

// closed is the fault of a stream that ended on this side for no fault of the client's.
func closed(why string) *fault.Error {
	return fault.New(fault.Unavailable, gatewayv1.ErrorReason_STREAM_CLOSED.String(), "%s", why).
		WithRetryAfter(time.Second)
}

func tooSlow() *fault.Error {
	return fault.New(fault.Exhausted, gatewayv1.ErrorReason_WATCHER_TOO_SLOW.String(),
		"events came faster than they were read, or were not read at all; go on from the token")
}

// counter counts the streams of each principal.
type counter struct {
	most int
	mu   sync.Mutex
	open map[string]int
}

func newCounter(most int) *counter { return &counter{most: most, open: make(map[string]int)} }

func (c *counter) acquire(principal string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[principal] >= c.most {
		return fault.New(fault.Exhausted, gatewayv1.ErrorReason_STREAMS_TOO_MANY.String(),
			"there are %d live streams of this member already", c.most).
			With("subject", principal).WithRetryAfter(Heartbeat)
	}
	c.open[principal]++
	return nil
}

func (c *counter) release(principal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[principal]--; c.open[principal] <= 0 {
		delete(c.open, principal)
	}
}

// all is how many streams are open.
func (c *counter) all() (n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.open {
		n += int64(each)
	}
	return n
}

// Observe shows how many streams are open in the provider's metrics. It never keeps a hub from serving.
func (h *Hub) Observe(provider metric.MeterProvider) {
	meter := provider.Meter("github.com/meridianhq/meridian/services/gateway")
	open, _ := meter.Int64ObservableGauge("meridian.streams", metric.WithDescription("Live streams of events that are open."))
	of := metric.WithAttributes(attribute.String("service", "gateway"))
	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(open, h.streams.all(), of)
		return nil
	}, open)
}

// Drain ends every stream with a token to go on from, and lets none begin any more. Call it before the servers in
// front of the hub stop.
func (h *Hub) Drain() {
	h.mu.Lock()
	h.drained = true
	l := h.life
	h.mu.Unlock()
	if l != nil {
		l.finish(closed("the server is stopping; go on from the token"))
	}
}
