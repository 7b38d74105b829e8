package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// Thread implements app.ThreadReader.
func (s *Store) Thread(ctx context.Context, ws, member, thread uuid.UUID) (domain.Thread, auth.Right, error) {
	row, err := s.queries(ws).ThreadFor(ctx, db.ThreadForParams{WorkspaceID: ws, MemberID: member, ThreadID: thread})
	if err != nil {
		return domain.Thread{}, auth.NoRight, threadError("read", err, ws, thread)
	}
	return threadOf(row.Thread, row.ActivityTime), auth.Right(row.Have), nil
}

// LockThread implements app.ThreadTx.
func (t *tx) LockThread(ctx context.Context, member, thread uuid.UUID) (domain.Thread, auth.Right, error) {
	row, err := t.now.LockThreadFor(ctx, db.LockThreadForParams{WorkspaceID: t.ws, MemberID: member, ThreadID: thread})
	if err != nil {
		return domain.Thread{}, auth.NoRight, threadError("lock", err, t.ws, thread)
	}
	return threadOf(row.Thread, row.ActivityTime), auth.Right(row.Have), nil
}

func threadError(what string, err error, ws, thread uuid.UUID) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.ThreadName(ws, thread))
	}
	return fmt.Errorf("%s thread: %w", what, err)
}

// TakeSequence implements app.ThreadTx. The thread's ActivityTime is not read: a post sets it.
func (t *tx) TakeSequence(ctx context.Context, member, thread uuid.UUID, need auth.Right) (domain.Thread, bool, error) {
	t.pg.LockTimeout(aloneLockLimit)
	row, err := t.now.TakeSequence(ctx, db.TakeSequenceParams{
		WorkspaceID: t.ws, ThreadID: thread, MemberID: member, Need: int16(need),
	})
	if postgres.IsNoRows(err) {
		return domain.Thread{}, false, nil
	}
	if err != nil {
		return domain.Thread{}, false, fmt.Errorf("take the next sequence: %w", err)
	}
	return threadOf(row, time.Time{}), true, nil
}

// AddThread implements app.ThreadTx.
func (t *tx) AddThread(ctx context.Context, d domain.Thread) error {
	err := t.writes.InsertThread(ctx, db.InsertThreadParams{
		WorkspaceID: d.Workspace, ThreadID: d.ID, SpaceID: d.Space, Title: d.Title, Type: string(d.Type),
		State: string(d.State), CreatorID: d.Creator, ReopenOnMessage: d.ReopenOnMessage,
		LastSequence: d.LastSequence, Revision: d.Revision, Version: d.Version, CreateTime: d.CreateTime,
		UpdateTime: d.UpdateTime, Imported: d.Imported,
	})
	if err != nil {
		return err
	}
	return t.writes.InsertThreadActivity(ctx, db.InsertThreadActivityParams{
		WorkspaceID: d.Workspace, ThreadID: d.ID, SpaceID: d.Space, ActivityTime: d.ActivityTime,
	})
}

// SaveThread implements app.ThreadTx.
func (t *tx) SaveThread(ctx context.Context, d domain.Thread) error {
	return t.writes.UpdateThread(ctx, db.UpdateThreadParams{
		WorkspaceID: d.Workspace, ThreadID: d.ID, Title: d.Title, Type: string(d.Type), State: string(d.State),
		Outcome: d.Outcome, ResolverID: nullable(d.Resolver), ResolveTime: nullable(d.ResolveTime),
		ReopenOnMessage: d.ReopenOnMessage, LastSequence: d.LastSequence, Revision: d.Revision, Version: d.Version,
		UpdateTime: d.UpdateTime,
	})
}

// SaveThreadVersion implements app.ThreadTx.
func (t *tx) SaveThreadVersion(ctx context.Context, d domain.Thread) error {
	return t.writes.UpdateThreadVersion(ctx, db.UpdateThreadVersionParams{
		WorkspaceID: d.Workspace, ThreadID: d.ID, Version: d.Version,
	})
}
