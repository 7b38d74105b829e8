package auth_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
)

func TestContext(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	_, ok := auth.FromContext(ctx)
	require.False(t, ok)
	_, err := auth.Require(ctx)
	require.True(t, fault.HasReason(err, fault.ReasonUnauthenticated))
	_, ok = auth.TokenFrom(ctx)
	require.False(t, ok)
	_, ok = auth.TokenFrom(auth.WithToken(ctx, ""))
	require.False(t, ok)
	require.Equal(t, auth.NoRight, auth.Need(ctx))

	want := auth.Caller{Workspace: uuid.New(), Member: uuid.New(), Role: auth.Admin}
	ctx = auth.WithNeed(auth.WithToken(auth.NewContext(ctx, want), "secret"), auth.Writer)
	got, err := auth.Require(ctx)
	require.NoError(t, err)
	require.Equal(t, want, got)
	token, ok := auth.TokenFrom(ctx)
	require.True(t, ok)
	require.Equal(t, "secret", token)
	require.Equal(t, auth.Writer, auth.Need(ctx))
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	ws, m := uuid.New(), uuid.New()
	require.Equal(t, "workspaces/"+ws.String()+"/members/"+m.String(), auth.Caller{Workspace: ws, Member: m}.Principal())
	require.Equal(t, "services/threads", auth.Caller{Service: "threads"}.Principal())
}

func TestHasScope(t *testing.T) {
	t.Parallel()
	c := auth.Caller{Scopes: []string{auth.ScopeThreadsRead}}
	require.True(t, c.HasScope(auth.ScopeThreadsRead))
	require.False(t, c.HasScope(auth.ScopeThreadsWrite))
	require.False(t, auth.Caller{}.HasScope(""))
	all := auth.Caller{Scopes: []string{auth.ScopeAll}}
	for _, s := range auth.Scopes() {
		require.True(t, all.HasScope(s), s)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for r := auth.RoleNone; r <= auth.Owner; r++ {
		got, ok := auth.ParseRole(r.String())
		require.True(t, ok)
		require.Equal(t, r, got)
	}
	_, ok := auth.ParseRole("admin")
	require.False(t, ok)
	require.Equal(t, "MANAGER", auth.Manager.String())
	require.Equal(t, "Right(9)", auth.Right(9).String())
}

// What may not be read looks like what is not there, whatever was needed.
func TestCheckRight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		have := auth.Right(rapid.IntRange(int(auth.NoRight), int(auth.Manager)).Draw(t, "have"))
		need := auth.Right(rapid.IntRange(int(auth.NoRight), int(auth.Manager)).Draw(t, "need"))
		err := auth.CheckRight(have, need, "workspaces/w/threads/t")
		switch {
		case need == auth.NoRight || have >= need:
			require.NoError(t, err)
		case have == auth.NoRight:
			require.True(t, fault.Is(err, fault.NotFound))
		default:
			require.True(t, fault.Is(err, fault.Denied))
		}
	})
}
