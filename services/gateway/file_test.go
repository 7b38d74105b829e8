package gateway_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/gateway"
)

// feeds answers with a calendar to who has the secret.
type feeds struct {
	availabilityv1.UnimplementedCalendarFeedServiceServer
}

const someCalendar = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"

func (feeds) GetFeedContent(_ context.Context, req *availabilityv1.GetFeedContentRequest) (*httpbody.HttpBody, error) {
	if req.GetSecret() != "good" {
		return nil, fault.New(fault.NotFound, fault.ReasonResourceNotFound, "there is no calendar feed at this URL")
	}
	return &httpbody.HttpBody{ContentType: "text/calendar; charset=utf-8", Data: []byte(someCalendar)}, nil
}

// A file is answered as it is, with what caches need, and not sent again to who has it; who has no token has an address
// that is counted.
func TestFilesAreAnsweredAsTheyAre(t *testing.T) {
	t.Parallel()
	w := start(t, func(cfg *gateway.Config) {
		_, server := rpctest.Serve(t, rpctest.NewAuthority(t, "gateway"), rpcserver.Config{Service: "availability"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
			availabilityv1.RegisterCalendarFeedServiceServer(r, feeds{})
		})
		cfg.AvailabilityAddr = server.Addr()
		cfg.AddressRate, cfg.AddressBurst = 0.001, 7
	})
	const feed = "/v1/feed.ics?secret=good"
	got := w.call(http.MethodGet, feed, "", nil)
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	require.Equal(t, someCalendar, string(got.body))
	require.Equal(t, "text/calendar; charset=utf-8", got.Header.Get("Content-Type"))
	require.Equal(t, "private, no-cache", got.Header.Get("Cache-Control"))
	tag := got.Header.Get("ETag")
	require.Regexp(t, `^"[A-Za-z0-9_-]{24}"$`, tag)
	for seen, code := range map[string]int{tag: 304, `"x", W/` + tag: 304, `"x"`: 200} {
		again := w.call(http.MethodGet, feed, "", nil, "If-None-Match", seen)
		require.Equal(t, code, again.StatusCode, seen)
		require.Equal(t, tag, again.Header.Get("ETag"))
		if code == http.StatusNotModified {
			require.Empty(t, again.body)
			require.Empty(t, again.Header.Get("Content-Type"))
		}
	}
	head := w.call(http.MethodHead, feed, "", nil)
	require.Equal(t, http.StatusOK, head.StatusCode, "as GET, without the content")
	require.Empty(t, head.body)
	require.Equal(t, tag, head.Header.Get("ETag"))
	require.Equal(t, "text/calendar; charset=utf-8", head.Header.Get("Content-Type"))
	require.Equal(t, int64(len(someCalendar)), head.ContentLength)
	wrong := w.call(http.MethodGet, "/v1/feed.ics?secret=bad", "", nil, "If-None-Match", "*")
	require.Equal(t, http.StatusNotFound, wrong.StatusCode)
	reason, _ := wrong.reason(t)
	require.Equal(t, fault.ReasonResourceNotFound, reason)
	require.Contains(t, wrong.Header.Get("Content-Type"), "application/json")
	require.Equal(t, http.StatusNotFound, w.call(http.MethodGet, "/v1/feed.ics", "", nil).StatusCode)
	require.Equal(t, http.StatusTooManyRequests, w.call(http.MethodGet, feed, "", nil).StatusCode)
}
