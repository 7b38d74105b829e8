package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// searchSQL reads the hits of a page with what is shown of them. The bodies of those beyond $14 bytes of bodies are left
// out as NULL, but the first is always there. The marks of a snippet are U+0001 and U+0002, which are taken out of the
// text first. sqlc does not know the columns of search_hits.
const searchSQL = `
SELECT p.rank, p.thread_id, p.sequence, p.before >= $14, p.title, p.space_id,
       CASE WHEN p.before < $14
            THEN ts_headline('simple', translate(CASE WHEN p.sequence = 0 THEN p.title ELSE coalesce(p.body, '') END, E'\x01\x02', ''),
                             websearch_to_tsquery('simple', $2), E'StartSel=\x01, StopSel=\x02, MinWords=12, MaxWords=32')
            ELSE '' END,
       p.message_id IS NOT NULL, p.message_id, p.author_id, CASE WHEN p.before < $14 THEN p.body END, p.reply_to,
       p.mentioned_members, p.mentioned_teams, p.revision, p.version, p.create_time, p.update_time, p.imported,
       p.utc_offset_seconds, p.external_id, p.urgency, p.urgent_reason, p.ask_count,
       CASE WHEN p.reacted THEN reactions_of($3, p.thread_id, p.sequence, $1) END
FROM (SELECT h.rank, h.thread_id, h.sequence, t.title, t.space_id, m.message_id, m.author_id, m.body, m.reply_to,
             m.mentioned_members, m.mentioned_teams, m.revision, m.version, m.create_time, m.update_time, m.imported,
             m.utc_offset_seconds, m.external_id, m.urgency, m.urgent_reason, m.ask_count, m.reacted,
             sum(coalesce(octet_length(m.body), 0)) OVER (ORDER BY h.rank DESC, h.thread_id DESC, h.sequence DESC
                                                          ROWS UNBOUNDED PRECEDING)
             - coalesce(octet_length(m.body), 0) AS before
      FROM search_hits($1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) h
      JOIN threads t ON t.workspace_id = $3 AND t.thread_id = h.thread_id
      LEFT JOIN messages m ON m.workspace_id = $3 AND m.thread_id = h.thread_id AND m.sequence = h.sequence
          AND m.delete_time IS NULL) p
ORDER BY p.rank DESC, p.thread_id DESC, p.sequence DESC`

// Search implements app.Searcher.
func (s *Store) Search(ctx context.Context, ws, member uuid.UUID, q app.SearchQuery) (page.Result[app.Hit, app.SearchCursor], error) {
	none := page.Result[app.Hit, app.SearchCursor]{}
	after := q.Page.After
	var rank *float64
	if after.Thread != uuid.Nil {
		rank = &after.Rank
	}
	rows, err := s.db.For(ws).Query(ctx, searchSQL, member, q.Words, ws, nullable(q.Space), nullable(q.Thread),
		nullable(q.Author), nullable(q.Since), nullable(q.Before), after.AsOf, rank, after.Thread, after.Sequence,
		q.Page.Size+1, maxPageBytes)
	if err != nil {
		return none, searchError(err)
	}
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (rankedHit, error) { return scanHit(row, ws, after.AsOf) })
	if err != nil {
		return none, searchError(err)
	}
	cut := cutHits(hits, q.Page.Size)
	if cut, err = s.withAsks(ctx, ws, cut); err != nil {
		return none, err
	}
	found := page.Result[app.Hit, app.SearchCursor]{Next: cut.Next}
	for _, h := range cut.Items {
		// A message that was deleted a moment ago still has its words; it is left out of the page.
		if h.Message != nil || h.cursor.Sequence == 0 {
			found.Items = append(found.Items, h.Hit)
		}
	}
	return found, nil
}

// cutHits makes the page, of at most size hits and without those that there is no room for.
func cutHits(hits []rankedHit, size int) page.Result[rankedHit, app.SearchCursor] {
	if room := slices.IndexFunc(hits, func(h rankedHit) bool { return h.beyond }); room > 0 {
		size = min(size, room)
	}
	return page.Cut(hits, size, func(h rankedHit) app.SearchCursor { return h.cursor })
}

