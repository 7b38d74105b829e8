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

// StreamConfig is what differs between installations. The zero value is right for one node.
type StreamConfig struct {
	// Replicas is 1 or 3. Zero: 1.
	Replicas int
	// MaxBytes bounds the stream on disk. Zero: 8 GiB.
	MaxBytes int64
	// MaxAge is how long events can be replayed. Zero: 30 days.
	MaxAge time.Duration
	// MaxConsumers bounds services' and integrators' consumers together. Zero: 10,000.
	MaxConsumers int
}

// EnsureStream makes the stream EVENTS or brings its settings up to date. It is safe to call from every service at
// every start. MaxConsumers stays as first made: the broker cannot change it.
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
		return fmt.Errorf("eventbus: ensure stream %s: %w", Stream, err)
	}
	return nil
}

func orDefault[T int | int64 | time.Duration](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}
