package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// Mentions implements app.MessageTx.
func (t *tx) Mentions(ctx context.Context, space uuid.UUID, handles []string) ([]domain.Mention, error) {
	rows, err := t.now.Mentions(ctx, db.MentionsParams{WorkspaceID: t.ws, SpaceID: space, Handles: handles})
	if err != nil {
		return nil, fmt.Errorf("find who is mentioned: %w", err)
	}
	// Members stand before teams, as they are kept; each kind in the body's order.
	slices.SortFunc(rows, func(a, b db.MentionsRow) int {
		if a.Team != b.Team {
			if b.Team {
				return -1
			}
			return 1
		}
		return slices.Index(handles, a.Handle) - slices.Index(handles, b.Handle)
	})
	mentions := make([]domain.Mention, len(rows))
	for i, row := range rows {
		mentions[i] = domain.Mention{ID: row.ID, Team: row.Team}
	}
	return mentions, nil
}
