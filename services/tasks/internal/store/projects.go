package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// Project implements app.ProjectReader.
func (s *Store) Project(ctx context.Context, ws, member, project uuid.UUID) (domain.Project, auth.Right, error) {
	row, err := s.queries(ws).ProjectFor(ctx, db.ProjectForParams{WorkspaceID: ws, MemberID: member, ProjectID: project})
	if err != nil {
		return domain.Project{}, auth.NoRight, projectError("read", err, ws, project)
	}
	p, err := projectOf(row.Project)
	return p, auth.Right(row.Have), err
}

func projectError(what string, err error, ws, project uuid.UUID) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.ProjectName(ws, project))
	}
	return fmt.Errorf("%s project: %w", what, err)
}

// Projects implements app.ProjectReader.
func (s *Store) Projects(ctx context.Context, ws, member uuid.UUID, q app.ProjectQuery) (page.Result[domain.Project, app.KeyCursor], error) {
	rows, err := s.queries(ws).ListProjects(ctx, db.ListProjectsParams{
		WorkspaceID: ws, MemberID: member, After: value(q.Page.After).Key, Key: q.Key, SpaceID: nullable(q.Space),
		MaxRows: oneMore(q.Page.Size),
	})
	if err != nil {
		return page.Result[domain.Project, app.KeyCursor]{}, fmt.Errorf("list projects: %w", err)
	}
	projects := make([]domain.Project, len(rows))
	for i, row := range rows {
		if projects[i], err = projectOf(row.Project); err != nil {
			return page.Result[domain.Project, app.KeyCursor]{}, err
		}
	}
	return page.Cut(projects, q.Page.Size, func(p domain.Project) app.KeyCursor { return app.KeyCursor{Key: p.Key} }), nil
}

// LockProject implements app.ProjectTx.
func (t *tx) LockProject(ctx context.Context, member, project uuid.UUID, rearrange bool) (domain.Project, auth.Right, error) {
	row, err := t.lockProject(ctx, member, project, rearrange)
	if err != nil {
		return domain.Project{}, auth.NoRight, projectError("lock", err, t.ws, project)
	}
	p, err := projectOf(row.Project)
	return p, auth.Right(row.Have), err
}

func (t *tx) lockProject(ctx context.Context, member, project uuid.UUID, rearrange bool) (db.LockProjectForRow, error) {
	if rearrange {
		row, err := t.now.LockProjectToRearrange(ctx, db.LockProjectToRearrangeParams{WorkspaceID: t.ws, MemberID: member, ProjectID: project})
		return db.LockProjectForRow(row), err
	}
	return t.now.LockProjectFor(ctx, db.LockProjectForParams{WorkspaceID: t.ws, MemberID: member, ProjectID: project})
}

// HoldWorkflow implements app.ProjectTx.
func (t *tx) HoldWorkflow(ctx context.Context, task uuid.UUID) (domain.Workflow, error) {
	text, err := t.now.HoldWorkflow(ctx, db.HoldWorkflowParams{WorkspaceID: t.ws, TaskID: task})
	if err != nil {
		return nil, taskError("hold the workflow of", err, t.ws, task)
	}
	return workflowOf(text)
}

// TakeNumber implements app.ProjectTx.
func (t *tx) TakeNumber(ctx context.Context, member, project uuid.UUID, need auth.Right) (domain.Project, bool, error) {
	row, err := t.now.TakeNumber(ctx, db.TakeNumberParams{
		WorkspaceID: t.ws, ProjectID: project, MemberID: member, Need: int16(need),
	})
	if postgres.IsNoRows(err) {
		return domain.Project{}, false, nil
	}
	if err != nil {
		return domain.Project{}, false, fmt.Errorf("take the next number: %w", err)
	}
	p, err := projectOf(row)
	return p, true, err
}

// KeyTaken implements app.ProjectTx.
func (t *tx) KeyTaken(ctx context.Context, key string) (bool, error) {
	taken, err := t.now.KeyTaken(ctx, db.KeyTakenParams{WorkspaceID: t.ws, Key: key})
	if err != nil {
		return false, fmt.Errorf("look for a key: %w", err)
	}
	return taken, nil
}

// AddProject implements app.ProjectTx.
func (t *tx) AddProject(ctx context.Context, p domain.Project) error {
	workflow, err := workflowColumn(p.Workflow)
	if err != nil {
		return err
	}
	return t.writes.InsertProject(ctx, db.InsertProjectParams{
		WorkspaceID: p.Workspace, ProjectID: p.ID, SpaceID: p.Space, Key: p.Key, DisplayName: p.DisplayName,
		Description: p.Description, Workflow: workflow, Version: p.Version, CreateTime: p.CreateTime, UpdateTime: p.UpdateTime,
	})
}

// SaveProject implements app.ProjectTx.
func (t *tx) SaveProject(ctx context.Context, p domain.Project) error {
	workflow, err := workflowColumn(p.Workflow)
	if err != nil {
		return err
	}
	return t.writes.UpdateProject(ctx, db.UpdateProjectParams{
		WorkspaceID: p.Workspace, ProjectID: p.ID, DisplayName: p.DisplayName, Description: p.Description,
		Workflow: workflow, Version: p.Version, UpdateTime: p.UpdateTime,
	})
}
