package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// restorePage is how many workspaces, or subscriptions, are read at once.
const restorePage = 500

// AnnounceRestore tells every workspace that its data was put back; voids says from when on, by workspace, and the restore
// itself where it does not. Broken off it may be called again: then some workspaces are told twice.
func (a *App) AnnounceRestore(ctx context.Context, r domain.Restore, voids map[uuid.UUID]time.Time) error {
	return a.eachWorkspace(ctx, func(ws uuid.UUID) error {
		own := r
		if at, ok := voids[ws]; ok {
			own.VoidTime = at
		}
		return a.announceRestore(ctx, ws, own)
	})
}

func (a *App) announceRestore(ctx context.Context, ws uuid.UUID, r domain.Restore) error {
	return a.write(ctx, ws, func(ctx context.Context, c *change) error {
		w, err := c.LockWorkspace(ctx, ws)
		if err != nil {
			return err
		}
		w.Restored(c.now)
		c.note("workspace.restore", domain.WorkspaceName(ws),
			map[string]string{"state_time": r.StateTime.Format(time.RFC3339Nano), "void_time": r.VoidTime.Format(time.RFC3339Nano)},
			domain.WorkspaceRestored{Workspace: w, Restore: r})
		return c.UpdateWorkspace(ctx, w)
	})
}

// EnsureDurables makes the durables of subscriptions that have none, as when their broker was lost.
func (a *App) EnsureDurables(ctx context.Context) error {
	return a.eachWorkspace(ctx, func(ws uuid.UUID) error {
		return eachPage(func(after *Cursor) (*Cursor, error) {
			found, err := a.store.Subscriptions(ctx, ws, page.Request[Cursor]{Size: restorePage, After: after})
			if err != nil {
				return nil, err
			}
			for _, s := range found.Items {
				if err := a.edge.Ensure(ctx, s); err != nil {
					return nil, err
				}
			}
			return found.Next, nil
		})
	})
}

func (a *App) eachWorkspace(ctx context.Context, do func(ws uuid.UUID) error) error {
	return eachPage(func(after *Cursor) (*Cursor, error) {
		found, err := a.store.Workspaces(ctx, page.Request[Cursor]{Size: restorePage, After: after})
		if err != nil {
			return nil, err
		}
		for _, w := range found.Items {
			if err := do(w.ID); err != nil {
				return nil, err
			}
		}
		return found.Next, nil
	})
}

// eachPage reads pages until one names no next.
func eachPage(read func(after *Cursor) (*Cursor, error)) error {
	var after *Cursor
	for {
		next, err := read(after)
		if err != nil || next == nil {
			return err
		}
		after = next
	}
}
