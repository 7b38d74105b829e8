package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// InvitationLife is how long an invitation's code is good.
const InvitationLife = 7 * 24 * time.Hour

// Invitation is the open invitation of one member. A newer one takes its place.
type Invitation struct {
	// Workspace and Member say who is invited.
	Workspace, Member uuid.UUID
	// CodeHash is the hash of the single-use code.
	CodeHash []byte
	// ExpireTime is when the code ends.
	ExpireTime time.Time
}

// NewInvitation makes an invitation that is good from now.
func NewInvitation(m Member, codeHash []byte, now time.Time) Invitation {
	return Invitation{Workspace: m.Workspace, Member: m.ID, CodeHash: codeHash, ExpireTime: now.Add(InvitationLife)}
}

// Good refuses an invitation whose time is over: Precondition, INVITATION_EXPIRED.
func (i Invitation) Good(now time.Time) error {
	if now.Before(i.ExpireTime) {
		return nil
	}
	return fault.New(fault.Precondition, ReasonInvitationExpired, "the invitation has expired; ask for a new one")
}

// InvitationInvalid is the one refusal of a code that was never given, was replaced, or was used.
func InvitationInvalid() error {
	return fault.New(fault.Invalid, ReasonInvitationInvalid, "the code is not, or is no longer, that of an invitation").
		WithField("code", "must be the code of an open invitation")
}
