package tasks

import (
	"context"
	"fmt"
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
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/jobs"
	"github.com/meridianhq/meridian/services/tasks/internal/rpc"
	"github.com/meridianhq/meridian/services/tasks/internal/store"
	"github.com/meridianhq/meridian/services/tasks/internal/wire"
)

// world is the service over a real database, with its rights laid by the test in the place of the directory, and people's
// hours in the place of availability.
type world struct {
	t         *testing.T
	ctx       context.Context
	db        *pgtest.DB
	authority *rpctest.Authority
	clock     *clock.Manual
	directory *directory
	rota      *rota
	conn      *grpc.ClientConn
	projects  tasksv1.ProjectServiceClient
	tasks     tasksv1.TaskServiceClient
	handoffs  tasksv1.HandoffServiceClient
	sources   notificationsv1.SourceServiceClient
	app       *app.App
	routing   *due.Worker[app.Ref]
	expiry    *due.Worker[app.Ref]
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

// epoch is a Monday, nine o'clock in the morning.
var epoch = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// newWorld starts nothing that works by itself; work does.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, ctx: t.Context(), authority: rpctest.NewAuthority(t, "notifications", "threads"), clock: clock.NewManual(epoch),
		directory: &directory{}, rota: newRota(), wakes: make(chan struct{}, 1),
		db: pgtest.New(t, "tasks", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set()),
	}
	box := outbox.New(func() {
		select {
		case w.wakes <- struct{}{}:
		default:
		}
	})
	w.app = app.New(app.Deps{
		Store:  store.New(w.db.App, w.db.Owner, box, wire.Encoder("meridian.test")),
		Access: w.directory, Time: w.rota, Clock: w.clock,
		Routing: func() { w.routing.Wake() }, Expiry: func() { w.expiry.Wake() },
	})
	log := slog.New(slog.DiscardHandler)
	w.routing, w.expiry = jobs.RouteHandoffs(w.app, w.clock, log), jobs.ExpireHandoffs(w.app, w.clock, log)
	w.conn, _ = rpctest.Serve(t, w.authority, rpcserver.Config{Service: "tasks"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		rpc.Register(r, w.app)
	})
	w.projects, w.tasks = tasksv1.NewProjectServiceClient(w.conn), tasksv1.NewTaskServiceClient(w.conn)
	w.handoffs, w.sources = tasksv1.NewHandoffServiceClient(w.conn), notificationsv1.NewSourceServiceClient(w.conn)
	return w
}

// work runs the workers to the test's end.
func (w *world) work() {
	w.t.Helper()
	for _, worker := range []*due.Worker[app.Ref]{w.routing, w.expiry} {
		w.run(worker.Run)
	}
}

