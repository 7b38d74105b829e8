package stack

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/boot"
)

// The services listen on no admin port of their own here, so the whole's must show what theirs would.
func TestTheAdminPortShowsEveryService(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755), "the cluster's own user passes through it")
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	flush, err := boot.Telemetry(t.Context(), "meridian", log)
	require.NoError(t, err)
	const free = "127.0.0.1:0"
	s, err := Start(t.Context(), Config{
		HTTPAddr: free, GRPCAddr: free, NATSAddr: free, AdminAddr: free, Data: filepath.Join(folder, "data"),
		Workspace: "Test", OwnerEmail: "owner@example.com", OwnerName: "Owner", Log: log,
		Metrics: prometheus.DefaultRegisterer,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
		require.NoError(t, flush(ctx))
	})
	ask := func(method, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.AdminAddr()+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { require.NoError(t, resp.Body.Close()) }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}

	for _, service := range []string{"directory", "threads"} {
		code, body := ask(http.MethodGet, "/"+service+"/deadletters?limit=1")
		require.Equal(t, http.StatusOK, code, body)
		require.JSONEq(t, `{"dead_letters": []}`, body)
		code, body = ask(http.MethodPost, "/"+service+"/deadletters/"+uuid.NewString()+"/redrive")
		require.Equal(t, http.StatusNotFound, code)
		require.Contains(t, body, "RESOURCE_NOT_FOUND")
	}
	code, _ := ask(http.MethodGet, "/gateway/deadletters")
	require.Equal(t, http.StatusNotFound, code, "it consumes nothing durably")

	code, body := ask(http.MethodGet, "/metrics")
	require.Equal(t, http.StatusOK, code)
	for _, line := range []string{
		`meridian_outbox_rows{service="directory"}`, `meridian_outbox_rows{service="threads"}`,
		`meridian_consumer_lag{consumer="directory-edge"`, `meridian_consumer_lag{consumer="threads"`,
		`meridian_consumer_lag{consumer="threads_projection"`, "rpc_server",
	} {
		require.Contains(t, body, line)
	}
}
