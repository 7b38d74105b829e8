//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCommandFindsTheClusterAndItsStatusComesBack(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "url")
	status, err := run([]string{"/bin/sh", "-c", `echo "$MERIDIAN_TEST_DATABASE_URL" >"$0"; exit 7`, out})
	require.NoError(t, err)
	require.Equal(t, 7, status)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Regexp(t, `^postgres://postgres:\w+@127\.0\.0\.1:\d+/postgres\?sslmode=disable\n$`, string(text))
}

func TestACommandThatIsNotThere(t *testing.T) {
	t.Parallel()
	status, err := run([]string{filepath.Join(t.TempDir(), "none")})
	require.Error(t, err)
	require.Equal(t, 1, status)
}
