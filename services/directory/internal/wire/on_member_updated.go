package wire

import (
	"context"
	"slices"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// onMemberUpdated closes the connections of a member who is no longer an administrator. Other changes take nothing away,
// and finding connections asks every server of the broker.
func onMemberUpdated(use *app.App) func(context.Context, eventbus.Event[*directoryv1.MemberUpdated]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.MemberUpdated]) error {
		changed := e.Payload.GetChangedFields().GetPaths()
		if !slices.Contains(changed, "role") && !slices.Contains(changed, "state") {
			return nil
		}
		if e.Payload.GetMember().GetRole() >= directoryv1.Member_ADMIN {
			return nil
		}
		id, err := idOf(memberName, e.Payload.GetMember().GetName())
		if err != nil {
			return err
		}
		return use.EndMember(ctx, id)
	}
}
