package adminhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/adminhttp"
)

func started(t *testing.T) *adminhttp.Server {
	t.Helper()
	s := adminhttp.New("127.0.0.1:0")
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

func get(t *testing.T, s *adminhttp.Server, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func readiness(t *testing.T, s *adminhttp.Server) (status int, r adminhttp.Readiness) {
	t.Helper()
	status, body := get(t, s, "/readyz")
	require.NoError(t, json.Unmarshal([]byte(body), &r))
	return status, r
}

func TestLivezSpeaksOfTheProcessOnly(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.Ready("postgres", func(context.Context) error { return errors.New("down") })
	s.Drain()
	status, body := get(t, s, "/livez")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok\n", body)
}

func TestReadyzWithoutChecksIsOK(t *testing.T) {
	t.Parallel()
	status, r := readiness(t, started(t))
	require.Equal(t, http.StatusOK, status)
	require.True(t, r.OK())
	require.Empty(t, r.Checks)
}

func TestReadyzNamesWhatFailsAndWhy(t *testing.T) {
	t.Parallel()
	s := started(t)
	down := errors.New("connection refused")
	var natsDown error
	s.Ready("postgres", func(context.Context) error { return down })
	s.Ready("nats", func(context.Context) error { return natsDown })

	status, r := readiness(t, s)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, adminhttp.Readiness{
		Status: "failing",
		Checks: map[string]string{"postgres": "connection refused", "nats": "ok"},
	}, r)

	down = nil
	status, r = readiness(t, s)
	require.Equal(t, http.StatusOK, status, "it tells the truth again by itself")
	require.True(t, r.OK())
}

func TestDrainIsToldBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.Ready("postgres", func(context.Context) error { return nil })
	s.Drain()
	status, r := readiness(t, s)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "draining", r.Status)
	require.False(t, r.OK())
}

func TestACheckThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := adminhttp.New("127.0.0.1:0")
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s.Ready("deaf", func(context.Context) error { <-release; return nil })
	s.Ready("well", func(context.Context) error { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r := s.Report(ctx)
	require.False(t, r.OK())
	require.Contains(t, r.Checks["deaf"], "no answer")
	require.Equal(t, "ok", r.Checks["well"])
}

func TestMetricsShowsTheDefaultRegistry(t *testing.T) {
	t.Parallel()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "adminhttp_test_total", Help: "Of the test."})
	require.NoError(t, prometheus.Register(c))
	t.Cleanup(func() { prometheus.Unregister(c) })
	c.Inc()
	status, body := get(t, started(t), "/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "adminhttp_test_total 1")
	require.Contains(t, body, "go_goroutines")
}

func TestProfilesAreServed(t *testing.T) {
	t.Parallel()
	s := started(t)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
		status, _ := get(t, s, path)
		require.Equal(t, http.StatusOK, status, path)
	}
}

func TestMoreHandlersCanBeMounted(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.Handle("GET /extra", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	status, _ := get(t, s, "/extra")
	require.Equal(t, http.StatusTeapot, status)
	status, _ = get(t, s, "/nothing")
	require.Equal(t, http.StatusNotFound, status)
	require.NotNil(t, s.Handler())
}

func TestStartSaysWhenTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	s := adminhttp.New(l.Addr().String())
	require.ErrorContains(t, s.Start(t.Context()), "listen on the admin address")
	require.Equal(t, l.Addr().String(), s.Addr())
}

func TestWaitReturnsQuietlyAfterStop(t *testing.T) {
	t.Parallel()
	s := adminhttp.New("127.0.0.1:0")
	require.NoError(t, s.Start(t.Context()))
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Wait(t.Context()))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, started(t).Wait(over))
}

func TestStopCutsARequestThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	s := adminhttp.New("127.0.0.1:0")
	began := make(chan struct{})
	s.Handle("GET /slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}))
	require.NoError(t, s.Start(t.Context()))
	cut := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + s.Addr() + "/slow")
		if err == nil {
			err = resp.Body.Close()
		}
		cut <- err
	}()
	<-began
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Stop(over), context.Canceled)
	require.Error(t, <-cut)
}
