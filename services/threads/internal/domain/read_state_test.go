package domain_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

var readTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func TestReadStateRules(t *testing.T) {
	t.Parallel()
	fresh := domain.ReadState{Workspace: uuid.New(), Member: uuid.New(), Thread: uuid.New(), LastSequence: 10, ImportedCount: 4}
	followed, muted, stopped := fresh, fresh, fresh
	followed.Followed, muted.Muted, stopped.Unfollowed = true, true, true
	for name, c := range map[string]struct {
		from domain.ReadState
		do   func(r *domain.ReadState) []domain.Event
		want func(r *domain.ReadState)
		news bool
	}{
		"mark":             {fresh, func(r *domain.ReadState) []domain.Event { return r.MarkRead(5, 3, readTime) }, func(r *domain.ReadState) { r.LastRead, r.ImportedBefore = 5, 3 }, true},
		"mark nothing":     {fresh, func(r *domain.ReadState) []domain.Event { return r.MarkRead(0, 0, readTime) }, nil, false},
		"follow":           {fresh, func(r *domain.ReadState) []domain.Event { return r.Follow(readTime) }, func(r *domain.ReadState) { r.Followed = true }, true},
		"follow again":     {followed, func(r *domain.ReadState) []domain.Event { return r.Follow(readTime) }, nil, false},
		"follow stopped":   {stopped, func(r *domain.ReadState) []domain.Event { return r.Follow(readTime) }, func(r *domain.ReadState) { r.Followed, r.Unfollowed = true, false }, true},
		"mention":          {fresh, func(r *domain.ReadState) []domain.Event { return r.FollowMentioned(readTime) }, func(r *domain.ReadState) { r.Followed = true }, true},
		"mention stopped":  {stopped, func(r *domain.ReadState) []domain.Event { return r.FollowMentioned(readTime) }, nil, false},
		"unfollow":         {followed, func(r *domain.ReadState) []domain.Event { return r.Unfollow(readTime) }, func(r *domain.ReadState) { r.Followed, r.Unfollowed = false, true }, true},
		"unfollow nothing": {fresh, func(r *domain.ReadState) []domain.Event { return r.Unfollow(readTime) }, func(r *domain.ReadState) { r.Unfollowed = true }, false},
		"mute":             {fresh, func(r *domain.ReadState) []domain.Event { return r.Mute(true, readTime) }, func(r *domain.ReadState) { r.Muted = true }, true},
		"mute again":       {muted, func(r *domain.ReadState) []domain.Event { return r.Mute(true, readTime) }, nil, false},
		"unmute":           {muted, func(r *domain.ReadState) []domain.Event { return r.Mute(false, readTime) }, func(r *domain.ReadState) { r.Muted = false }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := c.from, c.from
			events := c.do(&got)
			if c.want != nil {
				c.want(&want)
			}
			if !c.news {
				require.Empty(t, events)
				require.Equal(t, want, got)
				return
			}
			want.Version, want.UpdateTime = 1, readTime
			require.Equal(t, want, got)
			require.Equal(t, []domain.Event{domain.ReadStateChanged{ReadState: got}}, events)
		})
	}
}

func TestUnreadLeavesOutWhatWasImported(t *testing.T) {
	t.Parallel()
	r := domain.ReadState{LastSequence: 10, ImportedCount: 4}
	require.EqualValues(t, 6, r.Unread())
	r.MarkRead(5, 4, readTime)
	require.EqualValues(t, 5, r.Unread())
	r.MarkRead(3, 2, readTime)
	require.EqualValues(t, 5, r.Unread(), "the pointer only grows")
	r.MarkRead(10, 4, readTime)
	require.Zero(t, r.Unread())
}

func TestASequenceBeyondTheEnd(t *testing.T) {
	t.Parallel()
	r := domain.ReadState{LastSequence: 10}
	require.NoError(t, r.CheckSequence("through_sequence", 10))
	err := r.CheckSequence("marks[1].through_sequence", 11)
	require.True(t, fault.HasReason(err, domain.ReasonSequenceBeyondEnd))
	require.Equal(t, fault.OutOfRange, fault.From(err).Kind)
	require.Equal(t, "marks[1].through_sequence", fault.From(err).Fields[0].Path)
}
