package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/stack"
)

// TestAnOperatorMakesAWorkspace: with the operator's key, at the directory itself; with another key it is refused.
func TestAnOperatorMakesAWorkspace(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755), "the cluster's own user passes through it")
	const free = "127.0.0.1:0"
	s, err := stack.Start(t.Context(), stack.Config{
		HTTPAddr: free, GRPCAddr: free, NATSAddr: free, Data: filepath.Join(folder, "data"),
		Workspace: "First", OwnerEmail: "owner@example.com", OwnerName: "Owner",
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	})
	identity, err := s.Identity()
	require.NoError(t, err)
	key := filepath.Join(folder, "operator.key")
	require.NoError(t, os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(identity.Key.Seed())+"\n"), 0o600))
	create := func(key string, more ...string) ran {
		return run(t.Context(), "", append([]string{
			"--json", "workspace", "create", "Second", "--owner-email", "ada@example.com",
			"--directory-addr", s.Directory().Server.Addr(), "--identity-key", key,
		}, more...)...)
	}

	request := uuid.NewString()
	r := create("@"+key, "--request-id", request)
	require.Zero(t, r.code, r.err)
	var made struct {
		Workspace struct{ Name, DisplayName string }
		Secret    string
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &made))
	require.Equal(t, "Second", made.Workspace.DisplayName)
	r = run(t.Context(), "", "--server", "http://"+s.HTTPAddr(), "--token", made.Secret, "members", "list")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "ada@example.com")

	r = create("@"+key, "--request-id", request)
	require.Equal(t, 5, r.code, "made once")
	r = create(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.Equal(t, 3, r.code, "another's key")
	r = create("short")
	require.NotZero(t, r.code)
	require.Contains(t, r.err, "identity-key: must be 32 bytes in base64")
}
