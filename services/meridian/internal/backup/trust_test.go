package backup

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/rpctest"
)

// TestPostgresToolsTrustWhatThisProgramTrusts: the chart says it by SSL_CERT_DIR, which libpq does not read.
func TestPostgresToolsTrustWhatThisProgramTrusts(t *testing.T) { //nolint:paralleltest // It sets the environment.
	system, mounted, folder := t.TempDir(), t.TempDir(), t.TempDir()
	rpctest.Certificate(t, system)
	rpctest.Certificate(t, mounted)
	require.NoError(t, os.Rename(filepath.Join(mounted, "tls.crt"), filepath.Join(mounted, "ca.crt")))
	twice, err := os.ReadFile(filepath.Join(system, "tls.crt"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(system, "again.crt"), twice, 0o600))
	try := func(mode string) ([]string, func()) {
		target, err := url.Parse("postgres://db/meridian?sslmode=" + mode)
		require.NoError(t, err)
		env, done, err := trust(target, folder)
		require.NoError(t, err)
		return env, done
	}
	t.Setenv("PGSSLMODE", "")
	t.Setenv("PGSSLROOTCERT", "")
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("SSL_CERT_DIR", "")
	env, _ := try("verify-full")
	require.Empty(t, env, "libpq says by itself what is missing")

	t.Setenv("SSL_CERT_DIR", system+":"+filepath.Join(system, "x")+":"+mounted)
	env, done := try("verify-full")
	require.Len(t, env, 1)
	name, found := strings.CutPrefix(env[0], "PGSSLROOTCERT="+folder+"/")
	require.True(t, found, "where it may write")
	text, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "BEGIN CERTIFICATE"))
	require.NotContains(t, string(text), "KEY")
	done()
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)

	for _, other := range []string{"require", "disable", "verify-full&sslrootcert=/ca.crt"} {
		env, _ := try(other)
		require.Empty(t, env, other)
	}
}
