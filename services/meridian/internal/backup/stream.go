package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
)

const (
	// fetch is how many messages are asked for at once, and fetchLimit how long they may take.
	fetch      = 256
	fetchLimit = 10 * time.Second
	// readerLife is how long the broker keeps a consumer of this program's that is gone.
	readerLife = time.Minute
	// deletes is how many are on their way at once.
	deletes = 64
	// shortWindow is the least in which the broker tells duplicates by their ids.
	shortWindow = 100 * time.Millisecond
	// forgetting is how long the servers of a cluster get to forget what is older than that, twice.
	forgetting = time.Second
	// lostGap is how far beyond the last known sequence a stream begins whose predecessor was lost: nobody has seen a
	// sequence of those between.
	lostGap = 1_000_000_000
)

func (p *place) stream(ctx context.Context) (*jetstream.StreamInfo, error) {
	stream, err := p.js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return nil, fmt.Errorf("read the stream %s: %w", eventbus.Stream, err)
	}
	return stream.CachedInfo(), nil
}

// reading is what to read: from a sequence, or where it is given from an instant; up to a sequence, or for zero to the end.
type reading struct {
	from, to uint64
	since    time.Time
	subjects []string
}

// errEnough ends a reading without an error.
var errEnough = errors.New("enough")

// read reads the stream in its order up to what stands there now.
func (p *place) read(ctx context.Context, r reading, do func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	cfg := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(r.from, 1), FilterSubjects: r.subjects,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: readerLife, MemoryStorage: true,
	}
	if !r.since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &r.since
	}
	consumer, err := p.js.CreateConsumer(ctx, eventbus.Stream, cfg)
	if err != nil {
		return fmt.Errorf("read the stream %s: %w", eventbus.Stream, err)
	}
	// Should this fail, it goes away by itself.
	defer func() {
		_ = p.js.DeleteConsumer(context.WithoutCancel(ctx), eventbus.Stream, consumer.CachedInfo().Name)
	}()
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.Fetch(int(min(left, fetch)), jetstream.FetchMaxWait(fetchLimit))
		if err != nil {
			return fmt.Errorf("read the stream %s: %w", eventbus.Stream, err)
		}
		before := left
		for msg := range batch.Messages() {
			left--
			at, err := msg.Metadata()
			if err == nil && r.to > 0 && at.Sequence.Stream > r.to {
				err = errEnough
			}
			if err == nil {
				err = do(msg, at)
			}
			if errors.Is(err, errEnough) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil || left == before {
			return errors.Join(fmt.Errorf("read the stream %s: %d messages did not come", eventbus.Stream, left), err, ctx.Err())
		}
	}
	return nil
}

// lastBefore is the last sequence that was stored before an instant.
func (p *place) lastBefore(ctx context.Context, at time.Time, last uint64) (uint64, error) {
	found := last
	err := p.read(ctx, reading{since: at}, func(_ jetstream.Msg, at *jetstream.MsgMetadata) error {
		found = min(found, at.Sequence.Stream-1)
		return errEnough
	})
	return found, err
}

// cut deletes events from the stream; those that are gone already are left. The sequences go on behind the last.
func (p *place) cut(ctx context.Context, sequences []uint64) error {
	stream, err := p.js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deletes)
	for _, sequence := range sequences {
		group.Go(func() error {
			err := stream.DeleteMsg(ctx, sequence)
			if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
				if _, there := stream.GetMsg(ctx, sequence); errors.Is(there, jetstream.ErrMsgNotFound) {
					return nil
				}
			}
			if err != nil {
				return fmt.Errorf("delete event %d of the stream: %w", sequence, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// forgetIDs has the broker forget which ids it has seen: it would drop an event that comes again within its window, though
// the first is deleted. It changes no other setting.
func (p *place) forgetIDs(ctx context.Context) error {
	stream, err := p.stream(ctx)
	if err != nil {
		return err
	}
	short := stream.Config
	// A change of the window has the server look at once for what is older, but it may look before it has the new
	// window, and then not again for the length of the former one. With the second change it has the first one's for sure.
	for _, window := range []time.Duration{shortWindow, 2 * shortWindow} {
		short.Duplicates = window
		if _, err := p.js.UpdateStream(ctx, short); err != nil {
			return fmt.Errorf("shorten the window of duplicates: %w", err)
		}
		if err := clock.Sleep(ctx, forgetting); err != nil {
			return err
		}
	}
	return eventbus.EnsureStream(ctx, p.js, eventbus.StreamConfig{
		Replicas: short.Replicas, MaxBytes: short.MaxBytes, MaxAge: short.MaxAge, MaxConsumers: short.MaxConsumers,
	})
}

// renew makes an empty stream in the place of one that was lost, which begins where nobody has read.
func (p *place) renew(ctx context.Context, cfg eventbus.StreamConfig, lost uint64) error {
	if err := eventbus.EnsureStream(ctx, p.js, cfg); err != nil {
		return err
	}
	stream, err := p.js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return err
	}
	if stream.CachedInfo().State.LastSeq > lost {
		return nil // it was begun before
	}
	return stream.Purge(ctx, jetstream.WithPurgeSequence(lost+lostGap))
}
