package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway"
)

// The services ask the gateway for a certificate. What clients see of it is a setting of its own.
func TestClientsAreServedApartFromTheCalls(t *testing.T) {
	t.Parallel()
	inner, innerKey, _ := rpctest.Certificate(t, t.TempDir())
	outer, outerKey, _ := rpctest.Certificate(t, t.TempDir())
	services := rpcserver.TLS{CertFile: inner, KeyFile: innerKey, ClientCAFile: inner}
	calls := func(cfg *gateway.Config) {
		cfg.TLSServerCA, cfg.TLSCallCert, cfg.TLSCallKey = inner, inner, innerKey
	}
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	parent := "workspaces/" + caller.Workspace.String()

	t.Run("without TLS, behind an ingress that ends it", func(t *testing.T) {
		t.Parallel()
		w := startBefore(t, services, calls)
		token := w.apiToken(caller)
		one := w.call(http.MethodGet, "/v1/"+parent, token, nil)
		require.Equal(t, http.StatusOK, one.StatusCode, "%s", one.body)
		_, err := threadsv1.NewThreadServiceClient(w.grpc()).CreateThread(rpctest.WithToken(t.Context(), token), newThread(parent))
		require.NoError(t, err)
	})
	t.Run("with another certificate", func(t *testing.T) {
		t.Parallel()
		w := startBefore(t, services, calls, func(cfg *gateway.Config) { cfg.TLSCert, cfg.TLSKey = outer, outerKey })
		pem, err := os.ReadFile(outer)
		require.NoError(t, err)
		roots := x509.NewCertPool()
		require.True(t, roots.AppendCertsFromPEM(pem))
		trust := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		conn, err := grpc.NewClient(w.gateway.Server.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(trust)))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close()) })
		ctx := rpctest.WithToken(t.Context(), w.apiToken(caller))
		_, err = threadsv1.NewThreadServiceClient(conn).CreateThread(ctx, newThread(parent))
		require.NoError(t, err)

		client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+w.gateway.HTTPAddr()+"/v1/"+parent, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+w.apiToken(caller))
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	})
	t.Run("without one of the issuer it is not let in", func(t *testing.T) {
		t.Parallel()
		w := startBefore(t, services, calls, func(cfg *gateway.Config) { cfg.TLSCallCert, cfg.TLSCallKey = outer, outerKey })
		got := w.call(http.MethodGet, "/v1/"+parent, w.apiToken(caller), nil)
		require.Equal(t, http.StatusServiceUnavailable, got.StatusCode, "%s", got.body)
	})
}
