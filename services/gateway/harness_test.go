package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway"
)

// world is a gateway in front of small services of the test's own.
type world struct {
	t         testing.TB
	authority *rpctest.Authority
	directory *directory
	threads   *threads
	nats      *natstest.Server
	gateway   *gateway.Service
	// threadsAddr is where the threads are, past the gateway.
	threadsAddr string
	http        *http.Client
}

func start(tb testing.TB, change ...func(*gateway.Config)) *world {
	tb.Helper()
	return startBefore(tb, rpcserver.TLS{}, change...)
}

// startBefore starts a gateway before services that serve with these certificates.
func startBefore(tb testing.TB, services rpcserver.TLS, change ...func(*gateway.Config)) *world {
	tb.Helper()
	authority := rpctest.NewAuthority(tb, "gateway")
	w := &world{
		t: tb, authority: authority, nats: natstest.New(tb), http: &http.Client{Timeout: 20 * time.Second},
		directory: &directory{t: tb, authority: authority, tokens: map[string]auth.Caller{}}, threads: &threads{},
	}
	_, directoryServer := rpctest.Serve(tb, authority, rpcserver.Config{Service: "directory", TLS: services}, rpcserver.Deps{},
		w.directory.register)
	_, threadsServer := rpctest.Serve(tb, authority, rpcserver.Config{Service: "threads", TLS: services}, rpcserver.Deps{},
		w.threads.register)
	cfg := gateway.Config{
		Config: boot.Config{
			GRPCAddr: "127.0.0.1:0", NATSURL: w.nats.URL, NATSUser: w.nats.Credentials.User,
			NATSPassword: w.nats.Credentials.Password, DirectoryAddr: directoryServer.Addr(),
			IdentityKey: base64.StdEncoding.EncodeToString(authority.Identity(tb, "gateway").Key.Seed()),
			Reflection:  true,
		},
		HTTPAddr: "127.0.0.1:0", ThreadsAddr: threadsServer.Addr(),
		// Nobody is there: the gateway connects with the first call.
		AvailabilityAddr: "127.0.0.1:1", TasksAddr: "127.0.0.1:1", NotificationsAddr: "127.0.0.1:1",
	}
	for _, f := range change {
		f(&cfg)
	}
	service, err := gateway.New(tb.Context(), cfg, boot.Deps{})
	require.NoError(tb, err)
	require.NoError(tb, service.Start(tb.Context()))
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 20*time.Second)
		defer cancel()
		require.NoError(tb, service.Stop(ctx))
	})
	w.gateway, w.threadsAddr = service, threadsServer.Addr()
	return w
}

// apiToken makes an API token that the directory knows.
func (w *world) apiToken(c auth.Caller) string {
	secret, _ := auth.NewAPIToken()
	w.directory.mu.Lock()
	defer w.directory.mu.Unlock()
	w.directory.tokens[secret] = c
	return secret
}

// answer is what came back over HTTP.
type answer struct {
	*http.Response

	body []byte
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(a.body, &out), "%s", a.body)
	return out
}

// reason is the ErrorInfo's, and the fields that a BadRequest names.
func (a answer) reason(t *testing.T) (reason string, fields []string) {
	t.Helper()
	details, ok := a.json(t)["details"].([]any)
	require.True(t, ok, "no details: %s", a.body)
	for _, detail := range details {
		d, ok := detail.(map[string]any)
		require.True(t, ok)
		if r, ok := d["reason"].(string); ok {
			reason = r
		}
		violations, _ := d["fieldViolations"].([]any)
		for _, violation := range violations {
			v, ok := violation.(map[string]any)
			require.True(t, ok)
			field, _ := v["field"].(string)
			fields = append(fields, field)
		}
	}
	return reason, fields
}

// call sends one request; headers come in pairs.
func (w *world) call(method, path, token string, body any, headers ...string) answer {
	w.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	case io.Reader:
		reader = b
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.gateway.HTTPAddr()+path, reader)
	require.NoError(w.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.http.Do(request)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return answer{Response: response, body: text}
}

func (w *world) grpc() *grpc.ClientConn { return rpctest.Dial(w.t, w.gateway.Server.Addr()) }

// publish puts an event into the stream, as the directory's relay would.
func (w *world) publish(caller auth.Caller, event proto.Message) {
	w.t.Helper()
	out, err := eventbus.Encode(w.t.Context(), "meridian.test", "directory", time.Unix(1_700_000_000, 0),
		caller.Principal(), event)
	require.NoError(w.t, err)
	msg := nats.NewMsg(out.Subject)
	msg.Data = out.Payload
	for name, value := range out.Headers {
		msg.Header[name] = []string{value}
	}
	_, err = w.nats.JS(w.t).PublishMsg(w.t.Context(), msg)
	require.NoError(w.t, err)
}

// publishSpace publishes that an open space was made, and returns its name.
func (w *world) publishSpace(caller auth.Caller) string {
	w.t.Helper()
	name := "workspaces/" + caller.Workspace.String() + "/spaces/" + uuid.Must(uuid.NewV7()).String()
	w.publish(caller, &directoryv1.SpaceCreated{Space: &directoryv1.Space{
		Name: name, Visibility: directoryv1.Space_OPEN, Version: 1,
	}})
	return name
}

