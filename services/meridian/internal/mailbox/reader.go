package mailbox

import (
	"io"
	"strings"
	"time"
)

// Options of a Reader.
type Options struct {
	// Now is when the archive is read: no message is believed to be written a day later.
	Now time.Time
	// MaxMessage is how many bytes of a message are read; 0 is MaxMessage.
	MaxMessage int64
	// Before is the date of the message before the first, where only a part of a file is read: what stands in for the
	// date of a message that has none at all.
	Before time.Time
}

// Reader reads the messages of an mbox file one by one.
type Reader struct {
	split   *splitter
	options Options
	// last is the date of the message before: what stands in where a message has none at all.
	last time.Time
}

// NewReader reads from r, which it buffers.
func NewReader(r io.Reader, options Options) *Reader {
	if options.MaxMessage <= 0 {
		options.MaxMessage = MaxMessage
	}
	return &Reader{split: newSplitter(r, options.MaxMessage), options: options, last: options.Before}
}

// Next returns the next message. A message that cannot be used is a *BrokenError, and Next may be called again; at
// the end it returns io.EOF; any other error is the underlying reader's.
func (r *Reader) Next() (Message, error) {
	m, err := r.split.message()
	if err != nil {
		return Message{}, err
	}
	return r.parse(m)
}

// Offset is how many bytes of the file have been read.
func (r *Reader) Offset() int64 { return r.split.offset }

func (r *Reader) parse(in *raw) (Message, error) {
	m := Message{Position: in.position}
	broken := func(reason string) (Message, error) {
		return Message{}, &BrokenError{Position: in.position, Reason: reason}
	}
	h, body, damaged := parseHeader(in.data)
	if len(h) == 0 {
		return broken("no header")
	}
	if damaged {
		m.Notes.addf(NoteDamage, "header damaged")
	}
	if in.skipped > 0 {
		m.Notes.addf(NoteCut, "message of %d bytes: what is beyond %d is not read", int64(len(in.data))+in.skipped, r.options.MaxMessage)
	}
	if h.get("from") == "" {
		return broken("no From field")
	}
	from, ok := parseFrom(h.get("from"))
	if !ok {
		return broken("no address in From: " + cutAtRune(cleanText(decodeHeader(h.get("from"))), 200))
	}
	if !r.date(&m, h, in.envelope) {
		return broken("no usable date, neither in Date nor in the From_ line nor in Received")
	}
	m.From = from
	r.identify(&m, h, body)
	r.subject(&m, h)
	w := walker{message: &m}
	compose(&m, w.walk(newPart(h, body), 0))
	return m, nil
}

func (r *Reader) identify(m *Message, h header, body []byte) {
	id, derived := messageID(h, body)
	m.ID = id
	if derived {
		m.Notes.addf(NoteID, "no Message-ID: %s stands in for it", id)
	}
	m.InReplyTo = parseIDs(strings.Join(h.all("in-reply-to"), " "))
	m.References = parseIDs(strings.Join(h.all("references"), " "))
}

func (r *Reader) subject(m *Message, h header) {
	subject := decodeHeader(h.get("subject"))
	m.Subject = strings.ReplaceAll(subject, "\x00", "")
	name := strings.ReplaceAll(m.From.Name, "\x00", "")
	if m.Subject != subject || name != m.From.Name {
		m.Notes.addf(NoteNUL, "NUL characters taken out of the header")
	}
	m.From.Name = name
}

// date takes Date where it can be believed, else the envelope's, else that of the latest hop, else the message
// before's.
func (r *Reader) date(m *Message, h header, env envelope) bool {
	value := h.get("date")
	text, _, _ := strings.Cut(decodeHeader(value), "\n")
	given, readable := parseDate(text)
	if readable && plausible(given, env.date, r.options.Now) {
		m.Date, r.last = given, given
		return true
	}
	what := "missing"
	if readable {
		what = "not to be believed (" + given.Format(time.RFC1123Z) + ")"
	} else if strings.TrimSpace(value) != "" {
		what = "unreadable (" + cutAtRune(cleanText(text), 80) + ")"
	}
	stand, source := r.standIn(h, env)
	if source == "" {
		return false
	}
	m.Date = stand
	m.Notes.addf(NoteDate, "Date is %s: %s stands in for it, %s", what, source, stand.Format(time.RFC1123Z))
	return true
}

func (r *Reader) standIn(h header, env envelope) (t time.Time, source string) {
	if !env.date.IsZero() && plausible(env.date, time.Time{}, r.options.Now) {
		return env.date, "the From_ line's"
	}
	for _, received := range h.all("received") {
		if i := strings.LastIndexByte(received, ';'); i >= 0 {
			if t, ok := parseDate(received[i+1:]); ok && plausible(t, time.Time{}, r.options.Now) {
				return t, "that of Received"
			}
		}
	}
	if !r.last.IsZero() {
		return r.last, "that of the message before"
	}
	return time.Time{}, ""
}
