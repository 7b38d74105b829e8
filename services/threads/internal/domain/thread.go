package domain

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The longest texts of a thread, in characters.
const (
	MaxTitle   = 200
	MaxOutcome = 4000
)

// ThreadType says what a thread is for.
type ThreadType string

// The types of a thread.
const (
	Discussion   ThreadType = "DISCUSSION"
	Question     ThreadType = "QUESTION"
	Announcement ThreadType = "ANNOUNCEMENT"
	Review       ThreadType = "REVIEW"
)

// ThreadState is where a thread stands.
type ThreadState string

// The states of a thread.
const (
	// Open is under way.
	Open ThreadState = "OPEN"
	// Resolved is concluded with an outcome; it still takes messages.
	Resolved ThreadState = "RESOLVED"
	// Archived is put away: it takes neither messages, edits nor reactions.
	Archived ThreadState = "ARCHIVED"
)

// Thread is a titled conversation in a space.
type Thread struct {
	// Workspace, ID and Space say which thread it is and where it lives.
	Workspace, ID, Space uuid.UUID
	// Title is what it is about; Type what it is for; State where it stands.
	Title string
	Type  ThreadType
	State ThreadState
	// Creator is the member who began it.
	Creator uuid.UUID
	// Outcome, Resolver and ResolveTime are set while it is resolved, and kept when it is then archived.
	Outcome     string
	Resolver    uuid.UUID
	ResolveTime time.Time
	// ReopenOnMessage says whether a message posted while it is resolved reopens it.
	ReopenOnMessage bool
	// LastSequence is the newest message's sequence, 0 when there is none.
	LastSequence int64
	// ImportedCount is how many of its messages an import brought: they count as read.
	ImportedCount int64
	// Revision counts the changes of the thread's own fields, from 1: its etag.
	Revision int64
	// Version counts the events of the thread and its messages, from 1.
	Version int64
	// CreateTime is when it began, UpdateTime when one of its own fields changed, ActivityTime when something was
	// last said.
	CreateTime, UpdateTime, ActivityTime time.Time
	// Imported says whether an import made it.
	Imported bool
}

// NewThread begins a thread.
func NewThread(t Thread, now time.Time) (Thread, []Event, error) {
	if t.Type == "" {
		t.Type = Discussion
	}
	if err := CheckTitle("thread.title", t.Title); err != nil {
		return Thread{}, nil, err
	}
	t.State = Open
	t.Revision, t.Version = 1, 1
	t.CreateTime, t.UpdateTime, t.ActivityTime = now, now, now
	return t, []Event{ThreadCreated{Thread: t}}, nil
}

// ThreadChange is what an update asks for; nil leaves a field as it is.
type ThreadChange struct {
	Title           *string
	Type            *ThreadType
	ReopenOnMessage *bool
}

// Update changes the thread's own fields. What already is as asked changes nothing and has no event.
func (t *Thread) Update(change ThreadChange, now time.Time) ([]Event, error) {
	if t.State == Archived {
		return nil, t.archived()
	}
	var changed []string
	if change.Title != nil {
		if err := CheckTitle("thread.title", *change.Title); err != nil {
			return nil, err
		}
		changed = set(&t.Title, *change.Title, "title", changed)
	}
	if change.Type != nil {
		changed = set(&t.Type, *change.Type, "type", changed)
	}
	if change.ReopenOnMessage != nil {
		changed = set(&t.ReopenOnMessage, *change.ReopenOnMessage, "reopen_on_message", changed)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	t.touch(now)
	return []Event{ThreadUpdated{Thread: *t, Changed: changed}}, nil
}

func set[T comparable](field *T, value T, name string, changed []string) []string {
	if *field == value {
		return changed
	}
	*field = value
	return append(changed, name)
}

// Resolve concludes an open thread with its outcome.
func (t *Thread) Resolve(by uuid.UUID, outcome string, now time.Time) ([]Event, error) {
	if t.State != Open {
		return nil, unmet(ReasonThreadNotOpen, preconditionThread, ThreadName(t.Workspace, t.ID), "only an OPEN thread can be resolved")
	}
	if err := CheckOutcome(outcome); err != nil {
		return nil, err
	}
	t.State, t.Outcome, t.Resolver, t.ResolveTime = Resolved, outcome, by, now
	t.touch(now)
	return []Event{ThreadResolved{Thread: *t}}, nil
}

// Reopen opens a resolved or archived thread again and drops its outcome. message is the sequence of the message
// that did it, 0 when it was done by hand.
func (t *Thread) Reopen(message int64, now time.Time) ([]Event, error) {
	if t.State == Open {
		return nil, unmet(ReasonThreadAlreadyOpen, preconditionThread, ThreadName(t.Workspace, t.ID), "the thread is OPEN already")
	}
	event := ThreadReopened{PreviousState: t.State, PreviousOutcome: t.Outcome, Message: message}
	t.State, t.Outcome, t.Resolver, t.ResolveTime = Open, "", uuid.Nil, time.Time{}
	t.touch(now)
	event.Thread = *t
	return []Event{event}, nil
}

// Archive puts an open or resolved thread away.
func (t *Thread) Archive(now time.Time) ([]Event, error) {
	if t.State == Archived {
		return nil, t.archived()
	}
	event := ThreadArchived{PreviousState: t.State}
	t.State = Archived
	t.touch(now)
	event.Thread = *t
	return []Event{event}, nil
}

func (t *Thread) touch(now time.Time) {
	t.Revision++
	t.Version++
	t.UpdateTime = now
}

func (t *Thread) archived() error {
	return unmet(ReasonThreadArchived, preconditionThread, ThreadName(t.Workspace, t.ID), "the thread is ARCHIVED; reopen it first")
}

// CheckTitle refuses a title that is not one line of 1 to MaxTitle characters without control characters or blanks
// around it.
func CheckTitle(field, title string) error {
	switch {
	case title == "":
		return fault.InvalidField(field, "is required")
	case !utf8.ValidString(title):
		return fault.InvalidField(field, "must be valid UTF-8")
	case utf8.RuneCountInString(title) > MaxTitle:
		return fault.InvalidField(field, "must be at most 200 characters")
	}
	runes := []rune(title)
	if unicode.IsSpace(runes[0]) || unicode.IsSpace(runes[len(runes)-1]) {
		return fault.InvalidField(field, "must not begin or end with a blank")
	}
	for _, r := range runes {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fault.InvalidField(field, "must be one line without control characters")
		}
	}
	return nil
}

// CheckOutcome refuses an outcome that is blank or longer than MaxOutcome characters.
func CheckOutcome(outcome string) error {
	switch {
	case !textual(outcome):
		return fault.InvalidField("outcome", "must be valid UTF-8 without U+0000")
	case blank(outcome):
		return fault.InvalidField("outcome", "must not be blank")
	case utf8.RuneCountInString(outcome) > MaxOutcome:
		return fault.InvalidField("outcome", "must be at most 4000 characters")
	}
	return nil
}
