package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// onMemberDeactivated closes the connections of a member who may no longer sign in.
func onMemberDeactivated(use *app.App) func(context.Context, eventbus.Event[*directoryv1.MemberDeactivated]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.MemberDeactivated]) error {
		id, err := idOf(memberName, e.Payload.GetMember().GetName())
		if err != nil {
			return err
		}
		return use.EndMember(ctx, id)
	}
}