// directory is the test's: it signs in, and knows the rights it is given.
type directory struct {
	directoryv1.UnimplementedTokenServiceServer
	directoryv1.UnimplementedAccessServiceServer
	directoryv1.UnimplementedWorkspaceServiceServer
	directoryv1.UnimplementedTeamServiceServer

	t         testing.TB
	authority *rpctest.Authority

	mu        sync.Mutex
	tokens    map[string]auth.Caller
	exchanges int
	rows      []*directoryv1.AccessRow
	updated   *directoryv1.UpdateTeamRequest
}

func (d *directory) register(r grpc.ServiceRegistrar) {
	directoryv1.RegisterTokenServiceServer(r, d)
	directoryv1.RegisterAccessServiceServer(r, d)
	directoryv1.RegisterWorkspaceServiceServer(r, d)
	directoryv1.RegisterTeamServiceServer(r, d)
}

// admit gives the directory an active member.
func (d *directory) admit(c auth.Caller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows = append(d.rows, &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: &directoryv1.Member{
		Name: c.Principal(), State: directoryv1.Member_ACTIVE, Role: directoryv1.Member_Role(c.Role), Version: 1,
	}}})
}

func (d *directory) ExchangeToken(
	_ context.Context, request *directoryv1.ExchangeTokenRequest,
) (*directoryv1.ExchangeTokenResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.exchanges++
	caller, ok := d.tokens[request.GetToken()]
	if !ok {
		return nil, fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "unknown")
	}
	return &directoryv1.ExchangeTokenResponse{AccessToken: d.authority.Token(d.t, caller)}, nil
}

func (d *directory) GetJwks(ctx context.Context, _ *directoryv1.GetJwksRequest) (*directoryv1.JsonWebKeySet, error) {
	set, err := d.authority.Keys(ctx)
	if err != nil {
		return nil, err
	}
	answer := &directoryv1.JsonWebKeySet{}
	for _, key := range set.Keys {
		public, ok := key.Key.(ed25519.PublicKey)
		require.True(d.t, ok)
		answer.Keys = append(answer.Keys, &directoryv1.JsonWebKey{
			Kty: "OKP", Crv: "Ed25519", Kid: key.KeyID, Alg: "EdDSA", Use: "sig",
			X: base64.RawURLEncoding.EncodeToString(public),
		})
	}
	return answer, nil
}

func (d *directory) SnapshotAccess(
	context.Context, *directoryv1.SnapshotAccessRequest,
) (*directoryv1.SnapshotAccessResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.SnapshotAccessResponse{Rows: d.rows}, nil
}

func (d *directory) ResolveAccess(
	context.Context, *directoryv1.ResolveAccessRequest,
) (*directoryv1.ResolveAccessResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.ResolveAccessResponse{Rows: d.rows}, nil
}

func (d *directory) ListWorkspaces(
	ctx context.Context, _ *directoryv1.ListWorkspacesRequest,
) (*directoryv1.ListWorkspacesResponse, error) {
	caller, err := auth.Require(ctx)
	return &directoryv1.ListWorkspacesResponse{Workspaces: []*directoryv1.Workspace{
		{Name: "workspaces/" + caller.Workspace.String(), DisplayName: "Relay", Etag: `"7"`, Version: 7},
	}}, err
}

func (d *directory) GetWorkspace(
	_ context.Context, request *directoryv1.GetWorkspaceRequest,
) (*directoryv1.Workspace, error) {
	return &directoryv1.Workspace{
		Name: request.GetName(), Etag: `"7"`, Version: 7, DisplayName: strings.Repeat("Relay ", 400),
		CreateTime: timestamppb.New(time.Unix(1_700_000_000, 0)),
	}, nil
}

func (d *directory) UpdateTeam(_ context.Context, request *directoryv1.UpdateTeamRequest) (*directoryv1.Team, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.updated = proto.CloneOf(request)
	if request.GetTeam().GetEtag() == `"1"` {
		return nil, fault.New(fault.Aborted, fault.ReasonEtagStale, "the team has changed")
	}
	return request.GetTeam(), nil
}

// threads is the test's: it gives back what it got.
type threads struct {
	threadsv1.UnimplementedThreadServiceServer
	threadsv1.UnimplementedMessageServiceServer

	mu            sync.Mutex
	replay        uuid.UUID
	authorization []string
	traceparent   []string
	unavailable   int
	asked         []string
	// hold, when set, keeps GetThread until it is closed; each that is kept tells on held.
	hold, held chan struct{}
}

func (s *threads) register(r grpc.ServiceRegistrar) {
	threadsv1.RegisterThreadServiceServer(r, s)
	threadsv1.RegisterMessageServiceServer(r, s)
}

func (s *threads) CreateThread(ctx context.Context, request *threadsv1.CreateThreadRequest) (*threadsv1.Thread, error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	s.authorization, s.traceparent = md.Get("authorization"), md.Get("traceparent")
	if key, ok := replay.FromContext(ctx); ok {
		s.replay = key.RequestID
	}
	if _, ok := ctx.Deadline(); !ok {
		return nil, fault.New(fault.Invalid, "NO_DEADLINE", "a call came without a deadline")
	}
	thread := request.GetThread()
	thread.Name = request.GetParent() + "/threads/" + uuid.Must(uuid.NewV7()).String()
	thread.Creator, thread.Etag = caller.Principal(), `"1"`
	return thread, nil
}

func (s *threads) GetThread(_ context.Context, request *threadsv1.GetThreadRequest) (*threadsv1.Thread, error) {
	if s.hold != nil {
		s.held <- struct{}{}
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, request.GetName())
	if s.unavailable > 0 {
		s.unavailable--
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "restarting")
	}
	return nil, fault.NotFoundName(request.GetName())
}
