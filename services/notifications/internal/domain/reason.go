package domain

import (
	"slices"
)

// ReasonNoWorkingTime is the reason of this service's own, as meridian.notifications.v1.ErrorReason lists it: the member has
// no working time within 90 days.
const ReasonNoWorkingTime = "NO_WORKING_TIME"

// Reason is why a recipient is concerned, by its word in the API.
type Reason string

// The reasons.
const (
	// Asked for a reply, a review, an approval or an acknowledgement.
	Asked Reason = "ASKED"
	// Offered a baton or a shift.
	Offered Reason = "OFFERED"
	// Assigned: made the holder of a task.
	Assigned Reason = "ASSIGNED"
	// Mentioned, or their team was.
	Mentioned Reason = "MENTIONED"
	// Reminded: three quarters of their window are gone.
	Reminded Reason = "REMINDED"
	// Overdue: their window is over.
	Overdue Reason = "OVERDUE"
	// Answered: their own ask was.
	Answered Reason = "ANSWERED"
	// Declined: their own ask or offer was.
	Declined Reason = "DECLINED"
	// Accepted: their offer was.
	Accepted Reason = "ACCEPTED"
	// Returned: their offer ended without a taker.
	Returned Reason = "RETURNED"
	// Unanswered: their own ask passed its due time.
	Unanswered Reason = "UNANSWERED"
	// Approving: asked to approve or decline a time off.
	Approving Reason = "APPROVING"
	// Decided: their own request for time off was approved or declined.
	Decided Reason = "DECIDED"
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		Asked, Offered, Assigned, Mentioned, Reminded, Overdue, Answered, Declined, Accepted, Returned, Unanswered, Approving, Decided,
	}
}

// Waits says whether a notification of the reason is about something that waits for its recipient.
func (r Reason) Waits() bool { return slices.Contains(Waiting(), r) }

// Waiting are the reasons of what waits for the recipient.
func Waiting() []Reason { return []Reason{Asked, Offered, Approving, Reminded, Overdue} }

// Words says the reason to the recipient, for an explanation.
func (r Reason) Words() string {
	switch r {
	case Asked:
		return "You are asked for something."
	case Offered:
		return "You are offered a baton or a shift."
	case Assigned:
		return "You were made the holder of a task."
	case Mentioned:
		return "You or one of your teams were mentioned."
	case Reminded:
		return "Three quarters of your time for something are gone."
	case Overdue:
		return "Your time for something is over, and it still waits for you."
	case Answered:
		return "What you asked was answered."
	case Declined:
		return "What you asked or offered was declined."
	case Accepted:
		return "What you offered was accepted."
	case Returned:
		return "Your baton is back with you."
	case Unanswered:
		return "What you asked was not answered in time."
	case Approving:
		return "You are asked to approve or decline a time off."
	case Decided:
		return "Your request for time off was decided on."
	}
	return ""
}
