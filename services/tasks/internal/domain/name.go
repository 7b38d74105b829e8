package domain

import (
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// WorkspaceName is the resource name of a workspace.
func WorkspaceName(ws uuid.UUID) string { return "workspaces/" + ws.String() }

// within is the name of something in a workspace; empty for none.
func within(ws uuid.UUID, collection string, id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return WorkspaceName(ws) + "/" + collection + "/" + id.String()
}

// SpaceName is the resource name of a space.
func SpaceName(ws, space uuid.UUID) string { return within(ws, "spaces", space) }

// MemberName is the resource name of a member; empty for none.
func MemberName(ws, member uuid.UUID) string { return within(ws, "members", member) }

// TeamName is the resource name of a team; empty for none.
func TeamName(ws, team uuid.UUID) string { return within(ws, "teams", team) }

// ProjectName is the resource name of a project.
func ProjectName(ws, project uuid.UUID) string { return within(ws, "projects", project) }

// TaskName is the resource name of a task.
func TaskName(ws, task uuid.UUID) string { return within(ws, "tasks", task) }

// HandoffName is the resource name of a handoff; empty for none.
func HandoffName(ws, handoff uuid.UUID) string { return within(ws, "handoffs", handoff) }

// DraftName is the resource name of the draft of a task's next note.
func DraftName(ws, task uuid.UUID) string { return TaskName(ws, task) + "/handoffDraft" }

// LegName is the resource name of a leg.
func LegName(ws, task uuid.UUID, number int64) string {
	return TaskName(ws, task) + "/legs/" + strconv.FormatInt(number, 10)
}

// ChangeName is the resource name of an entry of a task's history.
func ChangeName(ws, task uuid.UUID, number int64) string {
	return TaskName(ws, task) + "/changes/" + strconv.FormatInt(number, 10)
}

// LastID is the last part of a resource name.
func LastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
