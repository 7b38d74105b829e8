package part

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
)

// stamps are the instants of one message.
type stamps struct{ due, answered, received time.Time }

// watched is the messages of a round, by their names.
type watched struct {
	mu   sync.Mutex
	seen map[string]*stamps
}

func (w *watched) note(name string, put func(*stamps)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[name] == nil {
		w.seen[name] = &stamps{}
	}
	put(w.seen[name])
}

// complete says whether every message has been received.
func (w *watched) complete(context.Context) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		if s.received.IsZero() {
			return false, nil
		}
	}
	return true, nil
}

// Latency measures how long after a message its event reaches a consumer of its own, at a steady rate whatever the
// answers take. The commit lies between the request and the answer.
func (b *Bench) Latency(ctx context.Context) (figure.Part, error) {
	part := figure.Part{Name: "latency", About: fmt.Sprintf("from a message to a consumer of its event, at %d a second (open loop)", b.cfg.Rate)}
	answer, request := figure.Side{Name: "from the answer at the client"}, figure.Side{Name: "from when the request was due"}
	if _, _, err := b.watch(ctx, b.cfg.Warm); err != nil {
		return part, fmt.Errorf("warm up: %w", err)
	}
	for range b.cfg.Rounds {
		fromAnswer, fromRequest, err := b.watch(ctx, b.cfg.Time)
		if err != nil {
			return part, err
		}
		answer.Rounds, request.Rounds = append(answer.Rounds, fromAnswer), append(request.Rounds, fromRequest)
	}
	part.Sides = []figure.Side{answer, request}
	part.Rows = []figure.Row{
		figure.Absolute(fmt.Sprintf("commit to consumer at %d/s, p50", b.cfg.Rate), "ms", answer.Of(figure.P50), figure.Under, 3, 1),
		figure.Absolute(fmt.Sprintf("commit to consumer at %d/s, p99", b.cfg.Rate), "ms", answer.Of(figure.P99), figure.Under, 20, 3),
	}
	return part, nil
}

// watch is one round.
func (b *Bench) watch(ctx context.Context, d time.Duration) (fromAnswer, fromRequest figure.Round, err error) {
	signed, err := b.people.SignIn(ctx)
	if err != nil {
		return fromAnswer, fromRequest, err
	}
	w := &watched{seen: map[string]*stamps{}}
	stop, err := b.consume(ctx, w)
	if err != nil {
		return fromAnswer, fromRequest, err
	}
	defer stop()
	machine := clock.Machine()
	sample, err := load.Open(ctx, len(b.people.Members), b.cfg.Rate, d, func(ctx context.Context, client int, random *rand.Rand) error {
		m, err := threadsv1.NewMessageServiceClient(b.ours[client%len(b.ours)]).CreateMessage(signed[client], &threadsv1.CreateMessageRequest{
			Parent: b.threads[random.IntN(len(b.threads))], RequestId: uuid.NewString(), Message: &threadsv1.Message{Body: b.bodies.Draw(random)},
		})
		if err != nil {
			return err
		}
		answered := machine.Now()
		w.note(m.GetName(), func(s *stamps) { s.due, s.answered = load.Due(ctx), answered })
		return nil
	})
	if err != nil {
		return fromAnswer, fromRequest, err
	}
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := load.Await(waiting, 10*time.Millisecond, w.complete); err != nil {
		return fromAnswer, fromRequest, fmt.Errorf("not every message was received: %w", err)
	}
	answers, requests := w.delays()
	rate := float64(len(answers)) / sample.Elapsed.Seconds()
	return delayed(answers, rate), delayed(requests, rate), nil
}

// consume watches the stream as a consumer of its own.
func (b *Bench) consume(ctx context.Context, w *watched) (stop func(), err error) {
	consumer, err := b.world.JS.OrderedConsumer(ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{threadsv1.MessagePostedSubject(b.people.WorkspaceID())},
		DeliverPolicy:  jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("watch the stream: %w", err)
	}
	machine := clock.Machine()
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		at := machine.Now()
		w.note(m.Headers()["ce-subject"][0], func(s *stamps) { s.received = at })
	})
	if err != nil {
		return nil, fmt.Errorf("watch the stream: %w", err)
	}
	return consuming.Stop, nil
}

// delays are those of every message; an event that was there before its answer has none.
func (w *watched) delays() (fromAnswer, fromRequest []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		fromAnswer = append(fromAnswer, max(0, s.received.Sub(s.answered)))
		fromRequest = append(fromRequest, s.received.Sub(s.due))
	}
	return fromAnswer, fromRequest
}

func delayed(all []time.Duration, rate float64) figure.Round {
	return figure.Round{
		Done: len(all), PerSecond: rate,
		P50: figure.Milliseconds(figure.Percentile(all, 50)), P99: figure.Milliseconds(figure.Percentile(all, 99)),
	}
}
