package domain

import (
	"time"

	"github.com/google/uuid"
)

// Audit is the record of one change. It is never altered.
type Audit struct {
	// Workspace and ID name the record.
	Workspace, ID uuid.UUID
	// CreateTime is when it happened.
	CreateTime time.Time
	// Actor is who did it: a member's name, or `services/{service}`.
	Actor string
	// Action is what was done, such as `member.deactivate`.
	Action string
	// Resource is the name of what it was done to.
	Resource string
	// Token is the name of the API token behind the call; empty where there was none.
	Token string
	// Origin is the network address the call came from; empty where it is not known.
	Origin string
	// Details say what changed, in words. Never a secret.
	Details map[string]string
}
