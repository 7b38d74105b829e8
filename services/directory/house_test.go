package directory_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory"
	"github.com/meridianhq/meridian/services/directory/internal/store"
)

// house is the whole directory, served over gRPC on a database and a broker of the test's own.
type house struct {
	t          *testing.T
	service    *directory.Service
	db         *pgtest.DB
	clock      *clock.Manual
	identities map[string]auth.Identity

	workspaces directoryv1.WorkspaceServiceClient
	members    directoryv1.MemberServiceClient
	teams      directoryv1.TeamServiceClient
	spaces     directoryv1.SpaceServiceClient
	tokens     directoryv1.TokenServiceClient
	audits     directoryv1.AuditServiceClient
	access     directoryv1.AccessServiceClient

	broker        *natstest.Server
	subscriptions directoryv1.EventSubscriptionServiceClient
}

func newHouse(t *testing.T) *house {
	t.Helper()
	broker := natstest.New(t)
	db := pgtest.New(t, "directory", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), store.Set())
	h := &house{
		t: t, db: db, broker: broker, identities: map[string]auth.Identity{},
		clock: clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)),
	}
	var keys []string
	for _, name := range []string{"meridian", "threads"} {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		h.identities[name] = auth.Identity{Name: name, Key: private}
		keys = append(keys, name+"="+base64.StdEncoding.EncodeToString(public))
	}
	service, err := directory.New(t.Context(), directory.Config{Config: boot.Config{
		GRPCAddr: "127.0.0.1:0", DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
		NATSURL: broker.URL, NATSUser: broker.Credentials.User, NATSPassword: broker.Credentials.Password,
		ServiceKeys: strings.Join(keys, ";"), EventHost: "meridian.test",
	}, EdgeConfig: directory.EdgeConfig{
		NATSCalloutUser: broker.Credentials.CalloutUser, NATSCalloutPassword: broker.Credentials.CalloutPassword,
		NATSSystemUser: broker.Credentials.SystemUser, NATSSystemPassword: broker.Credentials.SystemPassword,
		NATSIssuerSeed: broker.Credentials.IssuerSeed, NATSXKeySeed: broker.Credentials.XKeySeed,
	}}, boot.Deps{Clock: h.clock})
	require.NoError(t, err)
	require.NoError(t, service.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, service.Stop(ctx))
	})
	h.service = service
	h.dial(rpctest.Dial(t, service.Server.Addr()))
	return h
}

func (h *house) dial(cc *grpc.ClientConn) {
	h.workspaces = directoryv1.NewWorkspaceServiceClient(cc)
	h.members = directoryv1.NewMemberServiceClient(cc)
	h.teams = directoryv1.NewTeamServiceClient(cc)
	h.spaces = directoryv1.NewSpaceServiceClient(cc)
	h.tokens = directoryv1.NewTokenServiceClient(cc)
	h.audits = directoryv1.NewAuditServiceClient(cc)
	h.subscriptions = directoryv1.NewEventSubscriptionServiceClient(cc)
	h.access = directoryv1.NewAccessServiceClient(cc)
}

// asService calls as a service itself.
func (h *house) asService(t *testing.T, name string) context.Context {
	t.Helper()
	token, err := h.identities[name].Token(clock.Machine().Now())
	require.NoError(t, err)
	return rpctest.WithToken(t.Context(), token)
}

// as calls with an API token, exchanged first.
func (h *house) as(t *testing.T, secret string) context.Context {
	t.Helper()
	got, err := h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: secret})
	require.NoError(t, err)
	return rpctest.WithToken(t.Context(), got.GetAccessToken())
}

// person is a member who can call.
type person struct {
	*directoryv1.Member
	ctx    context.Context
	token  *directoryv1.ApiToken
	secret string
}

// tenant is a workspace with its owner.
type tenant struct {
	*directoryv1.Workspace
	owner person
	h     *house
}

// found makes a workspace.
func (h *house) found(t *testing.T) *tenant {
	t.Helper()
	made, err := h.workspaces.CreateWorkspace(h.asService(t, "meridian"), &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Relay"}, OwnerEmail: "Olga.Owner@example.org",
	})
	require.NoError(t, err)
	h.published(t)
	return &tenant{
		Workspace: made.GetWorkspace(), h: h,
		owner: person{Member: made.GetOwner(), ctx: h.as(t, made.GetSecret()), token: made.GetApiToken(), secret: made.GetSecret()},
	}
}

// published waits until all that happened stands in the stream, which promises an order to the events of one aggregate only: so it
// stands before what happens next.
func (h *house) published(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, h.service.Relay.Drained(ctx))
}

// join invites a person, who accepts.
func (w *tenant) join(t *testing.T, name string, role directoryv1.Member_Role) person {
	t.Helper()
	invited, err := w.h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{
		Parent: w.GetName(), Email: name + "@example.org", Role: role,
	})
	require.NoError(t, err)
	in, err := w.h.members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: invited.GetCode()})
	require.NoError(t, err)
	w.h.published(t)
	return person{Member: in.GetMember(), ctx: w.h.as(t, in.GetSecret()), token: in.GetApiToken(), secret: in.GetSecret()}
}

// id is the workspace's.
func (w *tenant) id(t *testing.T) uuid.UUID {
	t.Helper()
	return uuid.MustParse(w.GetUid())
}

// event is one event as it stands in the stream.
type event struct {
	eventbus.Meta
	payload proto.Message
}

// events returns the workspace's events in the order of the stream, once the outbox is empty.
func (w *tenant) events(t *testing.T) []event {
	t.Helper()
	w.h.published(t)
	ctx := t.Context()
	stream, err := w.h.service.JS.Stream(ctx, eventbus.Stream)
	require.NoError(t, err)
	info, err := stream.Info(ctx)
	require.NoError(t, err)
	var found []event
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		msg, err := stream.GetMsg(ctx, seq)
		if err != nil {
			require.ErrorIs(t, err, jetstream.ErrMsgNotFound)
			continue
		}
		meta, payload, err := eventbus.Decode(msg.Header, msg.Subject, msg.Data)
		require.NoError(t, err)
		if meta.Workspace == w.id(t) {
			found = append(found, event{meta, payload})
		}
	}
	return found
}

// types are the events' types without the package, audit records left out.
func types(events []event) []string {
	var names []string
	for _, e := range events {
		if name := e.Type[len("meridian.directory.v1."):]; name != "AuditRecorded" {
			names = append(names, name)
		}
	}
	return names
}

// last is the newest event of a type.
func last[T proto.Message](t *testing.T, events []event) (eventbus.Meta, T) {
	t.Helper()
	for i := len(events) - 1; i >= 0; i-- {
		if payload, ok := events[i].payload.(T); ok {
			return events[i].Meta, payload
		}
	}
	var none T
	require.FailNow(t, fmt.Sprintf("no %T among the events", none))
	return eventbus.Meta{}, none
}

func requestID() string { return uuid.NewString() }
