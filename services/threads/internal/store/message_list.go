package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

const (
	// boundless is how many messages are read with their bodies, however large those are.
	boundless = 50
	// maxPageBytes bounds the bodies of a longer page as much: the last message may go over it by one body.
	maxPageBytes = (boundless - 1) * domain.MaxBody
	// maxMessageBytes is what a page has for its messages without their asks, so that an answer stays below the 4 MiB that
	// clients take. As many as boundless have room for their bodies, if not for many mentions and reactions as well.
	maxMessageBytes = 4<<20 - maxAskBytes - 16<<10
)

// gateSQL reads a thread's space and the right a member has there. It goes with a list in one batch, which sqlc cannot
// make, and so do the lists.
const gateSQL = `
SELECT t.space_id, coalesce((SELECT r.have FROM right_on(t.workspace_id, $3, t.space_id) AS r(have)), 0::smallint) FROM threads t
WHERE t.workspace_id = $1 AND t.thread_id = $2`

// messagesSQL lists the messages of a range of sequences, newest or oldest first as %[1]s says, of the rows and with the
// bodies that %[2]s and %[3]s say, with the reactions as $3 sees them. Whether they may be read is the gate's to say. An
// empty array costs more to send and to read than NULL, and most of them are.
const messagesSQL = `
SELECT m.sequence, m.message_id, m.author_id, %[2]s,
       m.reply_to, CASE WHEN cardinality(m.mentioned_members) > 0 THEN m.mentioned_members END,
       CASE WHEN cardinality(m.mentioned_teams) > 0 THEN m.mentioned_teams END,
       m.reacted, m.revision, m.version, m.create_time, m.update_time, m.delete_time, m.imported, m.utc_offset_seconds,
       m.external_id, m.urgency, m.urgent_reason, m.ask_count,
       CASE WHEN m.reacted THEN reactions_of(m.workspace_id, m.thread_id, m.sequence, $3) END
FROM %[3]s
ORDER BY m.sequence %[1]s`

const (
	// wholeRows are at most $6 rows of the range.
	wholeRows = `messages m
WHERE m.workspace_id = $1 AND m.thread_id = $2 AND m.sequence BETWEEN $4 AND $5`
	// boundedRows are as many, of which the bodies of those beyond $7 bytes of bodies are left out as NULL, but the first is
	// always there. To add them up takes a third of the time that the page takes.
	boundedBody = `CASE WHEN m.before < $7 THEN m.body END`
	boundedRows = `(SELECT w.*, sum(octet_length(w.body)) OVER (ORDER BY w.sequence %[1]s ROWS UNBOUNDED PRECEDING)
                  - octet_length(w.body) AS before
      FROM (SELECT x.* FROM messages x
            WHERE x.workspace_id = $1 AND x.thread_id = $2 AND x.sequence BETWEEN $4 AND $5
            ORDER BY x.sequence %[1]s
            LIMIT $6) w) m`
)

// Messages implements app.MessageReader, in one round trip: the right and the page travel together, and without the right
// the page goes no further than here. Each statement sees what is committed when it begins: the right is asked last, so that
// nobody reads what was said after they lost it. Where messages of the page ask something, their asks are one more.
func (s *Store) Messages(ctx context.Context, ws, member uuid.UUID, q app.MessageQuery) (app.MessagePage, error) {
	list, gate, batch := &listed{ws: ws, thread: q.Thread, most: q.Page.Size + 1}, &gated{}, &pgx.Batch{}
	sql, args := messagesQuery(ws, member, q)
	batch.Queue(sql, args...).Query(list.read)
	batch.Queue(gateSQL, ws, q.Thread, member).Query(gate.read)
	if err := s.db.For(ws).SendBatch(ctx, batch).Close(); err != nil {
		return app.MessagePage{}, fmt.Errorf("list messages: %w", err)
	}
	if !gate.found {
		return app.MessagePage{}, fault.NotFoundName(domain.ThreadName(ws, q.Thread))
	}
	if gate.have < auth.Reader {
		return app.MessagePage{Space: gate.space, Have: gate.have}, nil
	}
	found := app.MessagePage{Result: list.cut(q.Page.Size), Space: gate.space, Have: gate.have}
	messages := make([]*domain.Message, len(found.Items))
	for i := range found.Items {
		messages[i] = &found.Items[i]
	}
	room, err := fillAsks(ctx, s.queries(ws), ws, messages)
	if err != nil {
		return app.MessagePage{}, err
	}
	if room < len(found.Items) {
		found.Result = page.Cut(found.Items, room, messageCursor)
	}
	return found, nil
}

