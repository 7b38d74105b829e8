package domain

import (
	"strings"

	"github.com/google/uuid"
)

// WorkspaceName is the resource name of a workspace.
func WorkspaceName(ws uuid.UUID) string { return "workspaces/" + ws.String() }

// MemberName is the resource name of a member.
func MemberName(ws, member uuid.UUID) string {
	return WorkspaceName(ws) + "/members/" + member.String()
}

// ScheduleName is the resource name of a member's hours.
func ScheduleName(ws, member, schedule uuid.UUID) string {
	return MemberName(ws, member) + "/workingSchedules/" + schedule.String()
}

// EffectiveName is the resource name of what holds for a member.
func EffectiveName(ws, member uuid.UUID) string { return MemberName(ws, member) + "/effectiveSchedule" }

// DefaultScheduleName is the resource name of a workspace's default hours.
func DefaultScheduleName(ws, schedule uuid.UUID) string {
	return WorkspaceName(ws) + "/defaultSchedules/" + schedule.String()
}

// TimeOffName is the resource name of a time off.
func TimeOffName(ws, member, timeOff uuid.UUID) string {
	return MemberName(ws, member) + "/timeOffs/" + timeOff.String()
}

// CalendarName is the resource name of an imported calendar.
func CalendarName(ws, member, calendar uuid.UUID) string {
	return MemberName(ws, member) + "/calendars/" + calendar.String()
}

// LayerName is the resource name of a layer over a member's hours.
func LayerName(ws, member uuid.UUID, kind LayerKind, layer uuid.UUID) string {
	return MemberName(ws, member) + "/" + kind.collection() + "/" + layer.String()
}

// TimeOffPolicyName is the resource name of how a workspace gives time off.
func TimeOffPolicyName(ws uuid.UUID) string { return WorkspaceName(ws) + "/timeOffPolicy" }

// OverlapChoiceName is the resource name of a time to meet that was chosen.
func OverlapChoiceName(ws, choice uuid.UUID) string {
	return WorkspaceName(ws) + "/overlapChoices/" + choice.String()
}

// DelegationName is the resource name of a delegation.
func DelegationName(ws, member, delegation uuid.UUID) string {
	return MemberName(ws, member) + "/delegations/" + delegation.String()
}

// TeamName is the resource name of a team.
func TeamName(ws, team uuid.UUID) string { return WorkspaceName(ws) + "/teams/" + team.String() }

// CoverageName is the resource name of a team's coverage.
func CoverageName(ws, team uuid.UUID) string { return TeamName(ws, team) + "/coverage" }

// TeamOutlookName is the resource name of a team's outlook.
func TeamOutlookName(ws, team uuid.UUID) string { return TeamName(ws, team) + "/outlook" }

// CoreHoursName is the resource name of a team's core hours.
func CoreHoursName(ws, team uuid.UUID) string { return TeamName(ws, team) + "/coreHours" }

// RotationName is the resource name of a rotation.
func RotationName(ws, team, rotation uuid.UUID) string {
	return TeamName(ws, team) + "/rotations/" + rotation.String()
}

// OverrideName is the resource name of an override of a rotation.
func OverrideName(ws, team, rotation, override uuid.UUID) string {
	return RotationName(ws, team, rotation) + "/overrides/" + override.String()
}

// SwapName is the resource name of a swap of a rotation.
func SwapName(ws, team, rotation, swap uuid.UUID) string {
	return RotationName(ws, team, rotation) + "/swaps/" + swap.String()
}

// LastID is the last part of a resource name.
func LastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
