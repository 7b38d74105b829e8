package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// NewWorkspace is what CreateWorkspace is asked for.
type NewWorkspace struct {
	Settings                     domain.WorkspaceChange
	OwnerEmail, OwnerDisplayName string
}

// Founded is a new workspace with the way into it.
type Founded struct {
	Workspace domain.Workspace
	Owner     domain.Member
	Token     domain.Token
	// Secret is the token's text, which is kept nowhere.
	Secret string
}

// CreateWorkspace makes a workspace, its first owner and their first token. A request done before is AlreadyExists.
func (a *App) CreateWorkspace(ctx context.Context, in NewWorkspace) (Founded, error) {
	ws := newID()
	var out Founded
	err := a.store.Found(ctx, ws, a.attempt(ctx, ws, func(ctx context.Context, c *change) error {
		var err error
		if out.Workspace, err = domain.NewWorkspace(ws, in.Settings, c.now); err != nil {
			return err
		}
		out.Owner, err = domain.NewOwner(ws, newID(), in.OwnerEmail, in.OwnerDisplayName, out.Workspace.TimeZone, c.now)
		if err != nil {
			return err
		}
		if prior, replayed, err := c.Replay(ctx, domain.WorkspaceName(ws)); err != nil || replayed {
			return orDone(err, prior)
		}
		if err := c.InsertWorkspace(ctx, out.Workspace); err != nil {
			return err
		}
		if err := c.admit(ctx, &out.Owner, out.Owner.Email); err != nil {
			return err
		}
		if out.Token, out.Secret, err = a.firstToken(ctx, c, out.Owner); err != nil {
			return err
		}
		c.note("workspace.create", domain.WorkspaceName(ws), map[string]string{"owner": out.Owner.Name()},
			domain.WorkspaceCreated{Workspace: out.Workspace}, domain.MemberActivated{Member: out.Owner},
			domain.TokenCreated{Token: out.Token})
		return nil
	}))
	return out, err
}

// orDone is the error, or the refusal of a request that was done before.
func orDone(err error, prior string) error {
	if err != nil {
		return err
	}
	return doneBefore(prior)
}

// Workspace returns a workspace.
func (a *App) Workspace(ctx context.Context, ws uuid.UUID) (domain.Workspace, error) {
	return a.store.Workspace(ctx, ws)
}

// Workspaces lists the one that the calling member belongs to; for a service, all.
func (a *App) Workspaces(ctx context.Context, p page.Request[Cursor]) (page.Result[domain.Workspace, Cursor], error) {
	caller, err := auth.Require(ctx)
	if err != nil {
		return page.Result[domain.Workspace, Cursor]{}, err
	}
	if caller.Service != "" {
		return a.store.Workspaces(ctx, p)
	}
	if p.After != nil {
		return page.Result[domain.Workspace, Cursor]{}, nil
	}
	w, err := a.store.Workspace(ctx, caller.Workspace)
	if err != nil {
		return page.Result[domain.Workspace, Cursor]{}, err
	}
	return page.Result[domain.Workspace, Cursor]{Items: []domain.Workspace{w}}, nil
}

// UpdateWorkspace changes a workspace's settings.
func (a *App) UpdateWorkspace(
	ctx context.Context, ws uuid.UUID, match Match, wanted domain.WorkspaceChange,
) (domain.Workspace, error) {
	var w domain.Workspace
	err := a.write(ctx, ws, func(ctx context.Context, c *change) error {
		var err error
		if w, err = c.LockWorkspace(ctx, ws); err != nil {
			return err
		}
		name := domain.WorkspaceName(ws)
		if _, replayed, err := c.Replay(ctx, name); err != nil || replayed {
			return err
		}
		if err := match.check(w.Version); err != nil {
			return err
		}
		changed, err := w.Change(wanted, c.now)
		if err != nil || len(changed) == 0 {
			return err
		}
		c.note("workspace.update", name, words(changed, func(field string) string { return workspaceWord(w, field) }),
			domain.WorkspaceUpdated{Workspace: w, Changed: changed})
		return c.UpdateWorkspace(ctx, w)
	})
	return w, err
}

// workspaceWord is what a field of a workspace holds, for the audit record.
func workspaceWord(w domain.Workspace, field string) string {
	switch field {
	case "display_name":
		return w.DisplayName
	case "time_zone":
		return w.TimeZone
	case "urgent_role":
		return w.UrgentRole.String()
	default:
		return w.Windows.String()
	}
}
