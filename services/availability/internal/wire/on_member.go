package wire

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/resname"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

var memberPattern = resname.MustPattern("workspaces/{workspace}/members/{member}")

// React has the router hand what the directory tells of members to the use cases that follow their zones, their managers and
// whether they are there, and has the rotations of deleted teams end.
func React(r *eventbus.Router, a *app.App) {
	eventbus.On(r, onMember[*directoryv1.MemberInvited](a))
	eventbus.On(r, onMember[*directoryv1.MemberActivated](a))
	eventbus.On(r, onMember[*directoryv1.MemberUpdated](a))
	eventbus.On(r, onMember[*directoryv1.MemberDeactivated](a))
	eventbus.On(r, onTeamDeleted(a))
}

// aboutMember is what the events of a member have in common: the member as it is now.
type aboutMember interface {
	proto.Message
	GetMember() *directoryv1.Member
}

func onMember[T aboutMember](a *app.App) func(context.Context, eventbus.Event[T]) error {
	return func(ctx context.Context, e eventbus.Event[T]) error {
		m := e.Payload.GetMember()
		if err := eventbus.Known("member.state", m.GetState()); err != nil {
			return err
		}
		ids, err := memberPattern.ParseUUIDs("member.name", m.GetName())
		if err != nil {
			return err
		}
		if err := a.OnPresence(ctx, app.Presence{
			Workspace: e.Workspace, Member: ids[1], Here: m.GetState() != directoryv1.Member_DEACTIVATED, Version: m.GetVersion(),
		}); err != nil {
			return err
		}
		if err := a.OnProfile(ctx, app.ProfileZone{
			Workspace: e.Workspace, Member: ids[1], Zone: m.GetTimeZone(), Version: m.GetVersion(),
		}); err != nil {
			return err
		}
		reporting := app.Reporting{Workspace: e.Workspace, Member: ids[1], Version: m.GetVersion()}
		if name := m.GetManager(); name != "" {
			manager, err := memberPattern.ParseUUIDs("member.manager", name)
			if err != nil {
				return err
			}
			reporting.Manager = manager[1]
		}
		return a.OnManager(ctx, reporting)
	}
}