func messageCursor(m domain.Message) app.SequenceCursor {
	return app.SequenceCursor{Sequence: m.Sequence}
}

func messagesQuery(ws, member uuid.UUID, q app.MessageQuery) (string, []any) {
	first, last, direction := q.First, q.Last, "ASC"
	if q.Desc {
		direction = "DESC"
	}
	if after := q.Page.After; after != nil {
		if q.Desc {
			last = min(last, after.Sequence-1)
		} else {
			first = max(first, after.Sequence+1)
		}
	}
	args := []any{ws, q.Thread, member, first, last, q.Page.Size + 1}
	if q.Page.Size <= boundless {
		return fmt.Sprintf(messagesSQL, direction, "m.body", wholeRows) + "\nLIMIT $6", args
	}
	return fmt.Sprintf(messagesSQL, direction, boundedBody, fmt.Sprintf(boundedRows, direction)), append(args, maxPageBytes)
}

// gated is what decides whether a thread may be read.
type gated struct {
	space uuid.UUID
	have  auth.Right
	found bool
}

func (g *gated) read(rows pgx.Rows) error {
	for rows.Next() {
		var have int16
		if err := rows.Scan(&g.space, &have); err != nil {
			return err
		}
		g.have, g.found = auth.Right(have), true
	}
	return rows.Err()
}

// listed are the messages of a page before it is cut.
type listed struct {
	ws, thread uuid.UUID
	// most is how many are asked for.
	most     int
	messages []domain.Message
	// full says that more were found than there is room for their bodies.
	full bool
}

func (l *listed) read(rows pgx.Rows) error {
	l.messages = make([]domain.Message, 0, l.most)
	var (
		m         db.Message
		body      pgtype.Text
		reactions []byte
	)
	for rows.Next() {
		m = db.Message{WorkspaceID: l.ws, ThreadID: l.thread}
		err := rows.Scan(&m.Sequence, &m.MessageID, &m.AuthorID, &body, &m.ReplyTo,
			&m.MentionedMembers, &m.MentionedTeams, &m.Reacted, &m.Revision, &m.Version, &m.CreateTime, &m.UpdateTime,
			&m.DeleteTime, &m.Imported, &m.UtcOffsetSeconds, &m.ExternalID, &m.Urgency, &m.UrgentReason, &m.AskCount,
			&reactions)
		if err != nil {
			return err
		}
		if l.full = l.full || !body.Valid; l.full {
			continue
		}
		m.Body = body.String
		message, err := messageOf(m, reactions)
		if err != nil {
			return err
		}
		l.messages = append(l.messages, message)
	}
	return rows.Err()
}

// cut makes the page, as long as there is room for. Where bodies were left out for their size, what is there is a page and
// more follow.
func (l *listed) cut(size int) page.Result[domain.Message, app.SequenceCursor] {
	size = min(size, l.room())
	if n := len(l.messages); l.full && n <= size {
		next := messageCursor(l.messages[n-1])
		return page.Result[domain.Message, app.SequenceCursor]{Items: l.messages, Next: &next}
	}
	return page.Cut(l.messages, size, messageCursor)
}

// room is of how many of the messages, in their order, a page has room; it has for the first in any case.
func (l *listed) room() int {
	left := maxMessageBytes
	for i, m := range l.messages {
		if left -= sizeOfMessage(m); left < 0 {
			return max(i, 1)
		}
	}
	return len(l.messages)
}

// sizeOfMessage is how many bytes of an answer a message takes at most, without its asks.
func sizeOfMessage(m domain.Message) int {
	const itself, name, reaction = 600, 95, 20
	size := itself + len(m.Body) + len(m.UrgentReason) + len(m.ExternalID) + name*len(m.Mentions)
	for _, r := range m.Reactions {
		size += reaction + len(r.Emoji) + name*len(r.Members)
	}
	return size
}
