package rpc

import (
	"context"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type workspaces struct {
	directoryv1.UnimplementedWorkspaceServiceServer
	app *app.App
}

// GetWorkspace implements WorkspaceService.
func (s *workspaces) GetWorkspace(ctx context.Context, req *directoryv1.GetWorkspaceRequest) (*directoryv1.Workspace, error) {
	ws, err := workspaceID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	w, err := s.app.Workspace(ctx, ws)
	if err != nil {
		return nil, err
	}
	return resource.Workspace(w), nil
}

// ListWorkspaces implements WorkspaceService.
func (s *workspaces) ListWorkspaces(
	ctx context.Context, req *directoryv1.ListWorkspacesRequest,
) (*directoryv1.ListWorkspacesResponse, error) {
	p, fingerprint, err := pageOf[app.Cursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Workspaces(ctx, p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListWorkspacesResponse{
		Workspaces: resource.Each(found.Items, resource.Workspace), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateWorkspace implements WorkspaceService.
func (s *workspaces) CreateWorkspace(
	ctx context.Context, req *directoryv1.CreateWorkspaceRequest,
) (*directoryv1.CreateWorkspaceResponse, error) {
	made, err := s.app.CreateWorkspace(ctx, app.NewWorkspace{
		Settings:   workspaceChange(func(string) bool { return true }, req.GetWorkspace()),
		OwnerEmail: req.GetOwnerEmail(), OwnerDisplayName: req.GetOwnerDisplayName(),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateWorkspaceResponse{
		Workspace: resource.Workspace(made.Workspace), Owner: resource.Member(made.Owner),
		ApiToken: resource.APIToken(made.Token), Secret: made.Secret,
	}, nil
}

// UpdateWorkspace implements WorkspaceService.
func (s *workspaces) UpdateWorkspace(
	ctx context.Context, req *directoryv1.UpdateWorkspaceRequest,
) (*directoryv1.Workspace, error) {
	wanted := req.GetWorkspace()
	ws, err := workspaceID("workspace.name", wanted.GetName())
	if err != nil {
		return nil, err
	}
	changes, err := selected(wanted, req.GetUpdateMask(), "display_name", "time_zone", "urgent_role", "response_windows",
		"response_windows.low", "response_windows.normal", "response_windows.high", "response_windows.urgent")
	if err != nil {
		return nil, err
	}
	w, err := s.app.UpdateWorkspace(ctx, ws, matching("workspace.etag", wanted.GetEtag()), workspaceChange(changes, wanted))
	if err != nil {
		return nil, err
	}
	return resource.Workspace(w), nil
}

func workspaceChange(changes func(string) bool, wanted *directoryv1.Workspace) domain.WorkspaceChange {
	windows := wanted.GetResponseWindows()
	return domain.WorkspaceChange{
		DisplayName: given(changes, "display_name", wanted.GetDisplayName()),
		TimeZone:    given(changes, "time_zone", wanted.GetTimeZone()),
		UrgentRole:  given(changes, "urgent_role", domain.Role(wanted.GetUrgentRole())),
		Windows: domain.WindowsChange{
			Low:    given(changes, "response_windows.low", windows.GetLow().AsDuration()),
			Normal: given(changes, "response_windows.normal", windows.GetNormal().AsDuration()),
			High:   given(changes, "response_windows.high", windows.GetHigh().AsDuration()),
			Urgent: given(changes, "response_windows.urgent", windows.GetUrgent().AsDuration()),
		},
	}
}
