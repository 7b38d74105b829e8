package e2e

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// envCluster names the file with what make local-cluster says of its running processes. Stories that need no more than
// reached run against those then.
const envCluster = "MERIDIAN_TEST_CLUSTER"

// reached is a running Meridian as its users see it.
type reached interface {
	// grpc is a new connection to the gateway's gRPC port, without a token.
	grpc(t *testing.T) *grpc.ClientConn
	// ownerToken is the token of a workspace's owner, and newWorkspace makes another workspace and returns its owner's.
	ownerToken() string
	newWorkspace(t *testing.T) string
}

// reach is the stack that the stories share, or the cluster that the environment names.
func reach(t *testing.T) reached {
	t.Helper()
	file := os.Getenv(envCluster)
	if file == "" {
		return start(t)
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	c := &cluster{}
	require.NoError(t, json.Unmarshal(text, c))
	c.token = c.newWorkspace(t)
	return c
}

// cluster is Meridian in processes of its own.
type cluster struct {
	GRPC        string `json:"grpc"`
	Directory   string `json:"directory"`
	OperatorKey string `json:"operator_key"`
	TLS         string `json:"tls"`

	token string
}

func (c *cluster) grpc(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (c *cluster) ownerToken() string { return c.token }

func (c *cluster) newWorkspace(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(c.OperatorKey)
	require.NoError(t, err)
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	cfg := rpcclient.Config{Identity: auth.Identity{Name: "meridian", Key: ed25519.NewKeyFromSeed(seed)}}
	if c.TLS != "" {
		cfg.TLS = rpcclient.TLS{
			CAFile: filepath.Join(c.TLS, "ca.crt"), CertFile: filepath.Join(c.TLS, "tls.crt"), KeyFile: filepath.Join(c.TLS, "tls.key"),
		}
	}
	conn, err := rpcclient.Dial(c.Directory, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	made, err := directoryv1.NewWorkspaceServiceClient(conn).CreateWorkspace(t.Context(), &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Reached " + uuid.NewString()[:8]}, OwnerEmail: "owner@example.org", RequestId: uuid.NewString(),
	})
	require.NoError(t, err)
	return made.GetSecret()
}
