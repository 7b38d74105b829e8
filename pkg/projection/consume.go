package projection

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// handle registers the events that change the tables.
func (p *Projection) handle() {
	on[*directoryv1.WorkspaceCreated](p)
	on[*directoryv1.WorkspaceUpdated](p)
	on[*directoryv1.MemberInvited](p)
	on[*directoryv1.MemberActivated](p)
	on[*directoryv1.MemberUpdated](p)
	on[*directoryv1.MemberDeactivated](p)
	on[*directoryv1.TeamCreated](p)
	on[*directoryv1.TeamUpdated](p)
	on[*directoryv1.TeamDeleted](p)
	on[*directoryv1.TeamMembersChanged](p)
	on[*directoryv1.SpaceCreated](p)
	on[*directoryv1.SpaceUpdated](p)
	on[*directoryv1.SpaceAccessChanged](p)
}

// on registers the handler of a type of event. It writes rows guarded by version and nothing else, so it needs no
// inbox.
func on[T proto.Message](p *Projection) {
	eventbus.On(p.router, func(ctx context.Context, event eventbus.Event[T]) error {
		r := reader{workspace: event.Workspace}
		r.event(event.Payload)
		if r.err != nil {
			return r.err
		}
		return apply(ctx, p.cfg.DB, event.Workspace, r.rows)
	})
}

// event reads the rows that an event brings.
func (r *reader) event(payload proto.Message) {
	switch e := payload.(type) {
	case interface{ GetWorkspace() *directoryv1.Workspace }:
		r.settings(e.GetWorkspace())
	case interface{ GetMember() *directoryv1.Member }:
		r.member(e.GetMember())
	case *directoryv1.TeamMembersChanged:
		r.team(e.GetTeam())
		for _, c := range e.GetChanges() {
			r.teamMember(c)
		}
	case interface{ GetTeam() *directoryv1.Team }:
		r.team(e.GetTeam())
	case *directoryv1.SpaceAccessChanged:
		r.space(e.GetSpace())
		for _, c := range e.GetChanges() {
			r.grant(c)
		}
	case interface{ GetSpace() *directoryv1.Space }:
		r.space(e.GetSpace())
	}
}
