package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/cli"
)

const workspace = "workspaces/018f2b5e-0000-7000-8000-000000000001"

// gateway answers as the real one would: a canned body for a method and path.
type gateway struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string]string
	handlers map[string]http.HandlerFunc
	requests []string
	bodies   []string
}

func newGateway(t *testing.T, answers map[string]string) *gateway {
	t.Helper()
	g := &gateway{answers: answers, handlers: map[string]http.HandlerFunc{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	g.requests = append(g.requests, r.Method+" "+r.RequestURI)
	g.bodies = append(g.bodies, string(body))
	key := r.Method + " " + r.URL.Path
	answer, known := g.answers[key]
	handler := g.handlers[key]
	g.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer mrd_token":
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code":16,"message":"sign in","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"UNAUTHENTICATED","domain":"gateway.meridian"}]}`)
	case key == "GET /v1/workspaces":
		_, _ = fmt.Fprintf(w, `{"workspaces":[{"name":%q}]}`, workspace)
	case handler != nil:
		handler(w, r)
	case known && strings.HasPrefix(answer, `{"code"`):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, answer)
	case known:
		_, _ = io.WriteString(w, answer)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"code":5,"message":"nothing at %s"}`, key)
	}
}

type ran struct {
	code     int
	out, err string
}

func (g *gateway) run(t *testing.T, args ...string) ran {
	t.Helper()
	return run(t.Context(), "", append([]string{"--server", g.URL, "--token", "mrd_token"}, args...)...)
}

func run(ctx context.Context, in string, args ...string) ran {
	var out, errs bytes.Buffer
	code := cli.Main(ctx, args, cli.Streams{In: strings.NewReader(in), Out: &out, Err: &errs})
	return ran{code: code, out: out.String(), err: errs.String()}
}

func TestWrongUsageIsSaidWithTheUsage(t *testing.T) {
	t.Parallel()
	require.Zero(t, run(t.Context(), "", "--help").code)
	require.Contains(t, run(t.Context(), "").out, "Exit codes:")
	for _, args := range [][]string{{"dance"}, {"import", "mbox"}, {"threads", "list", "--state", "SLEEPY"}, {"search"}} {
		r := run(t.Context(), "", args...)
		require.Equal(t, 2, r.code, args)
		require.Contains(t, r.err, "error: ", args)
		require.Contains(t, r.out+r.err, "Usage: meridian", args)
	}
}

func TestWithoutATokenOneIsAskedFor(t *testing.T) {
	t.Parallel()
	r := run(t.Context(), "", "--data", t.TempDir(), "spaces", "list")
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "MERIDIAN_TOKEN")

	g := newGateway(t, map[string]string{"GET /v1/" + workspace + "/spaces": `{}`})
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, cli.OwnerTokenFile), []byte("mrd_token\n"), 0o600))
	require.Zero(t, run(t.Context(), "", "--server", g.URL, "--data", data, "spaces", "list").code)
}

func TestErrorsNameTheFieldAndTheKind(t *testing.T) {
	t.Parallel()
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/threads": `{"code":3,"message":"the request is not valid","details":[` +
			`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"FILTER_INVALID","domain":"threads.meridian"},` +
			`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"filter","description":"unknown field \u001b[31m at 1"}]}]}`,
	})
	r := g.run(t, "threads", "list")
	require.Equal(t, 2, r.code)
	require.Empty(t, r.out)
	require.Equal(t, "error: the request is not valid\n  reason: FILTER_INVALID (threads.meridian)\n  field filter: unknown field \ufffd[31m at 1\n", r.err)

	require.Equal(t, 4, g.run(t, "members", "list").code)
	require.Equal(t, 3, run(t.Context(), "", "--server", g.URL, "--token", "mrd_other", "members", "list").code)
	r = run(t.Context(), "", "--server", "ftp://x", "--token", "x", "members", "list")
	require.Equal(t, 1, r.code)
}

