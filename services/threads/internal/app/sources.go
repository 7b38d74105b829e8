package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// SourceReader tells how messages and asks stand for members, each method in one statement.
type SourceReader interface {
	// MessageSources and AskSources return the sources by the place of their checks: of those that are there and that
	// the member may read.
	MessageSources(ctx context.Context, ws uuid.UUID, checks map[int]SourceCheck) (map[int]Source, error)
	AskSources(ctx context.Context, ws uuid.UUID, checks map[int]SourceCheck) (map[int]Source, error)
	// FollowedActivity lists the threads that a member follows, has not muted, may read and has not read to the end, the
	// newest activity first.
	FollowedActivity(ctx context.Context, ws, member uuid.UUID, p page.Request[ActivityCursor]) (page.Result[Activity, ActivityCursor], error)
}

// SourceCheck asks how a source stands for a member: an ask, or else a message. With neither it is not one of ours.
type SourceCheck struct {
	Member uuid.UUID
	Ask    uuid.UUID
	// Thread and Sequence say which message.
	Thread   uuid.UUID
	Sequence int64
}

// Source is how a source stands for a member.
type Source struct {
	// Gone says that it is not there, or not for them. Nothing else is set then.
	Gone bool
	// Read says whether they have read the message.
	Read bool
	// Waiting says that an ask waits for them, until Due where that is known; Settled why it does not although it did.
	Waiting bool
	Due     time.Time
	Settled string
	// Title is the thread's, Text the beginning of the message.
	Title, Text string
}

// Activity is what a thread holds that a member has not read.
type Activity struct {
	Thread, Space uuid.UUID
	Title         string
	Unread        int64
	// Time is when the newest was posted.
	Time time.Time
}

// ActivityCursor is where a page of activities ends.
type ActivityCursor struct {
	Time   time.Time `json:"t"`
	Thread uuid.UUID `json:"i"`
}

// Sources returns how sources stand, in the order of the checks. A message does not wait by itself: its asks do.
func (a *App) Sources(ctx context.Context, ws uuid.UUID, checks []SourceCheck) ([]Source, error) {
	if err := a.access.Current(ctx); err != nil {
		return nil, err
	}
	messages, asks := map[int]SourceCheck{}, map[int]SourceCheck{}
	for i, check := range checks {
		switch {
		case check.Ask != uuid.Nil:
			asks[i] = check
		case check.Thread != uuid.Nil:
			messages[i] = check
		}
	}
	sources := make([]Source, len(checks))
	for i := range sources {
		sources[i].Gone = true
	}
	for _, kind := range []struct {
		checks map[int]SourceCheck
		read   func(context.Context, uuid.UUID, map[int]SourceCheck) (map[int]Source, error)
	}{{messages, a.store.MessageSources}, {asks, a.store.AskSources}} {
		if len(kind.checks) == 0 {
			continue
		}
		found, err := kind.read(ctx, ws, kind.checks)
		if err != nil {
			return nil, err
		}
		for i, source := range found {
			source.Text = domain.Excerpt(source.Text)
			sources[i] = source
		}
	}
	return sources, nil
}

// FollowedActivity lists what has happened, unread, in the threads that a member follows.
func (a *App) FollowedActivity(
	ctx context.Context, ws, member uuid.UUID, p page.Request[ActivityCursor],
) (page.Result[Activity, ActivityCursor], error) {
	if err := a.access.Current(ctx); err != nil {
		return page.Result[Activity, ActivityCursor]{}, err
	}
	return a.store.FollowedActivity(ctx, ws, member, p)
}
