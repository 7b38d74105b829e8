package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// mentioned is a member or team that a handle stands for.
type mentioned struct {
	id     uuid.UUID
	handle string
	team   bool
}

// Mentions implements app.MessageTx.
func (t *tx) Mentions(ctx context.Context, space uuid.UUID, handles []string) ([]domain.Mention, error) {
	rows, err := t.now.Mentions(ctx, db.MentionsParams{WorkspaceID: t.ws, SpaceID: space, Handles: handles})
	if err != nil {
		return nil, fmt.Errorf("find who is mentioned: %w", err)
	}
	found := make([]mentioned, len(rows))
	for i, row := range rows {
		found[i] = mentioned{id: row.ID, handle: row.Handle, team: row.Team}
	}
	return inOrder(found, handles), nil
}

// inOrder has members stand before teams, as they are kept; each kind in the body's order.
func inOrder(found []mentioned, handles []string) []domain.Mention {
	slices.SortFunc(found, func(a, b mentioned) int {
		if a.team != b.team {
			if b.team {
				return -1
			}
			return 1
		}
		return slices.Index(handles, a.handle) - slices.Index(handles, b.handle)
	})
	mentions := make([]domain.Mention, len(found))
	for i, m := range found {
		mentions[i] = domain.Mention{ID: m.id, Team: m.team}
	}
	return mentions
}
