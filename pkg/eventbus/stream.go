package eventbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Stream is the name of the one stream.
const Stream = "EVENTS"

const (
	// publicRoot begins the subjects that integrators may filter.
	publicRoot = "evt"
	// ownRoot begins the subjects that only Meridian's services read.
	ownRoot = "own"
	// dedupeWindow is how long the broker remembers a Nats-Msg-Id.
	dedupeWindow = 5 * time.Minute
	// maxMessage is above the outbox's 200 KiB with room for headers.
	maxMessage = 256 << 10
)

const (
	// maxReplicas is how many a stream of JetStream may have.
	maxReplicas = 5
	// leastAge and mostAge bound StreamConfig.MaxAge: a consumer that stands for longer than the age misses events, so it
	// is never less than a day; and claims of inboxes are kept for as long, which adds up.
	leastAge, mostAge = 24 * time.Hour, 10 * 365 * 24 * time.Hour
	// leastBytes bounds StreamConfig.MaxBytes.
	leastBytes = 64 << 20
)

// StreamConfig is what differs between installations. The tags have the flags of what makes the stream, and their help; the
// zero value of a field is its default, which is right for one node.
//
// There is one stream, and who makes it last decides: all that make it must be told the same. A smaller bound deletes at once what
// is beyond it, and a larger one does not bring it back.
type StreamConfig struct {
	// Replicas is 1, 3 or 5. Zero: 1.
	Replicas int `name:"nats-replicas" env:"MERIDIAN_NATS_REPLICAS" default:"1" help:"Replicas of the event stream: 3 in a cluster."`
	// MaxAge is how long events can be replayed. Zero: 30 days. Inboxes keep their claims by the age of the stream that stands.
	MaxAge time.Duration `name:"nats-stream-max-age" env:"MERIDIAN_NATS_STREAM_MAX_AGE" default:"720h" help:"How long the event stream keeps events, from 24h to 87600h: how far back they can be read, and how long a service may stand still before it misses some. Whoever makes the stream last decides, so say the same everywhere; less deletes what is older at once."`
	// MaxBytes bounds the stream on disk, on each node that has a replica, which reserves it; the oldest events go first. Zero: 8 GiB.
	MaxBytes int64 `name:"nats-stream-max-bytes" env:"MERIDIAN_NATS_STREAM_MAX_BYTES" default:"8589934592" help:"Bytes of the event stream, at least 67108864 (64 MiB), that every node with a replica reserves; 8589934592 are 8 GiB. What is too much goes, the oldest first, however young it is. Say the same everywhere."`
	// MaxConsumers bounds services' and integrators' consumers together. Zero: 10,000.
	MaxConsumers int `kong:"-"`
}

// Validate finds what makes no sense, by its flag. The zero value is well.
func (c StreamConfig) Validate() error {
	switch {
	case c.Replicas < 0 || c.Replicas > maxReplicas:
		return fmt.Errorf("nats-replicas: must be from 1 to %d", maxReplicas)
	case c.MaxAge != 0 && (c.MaxAge < leastAge || c.MaxAge > mostAge):
		return fmt.Errorf("nats-stream-max-age: must be from %.0fh to %.0fh", leastAge.Hours(), mostAge.Hours())
	case c.MaxBytes != 0 && c.MaxBytes < leastBytes:
		return fmt.Errorf("nats-stream-max-bytes: must be at least %d (64 MiB)", leastBytes)
	}
	return nil
}

// EnsureStream makes the stream EVENTS or brings its settings up to date. It is safe to call from every service at
// every start. MaxConsumers stays as first made: the broker cannot change it. Where the broker has too little room, or too few
// nodes, the error names the settings that ask for it.
func EnsureStream(ctx context.Context, js jetstream.JetStream, cfg StreamConfig) error {
	wanted := jetstream.StreamConfig{
		Name:        Stream,
		Description: "Every domain event of Meridian. See docs/events.md.",
		Subjects:    []string{publicRoot + ".>", ownRoot + ".>"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		Compression: jetstream.S2Compression,
		Replicas:    max(cfg.Replicas, 1),
		MaxBytes:    orDefault(cfg.MaxBytes, 8<<30),
		MaxAge:      orDefault(cfg.MaxAge, 30*24*time.Hour),
		MaxMsgSize:  maxMessage,
		// The relay's repeats come within seconds; later ones meet the consumers' inboxes.
		Duplicates:   dedupeWindow,
		AllowDirect:  true,
		MaxConsumers: orDefault(cfg.MaxConsumers, 10_000),
	}
	made, err := js.Stream(ctx, Stream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
	case err != nil:
		return fmt.Errorf("eventbus: read stream %s: %w", Stream, err)
	default:
		wanted.MaxConsumers = made.CachedInfo().Config.MaxConsumers
	}
	if _, err := js.CreateOrUpdateStream(ctx, wanted); err != nil {
		return fmt.Errorf("eventbus: ensure stream %s: %w", Stream, refusal(err, wanted))
	}
	return nil
}

// Codes by which the broker says that a stream does not fit (server/errors.json of nats-server).
const (
	codeAccountFull   = 10002
	codeNoPeers       = 10005
	codeStoreFull     = 10047
	codeNoCluster     = 10074
	codeAccountsBound = 10122
)

// refusal names the settings for which the broker does not take the stream.
func refusal(err error, wanted jetstream.StreamConfig) error {
	refused, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return err
	}
	switch refused.ErrorCode {
	case codeNoCluster:
		return fmt.Errorf("nats-replicas is %d, and the broker has one node: %w", wanted.Replicas, err)
	case codeStoreFull, codeAccountFull, codeAccountsBound, codeNoPeers:
		return fmt.Errorf("the broker must have room for nats-stream-max-bytes (%d) on nats-replicas nodes (%d): %w", wanted.MaxBytes, wanted.Replicas, err)
	}
	return err
}

// MaxAge is how long the stream that stands keeps an event; zero: for ever.
func MaxAge(ctx context.Context, js jetstream.JetStream) (time.Duration, error) {
	stream, err := js.Stream(ctx, Stream)
	if err != nil {
		return 0, fmt.Errorf("eventbus: read stream %s: %w", Stream, err)
	}
	return stream.CachedInfo().Config.MaxAge, nil
}

func orDefault[T int | int64 | time.Duration](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}
