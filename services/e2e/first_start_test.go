package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/stack"
)

// workspaces is GET /v1/workspaces as a token's bearer.
type workspaces struct {
	Workspaces []struct {
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
	} `json:"workspaces"`
}

func TestFirstStartTellsTheTokenOnceAndKeepsItClosed(t *testing.T) {
	t.Parallel()
	data := dataFolder(t)
	first := up(t, data)
	token := first.token()
	var have workspaces
	getJSON(t, first.http+"/v1/workspaces", token, &have)
	require.Len(t, have.Workspaces, 1)

	for _, name := range []string{stack.OwnerTokenFile, "secrets.json", "nats/credentials.json"} {
		info, err := os.Stat(filepath.Join(data, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o066, "nobody else may list or change the data folder")

	second := exec.CommandContext(t.Context(), binary(t), "up", "--data", data, "--http-addr", freeAddr(t), "--grpc-addr", freeAddr(t), "--nats-addr", freeAddr(t))
	told, err := second.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(told), "another meridian runs on this data folder")

	first.stop(t)
	require.Contains(t, first.out.String(), token)

	again := up(t, data)
	again.stop(t)
	require.NotContains(t, again.out.String(), token)
	require.Equal(t, token, again.token())
}

func TestFirstStartKilledAtAnyInstantIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	data := dataFolder(t)
	for _, after := range []int{400, 1500, 2500, 3000, 3500, 4000} {
		p := launch(t, data)
		select {
		case <-p.ended:
			require.Fail(t, "meridian up ended", p.out.String())
		case <-time.After(time.Duration(after) * time.Millisecond):
		}
		p.kill()
	}
	p := up(t, data)
	var have workspaces
	getJSON(t, p.http+"/v1/workspaces", p.token(), &have)
	require.Len(t, have.Workspaces, 1)
	p.stop(t)
}

func TestALostFirstTokenIsReplacedAndRevoked(t *testing.T) {
	t.Parallel()
	data := dataFolder(t)
	ctx := context.WithoutCancel(t.Context())
	s, err := stack.Start(ctx, configOn(data))
	require.NoError(t, err)
	lost := s.Welcome().Token
	require.NoError(t, s.Stop(ctx))
	// What a kill leaves between the workspace's commit and the token's file.
	require.NoError(t, os.Remove(filepath.Join(data, stack.OwnerTokenFile)))
	require.NoError(t, os.Remove(filepath.Join(data, "first-start.done")))

	s, err = stack.Start(ctx, configOn(data))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(ctx)) })
	require.NotNil(t, s.Welcome())
	require.NotEqual(t, lost, s.Welcome().Token)
	var have workspaces
	getJSON(t, "http://"+s.HTTPAddr()+"/v1/workspaces", s.Welcome().Token, &have)
	require.Len(t, have.Workspaces, 1)
	require.Equal(t, http.StatusUnauthorized, get(t, "http://"+s.HTTPAddr()+"/v1/workspaces", lost).code)
}
