package domain

import "github.com/google/uuid"

// WorkspaceName is `workspaces/{workspace}`.
func WorkspaceName(ws uuid.UUID) string { return "workspaces/" + ws.String() }

// MemberName is `workspaces/{workspace}/members/{member}`; empty for no member.
func MemberName(ws, member uuid.UUID) string { return within(ws, "/members/", member) }

// TeamName is `workspaces/{workspace}/teams/{team}`.
func TeamName(ws, team uuid.UUID) string { return within(ws, "/teams/", team) }

// SpaceName is `workspaces/{workspace}/spaces/{space}`.
func SpaceName(ws, space uuid.UUID) string { return within(ws, "/spaces/", space) }

// SubscriptionName is `workspaces/{workspace}/eventSubscriptions/{event_subscription}`.
func SubscriptionName(ws, subscription uuid.UUID) string {
	return within(ws, "/eventSubscriptions/", subscription)
}

// AuditName is `workspaces/{workspace}/auditEvents/{audit_event}`.
func AuditName(ws, audit uuid.UUID) string { return within(ws, "/auditEvents/", audit) }

// TokenName is `workspaces/{workspace}/members/{member}/apiTokens/{api_token}`.
func TokenName(ws, member, token uuid.UUID) string {
	return MemberName(ws, member) + "/apiTokens/" + token.String()
}

func within(ws uuid.UUID, collection string, id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return WorkspaceName(ws) + collection + id.String()
}
