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

	// The line that is read: its text and its name, whether the name is known, and whether the text counts.
	text        []byte
	name        string
	named, keep bool
}

func newLines(r io.Reader, limits Limits, wanted func(string) bool) *lines {
	return &lines{in: bufio.NewReader(r), limits: limits, wanted: wanted}
}

// next is the next line that is not blank; io.EOF at the end.
func (l *lines) next() (line, error) {
	for {
		l.text, l.name, l.named, l.keep = l.text[:0], "", false, true
		number := l.number + 1
		if err := l.unfold(); err != nil {
			return line{}, err
		}
		if !l.keep {
			l.text = append(l.text[:0], '?')
		}
		if len(bytes.TrimSpace(l.text)) > 0 {
			return line{number: number, name: l.name, text: l.text}, nil
		}
	}
}

// unfold reads a line with those that go on with it.
func (l *lines) unfold() error {
	if err := l.physical(); err != nil {
		return err
	}
	for {
		c, err := l.in.Peek(1)
		if errors.Is(err, io.EOF) || err == nil && c[0] != ' ' && c[0] != '\t' {
			return nil
		}
		if err == nil {
			_, err = l.in.Discard(1)
			l.bytes++
		}
		if err == nil {
			err = l.physical()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// physical reads until the end of a line; io.EOF where nothing is left.
func (l *lines) physical() error {
	l.number++
	for some := false; ; some = true {
		chunk, err := l.in.ReadSlice('\n')
		if takeErr := l.take(chunk); takeErr != nil {
			return takeErr
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (some || len(chunk) > 0):
			return nil
		default:
			return err
		}
	}
}

// take adds a piece to the line that is read, if it is wanted.
func (l *lines) take(chunk []byte) error {
	if l.bytes += int64(len(chunk)); l.bytes > l.limits.Bytes {
		return &LimitError{Limit: "Bytes", Max: l.limits.Bytes, Line: l.number}
	}
	if l.number == 1 {
		chunk = bytes.TrimPrefix(chunk, []byte("\ufeff"))
	}
	if l.keep {
		l.text = append(l.text, bytes.TrimRight(chunk, "\r\n")...)
	}
	if !l.named {
		if l.name, l.named = nameOf(l.text); l.named {
			l.keep = l.name != "" && l.wanted(l.name)
		}
	}
	if l.keep && len(l.text) > l.limits.Line {
		return &LimitError{Limit: "Line", Max: int64(l.limits.Line), Line: l.number}
	}
	return nil
}

// nameOf is the name that a line begins with, in capitals; false while it is not clear. It is empty for what begins with
// none.
func nameOf(text []byte) (name string, known bool) {
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
