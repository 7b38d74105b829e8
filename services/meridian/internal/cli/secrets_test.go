package cli_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
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

// TestSecretsAsFilesAreTheSameOnes compares what the folder holds with what is printed for Kubernetes.
func TestSecretsAsFilesAreTheSameOnes(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "secrets")
	r := run(t.Context(), "", "secrets", "--folder", folder, "--mail-url", "smtp://mail:1025")
	require.Zero(t, r.code, r.err)
	require.Empty(t, r.out)
	closed, err := os.Stat(folder)
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o700, closed.Mode())

	var want, have []string
	for name, data := range madeSecrets(t, "--mail-url", "smtp://mail:1025") {
		delete(data, "in")
		for key := range data {
			want = append(want, name+"/"+key)
		}
	}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		have = append(have, filepath.ToSlash(name))
		info, failed := entry.Info()
		require.NoError(t, failed)
		require.Equal(t, fs.FileMode(0o444), info.Mode(), name)
		require.NotZero(t, info.Size(), name)
		return err
	}))
	require.ElementsMatch(t, append(want, "nats.env"), have)

	env, err := os.ReadFile(filepath.Join(folder, "nats.env"))
	require.NoError(t, err)
	password, err := os.ReadFile(filepath.Join(folder, "meridian-nats", "password"))
	require.NoError(t, err)
	require.Contains(t, string(env), "\nMERIDIAN_NATS_PASSWORD="+string(password)+"\n")
	require.NotRegexp(t, `(?m)=$`, string(env), "every variable has a value")

	r = run(t.Context(), "", "secrets", "--folder", folder)
	require.NotZero(t, r.code, "what is in use is left alone")
	require.Contains(t, r.err, "folder")
	again, err := os.ReadFile(filepath.Join(folder, "nats.env"))
	require.NoError(t, err)
	require.Equal(t, env, again)
}
