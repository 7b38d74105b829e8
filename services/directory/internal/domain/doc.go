// Package domain holds the directory's rules: who belongs to a workspace, in what state and role, who may change
// whom, what a handle is, how long a token lives, which key signs when.
//
// It promises to be pure: it reads no clock, no store and no context, so that everything in it is decided by its
// arguments. Refusals are faults with the directory's own reasons.
package domain

// The reasons for which the directory refuses beyond those that all services share; they mirror
// meridian.directory.v1.ErrorReason.
const (
	ReasonLastOwner            = "LAST_OWNER"
	ReasonOwnerRequired        = "OWNER_REQUIRED"
	ReasonMemberNotActive      = "MEMBER_NOT_ACTIVE"
	ReasonMemberAlreadyActive  = "MEMBER_ALREADY_ACTIVE"
	ReasonMemberDeactivated    = "MEMBER_DEACTIVATED"
	ReasonMemberNotDeactivated = "MEMBER_NOT_DEACTIVATED"
	ReasonInvitationInvalid    = "INVITATION_INVALID"
	ReasonInvitationExpired    = "INVITATION_EXPIRED"
	ReasonScopeNotHeld         = "SCOPE_NOT_HELD"
	ReasonTokenLimit           = "TOKEN_LIMIT"
	ReasonMemberKind           = "MEMBER_KIND"
	ReasonSubscriptionLimit    = "SUBSCRIPTION_LIMIT"
	ReasonOperatorRequired     = "OPERATOR_REQUIRED"
)
