package live

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/resname"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// Events that take tokens away, in every workspace.
const (
	tokenRevoked      = ".directory.token.revoked"
	memberUpdated     = ".directory.member.updated"
	memberDeactivated = ".directory.member.deactivated"
)

func revokes(subject string) bool {
	return strings.HasSuffix(subject, tokenRevoked) || strings.HasSuffix(subject, memberUpdated) ||
		strings.HasSuffix(subject, memberDeactivated)
}

var memberName = resname.MustPattern("workspaces/{workspace}/members/{member}")

// revoke tells the verifier which tokens are no longer good. It may be told twice.
func revoke(revocations *auth.Revocations, machine clock.Clock, e *event) {
	now := machine.Now()
	switch event := e.payload.(type) {
	case *directoryv1.TokenRevoked:
		if id, err := uuid.Parse(event.GetApiToken().GetUid()); err == nil {
			revocations.RevokeSession(id, now)
		}
	case *directoryv1.MemberDeactivated:
		revokeMember(revocations, event.GetMember(), now)
	case *directoryv1.MemberUpdated:
		if slices.Contains(event.GetChangedFields().GetPaths(), "role") {
			revokeMember(revocations, event.GetMember(), now)
		}
	}
}

func revokeMember(revocations *auth.Revocations, member *directoryv1.Member, at time.Time) {
	ids, err := memberName.ParseUUIDs("member", member.GetName())
	if err == nil {
		revocations.RevokeMember(ids[0], ids[1], member.GetVersion(), at)
	}
}
