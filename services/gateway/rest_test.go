package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/gateway"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

const (
	waitFor = 10 * time.Second
	tick    = 5 * time.Millisecond
)

// endless counts how much of a body is read.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, bytes.Repeat([]byte("x"), len(p)))
	if e.read.Add(int64(n)) > 64<<20 {
		return n, io.EOF
	}
	return n, nil
}

func TestRESTRefusesBadInputAndNamesTheField(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Admin)
	token := w.apiToken(caller)
	parent := "/v1/workspaces/" + caller.Workspace.String()
	for _, c := range []struct {
		name, method, path string
		body               any
		code               int
		reason, field      string
	}{
		{"10 MiB", "POST", "/threads", bytes.Repeat([]byte("x"), 10<<20), 413, "TOO_LARGE", "body"},
		{"endless", "POST", "/threads", &endless{}, 413, "TOO_LARGE", "body"},
		{"invalid UTF-8", "POST", "/threads", "{\"title\":\"caf\xe9\"}", 400, "FIELD_INVALID", "thread.title"},
		{"invalid UTF-8, nested", "POST", "/spaces/" + uuid.NewString() + "/messages:import", "{\"messages\":[{},{\"externalId\":\"\xff\"}]}", 400, "FIELD_INVALID", "messages[1].external_id"},
		{"half a surrogate pair", "POST", "/threads", `{"title":"\\ a\ud83d\n"}`, 400, "FIELD_INVALID", "thread.title"},
		{"the wrong half", "POST", "/threads", `{"title":"\udc00"}`, 400, "FIELD_INVALID", "thread.title"},
		{"a path without end", "POST", "/threads", strings.Repeat(`{"title":`, 9000), 400, "FIELD_INVALID", ""},
		{"unknown field", "POST", "/threads", `{"titel":"x"}`, 400, "FIELD_INVALID", "thread.titel"},
		{"wrong type", "POST", "/threads", `{"title":{"a":1}}`, 400, "FIELD_INVALID", "thread.title"},
		{"unknown enum value", "POST", "/threads", `{"title":"x","type":"CHAT"}`, 400, "FIELD_INVALID", "thread.type"},
		{"malformed JSON", "POST", "/threads", `{"title":"x",`, 400, "FIELD_INVALID", "thread.title"},
		{"two values", "POST", "/threads", `{"title":"x"} {}`, 400, "FIELD_INVALID", "thread"},
		{"no object", "POST", "/threads", `[]`, 400, "FIELD_INVALID", "thread"},
		{"U+0000", "POST", "/threads", `{"title":"a\u0000b"}`, 400, "FIELD_INVALID", "thread.title"},
		{"unknown parameter", "GET", "/threads?pagesize=3", nil, 400, "FIELD_INVALID", `"pagesize"`},
		{"parameter of another type", "GET", "/threads?pageSize=many", nil, 400, "FIELD_INVALID", "page_size"},
		{"invalid UTF-8 in a parameter", "GET", "/threads?filter=%ff", nil, 400, "FIELD_INVALID", "filter"},
		{"invalid UTF-8 in the path", "GET", "/threads/%ff", nil, 400, "FIELD_INVALID", "name"},
		{"malformed name", "GET", "/threads/x", nil, 400, "FIELD_INVALID", "name"},
		{"unknown path", "GET", "/treads", nil, 404, "ROUTE_NOT_FOUND", ""},
		{"unknown verb", "POST", "/threads/" + uuid.NewString() + ":explode", nil, 404, "ROUTE_NOT_FOUND", ""},
		{"wrong method", "PUT", "/threads", `{}`, 405, "ROUTE_METHOD_NOT_ALLOWED", ""},
		{"not found", "GET", "/threads/" + uuid.Must(uuid.NewV7()).String(), nil, 404, "RESOURCE_NOT_FOUND", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := w.call(c.method, parent+c.path, token, c.body)
			require.Equal(t, c.code, got.StatusCode, "%s", got.body)
			require.Less(t, len(got.body), 4<<10, "a refusal does not send the request back")
			require.Equal(t, "application/json", got.Header.Get("Content-Type"))
			reason, fields := got.reason(t)
			require.Equal(t, c.reason, reason, "%s", got.body)
			if c.field != "" {
				require.Contains(t, fields, c.field, "%s", got.body)
			}
			if c.code == http.StatusMethodNotAllowed {
				require.Equal(t, "GET, POST", got.Header.Get("Allow"))
			}
		})
	}
}

