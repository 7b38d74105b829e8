package openapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	Handler(next).ServeHTTP(recorder, request)
	return recorder
}

func TestServesTheDocumentAndThePage(t *testing.T) {
	t.Parallel()
	for path, contentType := range map[string]string{
		"/openapi.json": "application/json", "/": "text/html; charset=utf-8", "/docs": "text/html; charset=utf-8",
		"/docs/": "text/html; charset=utf-8", "/docs/docs.css": "text/css; charset=utf-8",
		"/docs/docs.js": "text/javascript; charset=utf-8", "/docs/icon.svg": "image/svg+xml",
	} {
		got := get(t, path)
		require.Equal(t, http.StatusOK, got.Code, path)
		require.Equal(t, contentType, got.Header().Get("Content-Type"), path)
		again := get(t, path, "If-None-Match", got.Header().Get("ETag"))
		require.Equal(t, http.StatusNotModified, again.Code, path)
	}
	require.Equal(t, http.StatusTeapot, get(t, "/docs/secret.txt").Code)
	require.Contains(t, get(t, "/").Header().Get("Content-Security-Policy"), "default-src 'none'")
}

// The page promises to need nothing from outside.
func TestThePageNamesNoOtherPlace(t *testing.T) {
	t.Parallel()
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]`)
	for _, path := range []string{"/", "/docs/docs.css", "/docs/docs.js"} {
		require.Empty(t, outside.FindString(get(t, path).Body.String()), path)
	}
}

func TestTheDocumentIsWhole(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Description string `json:"description"`
			Parameters  []struct {
				Name, In string
			} `json:"parameters"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(Document(), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	variable := regexp.MustCompile(`\{([^}]+)\}`)
	for path, operations := range doc.Paths {
		for verb, operation := range operations {
			require.NotEmpty(t, operation.Description, "%s %s", verb, path)
			require.Contains(t, operation.Responses, "default")
			var inPath []string
			for _, p := range operation.Parameters {
				if p.In == "path" {
					inPath = append(inPath, p.Name)
				}
			}
			var named []string
			for _, match := range variable.FindAllStringSubmatch(path, -1) {
				require.NotContains(t, match[1], "_", "%s: a readable name", path)
				named = append(named, match[1])
			}
			require.Equal(t, named, inPath, "%s %s", verb, path)
		}
	}
	for _, reference := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllSubmatch(Document(), -1) {
		require.Contains(t, doc.Components.Schemas, string(reference[1]))
	}
	require.NotContains(t, strings.ToLower(string(Document())), "twice.json")
}
