package domain

import (
	"time"

	"github.com/google/uuid"
)

// Wait is how something that was asked of a member stands: an ask or an offer to them.
type Wait struct {
	Member uuid.UUID
	// Waiting says whether it still waits for them, Settled why not.
	Waiting bool
	Settled string
	// Due is by when it waits, Remind when three quarters of that are gone; zero while not known.
	Due, Remind time.Time
}

// SourceState is how the owner of a source says that it stands for a member, at the moment of sending.
type SourceState struct {
	// Unknown says that the owner could not be asked. Nothing else is set then.
	Unknown bool
	// Gone says that it is not there, or that the member may not read it.
	Gone bool
	// Read says that the member has read it.
	Read bool
	// Waiting says whether it waits for the member, Settled why it no longer does.
	Waiting bool
	Settled string
	// Due is by when it waits.
	Due time.Time
	// Title is that of the thread or task, Excerpt the beginning of the text, plain.
	Title, Excerpt string
}

// Activity is what a followed thread holds that a member has not read.
type Activity struct {
	// Thread and Title are the thread's.
	Thread, Title string
	// Space holds it; SpaceName is what people call the space.
	Space     uuid.UUID
	SpaceName string
	// Unread is how many messages are, Time when the newest was posted.
	Unread int
	Time   time.Time
}

// Reach is when a member can be reached, as the availability service says.
type Reach struct {
	// Known says that it was asked and answered.
	Known bool
	// Working says whether they work at the instant asked for, in a focus block or not.
	Working bool
	// At is from when they can be reached below HIGH, Until the end of the time that holds it; zero for never within 90 days.
	At, Until time.Time
	// Work is when they next work, in a focus block or not: from when they can be reached with HIGH; zero for never within 90
	// days.
	Work time.Time
	// DayStart is the start of their next working day after the instant asked for, DayDate its local date; zero for none.
	DayStart time.Time
	DayDate  string
	// Local is the IANA zone that holds for them; nil is UTC.
	Local *time.Location
	// Version is that of the working time it was answered from.
	Version int64
	// Missing says that there is no such member there.
	Missing bool
}

// Recipient is who may be notified, as far as that matters for how.
type Recipient struct {
	ID    uuid.UUID
	Name  string
	Email string
	// Active says that they belong to the workspace, Person that they are no service account, Joining that they were invited
	// and have not come yet.
	Active, Person, Joining bool
	Preferences             Preferences
}
