// Package mailbox reads mail archives as they are found in the wild: mbox files of any size, and the RFC 5322 and
// MIME messages in them.
//
// It promises: a file is read as a stream, with at most one message in memory; a message that cannot be used is
// returned as a *BrokenError with its position and the next one is read as if nothing had been; what was repaired,
// guessed or left out is said in the message's notes; every text it returns is valid UTF-8 without U+0000; the same
// bytes always give the same message.
package mailbox

import (
	"fmt"
	"slices"
	"time"
)

const (
	// MaxBody is the most bytes of UTF-8 a body holds; longer ones are cut at a rune border and noted.
	MaxBody = 64 << 10
	// MaxMessage is how many bytes of one message are read unless Options say otherwise; the rest is skipped and
	// noted.
	MaxMessage = 32 << 20
)

// Position says where in the file a message stands.
type Position struct {
	// Index counts the messages of the file from 1.
	Index int `json:"index"`
	// Offset is the first byte of the message's From_ line, counted from 0.
	Offset int64 `json:"offset"`
	// Length is how many bytes the message takes, its From_ line included.
	Length int64 `json:"length"`
}

// String gives the position as people are told it.
func (p Position) String() string { return fmt.Sprintf("message %d at byte %d", p.Index, p.Offset) }

// Address is a sender.
type Address struct {
	// Name is the display name, decoded; empty where the message has none.
	Name string
	// Email is the address in lower case, with any obfuscation ("a at b.c") undone.
	Email string
}

// Part is a part of a message that is not in its body.
type Part struct {
	Name      string `json:"name,omitempty"`
	MediaType string `json:"mediaType"`
	// Size is in bytes, after transfer decoding.
	Size int64 `json:"size"`
}

// NoteKind names what was odd about a message that could be used all the same.
type NoteKind string

// The kinds of notes.
const (
	// NoteDate says that Date was missing, unreadable or absurd, and what stands in for it.
	NoteDate NoteKind = "DATE"
	// NoteID says that the message has no Message-ID and got one derived from its content.
	NoteID NoteKind = "ID"
	// NoteNUL says that NUL characters were taken out of its text.
	NoteNUL NoteKind = "NUL"
	// NoteCut says that the body, or the message, was longer than the limit and cut.
	NoteCut NoteKind = "CUT"
	// NoteCharset says that a charset is unknown or does not fit the bytes.
	NoteCharset NoteKind = "CHARSET"
	// NoteDamage says that headers, MIME structure or transfer encoding were damaged and repaired.
	NoteDamage NoteKind = "DAMAGE"
)

// Note is one odd thing about a message.
type Note struct {
	Kind   NoteKind `json:"kind"`
	Detail string   `json:"detail"`
}

// Notes are the odd things about a message, each once.
type Notes []Note

func (n *Notes) addf(kind NoteKind, format string, args ...any) {
	note := Note{Kind: kind, Detail: fmt.Sprintf(format, args...)}
	if !slices.Contains(*n, note) {
		*n = append(*n, note)
	}
}

// Message is one message of an archive.
type Message struct {
	Position Position
	// ID is the Message-ID without its angle brackets, or a derived one (NoteID).
	ID string
	// InReplyTo and References hold the ids of those headers in order.
	InReplyTo  []string
	References []string
	From       Address
	// Date is when it was written, in the sender's UTC offset.
	Date time.Time
	// Subject is decoded, on one line; empty where there is none.
	Subject string
	// Body is plain text, at most MaxBody bytes.
	Body string
	// Dropped lists the parts that are not in the body.
	Dropped []Part
	// Notes lists what was odd.
	Notes Notes
}

// Parent is the id of the message this one answers: the first id of In-Reply-To, else the last of References, else
// empty. A message is never its own parent.
func (m Message) Parent() string {
	parent := ""
	switch {
	case len(m.InReplyTo) > 0:
		parent = m.InReplyTo[0]
	case len(m.References) > 0:
		parent = m.References[len(m.References)-1]
	}
	if parent == m.ID {
		return ""
	}
	return parent
}

// BrokenError is a message that cannot be used.
type BrokenError struct {
	Position Position
	Reason   string
}

// Error says what is broken and where.
func (e *BrokenError) Error() string { return e.Position.String() + ": " + e.Reason }
