package certs_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/certs"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpctest"
)

func config(m certs.Material) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: m.Certificates, RootCAs: m.CA}
}

// later is a clock that is ahead.
type later struct{ by time.Duration }

func (l later) Now() time.Time { return clock.Machine().Now().Add(l.by) }

func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	crt, key, _ := rpctest.Certificate(t, dir)
	_, otherKey, _ := rpctest.Certificate(t, t.TempDir())
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]struct {
		files certs.Files
		named string
	}{
		"an empty CA":         {certs.Files{Cert: crt, Key: key, CA: empty}, empty},
		"no CA":               {certs.Files{Cert: crt, Key: key, CA: filepath.Join(dir, "x")}, filepath.Join(dir, "x")},
		"a key of another's":  {certs.Files{Cert: crt, Key: otherKey}, otherKey},
		"an empty key":        {certs.Files{Cert: crt, Key: empty}, empty},
		"a certificate alone": {certs.Files{Cert: crt}, crt},
	} {
		_, err := certs.New(c.files, slog.New(slog.DiscardHandler), clock.Machine(), config)
		require.ErrorContains(t, err, c.named, name)
	}
}

func TestBrokenFilesLeaveThoseOfBeforeInForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	crt, key, first := rpctest.Certificate(t, dir)
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	source, err := certs.New(certs.Files{Cert: crt, Key: key, CA: crt}, log, clock.Machine(), config)
	require.NoError(t, err)
	before := source.Config()
	require.Equal(t, first.Certificate, before.Certificates[0].Certificate)
	require.Same(t, before, source.Config(), "the same while the files are")
	require.Empty(t, said.String())

	secret, err := os.ReadFile(key)
	require.NoError(t, err)
	for _, broken := range []string{crt, key} {
		whole, err := os.ReadFile(broken)
		require.NoError(t, err)
		for _, wrong := range [][]byte{nil, []byte("garbage"), whole[:len(whole)/2]} {
			require.NoError(t, os.WriteFile(broken, wrong, 0o600))
			require.Same(t, before, source.Config())
		}
		require.NoError(t, os.Remove(broken))
		require.Same(t, before, source.Config())
		told := said.Len()
		require.Same(t, before, source.Config())
		require.Equal(t, told, said.Len(), "what is known is not told again")
		require.Contains(t, said.String(), broken)
		require.NoError(t, os.WriteFile(broken, whole, 0o600))
		require.Same(t, before, source.Config())
		require.Contains(t, said.String(), "well again")
	}
	require.NotContains(t, said.String(), string(secret[40:80]), "no line holds a key")

	_, _, second := rpctest.Certificate(t, dir)
	require.Equal(t, second.Certificate, source.Config().Certificates[0].Certificate)
}

func TestACertificateThatIsOverIsTold(t *testing.T) {
	t.Parallel()
	crt, key, _ := rpctest.Certificate(t, t.TempDir())
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	_, err := certs.New(certs.Files{Cert: crt, Key: key}, log, later{2 * time.Hour}, config)
	require.NoError(t, err, "the other side refuses it; who it is that shall not start because of it is not known here")
	require.Contains(t, said.String(), crt)
	require.Contains(t, said.String(), "good from")
}
