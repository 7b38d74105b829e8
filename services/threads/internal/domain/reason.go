package domain

import "github.com/meridianhq/meridian/pkg/fault"

// The reasons of this service, as meridian.threads.v1.ErrorReason lists them.
const (
	// ReasonThreadArchived: the thread is archived and takes nothing.
	ReasonThreadArchived = "THREAD_ARCHIVED"
	// ReasonThreadNotOpen: only an open thread can be resolved.
	ReasonThreadNotOpen = "THREAD_NOT_OPEN"
	// ReasonThreadAlreadyOpen: an open thread cannot be reopened.
	ReasonThreadAlreadyOpen = "THREAD_ALREADY_OPEN"
	// ReasonMessageDeleted: the message is a tombstone.
	ReasonMessageDeleted = "MESSAGE_DELETED"
	// ReasonNotAuthor: it takes the author of the message, or for a deletion a manager of the space.
	ReasonNotAuthor = "NOT_AUTHOR"
	// ReasonTooManyReactions: the message has as many different reactions as it can have.
	ReasonTooManyReactions = "TOO_MANY_REACTIONS"
	// ReasonSequenceBeyondEnd: the sequence is beyond the thread's newest message.
	ReasonSequenceBeyondEnd = "SEQUENCE_BEYOND_END"
	// ReasonUrgentNotPermitted: the caller's role may not use URGENT in this workspace.
	ReasonUrgentNotPermitted = "URGENT_NOT_PERMITTED"
	// ReasonNotAsked: it takes one who is asked, or to withdraw an ask its asker or a manager of the space.
	ReasonNotAsked = "NOT_ASKED"
	// ReasonAskSettled: the ask no longer waits for this member.
	ReasonAskSettled = "ASK_SETTLED"
)

// The types of precondition that faults name.
const (
	preconditionThread  = "THREAD_STATE"
	preconditionMessage = "MESSAGE_STATE"
	preconditionAsk     = "ASK_STATE"
)

func unmet(reason, kind, subject, rule string) error {
	return fault.New(fault.Precondition, reason, "%s", rule).WithPrecondition(kind, subject, rule)
}
