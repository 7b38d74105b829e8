package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

const (
	// MaxBody is the largest body that is taken, in bytes: what a service takes as one message.
	MaxBody = 4 << 20
	// bodyTimeout is how long a client may take to send it.
	bodyTimeout = 30 * time.Second
)

// readBody reads the body up to the limit and refuses what is no UTF-8 or no single JSON value. An empty body is
// fine: the request may have no fields to say. The deadline of reading is set on the connection by the machine's
// time, because that is what it is.
func (s *server) readBody(w http.ResponseWriter, r *http.Request, c *call) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, fault.InvalidField("Content-Encoding", "must be absent: bodies are taken as they are")
	}
	if r.ContentLength > MaxBody {
		w.Header().Set("Connection", "close")
		return nil, tooLarge()
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(s.machine.Now().Add(bodyTimeout)) // not every writer can; the limit holds anyway
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = control.SetReadDeadline(time.Time{})
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, fault.InvalidField("body", "could not be read to its end")
	}
	body = bytes.TrimSpace(body)
	return body, checkBody(body, c.method)
}

func tooLarge() error {
	const rule = "must be at most 4 MiB"
	return fault.New(fault.Exhausted, fault.ReasonTooLarge, "body: %s", rule).WithField("body", rule).
		With("limit", strconv.Itoa(MaxBody))
}

// checkBody refuses a body that is not UTF-8 or not JSON, naming the field it happens in.
func checkBody(body []byte, method edge.Method) error {
	if at := invalidUTF8(body); at >= 0 {
		return fault.InvalidField(fieldAt(method, body, at), "must be valid UTF-8")
	}
	if len(body) == 0 {
		return nil
	}
	if json.Valid(body) {
		if at := loneSurrogate(body); at >= 0 {
			return fault.InvalidField(fieldAt(method, body, at), "must be valid Unicode: a surrogate stands alone")
		}
		return nil
	}
	var raw json.RawMessage
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &raw))
	if !ok {
		return fault.InvalidField("body", "must be JSON")
	}
	line, column := position(body, int(syntax.Offset))
	return fault.InvalidField(fieldAt(method, body, int(syntax.Offset)),
		fmt.Sprintf("must be JSON: line %d, column %d: %s", line, column, syntax.Error()))
}

// invalidUTF8 returns the offset of the first byte that is no UTF-8, -1 for none.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// loneSurrogate returns the offset of the first escape in a JSON text that is half of a surrogate pair without the other,
// -1 for none. JSON's grammar allows it; no string can hold it.
func loneSurrogate(text []byte) int {
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		r := escaped(text[at:])
		if !utf16.IsSurrogate(r) {
			at++ // the escaped character, which may be a backslash too
			continue
		}
		const size = len(`\u0000`)
		if utf16.DecodeRune(r, escaped(text[at+size:])) == utf8.RuneError {
			return at
		}
		at += 2*size - 1
	}
	return -1
}

// escaped is the character that a text which begins with \u and four digits stands for, 0 for any other text.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	r, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(r)
}

// position is the line and the column of an offset, both from 1, columns in bytes.
func position(text []byte, offset int) (line, column int) {
	line, column = 1, 1
	for _, b := range text[:min(max(offset-1, 0), len(text))] {
		if b == '\n' {
			line, column = line+1, 0
		}
		column++
	}
	return line, column
}

// offsetOf is the offset of a line and a column, both from 1, columns in runes, as protojson counts them.
func offsetOf(text []byte, line, column int) int {
	at := 0
	for ; line > 1 && at < len(text); at++ {
		if text[at] == '\n' {
			line--
		}
	}
	for ; column > 1 && at < len(text); column-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

func newBody(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
