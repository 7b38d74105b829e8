package stack

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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
		`meridian_outbox_leading\{.*service="directory"\} 1`, `meridian_outbox_leading\{.*service="threads"\} 1`,
		`meridian_consumer_lag\{consumer="directory-edge"`, `meridian_consumer_lag\{consumer="threads"`,
		`meridian_consumer_lag\{consumer="threads_projection"`, `meridian_calls_refused_total\{.*reason="full",service="gateway"\} 0`,
		`meridian_calls_in_work\{backend="threads".*service="gateway"\} 0`, `meridian_ready\{check="postgres".*service="tasks"\} 1`,
		`meridian_pool_limit\{.*role="app",service="threads"\} 16`, `meridian_due_late_seconds\{.*worker="expire handoffs"\} 0`,
	} {
		require.Regexp(t, line, body)
	}
	requireRunbooksTrue(t, body)
}

// kubeStateMetrics are those of kube-state-metrics, which watches the cluster, that runbooks may name: of its
// own list the stable ones (docs/metrics/workload/cronjob-metrics.md in github.com/kubernetes/kube-state-metrics, commit 112ec602).
func kubeStateMetrics() []string {
	return []string{
		"kube_cronjob_created", "kube_cronjob_info", "kube_cronjob_labels", "kube_cronjob_metadata_resource_version",
		"kube_cronjob_next_schedule_time", "kube_cronjob_spec_starting_deadline_seconds", "kube_cronjob_spec_suspend",
		"kube_cronjob_status_active", "kube_cronjob_status_last_schedule_time", "kube_cronjob_status_last_successful_time",
	}
}

// requireRunbooksTrue checks that every metric which a runbook names is there to be looked at.
func requireRunbooksTrue(t *testing.T, metrics string) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join("..", "..", "..", "docs", "runbooks", "*.md"))
	require.NoError(t, err)
	require.Greater(t, len(pages), 8)
	named := regexp.MustCompile(`\b(?:meridian|rpc|kube)_[a-z_]+`)
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range named.FindAllString(string(text), -1) {
			found++
			if strings.HasPrefix(name, "kube_") {
				require.Contains(t, kubeStateMetrics(), name, "%s names it", page)
				continue
			}
			require.Regexp(t, `(?m)^`+name+`(_bucket)?[{ ]`, metrics, "%s names %s", page, name)
		}
	}
	require.Greater(t, found, 20)
}
