package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// groupLockLimit is how long a group of posts waits for the lock on one of its threads, before they are done one by one
// and wait each for its own.
const groupLockLimit = 250 * time.Millisecond

// aloneLockLimit is how long a post by itself waits for the lock on its thread. It holds a connection for so long, of which
// all threads have few.
const aloneLockLimit = 2 * time.Second

const (
	// lockPosted locks the threads that are posted to, as placePosts does. It stands before that one where a post is a
	// reply: what the replied message asks must then be seen as it is when the locks are there. LATERAL here and there keeps
	// the plan to one look into the primary key a thread, whatever the planner thought of the tables when it made the plan.
	lockPosted = `
		SELECT FROM (SELECT DISTINCT unnest($2::uuid[]) AS thread_id ORDER BY 1) n
		CROSS JOIN LATERAL (
			SELECT FROM threads t WHERE t.workspace_id = $1 AND t.thread_id = n.thread_id FOR UPDATE) locked`

	// placePosts locks the threads that are posted to, in the order in which threads are locked, and has them as they are
	// then; it judges posts, claims their requests, and takes the sequences and versions of those that stand. The names that
	// the requests are claimed for hold the sequences; so a claim that turns out to be a twin's under way elsewhere, which
	// shows in the count of claims, voids all of it.
	placePosts = `
		WITH asked AS MATERIALIZED (
			SELECT unnest($2::integer[]) AS place, unnest($3::uuid[]) AS thread_id, unnest($4::uuid[]) AS member_id,
			       unnest($5::smallint[]) AS need, unnest($6::bigint[]) AS reply_to, unnest($7::text[]) AS principal,
			       unnest($8::text[]) AS method, unnest($9::uuid[]) AS request_id, unnest($10::bytea[]) AS hash
		), locked AS MATERIALIZED (
			SELECT t.*
			FROM (SELECT DISTINCT a.thread_id FROM asked a ORDER BY 1) n
			CROSS JOIN LATERAL (
				SELECT x.thread_id, x.space_id, x.title, x.state, x.reopen_on_message, x.imported_count, x.last_sequence, x.version
				FROM threads x WHERE x.workspace_id = $1 AND x.thread_id = n.thread_id FOR UPDATE) t
		), found AS MATERIALIZED (
			SELECT a.*, t.space_id, t.title, t.state, t.reopen_on_message, t.imported_count, t.last_sequence, t.version
			FROM asked a JOIN locked t ON t.thread_id = a.thread_id
		), rights AS MATERIALIZED (
			SELECT d.member_id, d.space_id, r.have
			FROM (SELECT DISTINCT f.member_id, f.space_id FROM found f) d
			CROSS JOIN LATERAL right_on($1, d.member_id, d.space_id) AS r(have)
		), allowed AS MATERIALIZED (
			SELECT f.*, f.principal <> '' AND EXISTS (
			           SELECT FROM replay r
			           WHERE r.workspace_id = $1 AND r.principal = f.principal AND r.method = f.method
			             AND r.request_id = f.request_id) AS taken
			FROM found f
			JOIN rights r ON r.member_id = f.member_id AND r.space_id = f.space_id AND r.have >= f.need
		), placed AS MATERIALIZED (
			SELECT a.place, a.thread_id, a.space_id, a.title, a.state, a.reopen_on_message, a.imported_count, a.principal,
			       a.method, a.request_id, a.hash,
			       a.last_sequence + row_number() OVER w AS sequence, a.version + row_number() OVER w AS version
			FROM allowed a
			WHERE NOT a.taken AND (a.state = 'OPEN' OR a.state = 'RESOLVED' AND NOT a.reopen_on_message)
			  AND a.reply_to <= a.last_sequence
			  AND (a.reply_to = 0 OR NOT EXISTS (
			           SELECT FROM asks k
			           JOIN ask_recipients r ON r.workspace_id = k.workspace_id AND r.ask_id = k.ask_id
			           WHERE k.workspace_id = $1 AND k.thread_id = a.thread_id AND k.sequence = a.reply_to
			             AND k.kind = 'REPLY' AND k.state = 'OPEN' AND r.state = 'OPEN'
			             AND (r.member_id = a.member_id OR r.delegate_id = a.member_id)))
			WINDOW w AS (PARTITION BY a.thread_id ORDER BY a.place)
		), claimed AS (
			INSERT INTO replay (workspace_id, principal, method, request_id, hash, resource)
			SELECT $1, p.principal, p.method, p.request_id, p.hash, $11::text || p.thread_id || '/messages/' || p.sequence
			FROM placed p WHERE p.principal <> ''
			ORDER BY p.principal, p.method, p.request_id
			ON CONFLICT DO NOTHING
			RETURNING 1
		), moved AS (
			UPDATE threads t SET last_sequence = n.last_sequence, version = n.version
			FROM (SELECT p.thread_id, max(p.sequence) AS last_sequence, max(p.version) AS version
			      FROM placed p GROUP BY p.thread_id) n
			WHERE t.workspace_id = $1 AND t.thread_id = n.thread_id
		)
		SELECT a.place, p.place IS NULL AS taken, a.space_id, a.title, a.state, a.reopen_on_message, a.imported_count,
		       coalesce(p.sequence, 0), coalesce(p.version, 0),
		       (SELECT count(*) FROM claimed) < (SELECT count(*) FROM placed x WHERE x.principal <> '') AS void
		FROM allowed a
		LEFT JOIN placed p ON p.place = a.place
		WHERE a.taken OR p.place IS NOT NULL`

	// mentionedInPosts is the statement Mentions for many posts.
	mentionedInPosts = `
		SELECT n.place, m.member_id, m.handle, false
		FROM (SELECT unnest($2::integer[]) AS place, unnest($3::uuid[]) AS thread_id, unnest($4::text[]) AS handle) n
		JOIN threads t ON t.workspace_id = $1 AND t.thread_id = n.thread_id
		JOIN members m ON m.workspace_id = $1 AND m.handle <> '' AND m.handle = n.handle
		WHERE space_right($1, m.member_id, t.space_id) >= 1
		UNION ALL
		SELECT n.place, x.team_id, x.handle, true
		FROM (SELECT unnest($2::integer[]) AS place, unnest($3::uuid[]) AS thread_id, unnest($4::text[]) AS handle) n
		JOIN threads t ON t.workspace_id = $1 AND t.thread_id = n.thread_id
		JOIN teams x ON x.workspace_id = $1 AND NOT x.deleted AND x.handle <> '' AND x.handle = n.handle
		JOIN spaces s ON s.workspace_id = $1 AND s.space_id = t.space_id
		LEFT JOIN space_grants g ON g.workspace_id = $1 AND g.space_id = s.space_id AND g.principal_id = x.team_id
		WHERE s.visibility = 1 OR g.access >= 1`
)

