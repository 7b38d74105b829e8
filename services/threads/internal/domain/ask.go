package domain

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
)

// The limits of asks.
const (
	// MaxAsked is how many people one message may ask, over all of its asks.
	MaxAsked = 500
	// MaxRecipients is how many people one ask may come to have had by being handed on.
	MaxRecipients = 600
	// MaxComment is the longest comment or reason, in characters.
	MaxComment = 2000
	// MaxExcerpt is how much of a message's body is told with its asks, in bytes.
	MaxExcerpt = 2 << 10
)

// AskKind is what is asked for.
type AskKind string

// The kinds of an ask.
const (
	// AskReply asks for an answer: a reply to the message by the person asked is one.
	AskReply AskKind = "REPLY"
	// AskReview asks for a look and what one thinks.
	AskReview AskKind = "REVIEW"
	// AskApprove asks for a yes.
	AskApprove AskKind = "APPROVE"
	// AskAcknowledge asks that it was seen.
	AskAcknowledge AskKind = "ACKNOWLEDGE"
)

// AskState says whether an ask still waits for anybody.
type AskState string

// The states of an ask.
const (
	// AskOpen waits for at least one.
	AskOpen AskState = "OPEN"
	// AskSettled waits for nobody any more.
	AskSettled AskState = "SETTLED"
	// AskTakenBack was withdrawn, or its message deleted.
	AskTakenBack AskState = "WITHDRAWN"
)

// RecipientState is how an ask stands with one person.
type RecipientState string

// The states of a recipient.
const (
	// Waiting is open: the ask waits for them.
	Waiting RecipientState = "OPEN"
	// Answered was answered, by them or for them.
	Answered RecipientState = "ANSWERED"
	// Declined was declined by them.
	Declined RecipientState = "DECLINED"
	// Reassigned was handed on by them.
	Reassigned RecipientState = "REASSIGNED"
	// Overdue is open with its window over. It is never kept: At computes it.
	Overdue RecipientState = "OVERDUE"
	// Withdrawn was taken back.
	Withdrawn RecipientState = "WITHDRAWN"
)

// DueReason says why somebody has no due time. The numbers are those that are stored.
type DueReason int

// The reasons for there being no due time.
const (
	// DueKnown is no reason: there is a time, or it is still to be computed.
	DueKnown DueReason = iota
	// NoWorkingTime: their window does not end within 90 days.
	NoWorkingTime
	// NoMember: there is no such member, or they have left.
	NoMember
)

// Ask is a request, on a message, for named people to do something about it within a window.
type Ask struct {
	// Workspace and ID say which ask it is; Thread and Sequence which message carries it; Space where that is.
	Workspace, ID, Thread uuid.UUID
	Sequence              int64
	Space                 uuid.UUID
	// Title is the thread's, and UrgentReason the message's, where they were read with the ask.
	Title, UrgentReason string
	// Asker is the author of the message.
	Asker uuid.UUID
	Kind  AskKind
	// Members are those asked by name; Team is the team asked, if any, of which Everyone is to answer or just one.
	Members  []uuid.UUID
	Team     uuid.UUID
	Everyone bool
	// Window is how long each has; Urgency the message's.
	Window  window.Window
	Urgency Urgency
	State   AskState
	// Recipients are in the order in which they were asked.
	Recipients     []Recipient
	WithdrawReason string
	// Version counts the ask's events, from 1: its etag.
	Version                int64
	CreateTime, UpdateTime time.Time
}

// Recipient is one person an ask waits for, or waited for.
type Recipient struct {
	Member uuid.UUID
	State  RecipientState
	// OfTeam says that they are asked as one of the team.
	OfTeam bool
	// Start is from when their window counts.
	Start time.Time
	// Pending says that the due time is to be computed; Round counts how often that was asked for.
	Pending bool
	Round   int64
	// Due and Remind are when their window ends and when three quarters of it are gone; zero where Reason says why, or
	// while it is not known.
	Due, Remind time.Time
	Reason      DueReason
	// Delegate acts for them in asks, as it was when the due time was computed; uuid.Nil for nobody.
	Delegate uuid.UUID
	// Told says that their being overdue was published.
	Told bool
	// Answer is the sequence of the message that answered it, 0 for none; AnsweredBy who answered.
	Answer     int64
	AnsweredBy uuid.UUID
	// Comment is what was said with the answer, or why it was declined, or what was said in handing it on.
	Comment string
	// To and From are whom they handed it to, and who handed it to them.
	To, From   uuid.UUID
	UpdateTime time.Time
	// Touched says that a change under way is about them, so that they are to be saved.
	Touched bool
}

// Waits says whether the ask waits for this person, overdue or not.
func (r *Recipient) Waits() bool { return r.State == Waiting || r.State == Overdue }

// At is the ask as it stands at an instant: who is waited for beyond their due time is overdue. It shares nothing with
// the ask that changes.
func (a *Ask) At(now time.Time) Ask {
	out := *a
	out.Recipients = slices.Clone(a.Recipients)
	for i := range out.Recipients {
		r := &out.Recipients[i]
		r.Touched = false
		if r.Waits() {
			r.State = Waiting
			if r.late(now) {
				r.State = Overdue
			}
		}
	}
	return out
}

func (r *Recipient) late(now time.Time) bool { return !r.Due.IsZero() && !now.Before(r.Due) }

// Due is the latest due time of those the ask waits for; zero while that of any of them is still to be known.
func (a *Ask) Due() time.Time {
	var latest time.Time
	for _, r := range a.Recipients {
		switch {
		case !r.Waits():
		case r.Due.IsZero() && r.Reason == DueKnown:
			return time.Time{}
		case r.Due.After(latest):
			latest = r.Due
		}
	}
	return latest
}

// Name is the ask's resource name.
func (a *Ask) Name() string { return AskName(a.Workspace, a.ID) }

// CheckComment refuses a comment that is too long or not text. It may be empty.
func CheckComment(field, text string) error {
	switch {
	case !textual(text):
		return fault.InvalidField(field, "must be valid UTF-8 without U+0000")
	case utf8.RuneCountInString(text) > MaxComment:
		return fault.InvalidField(field, "must be at most 2000 characters")
	}
	return nil
}

// CheckReason is CheckComment for what must be said.
func CheckReason(field, text string) error {
	if blank(text) {
		return fault.InvalidField(field, "must not be blank")
	}
	return CheckComment(field, text)
}

// Excerpt is the beginning of a body, of at most MaxExcerpt bytes, cut between characters.
func Excerpt(body string) string {
	if len(body) <= MaxExcerpt {
		return body
	}
	end := MaxExcerpt
	for end > 0 && !utf8.RuneStart(body[end]) {
		end--
	}
	return body[:end]
}

// SettledWords says in words why an ask does not wait for a member although it once did; empty while it waits for them.
// For one who is not asked themselves, such as the asker, it tells how the ask as a whole has ended; their state is empty.
func SettledWords(ask AskState, member RecipientState, byAnother bool) string {
	switch member {
	case Waiting, Overdue:
		return ""
	case Answered:
		if byAnother {
			return "answered by another"
		}
		return "answered"
	case Declined:
		return "declined"
	case Reassigned:
		return "handed on"
	case Withdrawn:
		return "withdrawn"
	}
	switch ask {
	case AskSettled:
		return "settled"
	case AskTakenBack:
		return "withdrawn"
	}
	return ""
}
