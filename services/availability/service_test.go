package availability

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/store"
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

// The whole service, wired as in production: it fills its projection from the directory, answers members and other
// services, follows the directory's events, and comes back with everything it had.
func TestTheWholeService(t *testing.T) {
	t.Parallel()
	authority := rpctest.NewAuthority(t, "availability", "threads")
	ben := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	peer := &peer{authority: authority, rows: []*directoryv1.AccessRow{
		{Row: &directoryv1.AccessRow_Member{Member: profile(ben, "America/Chicago", 1)}},
	}}
	_, server := rpctest.Serve(t, authority, rpcserver.Config{Service: "directory"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterAccessServiceServer(r, peer)
		directoryv1.RegisterTokenServiceServer(r, peer)
	})
	broker := natstest.New(t)
	db := pgtest.New(t, "availability", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set())
	threads := authority.Identity(t, "threads")
	public, _ := threads.Key.Public().(ed25519.PublicKey)
	cfg := Config{Config: boot.Config{
		GRPCAddr: "127.0.0.1:0", DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
		NATSURL: broker.URL, NATSUser: broker.Credentials.User, NATSPassword: broker.Credentials.Password,
		DirectoryAddr: server.Addr(),
		IdentityKey:   base64.StdEncoding.EncodeToString(authority.Identity(t, "availability").Key.Seed()),
		ServiceKeys:   "threads=" + base64.StdEncoding.EncodeToString(public),
	}, APIURL: "https://meridian.test"}
	domainTime := clock.NewManual(epoch)

	service, conn := start(t, cfg, domainTime)
	ctx := authority.As(t, t.Context(), ben)
	schedules := availabilityv1.NewScheduleServiceClient(conn)
	name := ben.Principal() + "/effectiveSchedule"
	e, err := schedules.GetEffectiveSchedule(ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: name})
	require.NoError(t, err)
	require.Equal(t, "America/Chicago", e.GetTimeZone())
	_, err = schedules.GetEffectiveSchedule(ctx, &availabilityv1.GetEffectiveScheduleRequest{
		Name: "workspaces/" + ben.Workspace.String() + "/members/" + uuid.NewString() + "/effectiveSchedule",
	})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	// Another service asks through the client that all of them use.
	asking, err := rpcclient.Dial(service.Server.Addr(), rpcclient.Config{Identity: threads, Machine: clock.Machine()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, asking.Close()) })
	due, err := workingtime.New(asking).Deadlines(t.Context(), ben.Workspace, []workingtime.Query{{Member: ben.Member, From: epoch, Window: window.Working(24 * time.Hour)}})
	require.NoError(t, err)
	require.Equal(t, at("2026-12-03T23:00:00Z"), due[0].Due)

	// A change of the zone, of which the first was known from the snapshot.
	tell(t, broker.JS(t), &directoryv1.MemberUpdated{Member: profile(ben, "Europe/London", 2)})
	require.Eventually(t, func() bool {
		require.NoError(t, service.Settle(t.Context()))
		e, err := schedules.GetEffectiveSchedule(ctx, &availabilityv1.GetEffectiveScheduleRequest{Name: name})
		return err == nil && e.GetTimeZone() == "Europe/London" && e.GetVersion() == 1
	}, 20*time.Second, 20*time.Millisecond)
	halt(t, service)

	// No start waits for what is noted of who has left.
	pool, leaver := db.Owner.Pool(), uuid.New()
	_, err = pool.Exec(t.Context(), `INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		VALUES ($1, $2, 'Leaver', '', 'UTC', 2, 3, 1, 1)`, ben.Workspace, leaver)
	require.NoError(t, err)
	held, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), `INSERT INTO member_times (workspace_id, member_id) VALUES ($1, $2)`, ben.Workspace, leaver)
	require.NoError(t, err)
	service, conn = start(t, cfg, domainTime)
	require.NoError(t, held.Rollback(t.Context()))
	require.Eventually(t, func() (noted bool) {
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM member_departures WHERE member_id = $1)`, leaver).Scan(&noted)
		return err == nil && noted
	}, 20*time.Second, 20*time.Millisecond)
	reached, err := availabilityv1.NewAvailabilityServiceClient(conn).NextReachable(ctx, &availabilityv1.NextReachableRequest{
		Parent: "workspaces/" + ben.Workspace.String(), Members: []string{ben.Principal()},
	})
	require.NoError(t, err)
	require.True(t, reached.GetMembers()[0].GetWorking(), "it is nine o'clock in London")
	require.EqualValues(t, 1, reached.GetMembers()[0].GetVersion())
	require.NoError(t, service.Settle(t.Context()))

	cfg.APIURL = "meridian.test"
	_, err = New(t.Context(), cfg, Deps{})
	require.ErrorContains(t, err, "api-url: must be a URL")
}

func start(t *testing.T, cfg Config, domainTime clock.Clock) (*Service, *grpc.ClientConn) {
	t.Helper()
	service, err := New(t.Context(), cfg, Deps{Clock: domainTime, Alone: true})
	require.NoError(t, err)
	require.NoError(t, service.Start(t.Context()))
	t.Cleanup(func() { halt(t, service) })
	conn, err := grpc.NewClient(service.Server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return service, conn
}

func halt(t *testing.T, service *Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, service.Stop(ctx))
}
