package gateway_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

func TestRESTServesWhatTheServicesAnswer(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token := w.apiToken(caller)

	workspaces := w.call(http.MethodGet, "/v1/workspaces", token, nil)
	require.Equal(t, http.StatusOK, workspaces.StatusCode, "%s", workspaces.body)
	require.Equal(t, "application/json", workspaces.Header.Get("Content-Type"))
	list := workspaces.json(t)["workspaces"].([]any)
	require.Equal(t, "workspaces/"+caller.Workspace.String(), list[0].(map[string]any)["name"])
	require.Empty(t, workspaces.json(t)["nextPageToken"], "default values are written")
	require.Contains(t, workspaces.json(t), "nextPageToken")

	one := w.call(http.MethodGet, "/v1/workspaces/"+caller.Workspace.String(), token, nil)
	require.Equal(t, http.StatusOK, one.StatusCode)
	require.Equal(t, `"7"`, one.Header.Get("ETag"))
	require.Equal(t, "7", one.json(t)["version"], "64-bit integers are strings")
	require.Equal(t, "2023-11-14T22:13:20Z", one.json(t)["createTime"])

	require.Equal(t, 1, w.directory.exchanges, "the exchange is remembered")
}

func TestGRPCPassesThrough(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	parent := "workspaces/" + caller.Workspace.String()
	client := threadsv1.NewThreadServiceClient(w.grpc())
	ctx := rpctest.WithToken(t.Context(), w.apiToken(caller))

	thread, err := client.CreateThread(ctx, newThread(parent))
	require.NoError(t, err)
	require.Equal(t, "Hand over the release", thread.GetTitle())
	require.Equal(t, caller.Principal(), thread.GetCreator())

	_, err = client.GetThread(ctx, &threadsv1.GetThreadRequest{Name: thread.GetName()})
	failed := rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	require.Len(t, failed.Details(), 1, "the service's own status, unchanged")

	_, err = client.GetThread(t.Context(), &threadsv1.GetThreadRequest{Name: thread.GetName()})
	rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED")

	_, err = directoryv1.NewAccessServiceClient(w.grpc()).SnapshotAccess(ctx, &directoryv1.SnapshotAccessRequest{})
	rpctest.Failed(t, err, codes.Unimplemented, "METHOD_NOT_SERVED")
}

func TestGRPCTakesTheClientsMetadataButNotItsToken(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token := w.apiToken(caller)
	key := uuid.New()
	ctx := metadata.AppendToOutgoingContext(rpctest.WithToken(t.Context(), token), "idempotency-key", key.String())
	parent := "workspaces/" + caller.Workspace.String()
	var header metadata.MD
	_, err := threadsv1.NewThreadServiceClient(w.grpc()).CreateThread(ctx, newThread(parent), grpc.Header(&header))
	require.NoError(t, err)
	require.Equal(t, key, w.threads.replay)
	require.NotContains(t, w.threads.authorization, token, "the API token stays at the edge")
}

func TestReadsAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token := w.apiToken(caller)
	name := "workspaces/" + caller.Workspace.String() + "/threads/" + uuid.Must(uuid.NewV7()).String()
	w.threads.unavailable = 2
	_, err := threadsv1.NewThreadServiceClient(w.grpc()).GetThread(rpctest.WithToken(t.Context(), token),
		&threadsv1.GetThreadRequest{Name: name})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	require.Equal(t, []string{name, name, name}, w.threads.asked, "the same bytes each time")
	w.threads.unavailable = 2
	require.Equal(t, http.StatusNotFound, w.call(http.MethodGet, "/v1/"+name, token, nil).StatusCode)
}

func TestGRPCReflectionDescribesEveryService(t *testing.T) {
	t.Parallel()
	w := start(t)
	stream, err := reflectionv1.NewServerReflectionClient(w.grpc()).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}))
	answer, err := stream.Recv()
	require.NoError(t, err)
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	require.Subset(t, names, []string{
		"meridian.threads.v1.ThreadService", "meridian.directory.v1.TokenService", "meridian.gateway.v1.EventService",
	})
	require.NotContains(t, names, "meridian.directory.v1.AccessService", "it is for services only")
}

func TestGRPCRefusesWhatIsTooLargeAndWhatIsNoUTF8(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	ctx := rpctest.WithToken(t.Context(), w.apiToken(caller))
	parent := "workspaces/" + caller.Workspace.String()
	large := newThread(parent)
	large.Thread.Title = strings.Repeat("x", 10<<20)
	_, err := threadsv1.NewThreadServiceClient(w.grpc()).CreateThread(ctx, large)
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
}

