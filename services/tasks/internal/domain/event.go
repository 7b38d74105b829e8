package domain

import "github.com/google/uuid"

// Event is a fact that follows from a change, to be published with it. Each holds its project or task as it is after the
// change, so that the version of that is the event's.
type Event interface{ event() }

// ProjectCreated says that a project was made.
type ProjectCreated struct{ Project Project }

// ProjectUpdated says that fields of a project changed, by their names in the API.
type ProjectUpdated struct {
	Project Project
	Changed []string
}

// WorkflowChanged says that a project's workflow was replaced, and where the tasks of the states that are gone went.
type WorkflowChanged struct {
	Project Project
	Moves   []Move
}

// TaskCreated says that a task was made.
type TaskCreated struct{ Task Task }

// TaskUpdated says that fields of a task changed, by their names in the API.
type TaskUpdated struct {
	Task    Task
	Changed []string
}

// TaskStateChanged says that a task went to another state, or that its state means something else since.
type TaskStateChanged struct {
	Task             Task
	PreviousState    string
	PreviousCategory Category
}

// TaskAssigned says that a task was given to a holder, to a team to pick it up, or to nobody.
type TaskAssigned struct {
	Task           Task
	PreviousHolder uuid.UUID
}

// TaskClaimed says that somebody picked a task up.
type TaskClaimed struct{ Task Task }

// TaskCompleted says that a task was done or cancelled.
type TaskCompleted struct{ Task Task }

// TaskReopened says that a task that was done or cancelled is to be done again.
type TaskReopened struct{ Task Task }

// LegStarted says that a leg of the relay began.
type LegStarted struct {
	Task Task
	Leg  Leg
}

// LegEnded says that a leg of the relay ended.
type LegEnded struct {
	Task Task
	Leg  Leg
}

// HandoffOffered says that a baton was offered, and to whom.
type HandoffOffered struct {
	Task       Task
	Handoff    Handoff
	Recipients []uuid.UUID
}

// HandoffUpdated says that an open offer changed; Routed, that its recipient became known with it.
type HandoffUpdated struct {
	Task       Task
	Handoff    Handoff
	Recipients []uuid.UUID
	Routed     bool
}

// HandoffAccepted says that a baton was taken.
type HandoffAccepted struct {
	Task    Task
	Handoff Handoff
}

// HandoffDeclined says that an offer was refused.
type HandoffDeclined struct {
	Task    Task
	Handoff Handoff
}

// HandoffWithdrawn says that an offer was taken back.
type HandoffWithdrawn struct {
	Task    Task
	Handoff Handoff
}

// HandoffExpired says that an offer expired.
type HandoffExpired struct {
	Task    Task
	Handoff Handoff
}

// HandoffRerouted says that AUTO went on from an offer, or ended with it.
type HandoffRerouted struct {
	Task    Task
	Handoff Handoff
}

func (ProjectCreated) event()   {}
func (ProjectUpdated) event()   {}
func (WorkflowChanged) event()  {}
func (TaskCreated) event()      {}
func (TaskUpdated) event()      {}
func (TaskStateChanged) event() {}
func (TaskAssigned) event()     {}
func (TaskClaimed) event()      {}
func (TaskCompleted) event()    {}
func (TaskReopened) event()     {}
func (LegStarted) event()       {}
func (LegEnded) event()         {}
func (HandoffOffered) event()   {}
func (HandoffUpdated) event()   {}
func (HandoffAccepted) event()  {}
func (HandoffDeclined) event()  {}
func (HandoffWithdrawn) event() {}
func (HandoffExpired) event()   {}
func (HandoffRerouted) event()  {}
