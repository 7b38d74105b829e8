package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// noOffset stands for an offset from UTC that is not known: real ones are within a day.
const noOffset = 24 * time.Hour

// LockImports implements app.ImportTx.
func (t *tx) LockImports(ctx context.Context, space uuid.UUID) error {
	if err := t.now.LockImports(ctx, space); err != nil {
		return fmt.Errorf("lock the imports of a space: %w", err)
	}
	return nil
}

// Strangers implements app.ImportTx.
func (t *tx) Strangers(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	unknown, err := t.now.Strangers(ctx, db.StrangersParams{WorkspaceID: t.ws, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("look for authors: %w", err)
	}
	return unknown, nil
}

// Archive implements app.ImportTx.
func (t *tx) Archive(ctx context.Context, space uuid.UUID, messages []domain.Imported) (domain.Archive, error) {
	a := domain.Archive{
		Messages: map[string]domain.Place{}, Answers: map[string][]uuid.UUID{}, Conversations: map[string][]uuid.UUID{},
		Begun: map[uuid.UUID]time.Time{},
	}
	var own, conversations, mentioned []string
	for _, m := range messages {
		own, conversations = append(own, m.ExternalID), append(conversations, m.ThreadExternalID)
		mentioned = append(mentioned, m.ExternalID, m.ParentExternalID, m.ThreadExternalID)
	}
	there, err := t.now.ImportedMessages(ctx, db.ImportedMessagesParams{WorkspaceID: t.ws, SpaceID: space, ExternalIds: distinct(mentioned)})
	if err != nil {
		return domain.Archive{}, fmt.Errorf("find imported messages: %w", err)
	}
	for _, row := range there {
		a.Messages[row.ExternalID] = domain.Place{Thread: row.ThreadID, Sequence: row.Sequence}
		a.Begun[row.ThreadID] = row.CreateTime.UTC()
	}
	answers, err := t.now.ImportedAnswers(ctx, db.ImportedAnswersParams{WorkspaceID: t.ws, SpaceID: space, ExternalIds: distinct(own)})
	if err != nil {
		return domain.Archive{}, fmt.Errorf("find imported answers: %w", err)
	}
	for _, row := range answers {
		a.Answers[row.ParentExternalID] = append(a.Answers[row.ParentExternalID], row.ThreadID)
		a.Begun[row.ThreadID] = row.CreateTime.UTC()
	}
	known, err := t.now.ImportedConversations(ctx, db.ImportedConversationsParams{
		WorkspaceID: t.ws, SpaceID: space, ThreadExternalIds: distinct(conversations),
	})
	if err != nil {
		return domain.Archive{}, fmt.Errorf("find imported conversations: %w", err)
	}
	for _, row := range known {
		a.Conversations[row.ThreadExternalID] = append(a.Conversations[row.ThreadExternalID], row.ThreadID)
		a.Begun[row.ThreadID] = row.CreateTime.UTC()
	}
	return a, nil
}

// distinct is each text of a list once.
func distinct(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// LockThreads implements app.ImportTx.
func (t *tx) LockThreads(ctx context.Context, ids []uuid.UUID) ([]domain.Thread, error) {
	rows, err := t.now.LockThreads(ctx, db.LockThreadsParams{WorkspaceID: t.ws, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("lock threads: %w", err)
	}
	threads := make([]domain.Thread, len(rows))
	for i, row := range rows {
		threads[i] = threadOf(row.Thread, row.ActivityTime)
	}
	return threads, nil
}

// AddImport implements app.ImportTx.
func (t *tx) AddImport(ctx context.Context, space uuid.UUID, out domain.ImportOutcome) error {
	if len(out.Created) > 0 {
		if err := t.addImportedThreads(ctx, space, out.Created); err != nil {
			return err
		}
	}
	if len(out.Extended) > 0 {
		extended := db.ExtendThreadsParams{WorkspaceID: t.ws}
		for _, d := range out.Extended {
			extended.ThreadIds = append(extended.ThreadIds, d.ID)
			extended.LastSequences = append(extended.LastSequences, d.LastSequence)
			extended.Versions = append(extended.Versions, d.Version)
		}
		if err := t.writes.ExtendThreads(ctx, extended); err != nil {
			return err
		}
	}
	if err := t.addImportedMessages(ctx, out.Brought); err != nil {
		return err
	}
	return t.addImportLinks(ctx, space, out.Brought)
}

func (t *tx) addImportedThreads(ctx context.Context, space uuid.UUID, created []domain.Thread) error {
	threads := db.InsertImportedThreadsParams{WorkspaceID: t.ws, SpaceID: space}
	activity := db.InsertImportedActivityParams{WorkspaceID: t.ws, SpaceID: space}
	for _, d := range created {
		threads.ThreadIds, activity.ThreadIds = append(threads.ThreadIds, d.ID), append(activity.ThreadIds, d.ID)
		activity.ActivityTimes = append(activity.ActivityTimes, d.ActivityTime)
		threads.Titles = append(threads.Titles, d.Title)
		threads.CreatorIds = append(threads.CreatorIds, d.Creator)
		threads.LastSequences = append(threads.LastSequences, d.LastSequence)
		threads.Versions = append(threads.Versions, d.Version)
		threads.CreateTimes = append(threads.CreateTimes, d.CreateTime)
	}
	if err := t.writes.InsertImportedThreads(ctx, threads); err != nil {
		return err
	}
	return t.writes.InsertImportedActivity(ctx, activity)
}

func (t *tx) addImportedMessages(ctx context.Context, brought []domain.Brought) error {
	rows := db.InsertImportedMessagesParams{WorkspaceID: t.ws}
	for _, b := range brought {
		m, offset := b.Message, noOffset
		if m.UTCOffset != nil {
			offset = *m.UTCOffset
		}
		rows.ThreadIds = append(rows.ThreadIds, m.Thread)
		rows.Sequences = append(rows.Sequences, m.Sequence)
		rows.MessageIds = append(rows.MessageIds, m.ID)
		rows.AuthorIds = append(rows.AuthorIds, m.Author)
		rows.Bodies = append(rows.Bodies, m.Body)
		rows.RepliesTo = append(rows.RepliesTo, m.ReplyTo)
		rows.Versions = append(rows.Versions, m.Version)
		rows.CreateTimes = append(rows.CreateTimes, m.CreateTime)
		rows.UtcOffsetsSeconds = append(rows.UtcOffsetsSeconds, int32(offset/time.Second))
		rows.ExternalIds = append(rows.ExternalIds, m.ExternalID)
	}
	return t.writes.InsertImportedMessages(ctx, rows)
}

func (t *tx) addImportLinks(ctx context.Context, space uuid.UUID, brought []domain.Brought) error {
	links := db.InsertImportLinksParams{WorkspaceID: t.ws, SpaceID: space}
	conversations := db.InsertImportConversationsParams{WorkspaceID: t.ws, SpaceID: space}
	for _, b := range brought {
		links.ExternalIds = append(links.ExternalIds, b.Message.ExternalID)
		links.ParentExternalIds = append(links.ParentExternalIds, b.ParentExternalID)
		links.ThreadIds = append(links.ThreadIds, b.Message.Thread)
		links.Sequences = append(links.Sequences, b.Message.Sequence)
		conversations.ThreadExternalIds = append(conversations.ThreadExternalIds, b.ThreadExternalID)
		conversations.ThreadIds = append(conversations.ThreadIds, b.Message.Thread)
	}
	if err := t.writes.InsertImportLinks(ctx, links); err != nil {
		return err
	}
	return t.writes.InsertImportConversations(ctx, conversations)
}
