package domain

import "github.com/google/uuid"

// Event is a fact that follows from a change, to be published with it. Each of a thread holds it as it is after the
// change, so that Thread.Version is the event's version.
type Event interface{ event() }

// ThreadCreated says that a thread was created.
type ThreadCreated struct{ Thread Thread }

// ThreadUpdated says that fields of the thread changed, by their names in the API.
type ThreadUpdated struct {
	Thread  Thread
	Changed []string
}

// ThreadResolved says that the thread was resolved.
type ThreadResolved struct{ Thread Thread }

// ThreadReopened says that the thread was opened again, by the message of that sequence or, when it is 0, by hand.
type ThreadReopened struct {
	Thread          Thread
	PreviousState   ThreadState
	PreviousOutcome string
	Message         int64
}

// ThreadArchived says that the thread was put away.
type ThreadArchived struct {
	Thread        Thread
	PreviousState ThreadState
}

// MessagePosted says that a message was posted or imported.
type MessagePosted struct {
	Thread  Thread
	Message Message
}

// MessageEdited says that the body of a message was replaced; Added are the mentions that were not there before.
type MessageEdited struct {
	Thread  Thread
	Message Message
	Added   []Mention
}

// MessageDeleted says that a message became its tombstone.
type MessageDeleted struct {
	Thread  Thread
	Message Message
}

// ReactionAdded says that a member reacted to a message; Count do so now.
type ReactionAdded struct {
	Thread  Thread
	Message Message
	Member  uuid.UUID
	Emoji   string
	Count   int
}

// ReactionRemoved says that a member took a reaction back; Count are left.
type ReactionRemoved struct {
	Thread  Thread
	Message Message
	Member  uuid.UUID
	Emoji   string
	Count   int
}

// ReadStateChanged says that the pointer, follow or mute of a member changed. Its aggregate is the read state.
type ReadStateChanged struct{ ReadState ReadState }

// AskOpened says that a message asks something. Excerpt and UrgentReason are the message's.
type AskOpened struct {
	Ask                   Ask
	Excerpt, UrgentReason string
}

// AskAnswered says that a member answered an ask, and for whom it is answered by that. The asks of events stand as At the
// time of the event.
type AskAnswered struct {
	Ask     Ask
	Member  uuid.UUID
	Settled []uuid.UUID
}

// AskDeclined says that a member declined an ask.
type AskDeclined struct {
	Ask    Ask
	Member uuid.UUID
	Reason string
}

// AskReassigned says that a member handed an ask on.
type AskReassigned struct {
	Ask              Ask
	Member, To       uuid.UUID
	Comment, Excerpt string
}

// AskDueChanged says that due times became known or have moved.
type AskDueChanged struct {
	Ask     Ask
	Members []uuid.UUID
}

// AskOverdue says that windows are over while the ask still waits.
type AskOverdue struct {
	Ask     Ask
	Members []uuid.UUID
}

// AskWithdrawn says that an ask was taken back from those it still waited for.
type AskWithdrawn struct {
	Ask     Ask
	Members []uuid.UUID
}

// UrgentUsed says that an urgent message was sent. Its aggregate is the message.
type UrgentUsed struct{ Message Message }

func (ThreadCreated) event()    {}
func (ThreadUpdated) event()    {}
func (ThreadResolved) event()   {}
func (ThreadReopened) event()   {}
func (ThreadArchived) event()   {}
func (MessagePosted) event()    {}
func (MessageEdited) event()    {}
func (MessageDeleted) event()   {}
func (ReactionAdded) event()    {}
func (ReactionRemoved) event()  {}
func (ReadStateChanged) event() {}
func (AskOpened) event()        {}
func (AskAnswered) event()      {}
func (AskDeclined) event()      {}
func (AskReassigned) event()    {}
func (AskDueChanged) event()    {}
func (AskOverdue) event()       {}
func (AskWithdrawn) event()     {}
func (UrgentUsed) event()       {}