func TestRESTAsksForATokenBeforeItReadsABody(t *testing.T) {
	t.Parallel()
	w := start(t)
	path := "/v1/workspaces/" + uuid.NewString() + "/threads"
	for _, token := range []string{"", "mrd_wrong", "nonsense"} {
		body := &endless{}
		got := w.call(http.MethodPost, path, token, body)
		require.Equal(t, http.StatusUnauthorized, got.StatusCode)
		require.Contains(t, got.Header.Get("WWW-Authenticate"), "Bearer")
		require.Less(t, body.read.Load(), int64(16<<20), "no more than the sockets hold")
	}
	unknown, _ := auth.NewAPIToken()
	require.Equal(t, http.StatusUnauthorized, w.call(http.MethodGet, path, unknown, nil).StatusCode)
	require.Equal(t, http.StatusUnauthorized, w.call(http.MethodGet, path, unknown, nil).StatusCode)
	require.Equal(t, 1, w.directory.exchanges, "a refused token is remembered")
	keys := w.call(http.MethodGet, "/.well-known/jwks.json", "", nil)
	require.Equal(t, http.StatusOK, keys.StatusCode, "public methods take no token")
	exchanged := w.call(http.MethodPost, "/v1/tokens:exchange", "", `{"token":"`+w.apiToken(rpctest.Member(uuid.Must(uuid.NewV7()), auth.Guest))+`"}`)
	require.Equal(t, http.StatusOK, exchanged.StatusCode, "%s", exchanged.body)
	access, _ := exchanged.json(t)["accessToken"].(string)
	require.Equal(t, http.StatusOK, w.call(http.MethodGet, "/v1/workspaces", access, nil).StatusCode, "access tokens are taken too")
}

func TestRESTHeadersStandForFields(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Admin)
	token, parent := w.apiToken(caller), "/v1/workspaces/"+caller.Workspace.String()
	key := uuid.New()
	space := "workspaces/" + caller.Workspace.String() + "/spaces/" + uuid.Must(uuid.NewV7()).String()
	made := w.call(http.MethodPost, parent+"/threads", token,
		`{"title":"x","type":"QUESTION","space":"`+space+`"}`, "Idempotency-Key", key.String())
	require.Equal(t, http.StatusOK, made.StatusCode, "%s", made.body)
	require.Equal(t, key, w.threads.replay)
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "QUESTION", made.json(t)["type"])

	team := parent + "/teams/" + uuid.Must(uuid.NewV7()).String()
	stale := w.call(http.MethodPatch, team, token, `{"displayName":"Night"}`, "If-Match", `"1"`)
	require.Equal(t, http.StatusConflict, stale.StatusCode, "%s", stale.body)
	reason, _ := stale.reason(t)
	require.Equal(t, "ETAG_STALE", reason)

	// A resource can be sent back as it came: what only the server sets is left out of the update.
	whole := w.call(http.MethodPatch, team, token,
		`{"name":"`+strings.TrimPrefix(team, "/v1/")+`","uid":"u","displayName":"Night","etag":"\"2\"","version":"2"}`)
	require.Equal(t, http.StatusOK, whole.StatusCode, "%s", whole.body)
	require.Equal(t, []string{"display_name"}, w.directory.updated.GetUpdateMask().GetPaths())
	require.Equal(t, `"2"`, w.directory.updated.GetTeam().GetEtag())

	refused := w.call(http.MethodPost, parent+"/threads", token, `{"title":"x"}`, "If-Match", `"1"`)
	require.Equal(t, http.StatusBadRequest, refused.StatusCode, "%s", refused.body)
	_, fields := refused.reason(t)
	require.Equal(t, []string{"If-Match"}, fields)
}

func TestRESTCompressesAndTellsTheTrace(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Admin)
	path := "/v1/workspaces/" + caller.Workspace.String()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	got := w.call(http.MethodGet, path, w.apiToken(caller), nil, "Accept-Encoding", "gzip", "Traceparent", parent)
	require.Equal(t, "gzip", got.Header.Get("Content-Encoding"))
	require.Equal(t, []byte{0x1f, 0x8b}, got.body[:2])
	require.Contains(t, got.Header.Get("Traceresponse"), "0af7651916cd43dd8448eb211c80319c")
}

