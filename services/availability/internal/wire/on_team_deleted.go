package wire

import (
	"context"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/resname"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

var teamPattern = resname.MustPattern("workspaces/{workspace}/teams/{team}")

func onTeamDeleted(a *app.App) func(context.Context, eventbus.Event[*directoryv1.TeamDeleted]) error {
	return func(ctx context.Context, e eventbus.Event[*directoryv1.TeamDeleted]) error {
		ids, err := teamPattern.ParseUUIDs("team.name", e.Payload.GetTeam().GetName())
		if err != nil {
			return err
		}
		return a.OnTeamDeleted(ctx, app.TeamRef{Workspace: e.Workspace, Team: ids[1]})
	}
}
