package threads

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
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store"
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

// The whole service, wired as in production: it fills its projection from the directory, serves, publishes, follows its
// own events, and comes back with everything it had.
func TestTheWholeService(t *testing.T) {
	t.Parallel()
	authority := rpctest.NewAuthority(t, "threads")
	ada := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	eve := rpctest.Member(ada.Workspace, auth.Member)
	space := uuid.Must(uuid.NewV7())
	bob := rpctest.Member(ada.Workspace, auth.Member)
	directory := &peer{authority: authority, rows: []*directoryv1.AccessRow{
		{Row: &directoryv1.AccessRow_Member{Member: &directoryv1.Member{
			Name: bob.Principal(), Uid: bob.Member.String(), DisplayName: "Bob", Handle: "bob", Role: directoryv1.Member_MEMBER,
			State: directoryv1.Member_ACTIVE, Kind: directoryv1.Member_PERSON, TimeZone: "UTC", Version: 1,
		}}},
		{Row: &directoryv1.AccessRow_Member{Member: &directoryv1.Member{
			Name: ada.Principal(), Uid: ada.Member.String(), DisplayName: "Ada", Handle: "ada", Role: directoryv1.Member_MEMBER,
			State: directoryv1.Member_ACTIVE, Kind: directoryv1.Member_PERSON, TimeZone: "UTC", Version: 1,
		}}},
		{Row: &directoryv1.AccessRow_Space{Space: &directoryv1.Space{
			Name: domain.SpaceName(ada.Workspace, space), Uid: space.String(), DisplayName: "S",
			Visibility: directoryv1.Space_OPEN, Version: 1,
		}}},
	}}
	_, server := rpctest.Serve(t, authority, rpcserver.Config{Service: "directory"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterAccessServiceServer(r, directory)
		directoryv1.RegisterTokenServiceServer(r, directory)
	})
	hours := newAvailability()
	_, availabilityServer := rpctest.Serve(t, authority, rpcserver.Config{Service: "availability"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		availabilityv1.RegisterAvailabilityServiceServer(r, hours)
	})
	broker := natstest.New(t)
	db := pgtest.New(t, "threads", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set())
	cfg := Config{Config: boot.Config{
		GRPCAddr: "127.0.0.1:0", DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
		NATSURL: broker.URL, NATSUser: broker.Credentials.User, NATSPassword: broker.Credentials.Password,
		DirectoryAddr: server.Addr(),
		IdentityKey:   base64.StdEncoding.EncodeToString(authority.Identity(t, "threads").Key.Seed()),
	}, AvailabilityAddr: availabilityServer.Addr()}
	domainTime := clock.NewManual(epoch)

	service, conn := start(t, cfg, domainTime)
	threads, messages := threadsv1.NewThreadServiceClient(conn), threadsv1.NewMessageServiceClient(conn)
	ctx := authority.As(t, t.Context(), ada)
	var names []string
	for _, title := range []string{"older", "newer"} {
		thread, err := threads.CreateThread(ctx, &threadsv1.CreateThreadRequest{
			Parent: domain.WorkspaceName(ada.Workspace),
			Thread: &threadsv1.Thread{Space: domain.SpaceName(ada.Workspace, space), Title: title},
		})
		require.NoError(t, err)
		names = append(names, thread.GetName())
		domainTime.Advance(time.Minute)
	}
	_, err := messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{Parent: names[0], Message: &threadsv1.Message{Body: "hello @ada"}})
	require.NoError(t, err)
	_, err = threads.GetThread(authority.As(t, t.Context(), eve), &threadsv1.GetThreadRequest{Name: names[0]})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	require.NoError(t, service.Relay.Drained(t.Context()))
	require.NoError(t, service.Settle(t.Context()))
	list, err := threads.ListThreads(ctx, &threadsv1.ListThreadsRequest{Parent: domain.WorkspaceName(ada.Workspace)})
	require.NoError(t, err)
	require.Len(t, list.GetThreads(), 2)
	require.Equal(t, "older", list.GetThreads()[0].GetTitle(), "what was last spoken in stands first")
	require.Equal(t, epoch.Add(2*time.Minute), list.GetThreads()[0].GetActivityTime().AsTime())

	// What is asked gets its due time from the availability service, and is overdue when that has passed.
	asked, err := messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{Parent: names[1], Message: &threadsv1.Message{
		Body: "Bob?", Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_REVIEW, Members: []string{bob.Principal()}}},
	}})
	require.NoError(t, err)
	require.NoError(t, service.Settle(t.Context()))
	asks := threadsv1.NewAskServiceClient(conn)
	ask, err := asks.GetAsk(ctx, &threadsv1.GetAskRequest{Name: asked.GetAsks()[0].GetName()})
	require.NoError(t, err)
	due := asked.GetCreateTime().AsTime().Add(24 * time.Hour)
	require.Equal(t, due, ask.GetDueTime().AsTime())
	next, some, err := service.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, due, next)
	require.NoError(t, domainTime.Set(due))
	require.NoError(t, service.Settle(t.Context()))
	ask, err = asks.GetAsk(ctx, &threadsv1.GetAskRequest{Name: ask.GetName()})
	require.NoError(t, err)
	require.Equal(t, threadsv1.AskRecipient_OVERDUE, ask.GetRecipients()[0].GetState())
	require.EqualValues(t, 3, ask.GetVersion(), "opened, due, overdue")
	halt(t, service)

	_, conn = start(t, cfg, domainTime)
	found, err := threadsv1.NewMessageServiceClient(conn).ListMessages(ctx, &threadsv1.ListMessagesRequest{Parent: names[0]})
	require.NoError(t, err)
	require.Len(t, found.GetMessages(), 1)
	require.Equal(t, []string{ada.Principal()}, found.GetMessages()[0].GetMentions())
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
