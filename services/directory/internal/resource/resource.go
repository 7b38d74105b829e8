// Package resource turns the directory's values into the API's resources.
//
// It promises that an answer and an event show the same value in the same way: rpc answers with what it makes, and
// wire publishes it. It leaves nothing out; who may not see a field is rpc's to decide.
package resource

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/etag"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// Workspace makes the resource of a workspace.
func Workspace(w domain.Workspace) *directoryv1.Workspace {
	return &directoryv1.Workspace{
		Name: domain.WorkspaceName(w.ID), Uid: w.ID.String(), DisplayName: w.DisplayName, TimeZone: w.TimeZone,
		UrgentRole: directoryv1.Member_Role(w.UrgentRole),
		ResponseWindows: &directoryv1.ResponseWindows{
			Low: durationpb.New(w.Windows.Low), Normal: durationpb.New(w.Windows.Normal),
			High: durationpb.New(w.Windows.High), Urgent: durationpb.New(w.Windows.Urgent),
		},
		Etag: etag.Of(w.Version), Version: w.Version,
		CreateTime: timestamppb.New(w.CreateTime), UpdateTime: timestamppb.New(w.UpdateTime),
	}
}

// Member makes the resource of a member.
func Member(m domain.Member) *directoryv1.Member {
	return &directoryv1.Member{
		Name: m.Name(), Uid: m.ID.String(), DisplayName: m.DisplayName, Email: m.Email, Handle: m.Handle,
		TimeZone: m.TimeZone, Manager: domain.MemberName(m.Workspace, m.Manager), Role: directoryv1.Member_Role(m.Role),
		State: directoryv1.Member_State(m.State), Kind: directoryv1.Member_Kind(m.Kind),
		Etag: etag.Of(m.Version), Version: m.Version,
		CreateTime: timestamppb.New(m.CreateTime), UpdateTime: timestamppb.New(m.UpdateTime),
	}
}

// Team makes the resource of a team.
func Team(t domain.Team) *directoryv1.Team {
	return &directoryv1.Team{
		Name: t.Name(), Uid: t.ID.String(), Handle: t.Handle, DisplayName: t.DisplayName, Description: t.Description,
		Etag: etag.Of(t.Version), Version: t.Version,
		CreateTime: timestamppb.New(t.CreateTime), UpdateTime: timestamppb.New(t.UpdateTime), DeleteTime: moment(t.DeleteTime),
	}
}

// TeamMember makes a team's member.
func TeamMember(m domain.TeamMember) *directoryv1.TeamMember {
	return &directoryv1.TeamMember{Member: domain.MemberName(m.Workspace, m.Member), Lead: m.Lead}
}

// TeamMemberChange makes what became of a team's member.
func TeamMemberChange(m domain.TeamMember) *directoryv1.TeamMemberChange {
	return &directoryv1.TeamMemberChange{
		Team: domain.TeamName(m.Workspace, m.Team), Member: domain.MemberName(m.Workspace, m.Member),
		Lead: m.Lead, Removed: m.Removed, Version: m.Version,
	}
}

// Space makes the resource of a space.
func Space(s domain.Space) *directoryv1.Space {
	return &directoryv1.Space{
		Name: s.Name(), Uid: s.ID.String(), DisplayName: s.DisplayName, Description: s.Description,
		Visibility: directoryv1.Space_Visibility(s.Visibility), Etag: etag.Of(s.Version), Version: s.Version,
		CreateTime: timestamppb.New(s.CreateTime), UpdateTime: timestamppb.New(s.UpdateTime),
	}
}

// SpaceAccess makes a right on a space.
func SpaceAccess(a domain.SpaceAccess) *directoryv1.SpaceAccess {
	return &directoryv1.SpaceAccess{Principal: a.PrincipalName(), Role: accessRole(a.Right)}
}

// SpaceAccessChange makes what became of a right on a space.
func SpaceAccessChange(a domain.SpaceAccess) *directoryv1.SpaceAccessChange {
	return &directoryv1.SpaceAccessChange{
		Space: domain.SpaceName(a.Workspace, a.Space), Principal: a.PrincipalName(), Role: accessRole(a.Right),
		Version: a.Version,
	}
}

// accessRole counts from NONE, which the API numbers 1.
func accessRole(r domain.Right) directoryv1.SpaceAccess_Role {
	return directoryv1.SpaceAccess_Role(r + 1)
}

// RightOf is the right that the API's role gives.
func RightOf(r directoryv1.SpaceAccess_Role) domain.Right {
	return domain.Right(max(r, directoryv1.SpaceAccess_NONE) - 1)
}

// APIToken makes the resource of an API token. There is no text in it to show.
func APIToken(t domain.Token) *directoryv1.ApiToken {
	return &directoryv1.ApiToken{
		Name: t.Name(), Uid: t.ID.String(), DisplayName: t.DisplayName, Scopes: t.Scopes,
		ExpireTime: timestamppb.New(t.ExpireTime), LastUsedTime: moment(t.LastUsed), RevokeTime: moment(t.RevokeTime),
		Etag: etag.Of(t.Version), Version: t.Version, CreateTime: timestamppb.New(t.CreateTime),
		Creator: domain.MemberName(t.Workspace, t.Creator),
	}
}

// AuditEvent makes the resource of an audit record.
func AuditEvent(a domain.Audit) *directoryv1.AuditEvent {
	return &directoryv1.AuditEvent{
		Name: domain.AuditName(a.Workspace, a.ID), Uid: a.ID.String(), CreateTime: timestamppb.New(a.CreateTime),
		Actor: a.Actor, Action: a.Action, Resource: a.Resource, ApiToken: a.Token, Origin: a.Origin, Details: a.Details,
		Version: 1,
	}
}

// AccessRow makes a row of a projection.
func AccessRow(r domain.AccessRow) *directoryv1.AccessRow {
	switch {
	case r.Workspace != nil:
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Workspace{Workspace: Workspace(*r.Workspace)}}
	case r.Member != nil:
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: Member(*r.Member)}}
	case r.Team != nil:
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Team{Team: Team(*r.Team)}}
	case r.TeamMember != nil:
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_TeamMember{TeamMember: TeamMemberChange(*r.TeamMember)}}
	case r.Space != nil:
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Space{Space: Space(*r.Space)}}
	case r.Access != nil:
		return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_SpaceAccess{SpaceAccess: SpaceAccessChange(*r.Access)}}
	default:
		return &directoryv1.AccessRow{}
	}
}

// Each makes the resources of a list.
func Each[D any, R any](values []D, resource func(D) R) []R {
	out := make([]R, len(values))
	for i, v := range values {
		out[i] = resource(v)
	}
	return out
}

// moment is unset for the zero time.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
