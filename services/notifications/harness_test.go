package notifications

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/channel"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/email"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/jobs"
	"github.com/meridianhq/meridian/services/notifications/internal/rpc"
	"github.com/meridianhq/meridian/services/notifications/internal/store"
	"github.com/meridianhq/meridian/services/notifications/internal/wire"
)

// The Tuesday on which Chicago shows 03:00 when London shows 09:00.
var epoch = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

const chicago, london = "America/Chicago", "Europe/London"

// world is the service over a real database and a real broker, with its rights laid by the test in the place of the directory,
// and the other services it asks played by the test.
type world struct {
	t         *testing.T
	ctx       context.Context
	db        *pgtest.DB
	authority *rpctest.Authority
	clock     *clock.Manual
	directory *directory
	office    *office
	desk      *desk
	post      *postOffice
	app       *app.App
	js        jetstream.JetStream
	inbox     notificationsv1.InboxServiceClient
	prefs     notificationsv1.PreferenceServiceClient
	router    *eventbus.Router
	crew      *crew
	versions  map[string]int64
}

// directory stands for the directory that the projection asks before it refuses.
type directory struct {
	mu     sync.Mutex
	asked  int
	answer func()
	stale  error
}

func (d *directory) Current(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stale
}

func (d *directory) Confirm(context.Context, uuid.UUID, uuid.UUID, uuid.UUID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.answer != nil {
		d.answer()
	}
	return nil
}

func (d *directory) set(stale error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stale = stale
}

func sets() []postgres.Set {
	return []postgres.Set{outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set()}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, ctx: t.Context(), authority: rpctest.NewAuthority(t), clock: clock.NewManual(epoch), directory: &directory{},
		office: newOffice(), desk: newDesk(), post: newPostOffice(t), versions: map[string]int64{},
		db: pgtest.New(t, "notifications", sets()...), js: natstest.New(t).JS(t),
	}
	require.NoError(t, eventbus.EnsureStream(w.ctx, w.js, eventbus.StreamConfig{Replicas: 1}))
	w.app = w.useCases()
	conn, _ := rpctest.Serve(t, w.authority, rpcserver.Config{Service: "notifications"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		rpc.Register(r, w.app)
	})
	w.inbox, w.prefs = notificationsv1.NewInboxServiceClient(conn), notificationsv1.NewPreferenceServiceClient(conn)
	w.router = eventbus.NewRouter(eventbus.RouterConfig{
		Durable: wire.Service, JS: w.js, DB: w.db.Owner, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	})
	wire.React(w.router, w.app)
	running, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- w.router.Run(running) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	w.crew = w.startCrew(w.app)
	t.Cleanup(func() { w.crew.stop() })
	return w
}

// useCases wires the use cases as the service does, over what the test plays.
func (w *world) useCases() *app.App {
	return w.useCasesOver(store.New(w.db.App, w.db.Owner, outbox.New(nil), wire.Encoder("meridian.test")))
}

func (w *world) useCasesOver(s app.Store) *app.App {
	w.t.Helper()
	mail, err := email.New(email.Config{URL: w.post.url, From: "Meridian <meridian@meridian.test>", PublicURL: "https://meridian.test"})
	require.NoError(w.t, err)
	return app.New(app.Deps{
		Store: s, Access: w.directory,
		Clock: w.clock, Machine: clock.Machine(), WorkingTime: w.office, Sources: w.desk, Channels: channel.All(mail), Digests: mail,
	})
}

