package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/meridianhq/meridian/pkg/clock"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// delays are how long after a message its event reached a consumer.
type delays struct {
	Count int `json:"count"`
	// From the moment the answer arrived at the client, which is after the commit; 0 where the event was first.
	AnswerP50, AnswerP99 time.Duration
	// From the moment the request was due to be sent.
	RequestP50, RequestP99 time.Duration
}

// stamps are the instants of one message.
type stamps struct{ due, answered, received time.Time }

// measureLatency posts at a steady rate, whatever the answers take, and watches the stream as a consumer of its own.
func (r *rig) measureLatency(ctx context.Context) (delays, error) {
	ctx, err := r.signedIn(ctx)
	if err != nil {
		return delays{}, err
	}
	var (
		mu   sync.Mutex
		seen = map[string]*stamps{}
		of   = func(id string) *stamps {
			if seen[id] == nil {
				seen[id] = &stamps{}
			}
			return seen[id]
		}
	)
	stop, err := r.consume(ctx, func(subject string, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		of(subject).received = at
	})
	if err != nil {
		return delays{}, err
	}
	defer stop()

	machine, group := clock.Machine(), &errgroup.Group{}
	start, total := machine.Now(), int(r.cfg.Time.Seconds())*r.cfg.Rounds*r.cfg.Rate
	for i := range total {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(r.cfg.Rate))
		if err := clock.Sleep(ctx, due.Sub(machine.Now())); err != nil {
			return delays{}, err
		}
		group.Go(func() error {
			m, err := threadsv1.NewMessageServiceClient(r.conns[i%len(r.conns)]).CreateMessage(ctx, &threadsv1.CreateMessageRequest{
				Parent: r.threads[i%len(r.threads)], RequestId: uuid.NewString(),
				Message: &threadsv1.Message{Body: strings.Repeat("x", bodySize)},
			})
			answered := machine.Now()
			mu.Lock()
			defer mu.Unlock()
			s := of(m.GetName())
			s.due, s.answered = due, answered
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return delays{}, err
	}
	if err := r.stack.Threads().Relay.Drained(ctx); err != nil {
		return delays{}, err
	}
	for complete := false; !complete; {
		if err := clock.Sleep(ctx, 10*time.Millisecond); err != nil {
			return delays{}, err
		}
		mu.Lock()
		complete = true
		for _, s := range seen {
			complete = complete && !s.received.IsZero()
		}
		mu.Unlock()
	}
	return summarise(seen), nil
}

// consume calls back with the ce-subject of every message.posted from now on.
func (r *rig) consume(ctx context.Context, call func(subject string, at time.Time)) (stop func(), err error) {
	conn, err := r.stack.Broker().Connect()
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, "EVENTS", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{threadsv1.MessagePostedSubject(strings.TrimPrefix(r.workspace, "workspaces/"))},
		DeliverPolicy:  jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return nil, err
	}
	machine := clock.Machine()
	consuming, err := consumer.Consume(func(m jetstream.Msg) { call(m.Headers()["ce-subject"][0], machine.Now()) })
	if err != nil {
		return nil, err
	}
	return func() { consuming.Stop(); conn.Close() }, nil
}

func summarise(seen map[string]*stamps) delays {
	var fromAnswer, fromRequest []time.Duration
	for _, s := range seen {
		fromAnswer = append(fromAnswer, max(0, s.received.Sub(s.answered)))
		fromRequest = append(fromRequest, s.received.Sub(s.due))
	}
	return delays{
		Count: len(seen), AnswerP50: percentile(fromAnswer, 50), AnswerP99: percentile(fromAnswer, 99),
		RequestP50: percentile(fromRequest, 50), RequestP99: percentile(fromRequest, 99),
	}
}

func (d delays) report(cfg settings) string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "\nFrom a message to a consumer of its event, %d messages at %d a second (open loop)\n", d.Count, cfg.Rate)
	fmt.Fprintf(out, "  %-46s %10s %10s\n", "", "p50", "p99")
	fmt.Fprintf(out, "  %-46s %10s %10s\n", "from the answer at the client (after commit)", d.AnswerP50.Round(10*time.Microsecond), d.AnswerP99.Round(10*time.Microsecond))
	fmt.Fprintf(out, "  %-46s %10s %10s\n", "from the request", d.RequestP50.Round(10*time.Microsecond), d.RequestP99.Round(10*time.Microsecond))
	return out.String()
}
