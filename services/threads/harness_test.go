package threads

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/jobs"
	"github.com/meridianhq/meridian/services/threads/internal/rpc"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// world is the service over a real database, with its rights laid by the test in the place of the directory.
type world struct {
	t         *testing.T
	ctx       context.Context
	db        *pgtest.DB
	authority *rpctest.Authority
	clock     *clock.Manual
	directory *directory
	conn      *grpc.ClientConn
	threads   threadsv1.ThreadServiceClient
	messages  threadsv1.MessageServiceClient
	asks      threadsv1.AskServiceClient
	app       *app.App
	hours     *availability
	dues      *due.Worker[app.PendingDues]
	overdue   *due.Worker[app.AskKey]
	box       *outbox.Outbox
	js        jetstream.JetStream // once broker has run
	wakes     chan struct{}
}

// directory stands for the directory that the projection asks before it refuses.
type directory struct {
	mu     sync.Mutex
	asked  int
	answer func()
	down   error
	// stale is set before any call.
	stale error
}

func (d *directory) Current(context.Context) error { return d.stale }

func (d *directory) Confirm(context.Context, uuid.UUID, uuid.UUID, uuid.UUID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.answer != nil {
		d.answer()
	}
	return d.down
}

var epoch = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, ctx: t.Context(), authority: rpctest.NewAuthority(t, "notifications", "tasks"), hours: newAvailability(), clock: clock.NewManual(epoch),
		directory: &directory{}, wakes: make(chan struct{}, 1),
		db: pgtest.New(t, "threads", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set()),
	}
	w.box = outbox.New(func() {
		select {
		case w.wakes <- struct{}{}:
		default:
		}
	})
	w.app = app.New(app.Deps{
		Store:  store.New(w.db.App, w.db.Owner, w.box, wire.Encoder("meridian.test")),
		Access: w.directory, Clock: w.clock, WorkingTime: w.hours, Pending: func() { w.dues.Wake() },
	})
	w.dues, w.overdue = jobs.ComputeDues(w.app, w.clock, nil), jobs.AnnounceOverdue(w.app, w.clock, nil)
	w.conn, _ = rpctest.Serve(t, w.authority, rpcserver.Config{Service: "threads"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		rpc.Register(r, w.app)
	})
	w.threads, w.messages = threadsv1.NewThreadServiceClient(w.conn), threadsv1.NewMessageServiceClient(w.conn)
	w.asks = threadsv1.NewAskServiceClient(w.conn)
	return w
}

// exec runs SQL as the owner, whom row-level security does not bind.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.db.Owner.Pool().Exec(w.ctx, sql, args...)
	require.NoError(w.t, err)
}

// person is a member of a workspace who can call.
type person struct {
	auth.Caller
	handle string
	ctx    context.Context
}

func (p person) name() string { return p.Principal() }

var states = map[string]int{"INVITED": 1, "ACTIVE": 2, "DEACTIVATED": 3}

func (w *world) member(ws uuid.UUID, role auth.Role, handle string) person {
	w.t.Helper()
	return w.memberIn(ws, role, handle, "ACTIVE")
}

func (w *world) memberIn(ws uuid.UUID, role auth.Role, handle, state string) person {
	w.t.Helper()
	c := rpctest.Member(ws, role)
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		VALUES ($1, $2, $3, $3, 'UTC', $4, $5, 1, 1)`, ws, c.Member, handle, int(role), states[state])
	return person{Caller: c, handle: handle, ctx: w.authority.As(w.t, w.ctx, c)}
}

func (w *world) space(ws uuid.UUID, private bool) uuid.UUID {
	w.t.Helper()
	id, visibility := uuid.Must(uuid.NewV7()), 1
	if private {
		visibility = 2
	}
	w.exec(`INSERT INTO spaces (workspace_id, space_id, display_name, visibility, version) VALUES ($1, $2, 'S', $3, 1)`,
		ws, id, visibility)
	return id
}

func (w *world) grant(ws, space, principal uuid.UUID, right auth.Right) {
	w.t.Helper()
	w.exec(`INSERT INTO space_grants (workspace_id, space_id, principal_id, access, version) VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (workspace_id, space_id, principal_id) DO UPDATE SET access = excluded.access`,
		ws, space, principal, int(right))
}

func (w *world) team(ws uuid.UUID, handle string, members ...person) uuid.UUID {
	w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO teams (workspace_id, team_id, display_name, handle, deleted, version) VALUES ($1, $2, $3, $3, false, 1)`,
		ws, id, handle)
	for _, m := range members {
		w.exec(`INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
			VALUES ($1, $2, $3, false, false, 1)`, ws, id, m.Member)
	}
	return id
}

// open makes a workspace with an open space and its first member, Ada.
func (w *world) open() (ws, space uuid.UUID, ada person) {
	w.t.Helper()
	ws = uuid.Must(uuid.NewV7())
	return ws, w.space(ws, false), w.member(ws, auth.Member, "ada")
}

func (w *world) begin(p person, space uuid.UUID, title string) *threadsv1.Thread {
	w.t.Helper()
	t, err := w.threads.CreateThread(p.ctx, &threadsv1.CreateThreadRequest{
		Parent: domain.WorkspaceName(p.Workspace),
		Thread: &threadsv1.Thread{Space: domain.SpaceName(p.Workspace, space), Title: title},
	})
	require.NoError(w.t, err)
	return t
}

func (w *world) post(p person, thread, body string) *threadsv1.Message {
	w.t.Helper()
	m, err := w.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
		Parent: thread, Message: &threadsv1.Message{Body: body},
	})
	require.NoError(w.t, err)
	return m
}

// unpublished are the events that wait in the outbox, in its order.
func (w *world) unpublished() []published {
	w.t.Helper()
	rows, err := w.db.Owner.Pool().Query(w.ctx, `SELECT aggregate, version, subject, headers->>'ce-type' FROM outbox ORDER BY id`)
	require.NoError(w.t, err)
	defer rows.Close()
	var events []published
	for rows.Next() {
		var e published
		require.NoError(w.t, rows.Scan(&e.aggregate, &e.version, &e.subject, &e.kind))
		events = append(events, e)
	}
	require.NoError(w.t, rows.Err())
	return events
}

type published struct {
	aggregate, subject, kind string
	version                  int64
}

func kinds(events []published) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.kind[len("meridian.threads.v1."):])
	}
	return all
}

// broker runs the relay into a stream of the test's own.
func (w *world) broker() jetstream.JetStream {
	w.t.Helper()
	js := natstest.New(w.t).JS(w.t)
	w.js = js
	relay := outbox.NewRelay(outbox.RelayConfig{
		Service: "threads", DB: w.db.Owner, JS: js, Log: slog.New(slog.DiscardHandler),
		Machine: clock.Machine(), SyncDelay: time.Millisecond,
	})
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.wakes:
				relay.Wake()
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	return js
}

// events reads so many events from the stream, in its order.
func (w *world) events(js jetstream.JetStream, n int) []eventbus.Meta {
	w.t.Helper()
	consumer, err := js.OrderedConsumer(w.ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{})
	require.NoError(w.t, err)
	var all []eventbus.Meta
	for len(all) < n {
		message, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		require.NoError(w.t, err, "after %d events", len(all))
		meta, _, err := eventbus.Decode(message.Headers(), message.Subject(), message.Data())
		require.NoError(w.t, err)
		if !slices.ContainsFunc(all, func(m eventbus.Meta) bool { return m.ID == meta.ID }) {
			all = append(all, meta)
		}
	}
	return all
}
