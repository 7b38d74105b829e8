package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// MessageSources implements app.SourceReader.
func (s *Store) MessageSources(ctx context.Context, ws uuid.UUID, checks map[int]app.SourceCheck) (map[int]app.Source, error) {
	asked := db.MessageSourcesParams{WorkspaceID: ws}
	for place, c := range checks {
		asked.Places = append(asked.Places, int32(place))
		asked.MemberIds = append(asked.MemberIds, c.Member)
		asked.ThreadIds = append(asked.ThreadIds, c.Thread)
		asked.Sequences = append(asked.Sequences, c.Sequence)
	}
	rows, err := s.queries(ws).MessageSources(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("check messages: %w", err)
	}
	sources := make(map[int]app.Source, len(rows))
	for _, row := range rows {
		sources[int(row.Place)] = app.Source{Read: row.Read, Title: row.Title, Text: row.Excerpt}
	}
	return sources, nil
}

// AskSources implements app.SourceReader.
func (s *Store) AskSources(ctx context.Context, ws uuid.UUID, checks map[int]app.SourceCheck) (map[int]app.Source, error) {
	asked := db.AskSourcesParams{WorkspaceID: ws}
	for place, c := range checks {
		asked.Places = append(asked.Places, int32(place))
		asked.MemberIds = append(asked.MemberIds, c.Member)
		asked.AskIds = append(asked.AskIds, c.Ask)
	}
	rows, err := s.queries(ws).AskSources(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("check asks: %w", err)
	}
	sources := make(map[int]app.Source, len(rows))
	for _, row := range rows {
		source := app.Source{
			Read: row.Read, Title: row.Title, Text: row.Excerpt,
			Settled: domain.SettledWords(domain.AskState(row.State), domain.RecipientState(row.RecipientState), row.ByAnother),
		}
		if domain.RecipientState(row.RecipientState) == domain.Waiting {
			if source.Waiting = true; !row.DueTime.Equal(never) {
				source.Due = row.DueTime.UTC()
			}
		}
		sources[int(row.Place)] = source
	}
	return sources, nil
}

// FollowedActivity implements app.SourceReader.
func (s *Store) FollowedActivity(
	ctx context.Context, ws, member uuid.UUID, p page.Request[app.ActivityCursor],
) (page.Result[app.Activity, app.ActivityCursor], error) {
	before := app.ActivityCursor{Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Thread: uuid.Max} //nolint:forbidigo // in UTC no clock changes
	if p.After != nil {
		before = *p.After
	}
	rows, err := s.queries(ws).FollowedActivity(ctx, db.FollowedActivityParams{
		WorkspaceID: ws, MemberID: member, Before: before.Time, BeforeThread: before.Thread,
		MaxRows: int32(min(p.Size, math.MaxInt32-1) + 1),
	})
	if err != nil {
		return page.Result[app.Activity, app.ActivityCursor]{}, fmt.Errorf("list followed activity: %w", err)
	}
	activities := make([]app.Activity, len(rows))
	for i, row := range rows {
		activities[i] = app.Activity{
			Thread: row.ThreadID, Space: row.SpaceID, Title: row.Title, Unread: row.Unread, Time: row.ActivityTime.UTC(),
		}
	}
	return page.Cut(activities, p.Size, func(a app.Activity) app.ActivityCursor {
		return app.ActivityCursor{Time: a.Time, Thread: a.Thread}
	}), nil
}
