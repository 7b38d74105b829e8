package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// ReadState is how far a member has read a thread, and whether they follow or mute it.
type ReadState struct {
	// Workspace, Member and Thread say whose it is and of what.
	Workspace, Member, Thread uuid.UUID
	// Space, Title, LastSequence and ImportedCount are the thread's.
	Space                       uuid.UUID
	Title                       string
	LastSequence, ImportedCount int64
	// LastRead is the sequence up to which the member has read; it only grows. ImportedBefore is how many of the
	// messages up to there were imported.
	LastRead, ImportedBefore int64
	// Followed says whether the member follows the thread, Unfollowed that they stopped it by hand.
	Followed, Unfollowed bool
	Muted                bool
	// OwnSequence is that of the newest of the member's own posts that it has taken up, 0 for none.
	OwnSequence int64
	// Version counts its events. What a post of the member's own does to it has none: the event of the message says it.
	Version int64
	// UpdateTime is when it last changed, zero before.
	UpdateTime time.Time
}

// Unread is how many messages the member has not read. Imported ones count as read.
func (r *ReadState) Unread() int64 {
	return r.LastSequence - r.ImportedCount - (r.LastRead - r.ImportedBefore)
}

// CheckSequence refuses a sequence beyond the thread's newest message. field is its place in the request.
func (r *ReadState) CheckSequence(field string, sequence int64) error {
	if sequence <= r.LastSequence {
		return nil
	}
	return fault.New(fault.OutOfRange, ReasonSequenceBeyondEnd, "%s is beyond the thread's newest message", field).
		With("name", ThreadName(r.Workspace, r.Thread)).WithField(field, "must not be beyond last_sequence")
}

// MarkRead moves the pointer forward; imported is how many of the messages up to there were imported. A pointer that
// stands there or further stays and has no event.
func (r *ReadState) MarkRead(through, imported int64, now time.Time) []Event {
	if through <= r.LastRead {
		return nil
	}
	r.LastRead, r.ImportedBefore = through, imported
	return r.changed(now)
}

// Follow follows the thread by hand.
func (r *ReadState) Follow(now time.Time) []Event {
	r.Unfollowed = false
	if r.Followed {
		return nil
	}
	r.Followed = true
	return r.changed(now)
}

// FollowMentioned follows the thread for a member who is mentioned in it or created it, unless they stopped by hand.
func (r *ReadState) FollowMentioned(now time.Time) []Event {
	if r.Unfollowed {
		return nil
	}
	return r.Follow(now)
}

// Unfollow stops following by hand. It holds against later mentions also where the thread was not followed.
func (r *ReadState) Unfollow(now time.Time) []Event {
	r.Unfollowed = true
	if !r.Followed {
		return nil
	}
	r.Followed = false
	return r.changed(now)
}

// Mute mutes the thread, or takes the mute back.
func (r *ReadState) Mute(muted bool, now time.Time) []Event {
	if r.Muted == muted {
		return nil
	}
	r.Muted = muted
	return r.changed(now)
}

func (r *ReadState) changed(now time.Time) []Event {
	r.Version++
	r.UpdateTime = now
	return []Event{ReadStateChanged{ReadState: *r}}
}
