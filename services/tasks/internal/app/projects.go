package app

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// ProjectReader reads projects.
type ProjectReader interface {
	// Project returns a project and the right that the member has on its space. No project is NotFound.
	Project(ctx context.Context, ws, member, project uuid.UUID) (domain.Project, auth.Right, error)
	// Projects lists the projects of the spaces that the member may read, by key.
	Projects(ctx context.Context, ws, member uuid.UUID, q ProjectQuery) (page.Result[domain.Project, KeyCursor], error)
}

// ProjectTx reads and writes projects in a transaction.
type ProjectTx interface {
	// LockProject is ProjectReader.Project under a lock. It keeps the workflow as it is for who looks at it by
	// HoldWorkflow, where rearrange says so.
	LockProject(ctx context.Context, member, project uuid.UUID, rearrange bool) (domain.Project, auth.Right, error)
	// HoldWorkflow returns the workflow of a task's project and keeps it as it is to the transaction's end. It comes
	// before the lock on the task. No task is NotFound.
	HoldWorkflow(ctx context.Context, task uuid.UUID) (domain.Workflow, error)
	// TakeNumber takes the project's next number and locks it, if the member has the right. taken is false when there is
	// no such project or not enough right.
	TakeNumber(ctx context.Context, member, project uuid.UUID, need auth.Right) (p domain.Project, taken bool, err error)
	// KeyTaken says whether a project has the key.
	KeyTaken(ctx context.Context, key string) (bool, error)
	// AddProject adds a new project; a key that is taken in the meantime fails with AlreadyExists.
	AddProject(ctx context.Context, p domain.Project) error
	// SaveProject keeps what a locked project has become.
	SaveProject(ctx context.Context, p domain.Project) error
}

// ProjectQuery is what a list of projects is asked for.
type ProjectQuery struct {
	// Space and Key narrow the list where they are given.
	Space uuid.UUID
	Key   string
	Page  page.Request[KeyCursor]
}

// KeyCursor is where a page of projects ends.
type KeyCursor struct {
	Key string `json:"k"`
}

// Project gets one project.
func (a *App) Project(ctx context.Context, id uuid.UUID) (domain.Project, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Project{}, err
	}
	return a.project(ctx, caller, id)
}

func (a *App) project(ctx context.Context, caller auth.Caller, id uuid.UUID) (domain.Project, error) {
	var found domain.Project
	err := a.confirmed(ctx, caller.Workspace, func() error {
		p, have, err := a.store.Project(ctx, caller.Workspace, caller.Member, id)
		if err != nil {
			return err
		}
		found = p
		return refuseBelow(caller, have, auth.Reader, p.Space, domain.ProjectName(caller.Workspace, id))
	})
	if err != nil {
		return domain.Project{}, err
	}
	return found, nil
}

// Projects lists the projects of the spaces that the caller may read.
func (a *App) Projects(ctx context.Context, q ProjectQuery) (page.Result[domain.Project, KeyCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Project, KeyCursor]{}, err
	}
	if err := a.readable(ctx, caller, q.Space); err != nil {
		return page.Result[domain.Project, KeyCursor]{}, err
	}
	return a.store.Projects(ctx, caller.Workspace, caller.Member, q)
}

// readable lets the projection catch up on a space that a list asks for. That the space cannot be read is no fault of a
// list: it is empty.
func (a *App) readable(ctx context.Context, caller auth.Caller, space uuid.UUID) error {
	if space == uuid.Nil {
		return nil
	}
	err := a.confirmed(ctx, caller.Workspace, func() error {
		have, err := a.store.SpaceRight(ctx, caller.Workspace, caller.Member, space)
		if err != nil {
			return err
		}
		return refuseBelow(caller, have, auth.Reader, space, domain.SpaceName(caller.Workspace, space))
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// CreateProject makes a project. Its Workspace and ID are set here.
func (a *App) CreateProject(ctx context.Context, p domain.Project) (domain.Project, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Project{}, err
	}
	if p.ID, err = uuid.NewV7(); err != nil {
		return domain.Project{}, fmt.Errorf("make a project's id: %w", err)
	}
	p.Workspace = caller.Workspace
	now := a.now()
	made, events, err := domain.NewProject(p, now)
	if err != nil {
		return domain.Project{}, err
	}
	prior, err := a.create(ctx, caller, func(ctx context.Context, tx Tx) error {
		have, err := tx.SpaceRight(ctx, caller.Member, made.Space)
		if err != nil {
			return err
		}
		if err := refuse(ctx, caller, have, made.Space, domain.SpaceName(caller.Workspace, made.Space)); err != nil {
			return err
		}
		taken, err := tx.KeyTaken(ctx, made.Key)
		if err != nil {
			return err
		}
		if taken {
			return keyTaken(made.Key)
		}
		tx.Claim(ctx, domain.ProjectName(caller.Workspace, made.ID))
		if err := tx.AddProject(ctx, made); err != nil {
			return err
		}
		return tx.Publish(ctx, now, caller.Principal(), events...)
	})
	switch {
	case fault.Is(err, fault.AlreadyExists):
		return domain.Project{}, keyTaken(made.Key)
	case err != nil:
		return domain.Project{}, err
	case prior != "":
		id, err := uuid.Parse(domain.LastID(prior))
		if err != nil {
			return domain.Project{}, fmt.Errorf("a replayed project's name: %w", err)
		}
		return a.project(ctx, caller, id)
	}
	return made, nil
}

func keyTaken(key string) error {
	return fault.New(fault.AlreadyExists, fault.ReasonAlreadyExists, "a project of this workspace has the key %s already", key).
		With("key", key).WithField("project.key", "must be unique in the workspace")
}

// UpdateProject changes a project's own fields.
func (a *App) UpdateProject(ctx context.Context, id uuid.UUID, change domain.ProjectChange, fresh Fresh) (domain.Project, error) {
	return a.changeProject(ctx, id, fresh, projectChange{rule: func(p *domain.Project, now time.Time) ([]domain.Event, error) {
		return p.Update(change, now)
	}})
}

// projectChange is what sets one change of a project apart from another.
type projectChange struct {
	// rearrange says that the workflow is to change.
	rearrange bool
	// rule is the domain's.
	rule func(p *domain.Project, now time.Time) ([]domain.Event, error)
	// then does what follows from a change, in the same transaction; nil for nothing.
	then func(ctx context.Context, tx Tx, caller auth.Caller, p *domain.Project) error
}

// changeProject is the frame of every change of a project: lock, right, replay, etag, rule, save, publish.
func (a *App) changeProject(ctx context.Context, id uuid.UUID, fresh Fresh, change projectChange) (domain.Project, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Project{}, err
	}
	name := domain.ProjectName(caller.Workspace, id)
	var changed domain.Project
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		p, have, err := tx.LockProject(ctx, caller.Member, id, change.rearrange)
		if err != nil {
			return err
		}
		if err := refuse(ctx, caller, have, p.Space, name); err != nil {
			return err
		}
		changed = p
		if _, replayed, err := tx.Replay(ctx, name); err != nil || replayed {
			return err
		}
		if err := fresh.check(p.Version); err != nil {
			return err
		}
		now := a.now()
		events, err := change.rule(&p, now)
		if err != nil || len(events) == 0 {
			return err
		}
		changed = p
		if err := tx.SaveProject(ctx, p); err != nil {
			return err
		}
		if err := tx.Publish(ctx, now, caller.Principal(), events...); err != nil || change.then == nil {
			return err
		}
		return change.then(ctx, tx, caller, &p)
	})
	if err != nil {
		return domain.Project{}, err
	}
	return changed, nil
}
