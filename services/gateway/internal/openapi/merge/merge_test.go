package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadablePaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/workspaces/{name}/threads/{name_1}/messages/{name_2}":         "/v1/workspaces/{workspace}/threads/{thread}/messages/{message}",
		"/v1/workspaces/{thread.name}/threads/{thread.name_1}:resolve":     "/v1/workspaces/{workspace}/threads/{thread}:resolve",
		"/v1/workspaces/{parent}/threads":                                  "/v1/workspaces/{workspace}/threads",
		"/v1/workspaces/{name}/entries/{name_1}":                           "/v1/workspaces/{workspace}/entries/{entry}",
		"/v1/workspaces/{parent}/members/{parent_1}/apiTokens/{parent_2}x": "/v1/workspaces/{workspace}/members/{member}/apiTokens/{apiToken}x",
		"/.well-known/jwks.json":                                           "/.well-known/jwks.json",
	} {
		require.Equal(t, want, readable(path))
	}
}

func part(t *testing.T, text string) document {
	t.Helper()
	var d document
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	return d
}

const getThread = `{"tags":[{"name":"ThreadService"}],"paths":{"/v1/workspaces/{name}/threads/{name_1}":{"patch":{
	"operationId":"ThreadService_UpdateThread","summary":"Changes a\nthread. It is so.","description":"Errors: none.",
	"parameters":[{"name":"name","in":"path"},{"name":"name_1","in":"path"},{"name":"updateMask","in":"query"}],
	"responses":{"200":{},"default":{"description":"x"}}}}},
	"components":{"schemas":{"a.B":{"type":"object"}}}}`

func TestMerge(t *testing.T) {
	t.Parallel()
	d := newDocument()
	require.NoError(t, d.add(part(t, getThread), "threads"))
	d.finish()
	operation := d.Paths["/v1/workspaces/{workspace}/threads/{thread}"]["patch"]
	require.Equal(t, "Changes a thread", operation["summary"])
	require.Equal(t, "Changes a\nthread. It is so.\n\nErrors: none.", operation["description"])
	require.Equal(t, "meridian.threads.v1.ThreadService.UpdateThread", operation["x-grpc-method"])
	require.Equal(t, object{"role": "GUEST", "scope": "threads.write", "right": "WRITER"}, operation["x-access"])
	var names []string
	parameters, ok := operation["parameters"].([]any)
	require.True(t, ok)
	for _, parameter := range parameters {
		p, ok := parameter.(object)
		require.True(t, ok)
		name, ok := p["name"].(string)
		require.True(t, ok)
		names = append(names, name)
	}
	require.Equal(t, []string{"workspace", "thread", "updateMask", "Idempotency-Key", "If-Match"}, names)
	require.Contains(t, d.Components.Schemas, "a.B")
	require.Contains(t, d.Components.Schemas, "CloudEventJSON")
	first, err := d.encode()
	require.NoError(t, err)
	second, err := d.encode()
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestMergeRefusesWhatContradicts(t *testing.T) {
	t.Parallel()
	d := newDocument()
	require.NoError(t, d.add(part(t, getThread), "threads"))
	require.ErrorContains(t, d.add(part(t, getThread), "threads"), "twice")
	other := part(t, `{"components":{"schemas":{"a.B":{"type":"string"}}}}`)
	require.ErrorContains(t, d.add(other, "threads"), "a.B")
	unknown := part(t, `{"paths":{"/x":{"get":{"operationId":"Nobody_Nothing"}}}}`)
	require.ErrorContains(t, d.add(unknown, "threads"), "Nobody_Nothing")
}