// errVoid has a transaction run again, which then sees the claim that came between.
var errVoid = fmt.Errorf("store: a twin's request was claimed meanwhile: %w", app.ErrTaken)

// PlacePosts implements app.ThreadTx.
func (t *tx) PlacePosts(ctx context.Context, posts []app.Post) ([]app.Place, error) {
	places := make([]app.Place, len(posts))
	t.pg.LockTimeout(groupLockLimit)
	b := &pgx.Batch{}
	if slices.ContainsFunc(posts, func(p app.Post) bool { return p.Draft.ReplyTo != 0 }) {
		b.Queue(lockPosted, t.ws, threadsOf(posts))
	}
	b.Queue(placePosts, placeArgs(t.ws, posts)...).Query(func(rows pgx.Rows) error { return scanPlaces(rows, t.ws, posts, places) })
	if mentioned := queueMentions(b, t.ws, posts); mentioned != nil {
		mentioned.Query(func(rows pgx.Rows) error { return scanMentions(rows, posts, places) })
	}
	if err := t.pg.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("place posts: %w", err)
	}
	return places, nil
}

func threadsOf(posts []app.Post) []uuid.UUID {
	threads := make([]uuid.UUID, len(posts))
	for i, p := range posts {
		threads[i] = p.Thread
	}
	return threads
}

func placeArgs(ws uuid.UUID, posts []app.Post) []any {
	n := len(posts)
	places, needs, replies := make([]int32, n), make([]int16, n), make([]int64, n)
	members, requests := make([]uuid.UUID, n), make([]uuid.UUID, n)
	principals, methods, hashes := make([]string, n), make([]string, n), make([][]byte, n)
	for i, p := range posts {
		places[i], members[i], needs[i], replies[i] = int32(i), p.Draft.Author, int16(p.Need), p.Draft.ReplyTo
		hashes[i] = []byte{}
		if key, ok := replay.FromContext(p.Context); ok {
			principals[i], methods[i], requests[i], hashes[i] = key.Principal, key.Method, key.RequestID, key.Hash
		}
	}
	return []any{
		ws, places, threadsOf(posts), members, needs, replies, principals, methods, requests, hashes,
		strings.TrimSuffix(domain.ThreadName(ws, uuid.Nil), uuid.Nil.String()),
	}
}