func TestRESTOverClearTextHTTP2(t *testing.T) {
	t.Parallel()
	w := start(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	w.http.Transport = &http.Transport{Protocols: protocols}
	got := w.call(http.MethodGet, "/openapi.json", "", nil)
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(t, 2, got.ProtoMajor)
	require.Equal(t, "3.1.0", got.json(t)["openapi"])
}

func TestCORSIsASetting(t *testing.T) {
	t.Parallel()
	preflight := []string{
		"Origin", "https://app.example", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization,idempotency-key",
	}
	path := "/v1/workspaces/" + uuid.NewString() + "/threads"
	without := start(t).call(http.MethodOptions, path, "", nil, preflight...)
	require.Empty(t, without.Header.Get("Access-Control-Allow-Origin"))
	with := start(t, func(cfg *gateway.Config) { cfg.CORSOrigins = []string{"https://app.example"} })
	allowed := with.call(http.MethodOptions, path, "", nil, preflight...)
	require.Equal(t, "https://app.example", allowed.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, strings.ToLower(allowed.Header.Get("Access-Control-Allow-Headers")), "idempotency-key")
	other := with.call(http.MethodOptions, path, "", nil, append([]string{"Origin", "https://evil.example"}, preflight[2:]...)...)
	require.Empty(t, other.Header.Get("Access-Control-Allow-Origin"))
}

func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	w := start(t, func(cfg *gateway.Config) {
		cfg.Limits = edge.Limits{
			PrincipalRate: 0.01, PrincipalBurst: 3, WorkspaceRate: 0.01, WorkspaceBurst: 4, AddressRate: 0.01, AddressBurst: 6,
		}
	})
	workspace := uuid.Must(uuid.NewV7())
	one, two := rpctest.Member(workspace, auth.Member), rpctest.Member(workspace, auth.Member)
	tokenOne, tokenTwo := w.apiToken(one), w.apiToken(two)
	for range 3 {
		require.Equal(t, http.StatusOK, w.call(http.MethodGet, "/v1/workspaces", tokenOne, nil).StatusCode)
	}
	limited := w.call(http.MethodGet, "/v1/workspaces", tokenOne, nil)
	require.Equal(t, http.StatusTooManyRequests, limited.StatusCode)
	require.NotEmpty(t, limited.Header.Get("Retry-After"))
	reason, _ := limited.reason(t)
	require.Equal(t, "RATE_LIMITED", reason)
	require.Contains(t, string(limited.body), "google.rpc.RetryInfo")
	require.Contains(t, string(limited.body), "google.rpc.QuotaFailure")

	require.Equal(t, http.StatusOK, w.call(http.MethodGet, "/v1/workspaces", tokenTwo, nil).StatusCode)
	require.Equal(t, http.StatusTooManyRequests, w.call(http.MethodGet, "/v1/workspaces", tokenTwo, nil).StatusCode,
		"the workspace has used up what it has")

	var last answer
	for range 8 {
		last = w.call(http.MethodGet, "/v1/workspaces", "", nil)
	}
	require.Equal(t, http.StatusTooManyRequests, last.StatusCode, "unknown callers count on their address")
	before := w.directory.exchanges
	unknown, _ := auth.NewAPIToken()
	require.Equal(t, http.StatusTooManyRequests, w.call(http.MethodGet, "/v1/workspaces", unknown, nil).StatusCode)
	require.Equal(t, before, w.directory.exchanges, "and cannot make the directory work")
}

func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token := w.apiToken(caller)
	require.Equal(t, http.StatusOK, w.call(http.MethodGet, "/v1/workspaces", token, nil).StatusCode)
	w.directory.mu.Lock()
	delete(w.directory.tokens, token)
	w.directory.mu.Unlock()
	w.publish(caller, &directoryv1.TokenRevoked{ApiToken: &directoryv1.ApiToken{
		Name: caller.Principal() + "/apiTokens/" + caller.Session.String(), Uid: caller.Session.String(), Version: 2,
	}})
	require.Eventually(t, func() bool {
		return w.call(http.MethodGet, "/v1/workspaces", token, nil).StatusCode == http.StatusUnauthorized
	}, waitFor, tick)
}

