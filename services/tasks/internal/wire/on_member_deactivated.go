package wire

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func onMemberDeactivated(a *app.App) func(context.Context, eventbus.Event[*directoryv1.MemberDeactivated]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.MemberDeactivated]) error {
		member, err := uuid.Parse(domain.LastID(e.Payload.GetMember().GetName()))
		if err != nil {
			return fault.InvalidField("member.name", "must end with a UUID")
		}
		return a.OnMemberDeactivated(ctx, e.Workspace, member, e.Payload.GetMember().GetVersion())
	}
}
