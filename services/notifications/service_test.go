package notifications

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// peer is every other service as the whole service sees them: over gRPC.
type peer struct {
	directoryv1.UnimplementedAccessServiceServer
	directoryv1.UnimplementedTokenServiceServer
	availabilityv1.UnimplementedAvailabilityServiceServer
	notificationsv1.UnimplementedSourceServiceServer
	authority *rpctest.Authority
	rows      []*directoryv1.AccessRow
	office    *office
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
		if public, ok := key.Key.(ed25519.PublicKey); ok {
			resp.Keys = append(resp.Keys, &directoryv1.JsonWebKey{
				Kty: "OKP", Crv: "Ed25519", X: base64.RawURLEncoding.EncodeToString(public), Kid: key.KeyID, Alg: "EdDSA", Use: "sig",
			})
		}
	}
	return resp, nil
}

func (p *peer) NextReachable(ctx context.Context, req *availabilityv1.NextReachableRequest) (*availabilityv1.NextReachableResponse, error) {
	resp := &availabilityv1.NextReachableResponse{}
	for _, name := range req.GetMembers() {
		id := uuid.MustParse(domain.LastID(name))
		found, err := p.office.Reaches(ctx, uuid.Nil, []uuid.UUID{id}, req.GetAtTime().AsTime())
		if err != nil {
			return nil, err
		}
		r := found[id]
		one := &availabilityv1.Reachability{
			Member: name, Working: r.Working, ReachableTime: timestamppb.New(r.At), UntilTime: timestamppb.New(r.Until),
			DayStartTime: timestamppb.New(r.DayStart), TimeZone: r.Local.String(), Version: r.Version,
		}
		day, err := time.Parse(time.DateOnly, r.DayDate)
		if err != nil {
			return nil, err
		}
		one.DayDate = &date.Date{Year: int32(day.Year()), Month: int32(day.Month()), Day: int32(day.Day())}
		resp.Members = append(resp.Members, one)
	}
	return resp, nil
}

func (p *peer) CheckSources(_ context.Context, req *notificationsv1.CheckSourcesRequest) (*notificationsv1.CheckSourcesResponse, error) {
	resp := &notificationsv1.CheckSourcesResponse{}
	for range req.GetChecks() {
		resp.States = append(resp.States, &notificationsv1.SourceState{Waiting: true, Text: "as it is **now**"})
	}
	return resp, nil
}

func (p *peer) ListFollowedActivity(context.Context, *notificationsv1.ListFollowedActivityRequest) (*notificationsv1.ListFollowedActivityResponse, error) {
	return &notificationsv1.ListFollowedActivityResponse{}, nil
}

// The whole service, wired as in production: it fills its projection, follows events, asks its peers over gRPC, sends mail into
// a folder, and comes back in the morning with everything it held in the night.
func TestTheWholeService(t *testing.T) {
	t.Parallel()
	authority := rpctest.NewAuthority(t, "notifications")
	ana := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	ben := rpctest.Member(ana.Workspace, auth.Member)
	space := uuid.Must(uuid.NewV7())
	p := &peer{authority: authority, office: newOffice()}
	p.office.set(ana.Member, london, nineToFive())
	p.office.set(ben.Member, chicago, nineToFive())
	for name, c := range map[string]auth.Caller{"Ana": ana, "Ben": ben} {
		p.rows = append(p.rows, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: &directoryv1.Member{
			Name: c.Principal(), Uid: c.Member.String(), DisplayName: name, Handle: name, Role: directoryv1.Member_MEMBER,
			State: directoryv1.Member_ACTIVE, Kind: directoryv1.Member_PERSON, TimeZone: "UTC", Version: 1,
		}}})
	}
	p.rows = append(p.rows, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Space{Space: &directoryv1.Space{
		Name: domain.SpaceName(ana.Workspace, space), Uid: space.String(), DisplayName: "S", Visibility: directoryv1.Space_OPEN, Version: 1,
	}}})
	_, server := rpctest.Serve(t, authority, rpcserver.Config{Service: "directory"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterAccessServiceServer(r, p)
		directoryv1.RegisterTokenServiceServer(r, p)
		availabilityv1.RegisterAvailabilityServiceServer(r, p)
		notificationsv1.RegisterSourceServiceServer(r, p)
	})
	broker := natstest.New(t)
	db := pgtest.New(t, "notifications", sets()...)
	folder := filepath.Join(t.TempDir(), "mail")
	cfg := Config{
		Config: boot.Config{
			GRPCAddr: "127.0.0.1:0", DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
			NATSURL: broker.URL, NATSUser: broker.Credentials.User, NATSPassword: broker.Credentials.Password,
			DirectoryAddr: server.Addr(),
			IdentityKey:   base64.StdEncoding.EncodeToString(authority.Identity(t, "notifications").Key.Seed()),
		},
		AvailabilityAddr: server.Addr(), ThreadsAddr: server.Addr(), TasksAddr: server.Addr(), MailURL: "file://" + folder,
	}
	domainTime := clock.NewManual(epoch)
	service, conn := start(t, cfg, domainTime)
	thread := domain.WorkspaceName(ana.Workspace) + "/threads/" + uuid.NewString()
	posted, err := eventbus.Encode(t.Context(), "meridian.test", "threads", epoch, ana.Principal(), &threadsv1.MessagePosted{
		Message: &threadsv1.Message{Name: thread + "/messages/1", Author: ana.Principal(), Body: "hello", Mentions: []string{ben.Principal()}, Urgency: high},
		Thread:  thread, Space: domain.SpaceName(ana.Workspace, space), ThreadVersion: 1, ThreadTitle: "T",
	})
	require.NoError(t, err)
	w := &world{t: t, ctx: t.Context(), js: service.JS}
	w.send(posted, 1)
	require.NoError(t, service.Settle(t.Context()))
	require.NoError(t, service.Settle(t.Context()))
	ctx := authority.As(t, t.Context(), ben)
	inbox := notificationsv1.NewInboxServiceClient(conn)
	list, err := inbox.ListNotifications(ctx, &notificationsv1.ListNotificationsRequest{Parent: domain.WorkspaceName(ana.Workspace)})
	require.NoError(t, err)
	require.Len(t, list.GetNotifications(), 1)
	require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp(list.GetNotifications()[0]).GetDecision())
	require.Equal(t, notificationsv1.Delivery_SUPPRESSED, mailed(list.GetNotifications()[0]).GetDecision(), "no address is known")
	next, some, err := service.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Equal(t, local(chicago, 1, 9, 0), next)
	halt(t, service)

	require.NoError(t, domainTime.Set(next))
	service, conn = start(t, cfg, domainTime)
	require.NoError(t, service.Settle(t.Context()))
	one, err := notificationsv1.NewInboxServiceClient(conn).GetNotification(ctx, &notificationsv1.GetNotificationRequest{Name: list.GetNotifications()[0].GetName()})
	require.NoError(t, err)
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(one).GetState())
	require.Equal(t, "as it is now", one.GetExcerpt())

	_, err = New(t.Context(), Config{MailFrom: "Meridian <meridian@meridian.test>", PublicURL: "app.meridian.test"}, Deps{})
	require.ErrorContains(t, err, "public-url: must be a URL")
	_, err = New(t.Context(), Config{MailURL: "nonsense"}, Deps{})
	require.ErrorContains(t, err, "mail-url")
	without := cfg
	without.TasksAddr = ""
	_, err = New(t.Context(), without, Deps{})
	require.ErrorContains(t, err, "tasks-addr: must be given")
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
