package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

// Workspace implements app.Store.
func (s *Store) Workspace(ctx context.Context, ws uuid.UUID) (domain.Workspace, error) {
	row, err := s.in(ws).q.GetWorkspace(ctx, ws)
	return workspaceOf(row), missing(err, domain.WorkspaceName(ws))
}

// Member implements app.Store.
func (s *Store) Member(ctx context.Context, ws, member uuid.UUID) (domain.Member, error) {
	row, err := s.in(ws).q.GetMember(ctx, db.GetMemberParams{WorkspaceID: ws, MemberID: member})
	return memberOf(row), missing(err, domain.MemberName(ws, member))
}

// Team implements app.Store.
func (s *Store) Team(ctx context.Context, ws, team uuid.UUID) (domain.Team, error) {
	row, err := s.in(ws).q.GetTeam(ctx, db.GetTeamParams{WorkspaceID: ws, TeamID: team})
	return teamOf(row), missing(err, domain.TeamName(ws, team))
}

// Space implements app.Store.
func (s *Store) Space(ctx context.Context, ws, space uuid.UUID) (domain.Space, error) {
	row, err := s.in(ws).q.GetSpace(ctx, db.GetSpaceParams{WorkspaceID: ws, SpaceID: space})
	return spaceOf(row), missing(err, domain.SpaceName(ws, space))
}

// SpaceRight implements app.Store.
func (s *Store) SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (domain.Right, error) {
	return s.in(ws).SpaceRight(ctx, ws, member, space)
}

// SpaceRight implements app.Tx.
func (r rows) SpaceRight(ctx context.Context, ws, member, space uuid.UUID) (domain.Right, error) {
	right, err := r.q.SpaceRight(ctx, db.SpaceRightParams{WorkspaceID: ws, MemberID: member, SpaceID: space})
	return domain.Right(right), err
}

// Token implements app.Store.
func (s *Store) Token(ctx context.Context, ws, member, token uuid.UUID) (domain.Token, error) {
	row, err := s.in(ws).q.GetToken(ctx, db.GetTokenParams{WorkspaceID: ws, MemberID: member, TokenID: token})
	return tokenOf(row), missing(err, domain.TokenName(ws, member, token))
}

// InvitationByCode implements app.Store.
func (s *Store) InvitationByCode(ctx context.Context, hash []byte) (domain.Invitation, error) {
	row, err := s.all().q.InvitationByCode(ctx, hash)
	return invitationOf(row), unknown(err)
}

// TokenByHash implements app.Store.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (app.TokenHolder, error) {
	row, err := s.all().q.TokenByHash(ctx, hash)
	return app.TokenHolder{Token: tokenOf(row.ApiToken), Member: memberOf(row.Member)}, unknown(err)
}

// TouchToken implements app.Store.
func (s *Store) TouchToken(ctx context.Context, t domain.Token, machine time.Time) error {
	return s.in(t.Workspace).q.TouchToken(ctx, db.TouchTokenParams{
		WorkspaceID: t.Workspace, TokenID: t.ID, Now: machine, Before: machine.Add(-domain.TokenUseGrain),
	})
}

// Workspaces implements app.Store.
func (s *Store) Workspaces(
	ctx context.Context, p page.Request[app.Cursor],
) (page.Result[domain.Workspace, app.Cursor], error) {
	arg := db.ListWorkspacesParams{Size: int32(p.Size) + 1}
	if p.After != nil {
		at, err := time.Parse(time.RFC3339Nano, p.After.Value)
		if err != nil {
			return page.Result[domain.Workspace, app.Cursor]{}, badCursor()
		}
		arg.AfterTime, arg.AfterID = at, p.After.ID
	}
	found, err := s.all().q.ListWorkspaces(ctx, arg)
	if err != nil {
		return page.Result[domain.Workspace, app.Cursor]{}, err
	}
	return page.Cut(each(found, workspaceOf), p.Size, func(w domain.Workspace) app.Cursor {
		return app.Cursor{Value: timeText(w.CreateTime), ID: w.ID}
	}), nil
}

// TeamMembers implements app.Store.
func (s *Store) TeamMembers(
	ctx context.Context, ws, team uuid.UUID, p page.Request[app.Cursor],
) (page.Result[domain.TeamMember, app.Cursor], error) {
	arg := db.ListTeamMembersParams{WorkspaceID: ws, TeamID: team, Size: int32(p.Size) + 1}
	if p.After != nil {
		arg.AfterID = p.After.ID
	}
	found, err := s.in(ws).q.ListTeamMembers(ctx, arg)
	if err != nil {
		return page.Result[domain.TeamMember, app.Cursor]{}, err
	}
	return page.Cut(each(found, teamMemberOf), p.Size, func(m domain.TeamMember) app.Cursor {
		return app.Cursor{ID: m.Member}
	}), nil
}

// afterTeams marks a cursor that stands among the teams of a space's rights.
const afterTeams = "team"

// SpaceAccess implements app.Store.
func (s *Store) SpaceAccess(
	ctx context.Context, ws, space uuid.UUID, p page.Request[app.Cursor],
) (page.Result[domain.SpaceAccess, app.Cursor], error) {
	arg := db.ListSpaceAccessParams{WorkspaceID: ws, SpaceID: space, Size: int32(p.Size) + 1}
	if p.After != nil {
		arg.AfterTeam, arg.AfterID = p.After.Value == afterTeams, p.After.ID
	}
	found, err := s.in(ws).q.ListSpaceAccess(ctx, arg)
	if err != nil {
		return page.Result[domain.SpaceAccess, app.Cursor]{}, err
	}
	return page.Cut(each(found, spaceAccessOf), p.Size, func(a domain.SpaceAccess) app.Cursor {
		c := app.Cursor{ID: a.Principal}
		if a.Team {
			c.Value = afterTeams
		}
		return c
	}), nil
}

// Tokens implements app.Store.
func (s *Store) Tokens(
	ctx context.Context, ws, member uuid.UUID, p page.Request[app.Cursor],
) (page.Result[domain.Token, app.Cursor], error) {
	arg := db.ListTokensParams{WorkspaceID: ws, MemberID: member, BeforeID: uuid.Max, Size: int32(p.Size) + 1}
	if p.After != nil {
		arg.BeforeID = p.After.ID
	}
	found, err := s.in(ws).q.ListTokens(ctx, arg)
	if err != nil {
		return page.Result[domain.Token, app.Cursor]{}, err
	}
	return page.Cut(each(found, tokenOf), p.Size, func(t domain.Token) app.Cursor { return app.Cursor{ID: t.ID} }), nil
}
