package domain

import "github.com/meridianhq/meridian/pkg/fault"

// The reasons of this service, as meridian.tasks.v1.ErrorReason lists them.
const (
	// ReasonTaskHeld: somebody else holds the task.
	ReasonTaskHeld = "TASK_HELD"
	// ReasonTaskNotHeld: nobody holds the task, so nobody can hand it off.
	ReasonTaskNotHeld = "TASK_NOT_HELD"
	// ReasonTaskClosed: the task is done or cancelled.
	ReasonTaskClosed = "TASK_CLOSED"
	// ReasonNotHolder: it takes the holder of the task, or a manager of the space.
	ReasonNotHolder = "NOT_HOLDER"
	// ReasonNotOfTeam: the task is for a team to pick up, and the caller is not of it.
	ReasonNotOfTeam = "NOT_OF_TEAM"
	// ReasonOfferOpen: there is an open offer of the task already.
	ReasonOfferOpen = "OFFER_OPEN"
	// ReasonNotRecipient: the baton is not offered to the caller.
	ReasonNotRecipient = "NOT_RECIPIENT"
	// ReasonNotGiver: it takes the giver of the offer, or a manager of the space.
	ReasonNotGiver = "NOT_GIVER"
	// ReasonHandoffSettled: the offer is no longer open.
	ReasonHandoffSettled = "HANDOFF_SETTLED"
	// ReasonTooManyTasks: the change would move more tasks than it may at once.
	ReasonTooManyTasks = "TOO_MANY_TASKS"
)

// The types of precondition that faults name.
const (
	preconditionTask    = "TASK_STATE"
	preconditionHandoff = "HANDOFF_STATE"
	preconditionProject = "PROJECT_STATE"
)

// MetaHolder is the metadata of a fault that names who holds a task; who answers with it adds how they are called.
const MetaHolder = "holder"

func unmet(reason, kind, subject, rule string) *fault.Error {
	return fault.New(fault.Precondition, reason, "%s", rule).WithPrecondition(kind, subject, rule)
}