func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	w.directory.admit(caller)
	token, path := w.apiToken(caller), "/v1/workspaces/"+caller.Workspace.String()+"/events:watch"
	first := w.events(path, token)
	require.Equal(t, "heartbeat", first.next()["event"])
	space := w.publishSpace(caller)
	got := first.next()
	require.Equal(t, "meridian.directory.v1.SpaceCreated", got["event"])
	require.Contains(t, got["data"], space)
	require.Contains(t, got["data"], `"specversion":"1.0"`)

	again := w.publishSpace(caller)
	resumed := w.events(path, token, "Last-Event-ID", got["id"])
	require.Equal(t, "heartbeat", resumed.next()["event"])
	require.Contains(t, resumed.next()["data"], again)

	for query, want := range map[string]struct {
		code          int
		reason, field string
	}{
		"?resumeToken=forged":      {400, "RESUME_TOKEN_INVALID", "resume_token"},
		"?since=yesterday":         {400, "FIELD_INVALID", "since"},
		"?types=meridian.Nothing":  {400, "FIELD_INVALID", "types"},
		"?types=x&type=y":          {400, "FIELD_INVALID", `"type"`},
		"?spaces=workspaces/other": {400, "FIELD_INVALID", "spaces"},
	} {
		refused := w.call(http.MethodGet, path+query, token, nil)
		require.Equal(t, want.code, refused.StatusCode, "%s: %s", query, refused.body)
		reason, fields := refused.reason(t)
		require.Equal(t, want.reason, reason)
		require.Equal(t, []string{want.field}, fields)
	}
	require.Equal(t, http.StatusUnauthorized, w.call(http.MethodGet, path, "", nil).StatusCode)
	elsewhere := w.call(http.MethodGet, "/v1/workspaces/"+uuid.NewString()+"/events:watch", token, nil)
	require.Equal(t, http.StatusNotFound, elsewhere.StatusCode)

	w.publish(caller, &directoryv1.MemberDeactivated{Member: &directoryv1.Member{
		Name: caller.Principal(), State: directoryv1.Member_DEACTIVATED, Version: 2,
	}})
	closed := first.until("close")
	require.Contains(t, closed["data"], "TOKEN_REVOKED")
	require.Contains(t, closed["data"], "resume_token")
}

func TestStoppingEndsStreamsWithATokenToGoOnFrom(t *testing.T) {
	t.Parallel()
	w := start(t)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	w.directory.admit(caller)
	ctx := rpctest.WithToken(t.Context(), w.apiToken(caller))
	overGRPC, err := gatewayv1.NewEventServiceClient(w.grpc()).WatchEvents(ctx, &gatewayv1.WatchEventsRequest{
		Parent: "workspaces/" + caller.Workspace.String(),
	})
	require.NoError(t, err)
	_, err = overGRPC.Recv()
	require.NoError(t, err)
	stream := w.events("/v1/workspaces/"+caller.Workspace.String()+"/events:watch", w.apiToken(caller))
	stream.next()
	stopped := make(chan error, 1)
	go func() { stopped <- w.gateway.Stop(context.WithoutCancel(t.Context())) }()
	closed := stream.until("close")
	require.Contains(t, closed["data"], "STREAM_CLOSED")
	require.Contains(t, closed["data"], "resume_token")
	_, err = overGRPC.Recv()
	failed := rpctest.Failed(t, err, codes.Unavailable, "STREAM_CLOSED")
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](failed)
	require.NotEmpty(t, info.GetMetadata()["resume_token"])
	require.NoError(t, <-stopped)
}

// sse is a client of server-sent events.
type sse struct {
	t     testing.TB
	lines *bufio.Scanner
}

func (w *world) events(path, token string, headers ...string) *sse {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.gateway.HTTPAddr()+path, nil)
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept-Encoding", "gzip")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.http.Do(request)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, response.Body.Close()) })
	require.Equal(w.t, http.StatusOK, response.StatusCode)
	require.Equal(w.t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Empty(w.t, response.Header.Get("Content-Encoding"))
	return &sse{t: w.t, lines: bufio.NewScanner(response.Body)}
}

// next reads one message with an event.
func (s *sse) next() map[string]string {
	s.t.Helper()
	message := map[string]string{}
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		if name == "" && message["event"] != "" {
			return message
		}
		message[name] = value
	}
	require.NoError(s.t, s.lines.Err())
	require.Fail(s.t, "the stream ended")
	return nil
}

func (s *sse) until(event string) map[string]string {
	s.t.Helper()
	for {
		if message := s.next(); message["event"] == event {
			return message
		}
	}
}