// crew is the workers of one process.
type crew struct {
	workers []boot.Worker
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func (w *world) startCrew(a *app.App) *crew {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	deliver, decide := jobs.Deliver(a, w.clock, log), jobs.Decide(a, w.clock, log)
	remind, wake := jobs.Remind(a, w.clock, log), jobs.Wake(a, w.clock, log)
	digest, plan := jobs.Digest(a, w.clock, log), jobs.Plan(a, w.clock, log)
	hurry := jobs.Urgent(a, w.clock, log)
	// What a crash leaves is taken up soon, and what is sent on a machine that is busy is sent within it.
	deliver.Lease, hurry.Lease, digest.Lease = 5*time.Second, 5*time.Second, 5*time.Second
	ctx, cancel := context.WithCancel(w.ctx)
	c := &crew{workers: []boot.Worker{plan, decide, wake, remind, digest, deliver, hurry}, cancel: cancel}
	for _, worker := range c.workers {
		c.running.Go(func() { _ = worker.Run(ctx) })
	}
	return c
}

func (c *crew) stop() {
	c.cancel()
	c.running.Wait()
}

// settle returns when every event is handled and all that is due by now is done.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	for range 3 { // each round may make work for another worker
		require.NoError(w.t, w.router.Idle(ctx))
		for _, worker := range w.crew.workers {
			require.NoError(w.t, worker.Settled(ctx))
		}
	}
}

// to moves the clock to an instant, from one due time to the next, as who moves a development clock does.
func (w *world) to(at time.Time) {
	w.t.Helper()
	w.settle()
	for {
		next, some := at, false
		for _, worker := range w.crew.workers {
			due, ok, err := worker.NextDue(w.ctx)
			require.NoError(w.t, err)
			if ok && due.After(w.clock.Now()) && due.Before(next) {
				next, some = due, true
			}
		}
		require.NoError(w.t, w.clock.Set(next))
		w.settle()
		if !some {
			return
		}
	}
}

// local is an instant of a day of December 2026 in a zone.
func local(zone string, day, hour, minute int) time.Time {
	where, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 12, day, hour, minute, 0, 0, where).UTC()
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

