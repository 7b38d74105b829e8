package tasks

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store"
)

// peer is the directory as the whole service sees it: over gRPC.
type peer struct {
	directoryv1.UnimplementedAccessServiceServer
	directoryv1.UnimplementedTokenServiceServer
	authority *rpctest.Authority
	rows      []*directoryv1.AccessRow
}

func (p *peer) SnapshotAccess(context.Context, *directoryv1.SnapshotAccessRequest) (*directoryv1.SnapshotAccessResponse, error) {
	return &directoryv1.SnapshotAccessResponse{Rows: p.rows}, nil
}

func (p *peer) ResolveAccess(context.Context, *directoryv1.ResolveAccessRequest) (*directoryv1.ResolveAccessResponse, error) {
	return &directoryv1.ResolveAccessResponse{}, nil
}

func (p *peer) GetJwks(ctx context.Context, _ *directoryv1.GetJwksRequest) (*directoryv1.JsonWebKeySet, error) {
	set, err := p.authority.Keys(ctx)
	if err != nil {
		return nil, err
	}
	resp := &directoryv1.JsonWebKeySet{}
	for _, key := range set.Keys {
		public, ok := key.Key.(ed25519.PublicKey)
		if ok {
			resp.Keys = append(resp.Keys, &directoryv1.JsonWebKey{
				Kty: "OKP", Crv: "Ed25519", X: base64.RawURLEncoding.EncodeToString(public), Kid: key.KeyID, Alg: "EdDSA", Use: "sig",
			})
		}
	}
	return resp, nil
}

// calendar is availability as the whole service sees it: everybody's windows end so long after their start.
type calendar struct {
	availabilityv1.UnimplementedAvailabilityServiceServer
	mu    sync.Mutex
	later time.Duration
}

func (c *calendar) set(later time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later = later
}

func (c *calendar) ComputeDeadlines(ctx context.Context, req *availabilityv1.ComputeDeadlinesRequest) (*availabilityv1.ComputeDeadlinesResponse, error) {
	if caller, err := auth.Require(ctx); err != nil || caller.Service != "tasks" {
		return nil, errors.Join(err, fault.DeniedFor("ask"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := &availabilityv1.ComputeDeadlinesResponse{}
	for _, q := range req.GetQueries() {
		due := q.GetStartTime().AsTime().Add(c.later + q.GetWindow().GetWorkingTime().AsDuration())
		resp.Deadlines = append(resp.Deadlines, &availabilityv1.Deadline{Member: q.GetMember(), DueTime: timestamppb.New(due)})
	}
	return resp, nil
}

// nobodyActs is availability where nobody acts for anybody.
type nobodyActs struct {
	availabilityv1.UnimplementedDelegationServiceServer
}

func (nobodyActs) ResolveDelegates(
	_ context.Context, req *availabilityv1.ResolveDelegatesRequest,
) (*availabilityv1.ResolveDelegatesResponse, error) {
	resp := &availabilityv1.ResolveDelegatesResponse{}
	for _, q := range req.GetQueries() {
		resp.Resolutions = append(resp.Resolutions, &availabilityv1.DelegateResolution{
			Member: q.GetMember(), Outcome: availabilityv1.DelegateResolution_NOBODY,
		})
	}
	return resp, nil
}

// whole is the service, wired as in production.
type whole struct {
	t         *testing.T
	authority *rpctest.Authority
	cfg       Config
	clock     *clock.Manual
	broker    *natstest.Server
	calendar  *calendar
	ana, ben  auth.Caller
	space     uuid.UUID
}

func newWhole(t *testing.T, availability string) *whole {
	t.Helper()
	w := &whole{
		t: t, authority: rpctest.NewAuthority(t, "tasks"), clock: clock.NewManual(epoch), broker: natstest.New(t), calendar: &calendar{},
		ana: rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member), space: uuid.Must(uuid.NewV7()),
	}
	w.ben = rpctest.Member(w.ana.Workspace, auth.Member)
	directory := &peer{authority: w.authority, rows: []*directoryv1.AccessRow{{Row: &directoryv1.AccessRow_Space{Space: &directoryv1.Space{
		Name: domain.SpaceName(w.ana.Workspace, w.space), Uid: w.space.String(), DisplayName: "S", Visibility: directoryv1.Space_OPEN, Version: 1,
	}}}}}
	for name, caller := range map[string]auth.Caller{"Ana": w.ana, "Ben": w.ben} {
		directory.rows = append(directory.rows, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: &directoryv1.Member{
			Name: caller.Principal(), Uid: caller.Member.String(), DisplayName: name, Role: directoryv1.Member_MEMBER,
			State: directoryv1.Member_ACTIVE, Kind: directoryv1.Member_PERSON, TimeZone: "UTC", Version: 1,
		}}})
	}
	_, server := rpctest.Serve(t, w.authority, rpcserver.Config{Service: "directory"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterAccessServiceServer(r, directory)
		directoryv1.RegisterTokenServiceServer(r, directory)
	})
	db := pgtest.New(t, "tasks", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set())
	w.cfg = Config{AvailabilityAddr: availability, Config: boot.Config{
		GRPCAddr: "127.0.0.1:0", DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
		NATSURL: w.broker.URL, NATSUser: w.broker.Credentials.User, NATSPassword: w.broker.Credentials.Password,
		DirectoryAddr: server.Addr(),
		IdentityKey:   base64.StdEncoding.EncodeToString(w.authority.Identity(t, "tasks").Key.Seed()),
	}}
	return w
}

