package outbox

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/metric"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/postgres"
)

// SyncDelay is how long a row outlives its acknowledgement unless a relay is told otherwise: twice the broker's sync
// interval. A backup relies on it.
const SyncDelay = 2 * time.Second

const (
	batchRows    = 1000
	batchBytes   = 4 << 20 // of payloads, after which a batch takes no more
	deleteRowsAt = 1000    // acknowledged rows that are worth a delete at once
	deleteMost   = 10000
	renewAfter   = time.Second
	leaseMargin  = time.Second
	stopLimit    = 2 * time.Second
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	measureEvery = 5 * time.Second
	maxTries     = 10
	longestRetry = 2 * time.Second // between two tries of one row
)

// RelayConfig says what a relay works on.
type RelayConfig struct {
	// Service names the wake-up subject and the metrics' label.
	Service string
	// DB is the pool of the schema's owner.
	DB *postgres.DB
	// JS leads to the broker; the relay uses its connection.
	JS jetstream.JetStream
	// Log gets failures; nil for none.
	Log *slog.Logger
	// Machine is machine time; nil is clock.Machine().
	Machine clock.Clock
	// SyncDelay is how long a row outlives its acknowledgement. Zero is the constant SyncDelay.
	SyncDelay time.Duration
	// Lease is how long a relay that fell silent keeps others from its work. Zero is 10 s.
	Lease time.Duration
	// Alone says that no other process relays for this database, so what a killed one left of its lease need not be
	// waited for. For the one binary on its private cluster.
	Alone bool
	// Poll is how often it looks when nothing woke it. Zero is 500 ms.
	Poll time.Duration
	// Meters gets what is measured while it runs; nil measures nothing.
	Meters metric.MeterProvider
}

// Relay publishes the outbox of one service. Every replica runs one; the one with the lease works.
//
// It never has two unacknowledged events of one aggregate on their way, deletes a row only when the broker has had
// the time to sync it, and after a reconnect begins with the oldest row again. So an event can be repeated in the
// stream but never lost, and the first time each event of an aggregate stands there is in order. A row that the
// broker refuses ten times goes to outbox_failed and is logged as an error; a broker that is away costs no row a try.
type Relay struct {
	cfg       RelayConfig
	table     table
	nc        *nats.Conn
	publisher *publisher
	metrics   *metrics

	kick    chan struct{} // work for the loop
	remote  chan struct{} // work for the leader elsewhere
	leading atomic.Bool
	passes  passes
	reads   sync.WaitGroup // reads that are on their way

	// What follows is the loop's alone.
	renewed    time.Time // when the lease was last known to be prolonged; zero without it
	reconnects uint64
	kept       retained
	refused    map[int64]*refusal
	pause      time.Duration
	measured   time.Time
	quiet      error // the trouble that was logged already
	ahead      *look // the read after the one that was published; nil for none
	current    int   // what is read ahead holds while this is what it was
}

// refusal is a row that the broker would not take.
type refusal struct {
	tries int
	after time.Time
}

// NewRelay makes a relay; Run starts it.
func NewRelay(cfg RelayConfig) *Relay {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Machine == nil {
		cfg.Machine = clock.Machine()
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&cfg.SyncDelay: SyncDelay, &cfg.Lease: 10 * time.Second, &cfg.Poll: 500 * time.Millisecond,
	} {
		if *value == 0 {
			*value = standard
		}
	}
	return &Relay{
		cfg:     cfg,
		table:   table{db: cfg.DB, holder: uuid.New(), lease: cfg.Lease, alone: cfg.Alone},
		nc:      cfg.JS.Conn(),
		metrics: newMetrics(cfg.Meters, cfg.Service),
		kick:    make(chan struct{}, 1),
		remote:  make(chan struct{}, 1),
		passes:  passes{changed: make(chan struct{})},
		refused: map[int64]*refusal{},
	}
}

