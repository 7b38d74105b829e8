package natsd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natsd"
)

const deploy = "../../deploy/nats"

// A server of one's own reads the files as nats-server does: variables from the environment. This test sets them and
// so cannot run beside others.
func TestTheDeployedFilesParse(t *testing.T) { //nolint:paralleltest // It sets the environment.
	creds, err := natsd.NewCredentials()
	require.NoError(t, err)
	issuer, err := creds.IssuerKey()
	require.NoError(t, err)
	xkey, err := creds.XKey()
	require.NoError(t, err)
	issuerPublic, err := issuer.PublicKey()
	require.NoError(t, err)
	xkeyPublic, err := xkey.PublicKey()
	require.NoError(t, err)
	for name, value := range map[string]string{
		"SERVER_NAME": "nats-0", "LISTEN": "127.0.0.1:4222", "STORE": t.TempDir(),
		"USER": "meridian", "PASSWORD": "0" + creds.Password, "CALLOUT_USER": "callout",
		"CALLOUT_PASSWORD": creds.CalloutPassword, "SYSTEM_USER": "edge", "SYSTEM_PASSWORD": creds.SystemPassword,
		"CALLOUT_ISSUER": issuerPublic, "CALLOUT_XKEY": xkeyPublic,
		"CLUSTER_LISTEN": "127.0.0.1:6222", "CLUSTER_USER": "route", "CLUSTER_PASSWORD": "secret",
	} {
		t.Setenv("MERIDIAN_NATS_"+name, `"`+value+`"`)
	}
	t.Setenv("MERIDIAN_NATS_MAX_STORE", "20GB")
	t.Setenv("MERIDIAN_NATS_CLUSTER_ROUTES", `["nats-route://a:6222", "nats-route://b:6222"]`)
	for _, file := range []string{"meridian.conf", "cluster.conf"} {
		opts, err := server.ProcessConfigFile(filepath.Join(deploy, file))
		require.NoError(t, err, file)
		require.Len(t, opts.Accounts, 4, file)
		require.Equal(t, "SYS", opts.SystemAccount)
		require.Equal(t, []string{"meridian", "callout", "edge"}, opts.AuthCallout.AuthUsers)
		require.Equal(t, xkeyPublic, opts.AuthCallout.XKey)
		require.EqualValues(t, 20<<30, opts.JetStreamMaxStore)
		require.Empty(t, opts.NoAuthUser)
		if file == "cluster.conf" {
			require.Len(t, opts.Routes, 2)
			require.Equal(t, "route", opts.Cluster.Username)
		}
	}
}

func TestEveryVariableIsInTheExample(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(filepath.Join(deploy, "nats.env.example"))
	require.NoError(t, err)
	variable := regexp.MustCompile(`\$(MERIDIAN_NATS_[A-Z_]+)`)
	for _, file := range []string{"meridian.conf", "cluster.conf", "tls.conf"} {
		text, err := os.ReadFile(filepath.Join(deploy, file))
		require.NoError(t, err)
		found := variable.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, found, file)
		for _, match := range found {
			require.Contains(t, string(example), match[1]+"=", file)
		}
	}
}