func scanPlaces(rows pgx.Rows, ws uuid.UUID, posts []app.Post, places []app.Place) error {
	for rows.Next() {
		var (
			at    int32
			taken bool
			void  bool
			d     = domain.Thread{Workspace: ws}
		)
		err := rows.Scan(&at, &taken, &d.Space, &d.Title, &d.State, &d.ReopenOnMessage, &d.ImportedCount,
			&d.LastSequence, &d.Version, &void)
		switch {
		case err != nil:
			return err
		case void:
			return errVoid
		}
		d.ID = posts[at].Thread
		places[at] = app.Place{Standing: app.Placed, Thread: d}
		if taken {
			places[at] = app.Place{Standing: app.Taken}
		}
	}
	return rows.Err()
}

// queueMentions queues nothing where no post has a handle.
func queueMentions(b *pgx.Batch, ws uuid.UUID, posts []app.Post) *pgx.QueuedQuery {
	var (
		at      []int32
		threads []uuid.UUID
		handles []string
	)
	for i, p := range posts {
		for _, handle := range p.Handles {
			at, threads, handles = append(at, int32(i)), append(threads, p.Thread), append(handles, handle)
		}
	}
	if len(at) == 0 {
		return nil
	}
	return b.Queue(mentionedInPosts, ws, at, threads, handles)
}

func scanMentions(rows pgx.Rows, posts []app.Post, places []app.Place) error {
	found := make(map[int32][]mentioned)
	for rows.Next() {
		var at int32
		var m mentioned
		if err := rows.Scan(&at, &m.id, &m.handle, &m.team); err != nil {
			return err
		}
		found[at] = append(found[at], m)
	}
	for at, some := range found {
		places[at].Mentions = inOrder(some, posts[at].Handles)
	}
	return rows.Err()
}

// AddMessages implements app.MessageTx.
func (t *tx) AddMessages(ctx context.Context, at time.Time, messages ...domain.Message) error {
	rows := db.InsertMessagesParams{WorkspaceID: t.ws, CreateTime: at}
	for _, m := range messages {
		members, teams := textsOf(m.Mentions)
		rows.ThreadIds = append(rows.ThreadIds, m.Thread)
		rows.Sequences = append(rows.Sequences, m.Sequence)
		rows.MessageIds = append(rows.MessageIds, m.ID)
		rows.AuthorIds = append(rows.AuthorIds, m.Author)
		rows.Bodies = append(rows.Bodies, m.Body)
		rows.RepliesTo = append(rows.RepliesTo, m.ReplyTo)
		rows.Members = append(rows.Members, members)
		rows.Teams = append(rows.Teams, teams)
		rows.Versions = append(rows.Versions, m.Version)
		rows.Urgencies = append(rows.Urgencies, int16(m.Urgency))
		rows.UrgentReasons = append(rows.UrgentReasons, m.UrgentReason)
		rows.AskCounts = append(rows.AskCounts, int16(len(m.Asks)))
	}
	return t.writes.InsertMessages(ctx, rows)
}

// textsOf parts the ids of mentions into two texts, each parted by blanks.
func textsOf(mentions []domain.Mention) (members, teams string) {
	for _, m := range mentions {
		text := &members
		if m.Team {
			text = &teams
		}
		if *text != "" {
			*text += " "
		}
		*text += m.ID.String()
	}
	return members, teams
}

// ReadOwnPosts implements app.ReadStateTx.
func (t *tx) ReadOwnPosts(ctx context.Context, at time.Time, posts ...app.OwnPost) error {
	if len(posts) == 0 {
		return nil
	}
	rows := db.ReadOwnPostsParams{WorkspaceID: t.ws, UpdateTime: &at}
	for _, p := range posts {
		rows.MemberIds = append(rows.MemberIds, p.Member)
		rows.ThreadIds = append(rows.ThreadIds, p.Thread)
		rows.Sequences = append(rows.Sequences, p.Last)
		rows.Newests = append(rows.Newests, p.Newest)
		rows.ImportedCounts = append(rows.ImportedCounts, p.ImportedCount)
		rows.Posteds = append(rows.Posteds, p.First-1-p.ImportedCount)
	}
	err := t.writes.AddReadStates(ctx, db.AddReadStatesParams{WorkspaceID: t.ws, MemberIds: rows.MemberIds, ThreadIds: rows.ThreadIds})
	if err != nil {
		return err
	}
	return t.writes.ReadOwnPosts(ctx, rows)
}