// member lays an active member with hours from nine to five on weekdays in a zone, and a mail address.
func (w *world) member(ws uuid.UUID, role auth.Role, handle, zone string) person {
	w.t.Helper()
	c := rpctest.Member(ws, role)
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version, email)
		VALUES ($1, $2, initcap($3), $3, $4, $5, 2, 1, 1, $3 || '@meridian.test')`, ws, c.Member, handle, zone, int(role))
	w.office.set(c.Member, zone, nineToFive())
	return person{Caller: c, handle: handle, ctx: w.authority.As(w.t, w.ctx, c)}
}

func (w *world) space(ws uuid.UUID, private bool) uuid.UUID {
	w.t.Helper()
	id, visibility := uuid.Must(uuid.NewV7()), 1
	if private {
		visibility = 2
	}
	w.exec(`INSERT INTO spaces (workspace_id, space_id, display_name, visibility, version) VALUES ($1, $2, 'Relay', $3, 1)`,
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

// night is a workspace with an open space, Ana in London and Ben in Chicago.
type night struct {
	ws, space uuid.UUID
	ana, ben  person
}

func (w *world) night() night {
	w.t.Helper()
	ws := uuid.Must(uuid.NewV7())
	return night{
		ws: ws, space: w.space(ws, false),
		ana: w.member(ws, auth.Member, "ana", london), ben: w.member(ws, auth.Member, "ben", chicago),
	}
}

// publish puts an event of another service into the stream, as its relay does.
func (w *world) publish(service, actor string, payload proto.Message) {
	w.t.Helper()
	w.publishTwice(service, actor, payload, 1)
}

func (w *world) publishTwice(service, actor string, payload proto.Message, times int) {
	w.t.Helper()
	m, err := eventbus.Encode(w.ctx, "meridian.test", service, w.clock.Now(), actor, payload)
	require.NoError(w.t, err)
	w.send(m, times)
}

// send puts an encoded event into the stream, so many times.
func (w *world) send(m outbox.Message, times int) {
	w.t.Helper()
	for range times {
		message := nats.NewMsg(m.Subject)
		for key, value := range m.Headers {
			if key == "Nats-Msg-Id" && times > 1 {
				continue // else the broker drops what comes twice
			}
			message.Header[key] = []string{value}
		}
		message.Data = m.Payload
		_, err := w.js.PublishMsg(w.ctx, message)
		require.NoError(w.t, err)
	}
}

// version counts the versions of an aggregate.
func (w *world) version(aggregate string) int64 {
	w.versions[aggregate]++
	return w.versions[aggregate]
}

// list is a person's inbox, the newest first.
func (w *world) list(p person, filter string) []*notificationsv1.Notification {
	w.t.Helper()
	resp, err := w.inbox.ListNotifications(p.ctx, &notificationsv1.ListNotificationsRequest{
		Parent: domain.WorkspaceName(p.Workspace), Filter: filter, PageSize: 200,
	})
	require.NoError(w.t, err)
	return resp.GetNotifications()
}

// only is the one notification in a person's inbox with a reason.
func (w *world) only(p person, reason string) *notificationsv1.Notification {
	w.t.Helper()
	found := w.list(p, "reason = "+reason)
	require.Len(w.t, found, 1, "%s's %s", p.handle, reason)
	return found[0]
}

// over is the delivery of a notification over a channel.
func over(n *notificationsv1.Notification, c notificationsv1.Channel_Kind) *notificationsv1.Delivery {
	for _, d := range n.GetDeliveries() {
		if d.GetChannel() == c {
			return d
		}
	}
	return nil
}

func inApp(n *notificationsv1.Notification) *notificationsv1.Delivery {
	return over(n, notificationsv1.Channel_IN_APP)
}

func mailed(n *notificationsv1.Notification) *notificationsv1.Delivery {
	return over(n, notificationsv1.Channel_EMAIL)
}

// event is one of our own events as it waits in the outbox.
type event struct {
	kind, aggregate string
	version         int64
	at              time.Time
	payload         proto.Message
}

// events are those of our own of a kind, such as NotificationDelivered, in their order; all for none.
func (w *world) events(kind string) []event {
	w.t.Helper()
	rows, err := w.db.Owner.Pool().Query(w.ctx, `SELECT subject, headers, payload FROM outbox ORDER BY id`)
	require.NoError(w.t, err)
	defer rows.Close()
	var all []event
	for rows.Next() {
		var (
			subject string
			headers map[string]string
			data    []byte
		)
		require.NoError(w.t, rows.Scan(&subject, &headers, &data))
		header := nats.Header{}
		for k, v := range headers {
			header[k] = []string{v}
		}
		meta, payload, err := eventbus.Decode(header, subject, data)
		require.NoError(w.t, err)
		short := meta.Type[len("meridian.notifications.v1."):]
		if kind == "" || short == kind {
			all = append(all, event{kind: short, aggregate: meta.Aggregate, version: meta.Version, at: meta.Time, payload: payload})
		}
	}
	require.NoError(w.t, rows.Err())
	return all
}

// attempt is one that the service has recorded.
type attempt struct {
	recipient uuid.UUID
	urgency   int
	begin     time.Time
	decided   time.Time
	working   bool
	outcome   string
	channel   string
}

func (w *world) attempts() []attempt {
	w.t.Helper()
	rows, err := w.db.Owner.Pool().Query(w.ctx, `
		SELECT recipient_id, urgency, begin_time, decide_time, working, outcome, channel FROM attempts ORDER BY begin_time, attempt_id`)
	require.NoError(w.t, err)
	defer rows.Close()
	var all []attempt
	for rows.Next() {
		var a attempt
		require.NoError(w.t, rows.Scan(&a.recipient, &a.urgency, &a.begin, &a.decided, &a.working, &a.outcome, &a.channel))
		all = append(all, a)
	}
	require.NoError(w.t, rows.Err())
	return all
}

// audit judges every attempt there was: below URGENT none that was not begun in working time, within five seconds of its
// decision.
func (w *world) audit() {
	w.t.Helper()
	for _, a := range w.attempts() {
		if a.outcome == string(app.Skipped) || a.urgency == int(domain.Urgent) {
			continue
		}
		require.True(w.t, a.working, "%+v", a)
		require.LessOrEqual(w.t, a.begin.Sub(a.decided), 5*time.Second, "%+v", a)
		require.True(w.t, w.office.worked(a.recipient, a.decided), "%+v", a)
	}
}
