package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// People implements app.PeopleReader.
func (s *Store) People(ctx context.Context, ws uuid.UUID, members []uuid.UUID) (map[uuid.UUID]domain.Recipient, error) {
	return people(ctx, s.queries(ws), ws, members)
}

// People implements app.Tx.
func (t *tx) People(ctx context.Context, members []uuid.UUID) (map[uuid.UUID]domain.Recipient, error) {
	return people(ctx, t.now, t.ws, members)
}

func people(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID) (map[uuid.UUID]domain.Recipient, error) {
	rows, err := q.People(ctx, db.PeopleParams{WorkspaceID: ws, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	found := make(map[uuid.UUID]domain.Recipient, len(rows))
	for _, row := range rows {
		to, err := recipientOf(ws, row)
		if err != nil {
			return nil, err
		}
		found[to.ID] = to
	}
	return found, nil
}

// Readers implements app.PeopleReader.
func (s *Store) Readers(ctx context.Context, h domain.Happening, drafts []domain.Notification) (map[uuid.UUID]time.Time, error) {
	found := make(map[uuid.UUID]time.Time, len(drafts))
	members := each(drafts, func(n domain.Notification) uuid.UUID { return n.Recipient })
	if h.Space == uuid.Nil {
		rows, err := s.queries(h.Workspace).ReadersWithoutSpace(ctx, db.ReadersWithoutSpaceParams{
			WorkspaceID: h.Workspace, SubjectID: h.Subject, Context: h.Context, MemberIds: members,
			ActsForIds: each(drafts, func(n domain.Notification) uuid.UUID { return n.ActsFor }),
		})
		if err != nil {
			return nil, fmt.Errorf("read who may read what is in no space: %w", err)
		}
		for _, row := range rows {
			found[row.MemberID] = signalOf(value(row.SignalTime))
		}
		return found, nil
	}
	rows, err := s.queries(h.Workspace).Readers(ctx, db.ReadersParams{
		WorkspaceID: h.Workspace, SpaceID: h.Space, Context: h.Context, MemberIds: members,
	})
	if err != nil {
		return nil, fmt.Errorf("read who may read a space: %w", err)
	}
	for _, row := range rows {
		found[row.MemberID] = signalOf(value(row.SignalTime))
	}
	return found, nil
}

// Admins implements app.PeopleReader.
func (s *Store) Admins(ctx context.Context, ws uuid.UUID, most int) ([]uuid.UUID, error) {
	admins, err := s.queries(ws).Admins(ctx, db.AdminsParams{WorkspaceID: ws, MaxRows: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("read who administers a workspace: %w", err)
	}
	return admins, nil
}

// TeamMembers implements app.PeopleReader.
func (s *Store) TeamMembers(ctx context.Context, ws uuid.UUID, teams []uuid.UUID) ([]uuid.UUID, error) {
	return s.queries(ws).TeamMembers(ctx, db.TeamMembersParams{WorkspaceID: ws, TeamIds: teams})
}

// ReadableSpaces implements app.PeopleReader.
func (s *Store) ReadableSpaces(ctx context.Context, ws, member uuid.UUID, spaces []uuid.UUID) (map[uuid.UUID]string, error) {
	rows, err := s.queries(ws).ReadableSpaces(ctx, db.ReadableSpacesParams{WorkspaceID: ws, MemberID: member, SpaceIds: spaces})
	if err != nil {
		return nil, fmt.Errorf("read spaces: %w", err)
	}
	names := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		names[row.SpaceID] = row.DisplayName
	}
	return names, nil
}

// LockPreferences implements app.PreferenceTx.
func (t *tx) LockPreferences(ctx context.Context, member uuid.UUID) (domain.Preferences, error) {
	row, err := t.now.LockPreferences(ctx, db.LockPreferencesParams{
		WorkspaceID: t.ws, MemberID: member, Collapse: int64(domain.DefaultCollapse), UpdateTime: time.Unix(0, 0).UTC(),
	})
	if err != nil {
		return domain.Preferences{}, fmt.Errorf("lock preferences: %w", err)
	}
	return preferencesOf(row)
}

// SavePreferences implements app.PreferenceTx.
func (t *tx) SavePreferences(ctx context.Context, p domain.Preferences) error {
	channels, err := channelsOf(p)
	if err != nil {
		return err
	}
	return t.writes.SavePreferences(ctx, db.SavePreferencesParams{
		WorkspaceID: t.ws, MemberID: p.Member, Channels: channels, DigestDisabled: p.DigestDisabled,
		Muted: append([]string{}, p.Muted...), Collapse: int64(p.Collapse), Version: p.Version, UpdateTime: p.UpdateTime,
	})
}
