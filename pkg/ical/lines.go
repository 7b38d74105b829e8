package ical

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// line is one unfolded content line, RFC 5545 3.1.
type line struct {
	number int
	// name is the property's, in capitals. It is empty for what is no content line, such as a text that was broken
	// without being folded.
	name string
	// text is all of it, from the name on, and of a line that is not wanted a question mark. It stands until the next line
	// is read.
	text []byte
}

// lines reads content lines one by one. It holds no more than one of those that are wanted.
type lines struct {
	in     *bufio.Reader
	limits Limits
	// wanted says of a name whether its text counts. All else passes by unread, however long.
	wanted func(name string) bool
	number int
	bytes  int64
	text   []byte
}

func newLines(r io.Reader, limits Limits, wanted func(string) bool) *lines {
	return &lines{in: bufio.NewReader(r), limits: limits, wanted: wanted}
}

// next is the next line that is not blank; io.EOF at the end.
func (l *lines) next() (line, error) {
	for {
		l.text = l.text[:0]
		number := l.number + 1
		name, err := l.unfold()
		if err != nil || len(bytes.TrimSpace(l.text)) > 0 {
			return line{number: number, name: name, text: l.text}, err
		}
	}
}

// unfold reads a line with those that go on with it.
func (l *lines) unfold() (name string, err error) {
	named, keep := false, true
	for first := true; ; first = false {
		if !first {
			if c, err := l.in.Peek(1); err != nil || c[0] != ' ' && c[0] != '\t' {
				break
			}
			if _, err := l.in.Discard(1); err != nil {
				return name, err
			}
			l.bytes++
		}
		l.number++
		for more := true; more; {
			chunk, err := l.in.ReadSlice('\n')
			more = errors.Is(err, bufio.ErrBufferFull)
			if err != nil && !more && (!errors.Is(err, io.EOF) || len(chunk) == 0 && first) {
				return name, err
			}
			if l.bytes += int64(len(chunk)); l.bytes > l.limits.Bytes {
				return name, &LimitError{Limit: "Bytes", Max: l.limits.Bytes, Line: l.number}
			}
			if l.number == 1 {
				chunk = bytes.TrimPrefix(chunk, []byte("\ufeff"))
			}
			if keep {
				l.text = append(l.text, bytes.TrimRight(chunk, "\r\n")...)
			}
			if !named {
				if name, named = nameOf(l.text); named {
					keep = name != "" && l.wanted(name)
				}
			}
			if keep && len(l.text) > l.limits.Line {
				return name, &LimitError{Limit: "Line", Max: int64(l.limits.Line), Line: l.number}
			}
		}
	}
	if !keep {
		l.text = append(l.text[:0], '?')
	}
	return name, nil
}

// nameOf is the name that a line begins with, in capitals; false while it is not clear. It is empty for what begins with
// none.
func nameOf(text []byte) (name string, clear bool) {
	const longest = 64
	for i, c := range text {
		switch {
		case c == ':' || c == ';':
			return strings.ToUpper(string(text[:i])), true
		case i == longest, c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'):
			return "", true
		}
	}
	return "", false
}
