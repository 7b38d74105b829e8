package cli_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// madeSecrets runs the command and returns each Secret's data by its name.
func madeSecrets(t *testing.T, args ...string) map[string]map[string]string {
	t.Helper()
	r := run(t.Context(), "", append([]string{"secrets"}, args...)...)
	require.Zero(t, r.code, r.err)
	var list struct {
		APIVersion, Kind string
		Items            []struct {
			Kind       string
			Metadata   struct{ Name, Namespace string }
			StringData map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &list))
	require.Equal(t, "List", list.Kind)
	made := map[string]map[string]string{}
	for _, item := range list.Items {
		require.Equal(t, "Secret", item.Kind)
		require.NotContains(t, made, item.Metadata.Name)
		made[item.Metadata.Name] = item.StringData
		made[item.Metadata.Name]["in"] = item.Metadata.Namespace
	}
	return made
}

func TestSecretsOfAFirstInstallationFitTogether(t *testing.T) {
	t.Parallel()
	made := madeSecrets(t, "--namespace", "team", "--postgres", "db:5432", "--mail-url", "smtp://a:b@mail:587")

	identity := made["meridian-identity"]
	require.Equal(t, "team", identity["in"])
	names := []string{"directory", "availability", "threads", "tasks", "notifications", "gateway", "meridian"}
	for _, pair := range strings.Split(identity["service-keys"], ";") {
		name, key, _ := strings.Cut(pair, "=")
		require.Contains(t, names, name)
		seed := identity[name]
		if name == "meridian" {
			require.Empty(t, seed, "no service gets the operator's key")
			seed = made["meridian-operator"]["identity-key"]
		}
		bits, err := base64.StdEncoding.DecodeString(seed)
		require.NoError(t, err)
		public := ed25519.NewKeyFromSeed(bits).Public().(ed25519.PublicKey)
		require.Equal(t, base64.StdEncoding.EncodeToString(public), key, name)
	}
	require.Equal(t, len(names), strings.Count(identity["service-keys"], ";")+1)

	for _, service := range names[:5] {
		for suffix, role := range map[string]string{"-url": "_app", "-owner-url": "_owner"} {
			whole, err := url.Parse(made["meridian-database"][service+suffix])
			require.NoError(t, err)
			require.Equal(t, service+role, whole.User.Username())
			require.Equal(t, "db:5432/meridian?sslmode=require", whole.Host+whole.RequestURI())
		}
	}
	admin, err := url.Parse(made["meridian-postgres-admin"]["url"])
	require.NoError(t, err)
	word, _ := admin.User.Password()
	require.Equal(t, made["meridian-postgres-admin"]["password"], word)

	edge, server := made["meridian-nats-edge"], made["meridian-nats-server"]
	issuer, err := nkeys.FromSeed([]byte(edge["issuer-seed"]))
	require.NoError(t, err)
	public, err := issuer.PublicKey()
	require.NoError(t, err)
	require.Equal(t, public, server["callout-issuer"])
	xkey, err := nkeys.FromCurveSeed([]byte(edge["xkey-seed"]))
	require.NoError(t, err)
	public, err = xkey.PublicKey()
	require.NoError(t, err)
	require.Equal(t, public, server["callout-xkey"])
	require.Contains(t, server["cluster-routes"], "@nats-2.nats-headless:6222")

	bare := regexp.MustCompile(`^[a-z][0-9a-z]+$`)
	for _, word := range []string{made["meridian-nats"]["password"], edge["callout-password"], edge["system-password"], server["cluster-password"]} {
		require.Regexp(t, bare, word, "a nats-server reads it without quotes")
	}
	require.Equal(t, "smtp://a:b@mail:587", made["meridian-mail"]["url"])
	require.NotEqual(t, made["meridian-nats"]["password"], madeSecrets(t)["meridian-nats"]["password"])
}

func TestSecretsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := run(t.Context(), "", "secrets", "--postgres", "db")
	require.NotZero(t, r.code)
	require.Contains(t, r.err, "postgres: must be HOST:PORT")
}
