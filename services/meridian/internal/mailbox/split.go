package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// raw is one message as it stands in the file, its From quoting undone.
type raw struct {
	position Position
	envelope envelope
	data     []byte
	// skipped counts bytes beyond the limit.
	skipped int64
}

// splitter cuts a stream into messages at its From_ lines: lines that begin with "From ", stand at the start or
// after an empty line, and carry a date.
type splitter struct {
	in    *bufio.Reader
	limit int64
	// offset is the number of bytes read so far.
	offset int64
	index  int
	next   *raw
	done   bool
	// git says that the first message was written by git format-patch, whose From_ lines stand for separators only
	// in files of its own: elsewhere they are the first line of an attached patch.
	git bool
}

func newSplitter(r io.Reader, limit int64) *splitter {
	return &splitter{in: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// line reads up to the end of a line or to the end of the buffer, whichever is first; whole says that the line
// ended. The bytes are good until the next call.
func (s *splitter) line() (line []byte, whole bool, err error) {
	line, err = s.in.ReadSlice('\n')
	s.offset += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		return line, false, nil
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		return line, true, nil
	}
	return line, true, err
}

// message returns the next message, or io.EOF. Text before the first From_ line is a *BrokenError.
func (s *splitter) message() (*raw, error) {
	if s.next == nil && !s.done {
		if err := s.preamble(); err != nil {
			return nil, err
		}
	}
	if s.next == nil {
		return nil, io.EOF
	}
	current := s.next
	s.next = nil
	s.index++
	current.position.Index = s.index
	if err := s.fill(current); err != nil {
		return nil, err
	}
	return current, nil
}

// preamble reads to the first From_ line.
func (s *splitter) preamble() error {
	blank, start, text := true, true, false
	for {
		at := s.offset
		line, whole, err := s.line()
		if errors.Is(err, io.EOF) {
			s.done = true
			if text {
				return &BrokenError{Position: Position{Length: s.offset}, Reason: "no From_ line: this is not an mbox file"}
			}
			return nil
		}
		if err != nil {
			return err
		}
		if at == 0 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if start && blank {
			if env, ok := parseEnvelope(line); ok {
				s.git = env.git
				s.next = &raw{position: Position{Offset: at}, envelope: env}
				if text {
					return &BrokenError{Position: Position{Length: at}, Reason: "text before the first From_ line"}
				}
				return nil
			}
		}
		blank = start && isBlank(line)
		text = text || !isBlank(line)
		start = whole
	}
}

// fill reads the message's lines up to the next From_ line or the end.
func (s *splitter) fill(m *raw) error {
	blank, start, inBody := false, true, false
	for {
		at := s.offset
		line, whole, err := s.line()
		if errors.Is(err, io.EOF) {
			s.done = true
			m.position.Length = s.offset - m.position.Offset
			return nil
		}
		if err != nil {
			return err
		}
		if start && blank {
			if env, ok := parseEnvelope(line); ok && (!env.git || s.git) {
				s.next = &raw{position: Position{Offset: at}, envelope: env}
				m.position.Length = at - m.position.Offset
				return nil
			}
		}
		blank = start && isBlank(line)
		inBody = inBody || blank
		if start && inBody {
			line = unquote(line)
		}
		room := max(s.limit-int64(len(m.data)), 0)
		kept := line[:min(int64(len(line)), room)]
		m.data = append(m.data, kept...)
		m.skipped += int64(len(line) - len(kept))
		start = whole
	}
}

// unquote undoes mboxrd quoting (and mboxo's, which is its simplest case): of ">From " with any number of ">" before
// it one is taken away.
func unquote(line []byte) []byte {
	rest := bytes.TrimLeft(line, ">")
	if len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From ")) {
		return line[1:]
	}
	return line
}

func isBlank(line []byte) bool {
	return len(line) == 0 || line[0] == '\n' || (line[0] == '\r' && (len(line) == 1 || line[1] == '\n'))
}