// availability serves the calendar on an address.
func (w *whole) availability(addr string) {
	w.t.Helper()
	rpctest.Serve(w.t, w.authority, rpcserver.Config{Service: "availability", Addr: addr}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		availabilityv1.RegisterAvailabilityServiceServer(r, w.calendar)
		availabilityv1.RegisterDelegationServiceServer(r, nobodyActs{})
	})
}

// free is an address that nobody listens on yet.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	return addr
}

func (w *whole) start() (*Service, *grpc.ClientConn) {
	w.t.Helper()
	service, err := New(w.t.Context(), w.cfg, Deps{Clock: w.clock, Alone: true})
	require.NoError(w.t, err)
	require.NoError(w.t, service.Start(w.t.Context()))
	w.t.Cleanup(func() { w.halt(service) })
	conn, err := grpc.NewClient(service.Server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	return service, conn
}

func (w *whole) halt(service *Service) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(w.t, service.Stop(ctx))
}

// announce publishes an event of availability's, as its relay would.
func (w *whole) announce(member auth.Caller) {
	w.t.Helper()
	message, err := eventbus.Encode(w.t.Context(), "meridian.test", "availability", w.clock.Now(), "x", &availabilityv1.WorkingTimeChanged{
		Member: member.Principal(), StartTime: timestamppb.New(w.clock.Now()), Version: 2,
	})
	require.NoError(w.t, err)
	db := pgtest.New(w.t, "availability", outbox.Set())
	box := outbox.New(nil)
	require.NoError(w.t, db.Owner.InTx(w.t.Context(), member.Workspace, func(ctx context.Context, tx *postgres.Tx) error {
		return box.Append(ctx, tx, message)
	}))
	relay := outbox.NewRelay(outbox.RelayConfig{
		Service: "availability", DB: db.Owner, JS: w.broker.JS(w.t), Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(), SyncDelay: time.Millisecond,
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	require.NoError(w.t, relay.Drained(w.t.Context()))
	cancel()
	require.NoError(w.t, <-done)
}

// The whole service: it fills its projection from the directory, serves, finds when an offer expires once availability is
// there, follows availability's events, announces the expiry at its time, and comes back with everything it had.
func TestTheWholeService(t *testing.T) {
	t.Parallel()
	addr := free(t)
	w := newWhole(t, addr)
	service, conn := w.start()
	projects, tasks, handoffs := tasksv1.NewProjectServiceClient(conn), tasksv1.NewTaskServiceClient(conn), tasksv1.NewHandoffServiceClient(conn)
	ana, ben := w.authority.As(t, t.Context(), w.ana), w.authority.As(t, t.Context(), w.ben)
	parent := domain.WorkspaceName(w.ana.Workspace)
	project, err := projects.CreateProject(ana, &tasksv1.CreateProjectRequest{Parent: parent, Project: &tasksv1.Project{
		Space: domain.SpaceName(w.ana.Workspace, w.space), Key: "OPS", DisplayName: "Operations",
	}})
	require.NoError(t, err)
	task, err := tasks.CreateTask(ana, &tasksv1.CreateTaskRequest{Parent: parent, Task: &tasksv1.Task{Project: project.GetName(), Title: "T", Holder: w.ana.Principal()}})
	require.NoError(t, err)
	h, err := handoffs.HandOff(ana, &tasksv1.HandOffRequest{Name: task.GetName(), Recipient: w.ben.Principal(), Note: note()})
	require.NoError(t, err, "availability is not there yet")
	require.NoError(t, service.Settle(t.Context()))

	get := func() *tasksv1.Handoff {
		t.Helper()
		got, err := handoffs.GetHandoff(ben, &tasksv1.GetHandoffRequest{Name: h.GetName()})
		require.NoError(t, err)
		return got
	}
	require.Nil(t, get().GetExpireTime())
	w.calendar.set(time.Hour)
	w.availability(addr)
	require.Eventually(t, func() bool { return get().GetExpireTime() != nil }, 60*time.Second, 50*time.Millisecond)
	require.Equal(t, epoch.Add(5*time.Hour), get().GetExpireTime().AsTime())

	w.calendar.set(2 * time.Hour)
	w.announce(w.ben)
	require.NoError(t, service.Settle(t.Context()))
	require.Equal(t, epoch.Add(6*time.Hour), get().GetExpireTime().AsTime())
	next, some, err := service.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, epoch.Add(6*time.Hour), next, "a development clock steps to it")
	w.halt(service)

	w.clock.Advance(6 * time.Hour) // while it is down
	service, conn = w.start()
	require.NoError(t, service.Settle(t.Context()))
	handoffs = tasksv1.NewHandoffServiceClient(conn)
	require.Equal(t, tasksv1.Handoff_EXPIRED, get().GetState())
	_, err = handoffs.AcceptHandoff(ben, &tasksv1.AcceptHandoffRequest{Name: h.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)
	legs, err := tasksv1.NewTaskServiceClient(conn).ListLegs(ana, &tasksv1.ListLegsRequest{Parent: task.GetName()})
	require.NoError(t, err)
	require.Len(t, legs.GetLegs(), 1)
}

// Without an address of availability the service does not start.
func TestAvailabilityMustBeNamed(t *testing.T) {
	t.Parallel()
	w := newWhole(t, "")
	_, err := New(t.Context(), w.cfg, Deps{Clock: w.clock})
	require.ErrorContains(t, err, "availability-addr")
}
