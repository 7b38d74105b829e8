// Package openapi shows Meridian's HTTP API: as one OpenAPI 3.1 document, and as a page for people that needs
// nothing from outside. Both are made by scripts/gen and part of the program.
package openapi

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed meridian.json
var document []byte

//go:embed page
var page embed.FS

// Document returns the OpenAPI document.
func Document() []byte { return bytes.Clone(document) }

// policy lets the page use what comes from here, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves `/openapi.json`, the page at `/` and `/docs`, and its parts below `/docs/`. For every other path
// it serves next.
func Handler(next http.Handler) http.Handler {
	files := map[string]file{
		"/openapi.json": newFile("meridian.json", document),
	}
	for _, name := range []string{"index.html", "docs.css", "docs.js", "icon.svg"} {
		text, err := page.ReadFile(path.Join("page", name))
		if err != nil {
			panic("openapi: " + name + " is not embedded") // cannot happen in a program that compiled
		}
		files["/docs/"+name] = newFile(name, text)
	}
	files["/"], files["/docs"] = files["/docs/index.html"], files["/docs/index.html"]
	files["/docs/"] = files["/docs/index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := files[r.URL.Path]
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			next.ServeHTTP(w, r)
			return
		}
		found.serve(w, r)
	})
}

type file struct {
	name, tag string
	text      []byte
}

func newFile(name string, text []byte) file {
	sum := sha256.Sum256(text)
	return file{name: name, tag: `"` + hex.EncodeToString(sum[:8]) + `"`, text: text}
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("ETag", f.tag)
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	if strings.HasSuffix(f.name, ".html") {
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "no-referrer")
	}
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.text))
}
