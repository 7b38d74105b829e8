// Command merge makes the one OpenAPI document of Meridian's HTTP API from what protoc-gen-openapiv3 writes for each
// proto file. It is run from the root of the repository by scripts/gen and puts right what the generator cannot
// know: readable names of path parameters, who may call what, the headers that stand for fields, and server-sent
// events.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

const (
	source = "proto/gen/openapi"
	target = "services/gateway/internal/openapi/meridian.json"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "merge:", err)
		os.Exit(1)
	}
}

func run() error {
	merged := newDocument()
	err := filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".openapi.json") {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // it walks the generator's own output
		if err != nil {
			return err
		}
		var part document
		if err := json.Unmarshal(text, &part); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return merged.add(part, filepath.Base(filepath.Dir(filepath.Dir(path))))
	})
	if err != nil {
		return err
	}
	merged.finish()
	text, err := merged.encode()
	if err != nil {
		return err
	}
	return os.WriteFile(target, text, 0o644) //nolint:gosec // a source file that everybody may read
}

// encode writes the document with sorted keys, so that the same protos give the same bytes.
func (d *document) encode() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(d); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}
