package rpc

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type teams struct {
	directoryv1.UnimplementedTeamServiceServer
	app *app.App
}

// GetTeam implements TeamService.
func (s *teams) GetTeam(ctx context.Context, req *directoryv1.GetTeamRequest) (*directoryv1.Team, error) {
	ws, id, err := two(teamName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return team(s.app.Team(ctx, ws, id))
}

// ListTeams implements TeamService.
func (s *teams) ListTeams(ctx context.Context, req *directoryv1.ListTeamsRequest) (*directoryv1.ListTeamsResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	fields := []page.FieldSpec{
		{Name: "handle", Ops: []string{"=", "!="}},
		{Name: "display_name", Ops: []string{"=", ":"}},
	}
	l, fingerprint, err := listingOf(req, req.GetOrderBy(), fields, []string{"create_time", "display_name", "handle"})
	if err != nil {
		return nil, err
	}
	found, err := s.app.Teams(ctx, ws, l)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListTeamsResponse{
		Teams: resource.Each(found.Items, resource.Team), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateTeam implements TeamService.
func (s *teams) CreateTeam(ctx context.Context, req *directoryv1.CreateTeamRequest) (*directoryv1.Team, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted := req.GetTeam()
	return team(s.app.CreateTeam(ctx, ws, app.NewTeam{
		Handle: wanted.GetHandle(), DisplayName: wanted.GetDisplayName(), Description: wanted.GetDescription(),
	}))
}

// UpdateTeam implements TeamService.
func (s *teams) UpdateTeam(ctx context.Context, req *directoryv1.UpdateTeamRequest) (*directoryv1.Team, error) {
	wanted := req.GetTeam()
	ws, id, err := two(teamName, "team.name", wanted.GetName())
	if err != nil {
		return nil, err
	}
	changes, err := selected(wanted, req.GetUpdateMask(), "handle", "display_name", "description")
	if err != nil {
		return nil, err
	}
	return team(s.app.UpdateTeam(ctx, ws, id, matching("team.etag", wanted.GetEtag()), domain.TeamChange{
		Handle:      given(changes, "handle", wanted.GetHandle()),
		DisplayName: given(changes, "display_name", wanted.GetDisplayName()),
		Description: given(changes, "description", wanted.GetDescription()),
	}))
}

// DeleteTeam implements TeamService.
func (s *teams) DeleteTeam(ctx context.Context, req *directoryv1.DeleteTeamRequest) (*directoryv1.Team, error) {
	ws, id, err := two(teamName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return team(s.app.DeleteTeam(ctx, ws, id, matching("etag", req.GetEtag())))
}

// AddTeamMembers implements TeamService.
func (s *teams) AddTeamMembers(ctx context.Context, req *directoryv1.AddTeamMembersRequest) (*directoryv1.Team, error) {
	ws, id, err := two(teamName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	wanted := make([]domain.TeamMember, len(req.GetMembers()))
	for i, m := range req.GetMembers() {
		wanted[i].Lead = m.GetLead()
		wanted[i].Member, err = within(memberName, ws, fmt.Sprintf("members[%d].member", i), m.GetMember())
		if err != nil {
			return nil, err
		}
	}
	return team(s.app.SetTeamMembers(ctx, ws, id, matching("etag", req.GetEtag()), wanted))
}

// RemoveTeamMembers implements TeamService.
func (s *teams) RemoveTeamMembers(
	ctx context.Context, req *directoryv1.RemoveTeamMembersRequest,
) (*directoryv1.Team, error) {
	ws, id, err := two(teamName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	wanted := make([]domain.TeamMember, len(req.GetMembers()))
	for i, name := range req.GetMembers() {
		wanted[i].Removed = true
		if wanted[i].Member, err = within(memberName, ws, fmt.Sprintf("members[%d]", i), name); err != nil {
			return nil, err
		}
	}
	return team(s.app.SetTeamMembers(ctx, ws, id, matching("etag", req.GetEtag()), wanted))
}

// ListTeamMembers implements TeamService.
func (s *teams) ListTeamMembers(
	ctx context.Context, req *directoryv1.ListTeamMembersRequest,
) (*directoryv1.ListTeamMembersResponse, error) {
	ws, id, err := two(teamName, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf[app.Cursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.TeamMembers(ctx, ws, id, p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListTeamMembersResponse{
		TeamMembers: resource.Each(found.Items, resource.TeamMember), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

func team(t domain.Team, err error) (*directoryv1.Team, error) {
	if err != nil {
		return nil, err
	}
	return resource.Team(t), nil
}
