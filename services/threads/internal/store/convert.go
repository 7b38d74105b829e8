package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

func threadOf(row db.Thread, activity time.Time) domain.Thread {
	return domain.Thread{
		Workspace: row.WorkspaceID, ID: row.ThreadID, Space: row.SpaceID, Title: row.Title,
		Type: domain.ThreadType(row.Type), State: domain.ThreadState(row.State), Creator: row.CreatorID,
		Outcome: row.Outcome, Resolver: value(row.ResolverID), ResolveTime: value(row.ResolveTime).UTC(),
		ReopenOnMessage: row.ReopenOnMessage, LastSequence: row.LastSequence, Revision: row.Revision,
		Version: row.Version, CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
		ActivityTime: activity.UTC(), Imported: row.Imported, ImportedCount: row.ImportedCount,
	}
}

func messageOf(row db.Message, reactions []byte) (domain.Message, error) {
	m := domain.Message{
		Workspace: row.WorkspaceID, Thread: row.ThreadID, Sequence: row.Sequence, ID: row.MessageID,
		Author: row.AuthorID, Body: row.Body, ReplyTo: row.ReplyTo, Mentions: mentionsOf(row),
		Revision: row.Revision, Version: row.Version, CreateTime: row.CreateTime.UTC(),
		UpdateTime: row.UpdateTime.UTC(), DeleteTime: value(row.DeleteTime).UTC(), Imported: row.Imported,
		ExternalID: row.ExternalID, Urgency: domain.Urgency(row.Urgency), UrgentReason: row.UrgentReason,
	}
	if row.AskCount > 0 {
		m.Asks = make([]domain.Ask, 0, row.AskCount) // that there are some is known; fillAsks reads them
	}
	if row.UtcOffsetSeconds != nil {
		offset := time.Duration(*row.UtcOffsetSeconds) * time.Second
		m.UTCOffset = &offset
	}
	var err error
	m.Reactions, err = reactionsOf(reactions)
	return m, err
}

func mentionsOf(row db.Message) []domain.Mention {
	var mentions []domain.Mention
	for _, id := range row.MentionedMembers {
		mentions = append(mentions, domain.Mention{ID: id})
	}
	for _, id := range row.MentionedTeams {
		mentions = append(mentions, domain.Mention{ID: id, Team: true})
	}
	return mentions
}

// columnsOf parts mentions into the two columns; neither is nil, which would be NULL.
func columnsOf(mentions []domain.Mention) (members, teams []uuid.UUID) {
	members, teams = []uuid.UUID{}, []uuid.UUID{}
	for _, m := range mentions {
		if m.Team {
			teams = append(teams, m.ID)
			continue
		}
		members = append(members, m.ID)
	}
	return members, teams
}

// reactionsOf reads what the database's reactions_of returns.
func reactionsOf(text []byte) ([]domain.Reaction, error) {
	if len(text) <= len("[]") {
		return nil, nil
	}
	var rows []struct {
		Emoji   string      `json:"emoji"`
		Count   int         `json:"count"`
		Members []uuid.UUID `json:"members"`
		Mine    bool        `json:"mine"`
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("read reactions: %w", err)
	}
	reactions := make([]domain.Reaction, len(rows))
	for i, r := range rows {
		reactions[i] = domain.Reaction{Emoji: r.Emoji, Count: r.Count, Members: r.Members, ByCaller: r.Mine}
	}
	return reactions, nil
}

// value is what a nullable column holds, or its zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nullable is the value for a nullable column: NULL for the zero.
func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
