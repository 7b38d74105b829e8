package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

func feedOf(row db.CalendarFeed) domain.Feed {
	return domain.Feed{
		Workspace: row.WorkspaceID, ID: row.FeedID, Member: value(row.MemberID), Team: value(row.TeamID),
		DisplayName: row.DisplayName, Kind: domain.FeedKind(row.Kind), Creator: row.CreatorID, CreateTime: row.CreateTime.UTC(),
		DeleteTime: value(row.DeleteTime).UTC(),
	}
}

// Feed implements app.Store.
func (s *Store) Feed(ctx context.Context, ws, feed uuid.UUID, deleted bool) (domain.Feed, error) {
	row, err := s.queries(ws).Feed(ctx, db.FeedParams{WorkspaceID: ws, FeedID: feed, Deleted: deleted})
	return oneFeed(row.CalendarFeed, err)
}

// FeedOfSecret implements app.Store.
func (s *Store) FeedOfSecret(ctx context.Context, hash []byte) (domain.Feed, error) {
	row, err := s.all().FeedOfSecret(ctx, hash)
	return oneFeed(row.CalendarFeed, err)
}

func oneFeed(row db.CalendarFeed, err error) (domain.Feed, error) {
	if postgres.IsNoRows(err) {
		return domain.Feed{}, fault.New(fault.NotFound, fault.ReasonResourceNotFound, "there is no such calendar feed")
	}
	if err != nil {
		return domain.Feed{}, fmt.Errorf("read a calendar feed: %w", err)
	}
	return feedOf(row), nil
}

// Feeds implements app.Store.
func (s *Store) Feeds(ctx context.Context, of domain.Feed, p app.Page) (page.Result[domain.Feed, app.Cursor], error) {
	var (
		items []domain.Feed
		err   error
	)
	q := s.queries(of.Workspace)
	if of.Team != uuid.Nil {
		var found []db.ListTeamFeedsRow
		found, err = q.ListTeamFeeds(ctx, db.ListTeamFeedsParams{WorkspaceID: of.Workspace, ParentID: &of.Team, Before: before(p), MaxRows: rows(p)})
		for _, row := range found {
			items = append(items, feedOf(row.CalendarFeed))
		}
	} else {
		var found []db.ListMemberFeedsRow
		found, err = q.ListMemberFeeds(ctx, db.ListMemberFeedsParams{WorkspaceID: of.Workspace, ParentID: &of.Member, Before: before(p), MaxRows: rows(p)})
		for _, row := range found {
			items = append(items, feedOf(row.CalendarFeed))
		}
	}
	if err != nil {
		return page.Result[domain.Feed, app.Cursor]{}, fmt.Errorf("list calendar feeds: %w", err)
	}
	return page.Cut(items, p.Size, func(f domain.Feed) app.Cursor { return app.Cursor{ID: f.ID} }), nil
}

// AddFeed implements app.Tx.
func (t *tx) AddFeed(ctx context.Context, f domain.Feed, hash []byte) error {
	return t.writes.InsertFeed(ctx, db.InsertFeedParams{
		WorkspaceID: t.ws, FeedID: f.ID, MemberID: nullable(f.Member), TeamID: nullable(f.Team), DisplayName: f.DisplayName,
		Kind: string(f.Kind), CreatorID: f.Creator, SecretHash: hash, CreateTime: f.CreateTime,
	})
}

// CountFeeds implements app.Tx.
func (t *tx) CountFeeds(ctx context.Context, of domain.Feed) (int, error) {
	var (
		n   int64
		err error
	)
	if of.Team != uuid.Nil {
		n, err = t.now.CountTeamFeeds(ctx, db.CountTeamFeedsParams{WorkspaceID: t.ws, TeamID: of.Team})
	} else {
		n, err = t.now.CountMemberFeeds(ctx, db.CountMemberFeedsParams{WorkspaceID: t.ws, MemberID: of.Member})
	}
	if err != nil {
		return 0, fmt.Errorf("count calendar feeds: %w", err)
	}
	return int(n), nil
}

// DeleteFeed implements app.Tx.
func (t *tx) DeleteFeed(ctx context.Context, f domain.Feed) error {
	return t.writes.DeleteFeed(ctx, db.DeleteFeedParams{WorkspaceID: t.ws, FeedID: f.ID, DeleteTime: &f.DeleteTime})
}

// TeamName implements app.Store.
func (s *Store) TeamName(ctx context.Context, ws, team uuid.UUID) (string, error) {
	name, err := s.queries(ws).TeamName(ctx, db.TeamNameParams{WorkspaceID: ws, TeamID: team})
	if postgres.IsNoRows(err) {
		return "", fault.NotFoundName(domain.TeamName(ws, team))
	}
	if err != nil {
		return "", fmt.Errorf("read a team: %w", err)
	}
	return name, nil
}

// Leads implements app.Store.
func (s *Store) Leads(ctx context.Context, ws, team, member uuid.UUID) (bool, error) {
	leads, err := s.queries(ws).Leads(ctx, db.LeadsParams{WorkspaceID: ws, TeamID: team, MemberID: member})
	if err != nil {
		return false, fmt.Errorf("read who leads a team: %w", err)
	}
	return leads, nil
}
