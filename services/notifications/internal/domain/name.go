package domain

import (
	"strings"

	"github.com/google/uuid"
)

// WorkspaceName is the resource name of a workspace.
func WorkspaceName(ws uuid.UUID) string { return "workspaces/" + ws.String() }

// SpaceName is the resource name of a space; empty for none.
func SpaceName(ws, space uuid.UUID) string {
	if space == uuid.Nil {
		return ""
	}
	return WorkspaceName(ws) + "/spaces/" + space.String()
}

// MemberName is the resource name of a member; empty for none.
func MemberName(ws, member uuid.UUID) string {
	if member == uuid.Nil {
		return ""
	}
	return WorkspaceName(ws) + "/members/" + member.String()
}

// NotificationName is the resource name of a notification.
func NotificationName(ws, notification uuid.UUID) string {
	return WorkspaceName(ws) + "/notifications/" + notification.String()
}

// DigestName is the resource name of a digest.
func DigestName(ws, digest uuid.UUID) string {
	return WorkspaceName(ws) + "/digests/" + digest.String()
}

// PreferencesName is the resource name of a member's preferences.
func PreferencesName(ws, member uuid.UUID) string {
	return MemberName(ws, member) + "/notificationPreferences"
}

// LastID is the last part of a resource name.
func LastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// Owner is the service that a source belongs to.
type Owner string

// The owners of sources.
const (
	// Threads owns messages and asks.
	Threads Owner = "threads"
	// Tasks owns tasks and handoffs.
	Tasks Owner = "tasks"
	// Availability owns times off and swaps.
	Availability Owner = "availability"
)

// OwnerOf tells whose a source is, by its name; empty for one of a kind that this version does not know.
func OwnerOf(source string) Owner {
	switch {
	case strings.Contains(source, "/timeOffs/"), isSwap(source):
		return Availability
	case strings.Contains(source, "/tasks/"), strings.Contains(source, "/handoffs/"):
		return Tasks
	case isMessage(source), isAsk(source):
		return Threads
	}
	return ""
}

// isAsk tells an ask from a baton among what waits.
func isAsk(source string) bool { return strings.Contains(source, "/asks/") }

// isSwap tells whether a source is a swap of a shift.
func isSwap(source string) bool { return strings.Contains(source, "/swaps/") }

// isMessage tells whether a source is a message.
func isMessage(source string) bool { return strings.Contains(source, "/messages/") }
