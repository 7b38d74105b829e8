package gateway_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway"
)

// What the gateway costs: one small write, to a service that only answers.
func BenchmarkPost(b *testing.B) {
	w := start(b, func(cfg *gateway.Config) { cfg.PrincipalRate, cfg.WorkspaceRate = -1, -1 })
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token, parent := w.apiToken(caller), "workspaces/"+caller.Workspace.String()
	request := newThread(parent)
	grpcTo := func(client threadsv1.ThreadServiceClient, bearer string) func(b *testing.B) {
		return func(b *testing.B) {
			b.Helper()
			ctx, cancel := context.WithTimeout(rpctest.WithToken(b.Context(), bearer), time.Minute)
			defer cancel()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, err := client.CreateThread(ctx, request)
					require.NoError(b, err)
				}
			})
		}
	}
	b.Run("service", grpcTo(threadsv1.NewThreadServiceClient(rpctest.Dial(b, w.threadsAddr)), w.authority.Token(b, caller)))
	b.Run("grpc", grpcTo(threadsv1.NewThreadServiceClient(w.grpc()), token))
	b.Run("rest", func(b *testing.B) {
		url := "http://" + w.gateway.HTTPAddr() + "/v1/" + parent + "/threads"
		body := []byte(`{"title":"Hand over the release","type":"DISCUSSION","space":"` + request.GetThread().GetSpace() + `"}`)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
				require.NoError(b, err)
				r.Header.Set("Authorization", "Bearer "+token)
				answer, err := client.Do(r)
				require.NoError(b, err)
				require.Equal(b, http.StatusOK, answer.StatusCode)
				_, err = io.Copy(io.Discard, answer.Body)
				require.NoError(b, err)
				require.NoError(b, answer.Body.Close())
			}
		})
	})
}