// Run relays until ctx ends. Then it waits a second at most for what is on its way, releases the lease and returns
// nil. Troubles of the database or the broker do not end it.
func (r *Relay) Run(ctx context.Context) error {
	var err error
	if r.publisher, err = newPublisher(r.nc, r.cfg.Machine); err != nil {
		return err
	}
	defer r.publisher.js.CleanupPublisher()
	defer r.metrics.observe(r.cfg.Meters, &r.leading)()
	sub, err := r.nc.Subscribe(r.wakeSubject(), func(*nats.Msg) {
		if r.leading.Load() {
			signal(r.kick)
		}
	})
	if err != nil {
		return err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection is closing
	connected := r.nc.StatusChanged(nats.CONNECTED)
	defer r.nc.RemoveStatusListener(connected)
	var others sync.WaitGroup
	others.Go(func() { r.wakeOthers(ctx) })
	defer others.Wait()
	defer r.reads.Wait()

	r.reconnects = r.nc.Stats().Reconnects
	for ctx.Err() == nil {
		r.rest(ctx, connected, r.step(ctx))
	}
	r.resign(context.WithoutCancel(ctx))
	return nil
}

// rest waits for d, or until there is something to do.
func (r *Relay) rest(ctx context.Context, connected <-chan nats.Status, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	kick := r.kick
	if r.pause > 0 {
		kick = nil // after a failure the pause is kept; a wake-up waits in the channel
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-kick:
	case <-connected:
		r.pause = 0
	}
}

// step does one round and returns how long to rest after it.
func (r *Relay) step(ctx context.Context) time.Duration {
	if !r.nc.IsConnected() {
		r.resign(ctx) // another replica may have a broker
		return r.cfg.Poll
	}
	now := r.cfg.Machine.Now()
	if now.Sub(r.renewed) > r.cfg.Lease-leaseMargin {
		r.current++ // another may have published what was read ahead
		ours, err := r.table.acquire(ctx)
		if err != nil || !ours {
			r.lose()
			return r.trouble(ctx, err)
		}
		if !r.leading.Load() {
			r.begin()
		}
		r.renewed = now
	}
	if again := r.nc.Stats().Reconnects; again != r.reconnects {
		r.reconnects = again
		r.current++
		r.kept.forget()
	}
	r.measure(ctx, now)
	return r.round(ctx, now)
}

// round takes a batch and publishes it. Where there is more, the next is read meanwhile.
func (r *Relay) round(ctx context.Context, now time.Time) time.Duration {
	l := r.take(ctx, now)
	if l.err != nil {
		return r.trouble(ctx, l.err)
	}
	r.kept.deleted(l.batches)
	if !l.ours {
		r.lose()
		return r.cfg.Poll
	}
	if l.renews {
		r.renewed = l.at
	}
	if len(l.rows) == 0 {
		r.recovered(ctx)
		r.passes.empty(l.pass)
		return r.cfg.Poll
	}
	if l.full() {
		r.ahead = r.look(ctx, now, l.rows)
	}
	published, err := r.publish(ctx, l.rows)
	if published < len(l.rows) {
		r.current++ // what is left comes before what was read after it
	}
	r.metrics.took.Record(ctx, r.cfg.Machine.Now().Sub(now).Seconds(), r.metrics.service)
	r.metrics.batch.Record(ctx, int64(len(l.rows)), r.metrics.service)
	if err != nil {
		return r.trouble(ctx, err)
	}
	r.recovered(ctx)
	switch {
	case published == 0:
		return firstPause // all that is left waits for its next try
	case published == len(l.rows) && !l.full():
		return r.cfg.Poll // that was all; what was committed since the read has woken us
	}
	return 0
}

// look is one read of the oldest rows that are not on their way, with the deletes and the renewal that go with it.
type look struct {
	at      time.Time
	pass    uint64
	current int
	renews  bool
	batches int // of retained rows that it deletes
	rows    []row
	ours    bool
	err     error
	done    chan struct{} // closed when the last three are there
}

// full tells that there may be more rows than it has.
func (l *look) full() bool {
	size := 0
	for _, row := range l.rows {
		size += len(row.Payload)
	}
	return len(l.rows) == batchRows || size >= batchBytes
}

// look begins one that leaves out the rows in sent. At most one is on its way at a time.
func (r *Relay) look(ctx context.Context, now time.Time, sent []row) *look {
	l := &look{
		at: now, pass: r.passes.begin(), current: r.current, renews: now.Sub(r.renewed) > renewAfter, done: make(chan struct{}),
	}
	var gone []int64
	gone, l.batches = r.dueRows(now)
	skip := r.kept.ids.clone()
	for _, row := range sent {
		skip.add(row.id)
	}
	r.reads.Go(func() {
		defer close(l.done)
		l.rows, l.ours, l.err = r.table.read(ctx, l.renews, gone, skip)
	})
	return l
}

// take is the look that was begun ahead, if what it saw still holds, or a new one.
func (r *Relay) take(ctx context.Context, now time.Time) *look {
	if l := r.ahead; l != nil {
		r.ahead = nil
		<-l.done
		if l.current == r.current {
			return l
		}
	}
	l := r.look(ctx, now, nil)
	<-l.done
	return l
}

// dueRows are the rows to delete now. Unless there are many, they wait a little for others.
func (r *Relay) dueRows(now time.Time) (ids []int64, batches int) {
	oldest, some := r.kept.oldest()
	if !some || now.Sub(oldest) < r.cfg.SyncDelay {
		return nil, 0
	}
	ids, batches = r.kept.due(now.Add(-r.cfg.SyncDelay), deleteMost)
	if len(ids) < deleteRowsAt && now.Sub(oldest) < r.cfg.SyncDelay+r.cfg.Poll/2 {
		return nil, 0
	}
	return ids, batches
}
