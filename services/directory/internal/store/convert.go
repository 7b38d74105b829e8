package store

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

func workspaceOf(r db.Workspace) domain.Workspace {
	return domain.Workspace{
		ID: r.WorkspaceID, DisplayName: r.DisplayName, TimeZone: r.TimeZone, UrgentRole: domain.Role(r.UrgentRole),
		Windows: domain.Windows{
			Low: duration(r.LowSeconds), Normal: duration(r.NormalSeconds), High: duration(r.HighSeconds),
			Urgent: duration(r.UrgentSeconds),
		},
		Version: r.Version, CreateTime: r.CreateTime.UTC(), UpdateTime: r.UpdateTime.UTC(),
	}
}

func duration(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func memberOf(r db.Member) domain.Member {
	m := domain.Member{
		Workspace: r.WorkspaceID, ID: r.MemberID, Kind: domain.Kind(r.Kind), State: domain.State(r.State),
		Role: domain.Role(r.Role), DisplayName: r.DisplayName, Email: r.Email, Handle: r.Handle, TimeZone: r.TimeZone,
		Accepted: r.Accepted, Version: r.Version, CreateTime: r.CreateTime.UTC(), UpdateTime: r.UpdateTime.UTC(),
	}
	if r.ManagerID != nil {
		m.Manager = *r.ManagerID
	}
	return m
}

func teamOf(r db.Team) domain.Team {
	return domain.Team{
		Workspace: r.WorkspaceID, ID: r.TeamID, Handle: r.Handle, DisplayName: r.DisplayName, Description: r.Description,
		Version: r.Version, CreateTime: r.CreateTime.UTC(), UpdateTime: r.UpdateTime.UTC(), DeleteTime: timeOf(r.DeleteTime),
	}
}

func teamMemberOf(r db.TeamMember) domain.TeamMember {
	return domain.TeamMember{
		Workspace: r.WorkspaceID, Team: r.TeamID, Member: r.MemberID, Lead: r.Lead, Removed: r.Removed, Version: r.Version,
	}
}

func spaceOf(r db.Space) domain.Space {
	return domain.Space{
		Workspace: r.WorkspaceID, ID: r.SpaceID, DisplayName: r.DisplayName, Description: r.Description,
		Visibility: domain.Visibility(r.Visibility),
		Version:    r.Version, CreateTime: r.CreateTime.UTC(), UpdateTime: r.UpdateTime.UTC(),
	}
}

func spaceAccessOf(r db.SpaceAccess) domain.SpaceAccess {
	return domain.SpaceAccess{
		Workspace: r.WorkspaceID, Space: r.SpaceID, Principal: r.PrincipalID, Team: r.Team,
		Right: domain.Right(r.Access), Version: r.Version,
	}
}

func tokenOf(r db.ApiToken) domain.Token {
	return domain.Token{
		Workspace: r.WorkspaceID, Member: r.MemberID, ID: r.TokenID, Creator: r.CreatorID, DisplayName: r.DisplayName,
		Scopes: r.Scopes, Hash: r.TokenHash, ExpireTime: r.ExpireTime.UTC(), LastUsed: timeOf(r.LastUsedTime),
		RevokeTime: timeOf(r.RevokeTime), Version: r.Version, CreateTime: r.CreateTime.UTC(),
	}
}

func invitationOf(r db.Invitation) domain.Invitation {
	return domain.Invitation{
		Workspace: r.WorkspaceID, Member: r.MemberID, CodeHash: r.CodeHash, ExpireTime: r.ExpireTime.UTC(),
	}
}

func keyOf(r db.SigningKey) domain.Key {
	return domain.Key{ID: r.KeyID, Seed: r.Seed, SignsFrom: r.SignsFrom.UTC(), CreateTime: r.CreateTime.UTC()}
}

// timeOf is the zero time for NULL.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// orNull is NULL for the zero time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// idOrNull is NULL for the zero id.
func idOrNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
