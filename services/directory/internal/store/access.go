package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

// located is a row of the snapshot with the cursor that stands on it.
type located struct {
	row domain.AccessRow
	at  app.AccessCursor
}

// reading reads a page of one kind of row.
type reading func(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error)

// firstKind is the number of the kind that comes first, in page tokens. Workspaces came later than the others, whose
// numbers stay: a replica that does not know them refuses the number rather than mistake it for another's.
const firstKind = -1

// AccessSnapshot implements app.Store. It reads kind after kind until the page is full.
func (s *Store) AccessSnapshot(
	ctx context.Context, only uuid.UUID, p page.Request[app.AccessCursor],
) (page.Result[domain.AccessRow, app.AccessCursor], error) {
	kinds := []reading{workspacesFrom, membersFrom, teamsFrom, teamMembersFrom, spacesFrom, spaceAccessFrom}
	after := app.AccessCursor{Kind: firstKind}
	if p.After != nil {
		after = *p.After
	}
	end := firstKind + len(kinds)
	if after.Kind < firstKind || after.Kind >= end {
		return page.Result[domain.AccessRow, app.AccessCursor]{}, badCursor()
	}
	var found []located
	for kind := after.Kind; kind < end && len(found) <= p.Size; kind++ {
		if kind != after.Kind {
			after = app.AccessCursor{Kind: kind}
		}
		more, err := kinds[kind-firstKind](ctx, s.all().q, idOrNull(only), after, int32(p.Size+1-len(found)))
		if err != nil {
			return page.Result[domain.AccessRow, app.AccessCursor]{}, err
		}
		for i := range more {
			more[i].at.Kind = kind
		}
		found = append(found, more...)
	}
	cut := page.Cut(found, p.Size, func(l located) app.AccessCursor { return l.at })
	return page.Result[domain.AccessRow, app.AccessCursor]{
		Items: each(cut.Items, func(l located) domain.AccessRow { return l.row }), Next: cut.Next,
	}, nil
}

func workspacesFrom(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error) {
	found, err := q.SnapshotWorkspaces(ctx, db.SnapshotWorkspacesParams{
		AfterWorkspace: after.Workspace, Only: only, Size: size,
	})
	return each(found, func(r db.Workspace) located {
		w := workspaceOf(r)
		return located{domain.AccessRow{Workspace: &w}, app.AccessCursor{Workspace: w.ID}}
	}), err
}

func membersFrom(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error) {
	found, err := q.SnapshotMembers(ctx, db.SnapshotMembersParams{
		AfterWorkspace: after.Workspace, AfterID: after.ID, Only: only, Size: size,
	})
	return each(found, func(r db.Member) located {
		m := memberOf(r)
		return located{domain.AccessRow{Member: &m}, app.AccessCursor{Workspace: m.Workspace, ID: m.ID}}
	}), err
}

func teamsFrom(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error) {
	found, err := q.SnapshotTeams(ctx, db.SnapshotTeamsParams{
		AfterWorkspace: after.Workspace, AfterID: after.ID, Only: only, Size: size,
	})
	return each(found, func(r db.Team) located {
		t := teamOf(r)
		return located{domain.AccessRow{Team: &t}, app.AccessCursor{Workspace: t.Workspace, ID: t.ID}}
	}), err
}

func teamMembersFrom(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error) {
	found, err := q.SnapshotTeamMembers(ctx, db.SnapshotTeamMembersParams{
		AfterWorkspace: after.Workspace, AfterID: after.ID, AfterSecond: after.Second, Only: only, Size: size,
	})
	return each(found, func(r db.TeamMember) located {
		m := teamMemberOf(r)
		return located{
			domain.AccessRow{TeamMember: &m}, app.AccessCursor{Workspace: m.Workspace, ID: m.Team, Second: m.Member},
		}
	}), err
}

func spacesFrom(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error) {
	found, err := q.SnapshotSpaces(ctx, db.SnapshotSpacesParams{
		AfterWorkspace: after.Workspace, AfterID: after.ID, Only: only, Size: size,
	})
	return each(found, func(r db.Space) located {
		s := spaceOf(r)
		return located{domain.AccessRow{Space: &s}, app.AccessCursor{Workspace: s.Workspace, ID: s.ID}}
	}), err
}

func spaceAccessFrom(ctx context.Context, q *db.Queries, only *uuid.UUID, after app.AccessCursor, size int32) ([]located, error) {
	found, err := q.SnapshotSpaceAccess(ctx, db.SnapshotSpaceAccessParams{
		AfterWorkspace: after.Workspace, AfterID: after.ID, AfterSecond: after.Second, Only: only, Size: size,
	})
	return each(found, func(r db.SpaceAccess) located {
		a := spaceAccessOf(r)
		return located{
			domain.AccessRow{Access: &a}, app.AccessCursor{Workspace: a.Workspace, ID: a.Space, Second: a.Principal},
		}
	}), err
}

// AccessOf implements app.Store. It reads in one transaction's worth of statements, each true by itself; a change in
// between shows in the versions.
func (s *Store) AccessOf(ctx context.Context, ws, member, space uuid.UUID) ([]domain.AccessRow, error) {
	q := s.in(ws).q
	w, err := s.Workspace(ctx, ws)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	out := []domain.AccessRow{{Workspace: &w}}
	members, err := q.MembersByIDs(ctx, db.MembersByIDsParams{WorkspaceID: ws, Ids: []uuid.UUID{member}})
	if err != nil {
		return nil, err
	}
	for _, r := range members {
		m := memberOf(r)
		out = append(out, domain.AccessRow{Member: &m})
	}
	teams, err := q.ResolveTeams(ctx, db.ResolveTeamsParams{WorkspaceID: ws, MemberID: member})
	if err != nil {
		return nil, err
	}
	for _, r := range teams {
		t := teamOf(r)
		out = append(out, domain.AccessRow{Team: &t})
	}
	belongings, err := q.ResolveTeamMembers(ctx, db.ResolveTeamMembersParams{WorkspaceID: ws, MemberID: member})
	if err != nil {
		return nil, err
	}
	for _, r := range belongings {
		m := teamMemberOf(r)
		out = append(out, domain.AccessRow{TeamMember: &m})
	}
	if space == uuid.Nil {
		return out, nil
	}
	return s.accessIn(ctx, q, out, ws, member, space)
}

func (s *Store) accessIn(
	ctx context.Context, q *db.Queries, out []domain.AccessRow, ws, member, space uuid.UUID,
) ([]domain.AccessRow, error) {
	sp, err := s.Space(ctx, ws, space)
	switch {
	case err == nil:
		out = append(out, domain.AccessRow{Space: &sp})
	case fault.Is(err, fault.NotFound):
		return out, nil
	default:
		return nil, err
	}
	rights, err := q.ResolveSpaceAccess(ctx, db.ResolveSpaceAccessParams{WorkspaceID: ws, SpaceID: space, MemberID: member})
	if err != nil {
		return nil, err
	}
	for _, r := range rights {
		a := spaceAccessOf(r)
		out = append(out, domain.AccessRow{Access: &a})
	}
	return out, nil
}
