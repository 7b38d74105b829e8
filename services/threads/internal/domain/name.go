package domain

import (
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// WorkspaceName is the resource name of a workspace.
func WorkspaceName(ws uuid.UUID) string { return "workspaces/" + ws.String() }

// SpaceName is the resource name of a space.
func SpaceName(ws, space uuid.UUID) string { return WorkspaceName(ws) + "/spaces/" + space.String() }

// MemberName is the resource name of a member; empty for none.
func MemberName(ws, member uuid.UUID) string {
	if member == uuid.Nil {
		return ""
	}
	return "workspaces/" + ws.String() + "/members/" + member.String()
}

// ThreadName is the resource name of a thread.
func ThreadName(ws, thread uuid.UUID) string {
	return "workspaces/" + ws.String() + "/threads/" + thread.String()
}

// MessageName is the resource name of a message; empty for the sequence 0, which is none.
func MessageName(ws, thread uuid.UUID, sequence int64) string {
	if sequence == 0 {
		return ""
	}
	return "workspaces/" + ws.String() + "/threads/" + thread.String() + "/messages/" + strconv.FormatInt(sequence, 10)
}

// ReadStateName is the resource name of the read state that a member sees of a thread.
func ReadStateName(ws, thread uuid.UUID) string { return ThreadName(ws, thread) + "/readState" }

// TeamName is the resource name of a team; empty for none.
func TeamName(ws, team uuid.UUID) string {
	if team == uuid.Nil {
		return ""
	}
	return WorkspaceName(ws) + "/teams/" + team.String()
}

// AskName is the resource name of an ask.
func AskName(ws, ask uuid.UUID) string { return WorkspaceName(ws) + "/asks/" + ask.String() }

// LastID is the last part of a resource name.
func LastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
