package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// answer is an HTTP answer, read whole.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

func send(t *testing.T, method, url, token string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{code: response.StatusCode, header: response.Header, body: data}
}

func get(t *testing.T, url, token string) answer {
	t.Helper()
	return send(t, http.MethodGet, url, token, nil)
}

func getJSON(t *testing.T, url, token string, into any) {
	t.Helper()
	a := get(t, url, token)
	require.Equal(t, http.StatusOK, a.code, "%s", a.body)
	require.NoError(t, json.Unmarshal(a.body, into))
}

func postJSON(t *testing.T, url, token string, body, into any) {
	t.Helper()
	data, err := json.Marshal(body)
	require.NoError(t, err)
	a := send(t, http.MethodPost, url, token, data)
	require.Equal(t, http.StatusOK, a.code, "%s", a.body)
	if into != nil {
		require.NoError(t, json.Unmarshal(a.body, into))
	}
}
