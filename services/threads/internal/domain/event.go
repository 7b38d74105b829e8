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
