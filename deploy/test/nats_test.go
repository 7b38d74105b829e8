package test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/nats-io/nats-server/v2/conf"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

// raw is how the chart nats writes what is no string in JSON: a variable, or a size.
var raw = regexp.MustCompile(`"<<\s+([^>]*?)\s+>>"`)

// TestTheBrokersExampleIsMeridiansBroker: the values for the chart nats say what deploy/nats/meridian.conf says, and the
// cluster's part what cluster.conf says. Both are read by the server's own parser, with the same variables.
func TestTheBrokersExampleIsMeridiansBroker(t *testing.T) {
	for name, value := range firstSecrets(t).variables(t) {
		t.Setenv(name, value)
	}
	for name, value := range map[string]string{
		"SERVER_NAME": "nats-0", "LISTEN": `"0.0.0.0:4222"`, "STORE": "/data", "MAX_STORE": "20GB", "CLUSTER_LISTEN": `"0.0.0.0:6222"`,
	} {
		t.Setenv("MERIDIAN_NATS_"+name, value)
	}
	want, err := conf.ParseFile(filepath.Join(natsFolder, "cluster.conf"))
	require.NoError(t, err)
	have := exampleConfig(t)

	// What the chart nats sets by itself, from the names of its own objects.
	for _, path := range [][]string{
		{"server_name"}, {"listen"}, {"jetstream", "store_dir"}, {"cluster", "name"}, {"cluster", "listen"},
	} {
		remove(want, path)
	}
	require.Equal(t, plain(t, want), plain(t, have))
}

// exampleConfig is the configuration that the chart nats makes of the example's values, but for what it sets by itself.
func exampleConfig(t *testing.T) map[string]any {
	t.Helper()
	values, err := chart.Values(filepath.Join(exampleFolder, "nats-values.yaml"))
	require.NoError(t, err)
	config := child(t, values, "config")
	whole := maps.Clone(child(t, config, "merge"))
	whole["cluster"] = child(t, config, "cluster", "merge")
	jetStream := maps.Clone(child(t, config, "jetstream", "merge"))
	for setting, store := range map[string]string{"max_memory_store": "memoryStore", "max_file_store": "fileStore"} {
		jetStream[setting] = "<< " + child(t, config, "jetstream", store)["maxSize"].(string) + " >>"
	}
	whole["jetstream"] = jetStream
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	unescaped := regexp.MustCompile(`\\u003c|\\u003e`).ReplaceAllFunc(text, func(escaped []byte) []byte {
		if string(escaped) == `\u003c` {
			return []byte("<")
		}
		return []byte(">")
	})
	parsed, err := conf.Parse(raw.ReplaceAllString(string(unescaped), "$1"))
	require.NoError(t, err)
	return parsed
}

func child(t *testing.T, of map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, name := range path {
		next, ok := of[name].(map[string]any)
		require.True(t, ok, "%s", name)
		of = next
	}
	return of
}

func remove(from map[string]any, path []string) {
	for _, name := range path[:len(path)-1] {
		from, _ = from[name].(map[string]any)
	}
	delete(from, path[len(path)-1])
}

// plain makes configurations comparable whatever types the parser chose for numbers.
func plain(t *testing.T, config map[string]any) string {
	t.Helper()
	text, err := json.MarshalIndent(config, "", " ")
	require.NoError(t, err)
	return string(text)
}

// secrets are those that `meridian secrets` makes: keys and values by the Secret's name.
type secrets map[string]map[string]string

// secretsFolder is where scripts/test-kubernetes has `meridian secrets` write, with the options of the README of deploy/compose.
func secretsFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("MERIDIAN_TEST_SECRETS")
	if folder == "" {
		t.Skip("MERIDIAN_TEST_SECRETS names no folder: scripts/test-kubernetes makes one")
	}
	return folder
}

// firstSecrets reads what `meridian secrets` has made.
func firstSecrets(t *testing.T) secrets {
	t.Helper()
	made := secrets{}
	files, err := filepath.Glob(filepath.Join(secretsFolder(t), "*", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := filepath.Base(filepath.Dir(file))
		if made[name] == nil {
			made[name] = map[string]string{}
		}
		made[name][filepath.Base(file)] = string(text)
	}
	return made
}

// variables are those that the example's values give the broker from the Secrets.
func (s secrets) variables(t *testing.T) map[string]string {
	t.Helper()
	values, err := chart.Values(filepath.Join(exampleFolder, "nats-values.yaml"))
	require.NoError(t, err)
	found := map[string]string{}
	for name, from := range child(t, values, "container", "env") {
		if source, ok := from.(map[string]any); ok {
			ref := child(t, source, "valueFrom", "secretKeyRef")
			value := s[ref["name"].(string)][ref["key"].(string)]
			require.NotEmpty(t, value, "%s: `meridian secrets` makes no %s in %s", name, ref["key"], ref["name"])
			found[name] = value
		}
	}
	return found
}
