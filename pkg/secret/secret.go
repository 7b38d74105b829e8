// Package secret reads settings that are secrets, from where they stand now.
//
// It promises that a secret can be replaced without a restart: a setting's value is the secret itself, or `@` and the path
// of a file that holds it, and whoever needs the secret again reads it again. Kubernetes replaces the files of a mounted
// Secret at once, so a file is never read half written. No error quotes a secret.
package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// maxFile is the most that a file may hold, in bytes.
const maxFile = 64 << 10

// Read returns the secret of a setting's value: the value itself or, where it begins with `@`, what the file holds that the
// rest is the path of, without the line's end at its end. It fails when the file cannot be read, is empty or holds more than
// 64 KiB.
func Read(value string) (string, error) {
	path, file := strings.CutPrefix(value, "@")
	if !file {
		return value, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	if info.Size() > maxFile {
		return "", fmt.Errorf("the file %s holds more than 64 KiB", path)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator says which file
	if err != nil {
		return "", unreadable(path, err)
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		return "", fmt.Errorf("the file %s is empty", path)
	}
	return text, nil
}

// unreadable leaves out the operation, which tells a reader of logs nothing.
func unreadable(path string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("the file %s cannot be read: %w", path, err)
}

// Parsed is a secret that is used as something else than its text, such as a key. It may be used by many goroutines.
type Parsed[T any] struct {
	value string
	parse func(text string) (T, error)

	mu    sync.Mutex
	text  string
	known T
}

// Parse reads a setting's value for the first time. It fails as Read and parse do.
func Parse[T any](value string, parse func(text string) (T, error)) (*Parsed[T], error) {
	text, err := Read(value)
	if err != nil {
		return nil, err
	}
	known, err := parse(text)
	if err != nil {
		return nil, err
	}
	return &Parsed[T]{value: value, parse: parse, text: text, known: known}, nil
}

// Get returns what the secret is now. Where it cannot be read or used it stays what it was.
func (p *Parsed[T]) Get() T {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, err := Read(p.value)
	if err != nil || text == p.text {
		return p.known
	}
	if known, err := p.parse(text); err == nil {
		p.text, p.known = text, known
	}
	return p.known
}