func TestListsArePrintedAsTablesOrJSONOverAllPages(t *testing.T) {
	t.Parallel()
	g := newGateway(t, nil)
	g.handlers["GET /v1/"+workspace+"/members"] = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("pageToken") == "" {
			_, _ = io.WriteString(w, `{"members":[{"name":"`+workspace+`/members/m1","displayName":"Eve\u001b]0;pwned\u0007","handle":"eve","email":"eve@x.org","state":"ACTIVE","role":"OWNER"}],"nextPageToken":"p2"}`)
			return
		}
		_, _ = io.WriteString(w, `{"members":[{"name":"`+workspace+`/members/m2","displayName":"Jo","handle":"jo","state":"INVITED","role":"GUEST"}]}`)
	}
	r := g.run(t, "members")
	require.Zero(t, r.code, r.err)
	lines := strings.Split(r.out, "\n")
	require.Len(t, lines, 4)
	require.Equal(t, []string{"m1", "@eve", "ACTIVE", "OWNER", "Eve\ufffd]0;pwned\ufffd", "eve@x.org"}, strings.Fields(lines[1]))

	r = g.run(t, "members", "--json")
	var page struct {
		Members []struct{ DisplayName string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &page))
	require.Len(t, page.Members, 2)

	require.Zero(t, g.run(t, "members", "list", "--limit", "1", "--state", "ACTIVE", "--role", "OWNER").code)
	require.Contains(t, g.requests[len(g.requests)-1], "filter=state+%3D+ACTIVE+AND+role+%3D+OWNER&pageSize=1")
}

func TestASpaceIsFoundByItsDisplayName(t *testing.T) {
	t.Parallel()
	space := workspace + "/spaces/018f2b5e-0000-7000-8000-000000000002"
	thread := workspace + "/threads/018f2b5e-0000-7000-8000-000000000003"
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/spaces":   `{"spaces":[{"name":"` + space + `","displayName":"General"}]}`,
		"POST /v1/" + workspace + "/threads": `{"name":"` + thread + `"}`,
		"POST /v1/" + thread + "/messages":   `{"name":"` + thread + `/messages/1"}`,
		"GET /v1/" + thread:                  `{"name":"` + thread + `","lastSequence":"1"}`,
		"POST /v1/" + thread + ":resolve":    `{"name":"` + thread + `","state":"RESOLVED","outcome":"done"}`,
		"POST /v1/" + space + ":setAccess":   `{"name":"` + space + `"}`,
		"GET /v1/" + workspace + "/members":  `{"members":[{"name":"` + workspace + `/members/018f2b5e-0000-7000-8000-000000000009"}]}`,
	})
	r := g.run(t, "threads", "new", "--space", "General", "--title", "Hi", "text")
	require.Zero(t, r.code, r.err)
	require.Equal(t, thread+"\n", r.out)
	require.Contains(t, g.requests[1], "filter=display_name+%3D+%22General%22")
	require.JSONEq(t, `{"space":"`+space+`","title":"Hi","type":"DISCUSSION"}`, g.bodies[2])
	require.JSONEq(t, `{"body":"text"}`, g.bodies[3])

	in := run(t.Context(), "from stdin", "--server", g.URL, "--token", "mrd_token", "threads", "post", "018f2b5e-0000-7000-8000-000000000003", "-", "--reply-to", "1")
	require.Zero(t, in.code, in.err)
	require.JSONEq(t, `{"body":"from stdin","replyTo":"`+thread+`/messages/1"}`, g.bodies[len(g.bodies)-1])
	require.Zero(t, g.run(t, "threads", "resolve", thread, "-o", "done").code)
	r = g.run(t, "spaces", "grant", "General", "jo@x.org", "WRITER")
	require.Zero(t, r.code, r.err)
	require.Contains(t, g.bodies[len(g.bodies)-1], `"role":"WRITER"`)

	g.answers["GET /v1/"+workspace+"/spaces"] = `{}`
	r = g.run(t, "threads", "list", "--space", "Nowhere")
	require.Equal(t, 4, r.code)
	require.Contains(t, r.err, `no space is called "Nowhere"`)
}

