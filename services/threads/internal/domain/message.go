package domain

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// MaxBody is the longest body of a message, in bytes of UTF-8.
const MaxBody = 64 << 10

// Message is one contribution to a thread.
type Message struct {
	// Workspace, Thread and Sequence say which message it is: its place in the thread, from 1 without gaps.
	Workspace, Thread uuid.UUID
	Sequence          int64
	// ID is the message's id.
	ID uuid.UUID
	// Author is the member who wrote it.
	Author uuid.UUID
	// Body is Markdown; empty in a tombstone.
	Body string
	// ReplyTo is the sequence of the message it answers, 0 for none.
	ReplyTo int64
	// Mentions are whom the body mentions.
	Mentions []Mention
	// Reactions are in the order in which each emoji was first used.
	Reactions []Reaction
	// Urgency is how far it may interrupt, and UrgentReason why it is Urgent.
	Urgency      Urgency
	UrgentReason string
	// Asks are what it asks of whom; none in a tombstone.
	Asks []Ask
	// Revision counts its bodies, from 1; a deletion counts too. RevisionCount is without the deletion.
	Revision int64
	// Version is the thread's version when the message or its reactions last changed.
	Version int64
	// CreateTime, UpdateTime and DeleteTime; the last is zero but for a tombstone.
	CreateTime, UpdateTime, DeleteTime time.Time
	// Imported says whether it came by an import; then UTCOffset, where known, and ExternalID tell of its origin.
	Imported   bool
	UTCOffset  *time.Duration
	ExternalID string
}

// Deleted says whether the message is a tombstone.
func (m Message) Deleted() bool { return !m.DeleteTime.IsZero() }

// RevisionCount is how many bodies the message has had.
func (m Message) RevisionCount() int64 {
	if m.Deleted() {
		return m.Revision - 1
	}
	return m.Revision
}

// Revision is one body a message has had.
type Revision struct {
	// Number counts from 1.
	Number int64
	Body   string
	// CreateTime is when the message got this body.
	CreateTime time.Time
	// Current says whether it is the present one.
	Current bool
}

// Draft is what a member wants to post.
type Draft struct {
	// ID is the new message's id.
	ID       uuid.UUID
	Author   uuid.UUID
	Body     string
	ReplyTo  int64
	Mentions []Mention
	// Urgency is Normal where it is 0; UrgentReason is given when it is Urgent.
	Urgency      Urgency
	UrgentReason string
	Asks         []AskDraft
}

// Post makes the message of a draft. The thread's LastSequence and Version must have been taken for it already, under
// the lock that keeps them gapless. A resolved thread that reopens on a message is reopened.
func (t *Thread) Post(d Draft, now time.Time) (Message, []Event, error) {
	if t.State == Archived {
		return Message{}, nil, t.archived()
	}
	if d.ReplyTo >= t.LastSequence {
		return Message{}, nil, fault.InvalidField("message.reply_to", "must be a message of the same thread")
	}
	if err := checkAsked(d.Asks); err != nil {
		return Message{}, nil, err
	}
	t.ActivityTime = now
	m := Message{
		Workspace: t.Workspace, Thread: t.ID, Sequence: t.LastSequence, ID: d.ID, Author: d.Author, Body: d.Body,
		ReplyTo: d.ReplyTo, Mentions: d.Mentions, Urgency: cmp.Or(d.Urgency, Normal), UrgentReason: d.UrgentReason,
		Revision: 1, Version: t.Version, CreateTime: now, UpdateTime: now,
	}
	for _, ask := range d.Asks {
		m.Asks = append(m.Asks, ask.open(t, &m, now))
	}
	events := []Event{MessagePosted{Thread: *t, Message: m}}
	if t.State == Resolved && t.ReopenOnMessage {
		reopened, err := t.Reopen(m.Sequence, now)
		if err != nil {
			return Message{}, nil, err
		}
		events = append(events, reopened...)
	}
	for _, ask := range m.Asks {
		events = append(events, AskOpened{Ask: ask, Excerpt: Excerpt(m.Body), UrgentReason: m.UrgentReason})
	}
	if m.Urgency == Urgent {
		events = append(events, UrgentUsed{Message: m})
	}
	return m, events, nil
}

// At is the message as it stands at an instant: its asks are.
func (m Message) At(now time.Time) Message {
	m.Asks = slices.Clone(m.Asks)
	for i := range m.Asks {
		m.Asks[i] = m.Asks[i].At(now)
	}
	return m
}

// Edit replaces the body of a member's own message. The same body changes nothing and has no event.
func (t *Thread) Edit(m *Message, by uuid.UUID, body string, mentions []Mention, now time.Time) ([]Event, error) {
	if m.Author != by {
		return nil, notAuthor("edit", m)
	}
	if err := t.takes(m); err != nil {
		return nil, err
	}
	if m.Body == body {
		return nil, nil
	}
	added := without(mentions, m.Mentions)
	t.Version++
	m.Body, m.Mentions, m.UpdateTime, m.Version = body, mentions, now, t.Version
	m.Revision++
	return []Event{MessageEdited{Thread: *t, Message: *m, Added: added}}, nil
}

// Delete makes a message its tombstone: its author may, and a manager of the space. Deleting a tombstone changes
// nothing and has no event. An archived thread allows it: what must go must go.
func (t *Thread) Delete(m *Message, by uuid.UUID, manager bool, now time.Time) ([]Event, error) {
	if m.Author != by && !manager {
		return nil, notAuthor("delete", m)
	}
	if m.Deleted() {
		return nil, nil
	}
	t.Version++
	m.Body, m.Mentions, m.Reactions, m.UrgentReason, m.Asks = "", nil, nil, "", nil
	m.DeleteTime, m.UpdateTime, m.Version = now, now, t.Version
	m.Revision++
	return []Event{MessageDeleted{Thread: *t, Message: *m}}, nil
}

// takes refuses changes to a tombstone or in an archived thread.
func (t *Thread) takes(m *Message) error {
	if t.State == Archived {
		return t.archived()
	}
	if m.Deleted() {
		return unmet(ReasonMessageDeleted, preconditionMessage, MessageName(m.Workspace, m.Thread, m.Sequence), "the message is deleted")
	}
	return nil
}

func notAuthor(what string, m *Message) error {
	return fault.New(fault.Denied, ReasonNotAuthor, "only the author may %s this message", what).
		With("name", MessageName(m.Workspace, m.Thread, m.Sequence))
}

// CheckBody refuses a body that is blank, too long or not text.
func CheckBody(field, body string) error {
	if blank(body) {
		return fault.InvalidField(field, "must not be blank")
	}
	return CheckText(field, body)
}

// CheckText refuses a text of more than MaxBody bytes, invalid UTF-8 or U+0000. It may be blank.
func CheckText(field, body string) error {
	switch {
	case len(body) > MaxBody:
		return fault.InvalidField(field, "must be at most 64 KiB")
	case !textual(body):
		return fault.InvalidField(field, "must be valid UTF-8 without U+0000")
	}
	return nil
}

func textual(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// blank says whether nothing of a text can be seen: it holds only spaces, controls and format characters.
func blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.In(r, unicode.Cc, unicode.Cf) })
}

// without lists what is in all but not in taken.
func without(all, taken []Mention) []Mention {
	return slices.DeleteFunc(slices.Clone(all), func(m Mention) bool { return slices.Contains(taken, m) })
}