func TestABackendThatIsAwayIsToldWithoutItsAddress(t *testing.T) {
	t.Parallel()
	w := start(t, func(cfg *gateway.Config) { cfg.ThreadsAddr = "127.0.0.1:1" })
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token := w.apiToken(caller)
	parent := "workspaces/" + caller.Workspace.String()
	_, err := threadsv1.NewThreadServiceClient(w.grpc()).CreateThread(rpctest.WithToken(t.Context(), token), newThread(parent))
	failed := rpctest.Failed(t, err, codes.Unavailable, "UNAVAILABLE")
	require.NotContains(t, failed.String(), "127.0.0.1")
	over := w.call(http.MethodPost, "/v1/"+parent+"/threads", token, `{"title":"x"}`)
	require.Equal(t, http.StatusServiceUnavailable, over.StatusCode)
	require.NotContains(t, string(over.body), "127.0.0.1")
}

func TestWatchEventsOverGRPC(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	w.directory.admit(caller)
	client := gatewayv1.NewEventServiceClient(w.grpc())
	request := &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + caller.Workspace.String()}
	ctx := rpctest.WithToken(t.Context(), w.apiToken(caller))
	stream, err := client.WatchEvents(ctx, request)
	require.NoError(t, err)
	first, err := stream.Recv()
	require.NoError(t, err)
	require.NotNil(t, first.GetHeartbeat())
	space := w.publishSpace(caller)
	got, err := stream.Recv()
	require.NoError(t, err)
	require.Equal(t, space, got.GetEvent().GetSubject())
	require.Equal(t, "meridian.directory.v1.SpaceCreated", got.GetEvent().GetType())
	var payload directoryv1.SpaceCreated
	require.NoError(t, got.GetEvent().GetData().UnmarshalTo(&payload))
	require.Equal(t, space, payload.GetSpace().GetName())

	request.ResumeToken = "forged"
	stream, err = client.WatchEvents(ctx, request)
	require.NoError(t, err)
	_, err = stream.Recv()
	rpctest.FailedField(t, err, "RESUME_TOKEN_INVALID", "resume_token")

	stream, err = client.WatchEvents(t.Context(), request)
	require.NoError(t, err)
	_, err = stream.Recv()
	rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
}

func TestClientsBehindOneTrustedProxyAreCountedApartOverGRPC(t *testing.T) {
	t.Parallel()
	limited := func(cfg *gateway.Config) { cfg.AddressRate, cfg.AddressBurst = 0.001, 1 }
	trusting := start(t, limited, func(cfg *gateway.Config) { cfg.TrustedProxies = []string{"127.0.0.0/8"} })
	call := func(w *world, from string) error {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", from)
		_, err := threadsv1.NewThreadServiceClient(w.grpc()).GetThread(ctx, &threadsv1.GetThreadRequest{})
		return err
	}
	rpctest.Failed(t, call(trusting, "203.0.113.1"), codes.Unauthenticated, "UNAUTHENTICATED")
	rpctest.Failed(t, call(trusting, "203.0.113.1"), codes.ResourceExhausted, "RATE_LIMITED")
	rpctest.Failed(t, call(trusting, "203.0.113.2"), codes.Unauthenticated, "UNAUTHENTICATED")
	wary := start(t, limited)
	rpctest.Failed(t, call(wary, "203.0.113.1"), codes.Unauthenticated, "UNAUTHENTICATED")
	rpctest.Failed(t, call(wary, "203.0.113.2"), codes.ResourceExhausted, "RATE_LIMITED")
}

func newThread(parent string) *threadsv1.CreateThreadRequest {
	return &threadsv1.CreateThreadRequest{Parent: parent, Thread: &threadsv1.Thread{
		Title: "Hand over the release", Space: parent + "/spaces/" + uuid.Must(uuid.NewV7()).String(),
		Type: threadsv1.Thread_DISCUSSION,
	}}
}

// Every path of the document is one that the gateway serves, and the other way round.
func TestEveryDocumentedPathIsServed(t *testing.T) {
	t.Parallel()
	w := start(t)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string           `json:"operationId"`
			Security    *json.RawMessage `json:"security"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(w.call(http.MethodGet, "/openapi.json", "", nil).body, &doc))
	variable, operations := regexp.MustCompile(`\{[^}]+\}`), 0
	for path, byVerb := range doc.Paths {
		for verb, operation := range byVerb {
			operations++
			got := w.call(strings.ToUpper(verb), variable.ReplaceAllString(path, uuid.NewString()), "", nil)
			if operation.Security == nil {
				require.Equal(t, http.StatusUnauthorized, got.StatusCode, "%s %s: %s", verb, path, got.body)
				continue
			}
			require.NotContains(t, string(got.body), "ROUTE_", "%s %s: %s", verb, path, got.body)
			require.NotContains(t, []int{http.StatusUnauthorized, http.StatusNotFound}, got.StatusCode, "%s %s", verb, path)
		}
	}
	catalog, err := edge.NewCatalog("directory", "threads", "availability", "tasks", "notifications", "gateway")
	require.NoError(t, err)
	require.Equal(t, catalog.Routes(), operations)
}