// run runs a part to the test's end.
func (w *world) run(part func(ctx context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
}

// settle returns when the workers have done what is due, and what followed from it.
func (w *world) settle() {
	w.t.Helper()
	for range 3 {
		require.NoError(w.t, w.routing.Settled(w.ctx))
		require.NoError(w.t, w.expiry.Settled(w.ctx))
	}
}

// pass moves the clock and settles.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.clock.Advance(d)
	w.settle()
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

func (w *world) member(ws uuid.UUID, role auth.Role, name string) person {
	w.t.Helper()
	return w.memberIn(ws, role, name, "ACTIVE")
}

func (w *world) memberIn(ws uuid.UUID, role auth.Role, name, state string) person {
	w.t.Helper()
	c := rpctest.Member(ws, role)
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		VALUES ($1, $2, $3, $3, 'UTC', $4, $5, 1, 1)`, ws, c.Member, name, int(role), states[state])
	return person{Caller: c, handle: name, ctx: w.authority.As(w.t, w.ctx, c)}
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

// office is a workspace with an open space, its project OPS, and Ana, who began it.
type office struct {
	*world
	ws, space uuid.UUID
	ana       person
	project   *tasksv1.Project
	parent    string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	o := &office{world: w, ws: ws, space: w.space(ws, false), parent: domain.WorkspaceName(ws)}
	o.ana = o.joins("Ana")
	o.project = o.newProject(o.ana, o.space, "OPS")
	return o
}

// joins makes a member of the workspace.
func (o *office) joins(name string) person {
	o.t.Helper()
	return o.member(o.ws, auth.Member, name)
}

func (o *office) teamName(id uuid.UUID) string { return domain.TeamName(o.ws, id) }

func (w *world) newProject(p person, space uuid.UUID, key string) *tasksv1.Project {
	w.t.Helper()
	made, err := w.projects.CreateProject(p.ctx, &tasksv1.CreateProjectRequest{
		Parent:  domain.WorkspaceName(p.Workspace),
		Project: &tasksv1.Project{Space: domain.SpaceName(p.Workspace, space), Key: key, DisplayName: "Project " + key},
	})
	require.NoError(w.t, err)
	return made
}

// newTask makes a task of the office's project.
func (o *office) newTask(p person, t *tasksv1.Task) *tasksv1.Task {
	o.t.Helper()
	if t.GetProject() == "" {
		t.Project = o.project.GetName()
	}
	if t.GetTitle() == "" {
		t.Title = "Replace the pump"
	}
	made, err := o.tasks.CreateTask(p.ctx, &tasksv1.CreateTaskRequest{Parent: o.parent, Task: t})
	require.NoError(o.t, err)
	return made
}

// held makes a task that somebody holds.
func (o *office) held(by person) *tasksv1.Task {
	o.t.Helper()
	return o.newTask(by, &tasksv1.Task{Holder: by.name()})
}

func (w *world) task(p person, name string) *tasksv1.Task {
	w.t.Helper()
	t, err := w.tasks.GetTask(p.ctx, &tasksv1.GetTaskRequest{Name: name})
	require.NoError(w.t, err)
	return t
}

func (w *world) handoff(p person, name string) *tasksv1.Handoff {
	w.t.Helper()
	h, err := w.handoffs.GetHandoff(p.ctx, &tasksv1.GetHandoffRequest{Name: name})
	require.NoError(w.t, err)
	return h
}

func (w *world) legs(p person, task string) []*tasksv1.Leg {
	w.t.Helper()
	resp, err := w.tasks.ListLegs(p.ctx, &tasksv1.ListLegsRequest{Parent: task, PageSize: 200})
	require.NoError(w.t, err)
	require.Empty(w.t, resp.GetNextPageToken())
	return resp.GetLegs()
}

func note() *tasksv1.HandoffNote { return &tasksv1.HandoffNote{NextSteps: "Fit the new seal."} }

// offer offers a task to a member.
func (w *world) offer(by person, task string, to person) *tasksv1.Handoff {
	w.t.Helper()
	h, err := w.handoffs.HandOff(by.ctx, &tasksv1.HandOffRequest{Name: task, Recipient: to.name(), Note: note()})
	require.NoError(w.t, err)
	return h
}

// offerAuto offers a task to the best of a team.
func (o *office) offerAuto(by person, task string, team uuid.UUID) *tasksv1.Handoff {
	o.t.Helper()
	h, err := o.handoffs.HandOff(by.ctx, &tasksv1.HandOffRequest{Name: task, AutoTeam: o.teamName(team), Note: note()})
	require.NoError(o.t, err)
	return h
}

// offerTeam offers a task to a team.
func (o *office) offerTeam(by person, task string, team uuid.UUID) *tasksv1.Handoff {
	o.t.Helper()
	h, err := o.handoffs.HandOff(by.ctx, &tasksv1.HandOffRequest{Name: task, Team: o.teamName(team), Note: note()})
	require.NoError(o.t, err)
	return h
}

func (w *world) accept(p person, handoff string) (*tasksv1.Handoff, error) {
	return w.handoffs.AcceptHandoff(p.ctx, &tasksv1.AcceptHandoffRequest{Name: handoff})
}

func (w *world) decline(p person, handoff string) (*tasksv1.Handoff, error) {
	return w.handoffs.DeclineHandoff(p.ctx, &tasksv1.DeclineHandoffRequest{Name: handoff, Reason: "No time."})
}

func (w *world) withdraw(p person, handoff string) (*tasksv1.Handoff, error) {
	return w.handoffs.WithdrawHandoff(p.ctx, &tasksv1.WithdrawHandoffRequest{Name: handoff})
}

// moveTo takes a task to another state.
func (w *world) moveTo(p person, task, state string) (*tasksv1.Task, error) {
	return w.tasks.UpdateTask(p.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: task, State: state}})
}

// unpublished are the events that wait in the outbox, in its order.
func (w *world) unpublished() []published {
	w.t.Helper()
	rows, err := w.db.Owner.Pool().Query(w.ctx, `SELECT aggregate, version, subject, headers->>'ce-type', headers->>'ce-actor' FROM outbox ORDER BY id`)
	require.NoError(w.t, err)
	defer rows.Close()
	var events []published
	for rows.Next() {
		var e published
		require.NoError(w.t, rows.Scan(&e.aggregate, &e.version, &e.subject, &e.kind, &e.actor))
		events = append(events, e)
	}
	require.NoError(w.t, rows.Err())
	return events
}

type published struct {
	aggregate, subject, kind, actor string
	version                         int64
}

// of are the kinds of the events of an aggregate, which must be numbered without a gap.
func (w *world) of(aggregate string) []string {
	w.t.Helper()
	var all []string
	for _, e := range w.unpublished() {
		if e.aggregate == aggregate {
			all = append(all, e.kind[len("meridian.tasks.v1."):])
			require.EqualValues(w.t, len(all), e.version, "%v", all)
		}
	}
	return all
}

// since are the kinds of an aggregate's events after the first n.
func (w *world) since(aggregate string, n int) []string {
	w.t.Helper()
	return w.of(aggregate)[n:]
}

// broker runs the relay into a stream of the test's own.
func (w *world) broker() jetstream.JetStream {
	w.t.Helper()
	js := natstest.New(w.t).JS(w.t)
	relay := outbox.NewRelay(outbox.RelayConfig{
		Service: "tasks", DB: w.db.Owner, JS: js, Log: slog.New(slog.DiscardHandler),
		Machine: clock.Machine(), SyncDelay: time.Millisecond,
	})
	w.run(relay.Run)
	w.run(func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-w.wakes:
				relay.Wake()
			}
		}
	})
	return js
}

// told is an event as a subscriber gets it.
type told struct {
	eventbus.Meta
	payload any
}

// told reads so many different events from the stream, in its order.
func (w *world) told(js jetstream.JetStream, n int) []told {
	w.t.Helper()
	consumer, err := js.OrderedConsumer(w.ctx, eventbus.Stream, jetstream.OrderedConsumerConfig{})
	require.NoError(w.t, err)
	var all []told
	for len(all) < n {
		message, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		require.NoError(w.t, err, "after %d events", len(all))
		meta, payload, err := eventbus.Decode(message.Headers(), message.Subject(), message.Data())
		require.NoError(w.t, err)
		if !slices.ContainsFunc(all, func(e told) bool { return e.ID == meta.ID }) {
			all = append(all, told{meta, payload})
		}
	}
	return all
}

// kind is an event's short name.
func (e told) kind() string { return e.Type[len("meridian.tasks.v1."):] }

func (e told) String() string { return fmt.Sprintf("%s %d of %s", e.kind(), e.Version, e.Aggregate) }
