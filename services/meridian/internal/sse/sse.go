// Package sse reads server-sent events (the text/event-stream of the WHATWG).
//
// It promises: messages come out as they were sent, whatever line ends and comments stand between them; a message
// that was cut off by the end of the stream is not given out; memory is bounded.
package sse

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// MaxMessage is how many bytes one line of a message has at most.
const MaxMessage = 8 << 20

// ErrTooLong is returned for a message with a line longer than MaxMessage.
var ErrTooLong = errors.New("sse: message too long")

// Message is one message of a stream.
type Message struct {
	// ID is the id the message carries, empty where it carries none.
	ID string
	// Event is the message's type; empty means "message".
	Event string
	Data  string
}

// Reader reads messages.
type Reader struct {
	lines *bufio.Scanner
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), MaxMessage)
	return &Reader{lines: lines}
}

// Next returns the next message, or io.EOF at the end of the stream.
func (r *Reader) Next() (Message, error) {
	var m Message
	var data []string
	size, some := 0, false
	for r.lines.Scan() {
		line := strings.TrimSuffix(r.lines.Text(), "\r")
		if line == "" {
			if some {
				m.Data = strings.Join(data, "\n")
				return m, nil
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			m.ID, some = value, true
		case "event":
			m.Event, some = value, true
		case "data":
			if size += len(value); size > MaxMessage {
				return Message{}, ErrTooLong
			}
			data, some = append(data, value), true
		}
	}
	if errors.Is(r.lines.Err(), bufio.ErrTooLong) {
		return Message{}, ErrTooLong
	}
	if err := r.lines.Err(); err != nil {
		return Message{}, err
	}
	return Message{}, io.EOF
}
