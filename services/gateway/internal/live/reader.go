package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
)

const (
	// readAhead is how many messages may be on their way to this process.
	readAhead = 256
	// brokerHeartbeat is how often the broker says that it is there. A consumer that is gone, with its stream, is
	// noticed at the latest after two of these.
	brokerHeartbeat = 2 * time.Second
	// consumerLife is how long the broker keeps a consumer whose process is gone.
	consumerLife = 30 * time.Second
	// brokerTimeout bounds one request to the broker.
	brokerTimeout = 5 * time.Second
)

// errDone ends a reading on purpose.
var errDone = errors.New("done")

// errBroken ends a reading that lost messages or its broker: it goes on with a new consumer.
var errBroken = errors.New("the reading was interrupted")

// streamState is what the broker says of the stream.
type streamState struct {
	created     time.Time
	first, last uint64
}

// reader reads the stream in its order, without acknowledgements, by consumers that live as long as the reading.
type reader struct{ js jetstream.JetStream }

func (r reader) state(ctx context.Context) (streamState, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	stream, err := r.js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return streamState{}, fmt.Errorf("read the stream's state: %w", err)
	}
	info := stream.CachedInfo()
	return streamState{created: info.Created, first: info.State.FirstSeq, last: info.State.LastSeq}, nil
}

// reading is what to read and what to do with it.
type reading struct {
	subjects []string
	// after is the sequence to begin behind; since, when set, is the time to begin at instead.
	after uint64
	since time.Time
	// opened is told how many messages wait; handle gets each. An error of either ends the reading and is its result.
	opened func(pending uint64) error
	handle func(msg jetstream.Msg, at *jetstream.MsgMetadata) error
}

// read reads with one consumer until opened or handle end it, or the context, or the broker: errBroken then. It
// never leaves out a message: a gap is the broker's and breaks the reading.
func (r reader) read(ctx context.Context, what reading) error {
	consumer, err := r.open(ctx, what)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	defer r.close(ctx, consumer.CachedInfo().Name)
	if err := what.opened(consumer.CachedInfo().NumPending); err != nil {
		return err
	}
	ctx, cancel := r.untilReconnect(ctx)
	defer cancel()
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead),
		jetstream.PullHeartbeat(brokerHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	defer messages.Stop()
	for delivered := uint64(1); ; delivered++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		at, err := msg.Metadata()
		if err != nil || at.Sequence.Consumer != delivered {
			return fmt.Errorf("%w: a message is missing before delivery %d", errBroken, delivered)
		}
		if err := what.handle(msg, at); err != nil {
			return err
		}
	}
}

func (r reader) open(ctx context.Context, what reading) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	cfg := jetstream.ConsumerConfig{
		Description:       "live events at a gateway",
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       what.after + 1,
		FilterSubjects:    what.subjects,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: consumerLife,
		MemoryStorage:     true,
		Replicas:          1,
	}
	if !what.since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &what.since
	}
	return r.js.CreateConsumer(ctx, eventbus.Stream, cfg)
}

// close deletes the consumer at once where the broker can be reached; else it goes away by itself.
func (r reader) close(ctx context.Context, name string) {
	if r.js.Conn().Status() != nats.CONNECTED {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), brokerTimeout)
	defer cancel()
	_ = r.js.DeleteConsumer(ctx, eventbus.Stream, name) // see above
}

// untilReconnect ends the context when the connection was lost and found again: what was on its way then is lost
// without another message to show the gap.
func (r reader) untilReconnect(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	found := r.js.Conn().StatusChanged(nats.CONNECTED)
	go func() {
		defer r.js.Conn().RemoveStatusListener(found)
		select {
		case <-found:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// follow reads for ever, each time behind the last message handled, and only ends with the context or with an
// error that is not the broker's.
func (r reader) follow(ctx context.Context, what reading, failed func(error)) error {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	handle, pause := what.handle, least
	what.handle = func(msg jetstream.Msg, at *jetstream.MsgMetadata) error {
		if err := handle(msg, at); err != nil {
			return err
		}
		what.after, what.since, pause = at.Sequence.Stream, time.Time{}, least
		return nil
	}
	for {
		err := r.read(ctx, what)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errBroken):
			return err
		}
		failed(err)
		if err := clock.Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, most)
	}
}
