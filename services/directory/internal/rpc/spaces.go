package rpc

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type spaces struct {
	directoryv1.UnimplementedSpaceServiceServer
	app *app.App
}

// GetSpace implements SpaceService.
func (s *spaces) GetSpace(ctx context.Context, req *directoryv1.GetSpaceRequest) (*directoryv1.Space, error) {
	ws, id, err := two(spaceName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return space(s.app.Space(ctx, ws, id))
}

// ListSpaces implements SpaceService.
func (s *spaces) ListSpaces(
	ctx context.Context, req *directoryv1.ListSpacesRequest,
) (*directoryv1.ListSpacesResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	fields := []page.FieldSpec{
		{Name: "visibility", Kind: page.Enum, Ops: []string{"=", "!="}, Enum: []string{"OPEN", "PRIVATE"}},
		{Name: "display_name", Ops: []string{"=", ":"}},
	}
	l, fingerprint, err := listingOf(req, req.GetOrderBy(), fields, []string{"create_time", "display_name"})
	if err != nil {
		return nil, err
	}
	found, err := s.app.Spaces(ctx, ws, l)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListSpacesResponse{
		Spaces: resource.Each(found.Items, resource.Space), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateSpace implements SpaceService.
func (s *spaces) CreateSpace(ctx context.Context, req *directoryv1.CreateSpaceRequest) (*directoryv1.Space, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted := req.GetSpace()
	return space(s.app.CreateSpace(ctx, ws, app.NewSpace{
		DisplayName: wanted.GetDisplayName(), Description: wanted.GetDescription(),
		Visibility: domain.Visibility(wanted.GetVisibility()),
	}))
}

// UpdateSpace implements SpaceService.
func (s *spaces) UpdateSpace(ctx context.Context, req *directoryv1.UpdateSpaceRequest) (*directoryv1.Space, error) {
	wanted := req.GetSpace()
	ws, id, err := two(spaceName, "space.name", wanted.GetName())
	if err != nil {
		return nil, err
	}
	changes, err := selected(wanted, req.GetUpdateMask(), "display_name", "description", "visibility")
	if err != nil {
		return nil, err
	}
	return space(s.app.UpdateSpace(ctx, ws, id, matching("space.etag", wanted.GetEtag()), domain.SpaceChange{
		DisplayName: given(changes, "display_name", wanted.GetDisplayName()),
		Description: given(changes, "description", wanted.GetDescription()),
		Visibility:  given(changes, "visibility", domain.Visibility(wanted.GetVisibility())),
	}))
}

// SetSpaceAccess implements SpaceService.
func (s *spaces) SetSpaceAccess(
	ctx context.Context, req *directoryv1.SetSpaceAccessRequest,
) (*directoryv1.Space, error) {
	ws, id, err := two(spaceName, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	wanted := make([]domain.SpaceAccess, len(req.GetChanges()))
	for i, change := range req.GetChanges() {
		wanted[i], err = principalOf(ws, fmt.Sprintf("changes[%d].principal", i), change.GetPrincipal())
		if err != nil {
			return nil, err
		}
		wanted[i].Right = resource.RightOf(change.GetRole())
	}
	return space(s.app.SetSpaceAccess(ctx, ws, id, matching("etag", req.GetEtag()), wanted))
}

// principalOf reads the name of a member or of a team.
func principalOf(ws uuid.UUID, field, name string) (domain.SpaceAccess, error) {
	pattern, isTeam := memberName, teamName.Matches(name)
	if isTeam {
		pattern = teamName
	}
	id, err := within(pattern, ws, field, name)
	return domain.SpaceAccess{Principal: id, Team: isTeam}, err
}

// ListSpaceAccess implements SpaceService.
func (s *spaces) ListSpaceAccess(
	ctx context.Context, req *directoryv1.ListSpaceAccessRequest,
) (*directoryv1.ListSpaceAccessResponse, error) {
	ws, id, err := two(spaceName, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf[app.Cursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.SpaceAccess(ctx, ws, id, p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListSpaceAccessResponse{
		Access: resource.Each(found.Items, resource.SpaceAccess), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

func space(s domain.Space, err error) (*directoryv1.Space, error) {
	if err != nil {
		return nil, err
	}
	return resource.Space(s), nil
}
