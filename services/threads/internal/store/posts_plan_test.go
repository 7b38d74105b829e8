package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Posting together reads by indexes alone, and takes as many statements for many posts as for one.
func TestPostingTogetherReadsByIndexes(t *testing.T) {
	t.Parallel()
	s, _ := seedWithAsks(t)
	_, err := s.db.Owner.Pool().Exec(t.Context(), `
		INSERT INTO replay SELECT $1, 'p' || n % 20, 'm', gen_random_uuid(), 'h', 'r' FROM generate_series(1, 20000) n`, s.ws)
	require.NoError(t, err)
	_, err = s.db.Owner.Pool().Exec(t.Context(), `ANALYZE replay`)
	require.NoError(t, err)
	for _, n := range []int{1, 20} {
		ctx, posts := t.Context(), make([]app.Post, n)
		for i := range posts {
			posts[i] = app.Post{
				Context: replay.NewContext(ctx, replay.Key{Workspace: s.ws, Principal: "p", Method: "m", RequestID: uuid.New(), Hash: []byte("h")}),
				Thread:  seedID(1, 4, 7+i%5), Need: auth.Writer, Handles: []string{"m1", "m2"},
				Draft: domain.Draft{ID: uuid.Must(uuid.NewV7()), Author: seedID(1, 2, 10+i%3), Body: "x", ReplyTo: 9, Urgency: domain.Normal},
			}
		}
		require.NoError(t, s.store.InTx(ctx, s.ws, func(ctx context.Context, tx app.Tx) error { return writeAll(ctx, t, tx, posts) }))
		require.Equal(t, 6+len([]string{"mentions", "begin", "commit", "workspace"}), s.traced.Len(), "statements for %d", n)
		s.requireIndexPlans(t)
	}
}

func writeAll(ctx context.Context, t *testing.T, tx app.Tx, posts []app.Post) error {
	t.Helper()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	places, err := tx.PlacePosts(ctx, posts)
	require.NoError(t, err)
	var messages []domain.Message
	var own []app.OwnPost
	for i, place := range places {
		require.Equal(t, app.Placed, place.Standing)
		require.Len(t, place.Mentions, 2)
		d := place.Thread
		m, _, err := d.Post(posts[i].Draft, now)
		require.NoError(t, err)
		messages = append(messages, m)
		own = append(own, app.OwnPost{Member: m.Author, Thread: m.Thread, First: m.Sequence, Last: m.Sequence, Newest: m.Sequence})
	}
	require.NoError(t, tx.AddMessages(ctx, now, messages...))
	require.NoError(t, tx.ReadOwnPosts(ctx, now, own...))
	return tx.Publish(ctx, now, "a", domain.MessagePosted{Message: messages[0]})
}
