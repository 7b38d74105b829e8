package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/store/db"
)

// tx implements app.Tx.
type tx struct {
	rows
	pg    *postgres.Tx
	store *Store
}

var _ app.Tx = (*tx)(nil)

func (t *tx) Replay(ctx context.Context, name string) (string, bool, error) {
	return replay.Claim(ctx, t.pg, name)
}

func (t *tx) First(ctx context.Context) (bool, error) { return inbox.Claim(ctx, t.pg) }

func (t *tx) Publish(ctx context.Context, actor string, at time.Time, events ...domain.Event) error {
	messages := make([]outbox.Message, len(events))
	for i, event := range events {
		var err error
		if messages[i], err = t.store.encode(ctx, actor, at, event); err != nil {
			return err
		}
	}
	return t.store.outbox.Append(ctx, t.pg, messages...)
}

func (t *tx) InsertAudit(ctx context.Context, a domain.Audit) error {
	if a.Details == nil {
		a.Details = map[string]string{}
	}
	details, err := json.Marshal(a.Details)
	if err != nil {
		return err
	}
	return t.q.InsertAuditEvent(ctx, db.InsertAuditEventParams{
		WorkspaceID: a.Workspace, AuditID: a.ID, CreateTime: a.CreateTime, Actor: a.Actor, Action: a.Action,
		Resource: a.Resource, ApiToken: a.Token, Origin: a.Origin, Details: details,
	})
}

func (r rows) InsertWorkspace(ctx context.Context, w domain.Workspace) error {
	return r.q.InsertWorkspace(ctx, db.InsertWorkspaceParams{
		WorkspaceID: w.ID, DisplayName: w.DisplayName, TimeZone: w.TimeZone, UrgentRole: int16(w.UrgentRole),
		LowSeconds: seconds(w.Windows.Low), NormalSeconds: seconds(w.Windows.Normal), HighSeconds: seconds(w.Windows.High),
		UrgentSeconds: seconds(w.Windows.Urgent), Version: w.Version, CreateTime: w.CreateTime, UpdateTime: w.UpdateTime,
	})
}

func (r rows) LockWorkspace(ctx context.Context, ws uuid.UUID) (domain.Workspace, error) {
	row, err := r.q.LockWorkspace(ctx, ws)
	return workspaceOf(row), missing(err, domain.WorkspaceName(ws))
}

func (r rows) UpdateWorkspace(ctx context.Context, w domain.Workspace) error {
	return r.q.UpdateWorkspace(ctx, db.UpdateWorkspaceParams{
		WorkspaceID: w.ID, DisplayName: w.DisplayName, TimeZone: w.TimeZone, UrgentRole: int16(w.UrgentRole),
		LowSeconds: seconds(w.Windows.Low), NormalSeconds: seconds(w.Windows.Normal), HighSeconds: seconds(w.Windows.High),
		UrgentSeconds: seconds(w.Windows.Urgent), Version: w.Version, UpdateTime: w.UpdateTime,
	})
}

func (r rows) ClaimHandle(ctx context.Context, ws uuid.UUID, handle string, holder uuid.UUID) (bool, error) {
	n, err := r.q.ClaimHandle(ctx, db.ClaimHandleParams{WorkspaceID: ws, Handle: handle, HolderID: holder})
	return n == 1, err
}

func (r rows) ReleaseHandle(ctx context.Context, ws uuid.UUID, handle string, holder uuid.UUID) error {
	return r.q.ReleaseHandle(ctx, db.ReleaseHandleParams{WorkspaceID: ws, Handle: handle, HolderID: holder})
}

func (r rows) TakenHandles(ctx context.Context, ws uuid.UUID, base string) ([]string, error) {
	return r.q.TakenHandles(ctx, db.TakenHandlesParams{WorkspaceID: ws, Base: base})
}

func (r rows) InsertMember(ctx context.Context, m domain.Member) error {
	return emailTaken(r.q.InsertMember(ctx, db.InsertMemberParams{
		WorkspaceID: m.Workspace, MemberID: m.ID, Kind: int16(m.Kind), State: int16(m.State), Role: int16(m.Role),
		DisplayName: m.DisplayName, Email: m.Email, Handle: m.Handle, TimeZone: m.TimeZone, ManagerID: idOrNull(m.Manager),
		Accepted: m.Accepted, Version: m.Version, CreateTime: m.CreateTime, UpdateTime: m.UpdateTime,
	}))
}

func (r rows) UpdateMember(ctx context.Context, m domain.Member) error {
	return emailTaken(r.q.UpdateMember(ctx, db.UpdateMemberParams{
		WorkspaceID: m.Workspace, MemberID: m.ID, State: int16(m.State), Role: int16(m.Role), DisplayName: m.DisplayName,
		Email: m.Email, Handle: m.Handle, TimeZone: m.TimeZone, ManagerID: idOrNull(m.Manager), Accepted: m.Accepted,
		Version: m.Version, UpdateTime: m.UpdateTime,
	}))
}

func emailTaken(err error) error {
	if postgres.IsUnique(err, "members_email") {
		return fault.New(fault.AlreadyExists, fault.ReasonAlreadyExists, "another member has this mail address").
			WithField("member.email", "must be no other member's").Wrap(err)
	}
	return err
}

func (r rows) LockMember(ctx context.Context, ws, member uuid.UUID) (domain.Member, error) {
	row, err := r.q.LockMember(ctx, db.LockMemberParams{WorkspaceID: ws, MemberID: member})
	return memberOf(row), missing(err, domain.MemberName(ws, member))
}

func (r rows) MembersByEmail(ctx context.Context, ws uuid.UUID, emails []string) ([]domain.Member, error) {
	found, err := r.q.MembersByEmails(ctx, db.MembersByEmailsParams{WorkspaceID: ws, Emails: emails})
	return each(found, memberOf), err
}

func (r rows) MembersByID(ctx context.Context, ws uuid.UUID, ids []uuid.UUID) ([]domain.Member, error) {
	found, err := r.q.MembersByIDs(ctx, db.MembersByIDsParams{WorkspaceID: ws, Ids: ids})
	return each(found, memberOf), err
}

func (r rows) OtherOwners(ctx context.Context, ws, member uuid.UUID) (int, error) {
	n, err := r.q.CountOtherOwners(ctx, db.CountOtherOwnersParams{WorkspaceID: ws, MemberID: member})
	return int(n), err
}

func (r rows) PutInvitation(ctx context.Context, i domain.Invitation) error {
	return r.q.PutInvitation(ctx, db.PutInvitationParams{
		WorkspaceID: i.Workspace, MemberID: i.Member, CodeHash: i.CodeHash, ExpireTime: i.ExpireTime,
	})
}

func (r rows) Invitation(ctx context.Context, ws, member uuid.UUID) (domain.Invitation, bool, error) {
	row, err := r.q.GetInvitation(ctx, db.GetInvitationParams{WorkspaceID: ws, MemberID: member})
	if postgres.IsNoRows(err) {
		return domain.Invitation{}, false, nil
	}
	return invitationOf(row), err == nil, err
}

func (r rows) DeleteInvitation(ctx context.Context, ws, member uuid.UUID) error {
	return r.q.DeleteInvitation(ctx, db.DeleteInvitationParams{WorkspaceID: ws, MemberID: member})
}
