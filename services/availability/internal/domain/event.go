package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Event is a fact that follows from a change, to be published with it. Version is the aggregate's after it.
type Event interface{ event() }

// ScheduleChanged says that a member's weekly hours were set. Its aggregate is the member's working time.
type ScheduleChanged struct {
	Schedule Schedule
	Version  int64
}

// DefaultScheduleChanged says that a workspace's default hours were set. Its aggregate is the workspace's.
type DefaultScheduleChanged struct {
	Schedule DefaultSchedule
	Version  int64
}

// WorkingTimeChanged says that a member's working time changed from Start until End; zero is all that follows.
type WorkingTimeChanged struct {
	Workspace, Member uuid.UUID
	Start, End        time.Time
	Version           int64
}

// TimeOffApproved says that a time off counts from now on. Its aggregate is the member's working time.
type TimeOffApproved struct {
	TimeOff TimeOff
	Version int64
}

// TimeOffCancelled says that a time off was taken back. Its aggregate is the member's working time.
type TimeOffCancelled struct {
	TimeOff TimeOff
	Version int64
}

// LayerCreated says that a layer was laid over a member's hours. Its aggregate is the member's working time.
type LayerCreated struct {
	Layer   Layer
	Version int64
}

// LayerDeleted says that a layer was taken away. Its aggregate is the member's working time.
type LayerDeleted struct {
	Layer   Layer
	Version int64
}

// TimeOffRequested says that a time off, which would begin at Start, waits for an approval, of its manager and of Delegate, who
// acts for them, among others. Its aggregate is the member's working time.
type TimeOffRequested struct {
	TimeOff  TimeOff
	Start    time.Time
	Delegate uuid.UUID
	Version  int64
}

// TimeOffDeclined says that a request for time off was refused. Its aggregate is the member's working time.
type TimeOffDeclined struct {
	TimeOff TimeOff
	Version int64
}

// TimeOffPolicyChanged says how a workspace gives time off. Its aggregate is the workspace's.
type TimeOffPolicyChanged struct {
	Policy  TimeOffPolicy
	Version int64
}

// OverlapChosen says that a time to meet was chosen, OverlapWithdrawn that the choice was taken back. Their aggregate is the
// choice.
type OverlapChosen struct {
	Choice  OverlapChoice
	Version int64
}

// OverlapWithdrawn is told of by OverlapChosen.
type OverlapWithdrawn struct {
	Choice  OverlapChoice
	Version int64
}

// DelegationChanged says that somebody acts for a member, or no longer does. Its aggregate is the member's working time.
type DelegationChanged struct {
	Delegation Delegation
	Version    int64
}

// RotationChanged says that who is on in a rotation may be another from Start until End, zero for all that follows; without
// a start only its name changed. Its aggregate is the rotation.
type RotationChanged struct {
	Rotation   Rotation
	Start, End time.Time
	Deleted    bool
	Version    int64
}

// ShiftStarted says that a shift of a rotation began, ShiftEnded that it is over. Their aggregate is the rotation.
type ShiftStarted struct {
	Rotation Rotation
	Shift    Shift
	Version  int64
}

// ShiftEnded is the end of a shift.
type ShiftEnded struct {
	Rotation Rotation
	Shift    Shift
	Version  int64
}

// ShiftSwapped says that a swap was taken. Its aggregate is the rotation.
type ShiftSwapped struct {
	Rotation Rotation
	Swap     Swap
	Version  int64
}

// SwapChanged says that a swap was offered, declined or withdrawn. Its aggregate is the rotation.
type SwapChanged struct {
	Rotation Rotation
	Swap     Swap
	Version  int64
}

// CoreHoursChanged says that a team's core hours were set: they are its aggregate.
type CoreHoursChanged struct {
	CoreHours CoreHours
	Version   int64
}

// CoverageGapFound says that a team will be short. Its aggregate is the team's coverage.
type CoverageGapFound struct {
	Workspace, Team uuid.UUID
	Gap             Gap
	// Horizon is until when was looked for the beginning of gaps.
	Horizon time.Time
	Version int64
}

func (CoverageGapFound) event() {}
func (RotationChanged) event()  {}
func (ShiftStarted) event()     {}
func (ShiftEnded) event()       {}
func (ShiftSwapped) event()     {}
func (SwapChanged) event()      {}
func (CoreHoursChanged) event() {}

func (ScheduleChanged) event()        {}
func (DefaultScheduleChanged) event() {}
func (WorkingTimeChanged) event()     {}
func (TimeOffApproved) event()        {}
func (TimeOffCancelled) event()       {}
func (LayerCreated) event()           {}
func (LayerDeleted) event()           {}
func (DelegationChanged) event()      {}
func (OverlapChosen) event()          {}
func (OverlapWithdrawn) event()       {}
func (TimeOffRequested) event()       {}
func (TimeOffDeclined) event()        {}
func (TimeOffPolicyChanged) event()   {}

// MemberTime counts the changes of a member's working time: the aggregate of all that changes it.
type MemberTime struct {
	Workspace, Member uuid.UUID
	Version           int64
}

// Next counts one more change.
func (m *MemberTime) Next() int64 {
	m.Version++
	return m.Version
}

// ReasonTooManyAhead says that a member has as much ahead as there may be. meridian.availability.v1.ErrorReason lists it.
const ReasonTooManyAhead = "TOO_MANY_AHEAD"

// CheckAhead refuses one more schedule, layer, time off or delegation. had is how many the member has that are not over, each
// weekly window of a focus block for one.
func (m *MemberTime) CheckAhead(had int) error {
	if had < MaxStanding {
		return nil
	}
	return fault.New(fault.Precondition, ReasonTooManyAhead,
		"a member has at most 2000 schedules, travels, date overrides, focus blocks, times off and delegations that are not over; "+
			"each weekly window of a focus block counts").
		WithPrecondition("AHEAD", MemberName(m.Workspace, m.Member), "the member must have fewer than 2000 that are not over")
}

// changed is the event of a change of the working time from start until end, and counts it.
func (m *MemberTime) changed(start, end time.Time) WorkingTimeChanged {
	return WorkingTimeChanged{Workspace: m.Workspace, Member: m.Member, Start: start, End: end, Version: m.Next()}
}

// WorkspaceTime counts the changes of a workspace's default hours and of its time-off policy: their aggregate.
type WorkspaceTime struct {
	Workspace uuid.UUID
	Version   int64
}
