package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// AuditConsumer is the durable that keeps in the audit record what other services tell of.
const AuditConsumer = "directory-audit"

var messageName = resname.MustPattern("workspaces/{workspace}/threads/{thread}/messages/{sequence}")

// OnAudit registers the handlers of the facts of other services that belong into the audit record. Each makes its record
// once.
func OnAudit(r *eventbus.Router, use *app.App) {
	eventbus.On(r, onUrgentUsed(use))
}

// onUrgentUsed records that somebody sent an URGENT message.
func onUrgentUsed(use *app.App) func(context.Context, eventbus.Event[*threadsv1.UrgentUsed]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.UrgentUsed]) error {
		message, err := messageName.Parse("message", e.Payload.GetMessage())
		if err != nil {
			return err
		}
		member, err := memberName.ParseUUIDs("member", e.Payload.GetMember())
		if err != nil {
			return err
		}
		if member[0] != e.Workspace || message[0] != e.Workspace.String() {
			return fault.InvalidField("message", "must be of the workspace that it was published for, and so must the member")
		}
		return use.RecordUrgent(ctx, app.UrgentUse{
			Workspace: e.Workspace, Member: member[1], Message: e.Payload.GetMessage(), Reason: e.Payload.GetReason(),
			Time: e.Time,
		})
	}
}
