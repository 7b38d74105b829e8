package rpc

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/resource"
)

// Projects implements tasksv1.ProjectServiceServer.
type Projects struct {
	tasksv1.UnimplementedProjectServiceServer
	app *app.App
}

// NewProjects makes the service over its use cases.
func NewProjects(a *app.App) *Projects { return &Projects{app: a} }

// GetProject implements tasksv1.ProjectServiceServer.
func (s *Projects) GetProject(ctx context.Context, req *tasksv1.GetProjectRequest) (*tasksv1.Project, error) {
	_, id, err := idOf(projectPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerProject(s.app.Project(ctx, id))
}

// ListProjects implements tasksv1.ProjectServiceServer.
func (s *Projects) ListProjects(ctx context.Context, req *tasksv1.ListProjectsRequest) (*tasksv1.ListProjectsResponse, error) {
	query, fingerprint, err := projectQuery(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Projects(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &tasksv1.ListProjectsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, p := range found.Items {
		resp.Projects = append(resp.Projects, resource.Project(p))
	}
	return resp, nil
}

// CreateProject implements tasksv1.ProjectServiceServer.
func (s *Projects) CreateProject(ctx context.Context, req *tasksv1.CreateProjectRequest) (*tasksv1.Project, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p := req.GetProject()
	space, err := required(spacePattern, "project.space", p.GetSpace(), ws)
	if err != nil {
		return nil, err
	}
	return answerProject(s.app.CreateProject(ctx, domain.Project{
		Space: space, Key: p.GetKey(), DisplayName: p.GetDisplayName(), Description: p.GetDescription(),
		Workflow: workflow(p.GetWorkflow()),
	}))
}

// UpdateProject implements tasksv1.ProjectServiceServer.
func (s *Projects) UpdateProject(ctx context.Context, req *tasksv1.UpdateProjectRequest) (*tasksv1.Project, error) {
	_, id, err := idOf(projectPattern, "project.name", req.GetProject().GetName())
	if err != nil {
		return nil, err
	}
	change, err := projectChange(req.GetProject(), req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	return answerProject(s.app.UpdateProject(ctx, id, change, fresh("project.etag", req.GetProject().GetEtag())))
}

// SetWorkflow implements tasksv1.ProjectServiceServer.
func (s *Projects) SetWorkflow(ctx context.Context, req *tasksv1.SetWorkflowRequest) (*tasksv1.Project, error) {
	_, id, err := idOf(projectPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	var moves []domain.Move
	for _, m := range req.GetMoves() {
		moves = append(moves, domain.Move{From: m.GetFrom(), To: m.GetTo()})
	}
	return answerProject(s.app.SetWorkflow(ctx, id, workflow(req.GetWorkflow()), moves, fresh("etag", req.GetEtag())))
}

func answerProject(p domain.Project, err error) (*tasksv1.Project, error) {
	if err != nil {
		return nil, err
	}
	return resource.Project(p), nil
}

func workflow(states []*tasksv1.WorkflowState) domain.Workflow {
	var w domain.Workflow
	for _, s := range states {
		w = append(w, domain.State{ID: s.GetId(), DisplayName: s.GetDisplayName(), Category: domain.Category(s.GetCategory().String())})
	}
	return w
}

// projectChange reads an update: the fields of the mask, or without one those that have a value.
func projectChange(p *tasksv1.Project, mask *fieldmaskpb.FieldMask) (domain.ProjectChange, error) {
	paths := mask.GetPaths()
	if mask == nil {
		if p.GetDisplayName() != "" {
			paths = append(paths, "display_name")
		}
		if p.GetDescription() != "" {
			paths = append(paths, "description")
		}
	}
	if len(paths) == 1 && paths[0] == "*" {
		paths = []string{"display_name", "description"}
	}
	var change domain.ProjectChange
	for _, path := range paths {
		switch path {
		case "display_name":
			change.DisplayName = &p.DisplayName
		case "description":
			change.Description = &p.Description
		default:
			return change, fault.InvalidField("update_mask", path+" cannot be changed; only display_name and description")
		}
	}
	return change, nil
}

func projectQuery(req *tasksv1.ListProjectsRequest) (q app.ProjectQuery, fingerprint string, err error) {
	fingerprint = page.Fingerprint(req)
	if q.Page, err = pageOf[app.KeyCursor](req.GetPageSize(), req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return q, "", err
	}
	filter, err := page.ParseFilter(req.GetFilter(), []page.FieldSpec{
		{Name: "space", Kind: page.Name, Pattern: spacePattern}, {Name: "key", Kind: page.String},
	})
	if err != nil {
		return q, "", err
	}
	for _, c := range filter.Conditions {
		switch c.Field {
		case "space":
			if q.Space, err = once(c.Field, q.Space, func() (uuid.UUID, error) { return within(spacePattern, "filter", c.Value, ws) }); err != nil {
				return q, "", err
			}
		case "key":
			if q.Key, err = once(c.Field, q.Key, func() (string, error) { return c.Value, nil }); err != nil {
				return q, "", err
			}
		}
	}
	return q, fingerprint, nil
}