func TestAThreadIsShownAsItWasWritten(t *testing.T) {
	t.Parallel()
	thread := workspace + "/threads/018f2b5e-0000-7000-8000-000000000003"
	member := workspace + "/members/018f2b5e-0000-7000-8000-000000000009"
	g := newGateway(t, map[string]string{
		"GET /v1/" + thread: `{"name":"` + thread + `","title":"Plan\u0007","state":"RESOLVED","outcome":"go","lastSequence":"2"}`,
		"GET /v1/" + thread + "/messages": `{"messages":[{"name":"` + thread + `/messages/1","sequence":"1","author":"` + member + `","body":"line\n\u001b[2Jtwo","createTime":"2009-11-17T15:28:37Z","utcOffset":"21600s","state":"POSTED"},` +
			`{"name":"` + thread + `/messages/2","sequence":"2","author":"x/y","createTime":"2009-11-17T15:28:37Z","state":"DELETED","replyTo":"` + thread + `/messages/1"}]}`,
		"GET /v1/" + workspace + "/members": `{"members":[{"name":"` + member + `","displayName":"Jo"}]}`,
	})
	r := g.run(t, "threads", "show", thread)
	require.Zero(t, r.code, r.err)
	require.Equal(t, "Plan\ufffd\nRESOLVED, 2 messages\nOutcome: go\n\n1. Jo, 2009-11-17 21:28 +0600\nline\n\ufffd[2Jtwo\n\n2. y, 2009-11-17 15:28 +0000, to 1\n(deleted)\n", r.out)
}

func TestTokensAreMadeAndRevoked(t *testing.T) {
	t.Parallel()
	me := workspace + "/members/018f2b5e-0000-7000-8000-000000000009"
	token := me + "/apiTokens/018f2b5e-0000-7000-8000-00000000000a"
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/members/me": `{"name":"` + me + `"}`,
		"POST /v1/" + me + "/apiTokens":        `{"apiToken":{"name":"` + token + `"},"secret":"mrd_new"}`,
		"GET /v1/" + me + "/apiTokens":         `{"apiTokens":[{"name":"` + token + `","displayName":"ci","scopes":["*"],"expireTime":"2001-01-01T00:00:00Z"}]}`,
		"POST /v1/" + token + ":revoke":        `{"name":"` + token + `","revokeTime":"2020-01-01T00:00:00Z"}`,
	})
	r := g.run(t, "token", "create", "ci", "--scope", "threads.read", "--expires", "24h")
	require.Zero(t, r.code, r.err)
	require.True(t, strings.HasPrefix(r.out, "mrd_new\n"))
	r = g.run(t, "token")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "ended")
	r = g.run(t, "token", "revoke", "018f2b5e-0000-7000-8000-00000000000a")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "revoked")
	r = g.run(t, "token", "revoke", "mrd_abcdefghijklmnop")
	require.Equal(t, 2, r.code)
	require.NotContains(t, r.err, "abcdefghijklmnop")
}

func TestSearchShowsWhatWasFound(t *testing.T) {
	t.Parallel()
	thread := workspace + "/threads/t1"
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/messages:search": `{"results":[{"message":{"name":"` + thread + `/messages/4","author":"a/b","createTime":"2009-11-17T15:28:37Z"},"thread":"` + thread + `","threadTitle":"Title","snippet":[{"text":"so many\n"},{"text":"files","match":true}]}]}`,
		"GET /v1/" + workspace + "/members":         `{"code":7,"message":"no"}`,
	})
	r := g.run(t, "search", "open", "files", "--author", workspace+"/members/m")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "t1/4  Title\n")
	require.Contains(t, r.out, ": so many files\n\n1 found\n")
	require.Contains(t, strings.Join(g.requests, "\n"), "query=open+files")
}
