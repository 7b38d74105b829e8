package store

import (
	"context"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// Message implements app.MessageReader.
func (s *Store) Message(ctx context.Context, ws, member, thread uuid.UUID, sequence int64) (app.SeenMessage, error) {
	row, err := s.queries(ws).MessageFor(ctx, db.MessageForParams{
		WorkspaceID: ws, MemberID: member, ThreadID: thread, Sequence: sequence,
	})
	if err != nil {
		return app.SeenMessage{}, messageError(err, ws, thread, sequence)
	}
	m, err := messageOf(row.Message, row.Reactions)
	seen := app.SeenMessage{Message: m, Space: row.SpaceID, Have: auth.Right(row.Have)}
	if err != nil || row.Message.AskCount == 0 || seen.Have < auth.Reader {
		return seen, err
	}
	_, err = fillAsks(ctx, s.queries(ws), ws, []*domain.Message{&seen.Message})
	return seen, err
}

// LockedMessage implements app.MessageTx.
func (t *tx) LockedMessage(ctx context.Context, member, thread uuid.UUID, sequence int64) (domain.Message, error) {
	row, err := t.now.MessageFor(ctx, db.MessageForParams{
		WorkspaceID: t.ws, MemberID: member, ThreadID: thread, Sequence: sequence,
	})
	if err != nil {
		return domain.Message{}, messageError(err, t.ws, thread, sequence)
	}
	m, err := messageOf(row.Message, row.Reactions)
	if err != nil || row.Message.AskCount == 0 {
		return m, err
	}
	_, err = fillAsks(ctx, t.now, t.ws, []*domain.Message{&m})
	return m, err
}

func messageError(err error, ws, thread uuid.UUID, sequence int64) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.MessageName(ws, thread, sequence))
	}
	return fmt.Errorf("read message: %w", err)
}

// Revisions implements app.MessageReader.
func (s *Store) Revisions(ctx context.Context, ws, member uuid.UUID, q app.RevisionQuery) (app.RevisionPage, error) {
	seen, err := s.Message(ctx, ws, member, q.Thread, q.Sequence)
	if err != nil || seen.Have < auth.Reader {
		return app.RevisionPage{Space: seen.Space, Have: seen.Have}, err
	}
	after := value(q.Page.After).Sequence
	rows, err := s.queries(ws).ListRevisions(ctx, db.ListRevisionsParams{
		WorkspaceID: ws, ThreadID: q.Thread, Sequence: q.Sequence, After: after, MaxRows: int32(min(q.Page.Size, math.MaxInt32-1) + 1),
	})
	if err != nil {
		return app.RevisionPage{}, fmt.Errorf("list revisions: %w", err)
	}
	revisions := make([]domain.Revision, len(rows))
	for i, row := range rows {
		revisions[i] = domain.Revision{Number: row.Revision, Body: row.Body, CreateTime: row.CreateTime.UTC(), Current: row.Current}
	}
	result := page.Cut(revisions, q.Page.Size, func(r domain.Revision) app.SequenceCursor { return app.SequenceCursor{Sequence: r.Number} })
	return app.RevisionPage{Result: result, Space: seen.Space, Have: seen.Have}, nil
}

// SaveEdit implements app.MessageTx.
func (t *tx) SaveEdit(ctx context.Context, m domain.Message) error {
	if err := t.writes.KeepRevision(ctx, db.KeepRevisionParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence,
	}); err != nil {
		return err
	}
	return t.save(ctx, m)
}

// SaveDeletion implements app.MessageTx.
func (t *tx) SaveDeletion(ctx context.Context, m domain.Message) error {
	err := t.writes.DeleteRevisions(ctx, db.DeleteRevisionsParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence,
	})
	if err != nil {
		return err
	}
	err = t.writes.DeleteReactions(ctx, db.DeleteReactionsParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence,
	})
	if err != nil {
		return err
	}
	return t.save(ctx, m)
}

func (t *tx) save(ctx context.Context, m domain.Message) error {
	members, teams := columnsOf(m.Mentions)
	return t.writes.UpdateMessage(ctx, db.UpdateMessageParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence, Body: m.Body, MentionedMembers: members,
		MentionedTeams: teams, Reacted: len(m.Reactions) > 0, Revision: m.Revision, Version: m.Version,
		UpdateTime: m.UpdateTime, DeleteTime: nullable(m.DeleteTime), UrgentReason: m.UrgentReason,
		AskCount: int16(len(m.Asks)),
	})
}

// AddReaction implements app.MessageTx.
func (t *tx) AddReaction(ctx context.Context, m domain.Message, member uuid.UUID, emoji string) error {
	err := t.writes.InsertReaction(ctx, db.InsertReactionParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence, Emoji: emoji, MemberID: member,
		Version: m.Version,
	})
	if err != nil {
		return err
	}
	return t.reacted(ctx, m)
}

// RemoveReaction implements app.MessageTx.
func (t *tx) RemoveReaction(ctx context.Context, m domain.Message, member uuid.UUID, emoji string) error {
	err := t.writes.DeleteReaction(ctx, db.DeleteReactionParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence, Emoji: emoji, MemberID: member,
	})
	if err != nil {
		return err
	}
	return t.reacted(ctx, m)
}

func (t *tx) reacted(ctx context.Context, m domain.Message) error {
	return t.writes.UpdateMessageReacted(ctx, db.UpdateMessageReactedParams{
		WorkspaceID: m.Workspace, ThreadID: m.Thread, Sequence: m.Sequence, Reacted: len(m.Reactions) > 0,
		Version: m.Version,
	})
}
