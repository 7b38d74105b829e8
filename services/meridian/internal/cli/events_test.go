package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func event(n int) string {
	return fmt.Sprintf("id: token-%d\nevent: meridian.threads.v1.MessagePosted\ndata: {\"specversion\":\"1.0\",\"type\":\"meridian.threads.v1.MessagePosted\",\"subject\":\"%s/threads/t/messages/%d\",\"time\":\"2026-11-23T08:00:00Z\",\"actor\":\"w/members/m\",\"data\":{\"message\":{\"body\":\"text %d\"}}}\n\n", n, workspace, n, n)
}

func TestTailGoesOnByItselfAfterADisconnect(t *testing.T) {
	t.Parallel()
	g := newGateway(t, nil)
	connections := 0
	g.handlers["GET /v1/"+workspace+"/events:watch"] = func(w http.ResponseWriter, _ *http.Request) {
		connections++
		switch connections {
		case 1:
			_, _ = io.WriteString(w, "id: token-0\nevent: heartbeat\n\n"+event(1)+"id: never\ndata: {\"cut")
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			_, _ = io.WriteString(w, "event: close\ndata: {\"code\":14,\"message\":\"draining\"}\n\n")
		default:
			_, _ = io.WriteString(w, event(2)+event(3))
		}
	}
	r := g.run(t, "events", "tail", "--type", "meridian.threads.*", "--since", "2026-11-23T07:00:00Z", "--count", "2")
	require.Zero(t, r.code, r.err)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "meridian.threads.v1.MessagePosted  threads/t/messages/1  by m: text 1")
	require.Contains(t, lines[1], "text 2")
	require.Equal(t, 3, strings.Count(r.err, "disconnected"))
	require.Contains(t, g.requests[1], "since=2026-11-23T07%3A00%3A00Z&types=meridian.threads.%2A")
	require.Contains(t, g.requests[len(g.requests)-1], "resumeToken=token-1&types=meridian.threads.%2A")
	require.NotContains(t, g.requests[len(g.requests)-1], "since")
}

func TestTailEndsWhereGoingOnWouldNotHelp(t *testing.T) {
	t.Parallel()
	g := newGateway(t, nil)
	g.handlers["GET /v1/"+workspace+"/events:watch"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, event(1)+"event: close\ndata: {\"code\":16,\"message\":\"the token was revoked\"}\n\n")
	}
	r := g.run(t, "events", "tail", "--json")
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "the token was revoked")
	require.True(t, strings.HasPrefix(r.out, `{"specversion"`))

	g.handlers["GET /v1/"+workspace+"/events:watch"] = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, `{"code":11,"message":"too old"}`)
	}
	require.Equal(t, 5, g.run(t, "events", "tail", "--resume", "old").code)
	require.Equal(t, 2, g.run(t, "events", "tail", "--since", "some day").code)
}