// withAsks reads what the hits of a page ask, and ends the page where there is no room for more.
func (s *Store) withAsks(
	ctx context.Context, ws uuid.UUID, cut page.Result[rankedHit, app.SearchCursor],
) (page.Result[rankedHit, app.SearchCursor], error) {
	messages := make([]*domain.Message, len(cut.Items))
	for i, h := range cut.Items {
		if messages[i] = h.Message; h.Message == nil {
			messages[i] = &domain.Message{} // a title asks nothing
		}
	}
	room, err := fillAsks(ctx, s.queries(ws), ws, messages)
	if err != nil || room == len(cut.Items) {
		return cut, err
	}
	return cutHits(cut.Items, room), nil
}

// invalidParameter is what search_hits raises for a query without a word (SQLSTATE 22023).
const invalidParameter = "22023"

func searchError(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == invalidParameter {
		return fault.InvalidField("query", "must hold at least one word to look for")
	}
	return fmt.Errorf("search: %w", err)
}

type rankedHit struct {
	app.Hit
	cursor app.SearchCursor
	// beyond says that the page has no room for its body, which was left out.
	beyond bool
}

func scanHit(row pgx.CollectableRow, ws uuid.UUID, asOf time.Time) (rankedHit, error) {
	var (
		hit                rankedHit
		snippet            string
		there              bool
		id, author         *uuid.UUID
		body, external     *string
		replyTo            *int64
		revision, version  *int64
		created, updated   *time.Time
		imported           *bool
		urgency, asks      *int16
		reason             *string
		m                  db.Message
		reactions          []byte
		mentioned, inTeams []uuid.UUID
	)
	hit.cursor.AsOf = asOf
	err := row.Scan(&hit.cursor.Rank, &hit.cursor.Thread, &hit.cursor.Sequence, &hit.beyond, &hit.Title, &hit.Space, &snippet, &there,
		&id, &author, &body, &replyTo, &mentioned, &inTeams, &revision, &version, &created, &updated, &imported,
		&m.UtcOffsetSeconds, &external, &urgency, &reason, &asks, &reactions)
	if err != nil {
		return hit, err
	}
	hit.Thread, hit.Snippet = hit.cursor.Thread, parts(snippet)
	if !there || hit.beyond {
		return hit, nil
	}
	m.WorkspaceID, m.ThreadID, m.Sequence, m.MessageID, m.AuthorID = ws, hit.Thread, hit.cursor.Sequence, *id, *author
	m.Body, m.ReplyTo, m.MentionedMembers, m.MentionedTeams = *body, *replyTo, mentioned, inTeams
	m.Revision, m.Version, m.CreateTime, m.UpdateTime = *revision, *version, *created, *updated
	m.Imported, m.ExternalID = *imported, *external
	m.Urgency, m.UrgentReason, m.AskCount = *urgency, *reason, *asks
	message, err := messageOf(m, reactions)
	hit.Message = &message
	return hit, err
}

// parts cuts a marked text into what was found and what stands around it.
func parts(marked string) []app.SnippetPart {
	var out []app.SnippetPart
	for marked != "" {
		before, rest, found := strings.Cut(marked, "\x01")
		if before != "" {
			out = append(out, app.SnippetPart{Text: before})
		}
		if !found {
			break
		}
		match, after, _ := strings.Cut(rest, "\x02")
		if match != "" {
			out = append(out, app.SnippetPart{Text: match, Match: true})
		}
		marked = after
	}
	return out
}

// Index implements app.SearchTx.
func (t *tx) Index(ctx context.Context, entries ...app.Entry) error {
	rows := db.IndexWordsParams{WorkspaceID: t.ws}
	for _, e := range entries {
		rows.ThreadIds, rows.Sequences = append(rows.ThreadIds, e.Thread), append(rows.Sequences, e.Sequence)
		rows.SpaceIds, rows.AuthorIds = append(rows.SpaceIds, e.Space), append(rows.AuthorIds, e.Author)
		rows.CreateTimes, rows.Versions = append(rows.CreateTimes, e.CreateTime), append(rows.Versions, e.Version)
		rows.Texts = append(rows.Texts, e.Text)
	}
	return t.writes.IndexWords(ctx, rows)
}
