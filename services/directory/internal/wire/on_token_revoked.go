package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// onTokenRevoked closes the connections that the token let in.
func onTokenRevoked(use *app.App) func(context.Context, eventbus.Event[*directoryv1.TokenRevoked]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.TokenRevoked]) error {
		id, err := idOf(tokenName, e.Payload.GetApiToken().GetName())
		if err != nil {
			return err
		}
		return use.EndToken(ctx, id)
	}
}
