package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

func (r rows) InsertTeam(ctx context.Context, t domain.Team) error {
	return r.q.InsertTeam(ctx, db.InsertTeamParams{
		WorkspaceID: t.Workspace, TeamID: t.ID, Handle: t.Handle, DisplayName: t.DisplayName, Description: t.Description,
		Version: t.Version, CreateTime: t.CreateTime, UpdateTime: t.UpdateTime,
	})
}

func (r rows) UpdateTeam(ctx context.Context, t domain.Team) error {
	return r.q.UpdateTeam(ctx, db.UpdateTeamParams{
		WorkspaceID: t.Workspace, TeamID: t.ID, Handle: t.Handle, DisplayName: t.DisplayName, Description: t.Description,
		Version: t.Version, UpdateTime: t.UpdateTime, DeleteTime: orNull(t.DeleteTime),
	})
}

func (r rows) LockTeam(ctx context.Context, ws, team uuid.UUID) (domain.Team, error) {
	row, err := r.q.LockTeam(ctx, db.LockTeamParams{WorkspaceID: ws, TeamID: team})
	return teamOf(row), missing(err, domain.TeamName(ws, team))
}

func (r rows) TeamsByID(ctx context.Context, ws uuid.UUID, ids []uuid.UUID) ([]domain.Team, error) {
	found, err := r.q.TeamsByIDs(ctx, db.TeamsByIDsParams{WorkspaceID: ws, Ids: ids})
	return each(found, teamOf), err
}

func (r rows) TeamMembersByID(ctx context.Context, ws, team uuid.UUID, ids []uuid.UUID) ([]domain.TeamMember, error) {
	found, err := r.q.TeamMembersByIDs(ctx, db.TeamMembersByIDsParams{WorkspaceID: ws, TeamID: team, Ids: ids})
	return each(found, teamMemberOf), err
}

func (r rows) PutTeamMembers(ctx context.Context, changes []domain.TeamMember) error {
	first := changes[0]
	arg := db.PutTeamMembersParams{WorkspaceID: first.Workspace, TeamID: first.Team, Version: first.Version}
	for _, m := range changes {
		arg.Ids = append(arg.Ids, m.Member)
		arg.Leads = append(arg.Leads, m.Lead)
		arg.Removed = append(arg.Removed, m.Removed)
	}
	return r.q.PutTeamMembers(ctx, arg)
}

func (r rows) InsertSpace(ctx context.Context, s domain.Space) error {
	return r.q.InsertSpace(ctx, db.InsertSpaceParams{
		WorkspaceID: s.Workspace, SpaceID: s.ID, DisplayName: s.DisplayName, Description: s.Description,
		Visibility: int16(s.Visibility), Version: s.Version, CreateTime: s.CreateTime, UpdateTime: s.UpdateTime,
	})
}

func (r rows) UpdateSpace(ctx context.Context, s domain.Space) error {
	return r.q.UpdateSpace(ctx, db.UpdateSpaceParams{
		WorkspaceID: s.Workspace, SpaceID: s.ID, DisplayName: s.DisplayName, Description: s.Description,
		Visibility: int16(s.Visibility), Version: s.Version, UpdateTime: s.UpdateTime,
	})
}

func (r rows) LockSpace(ctx context.Context, ws, space uuid.UUID) (domain.Space, error) {
	row, err := r.q.LockSpace(ctx, db.LockSpaceParams{WorkspaceID: ws, SpaceID: space})
	return spaceOf(row), missing(err, domain.SpaceName(ws, space))
}

func (r rows) SpaceAccessByID(ctx context.Context, ws, space uuid.UUID, ids []uuid.UUID) ([]domain.SpaceAccess, error) {
	found, err := r.q.SpaceAccessByPrincipals(ctx, db.SpaceAccessByPrincipalsParams{WorkspaceID: ws, SpaceID: space, Ids: ids})
	return each(found, spaceAccessOf), err
}

func (r rows) PutSpaceAccess(ctx context.Context, changes []domain.SpaceAccess) error {
	first := changes[0]
	arg := db.PutSpaceAccessParams{WorkspaceID: first.Workspace, SpaceID: first.Space, Version: first.Version}
	for _, a := range changes {
		arg.Ids = append(arg.Ids, a.Principal)
		arg.Teams = append(arg.Teams, a.Team)
		arg.Access = append(arg.Access, int16(a.Right))
	}
	return r.q.PutSpaceAccess(ctx, arg)
}

func (r rows) InsertToken(ctx context.Context, t domain.Token) error {
	return r.q.InsertToken(ctx, db.InsertTokenParams{
		WorkspaceID: t.Workspace, TokenID: t.ID, MemberID: t.Member, CreatorID: t.Creator, DisplayName: t.DisplayName,
		Scopes: t.Scopes, TokenHash: t.Hash, ExpireTime: t.ExpireTime, Version: t.Version, CreateTime: t.CreateTime,
	})
}

func (r rows) LockToken(ctx context.Context, ws, member, token uuid.UUID) (domain.Token, error) {
	row, err := r.q.LockToken(ctx, db.LockTokenParams{WorkspaceID: ws, MemberID: member, TokenID: token})
	return tokenOf(row), missing(err, domain.TokenName(ws, member, token))
}

func (r rows) LockLiveTokens(ctx context.Context, ws, member uuid.UUID, machine time.Time) ([]domain.Token, error) {
	found, err := r.q.LockLiveTokens(ctx, db.LockLiveTokensParams{WorkspaceID: ws, MemberID: member, Now: machine})
	return each(found, tokenOf), err
}

func (r rows) CountLiveTokens(ctx context.Context, ws, member uuid.UUID, machine time.Time) (int, error) {
	n, err := r.q.CountLiveTokens(ctx, db.CountLiveTokensParams{WorkspaceID: ws, MemberID: member, Now: machine})
	return int(n), err
}

func (r rows) RevokeToken(ctx context.Context, t domain.Token) error {
	return r.q.RevokeToken(ctx, db.RevokeTokenParams{
		WorkspaceID: t.Workspace, TokenID: t.ID, RevokeTime: orNull(t.RevokeTime), Version: t.Version,
	})
}
