package threads

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// house is a workspace with five members, of whom the last may read nothing, a team of the first four, and three threads.
type house struct {
	w                *world
	ws, space, team  uuid.UUID
	members, threads []uuid.UUID
}

// houses are two workspaces that are alike in all but their own ids.
func (w *world) houses() [2]house {
	w.t.Helper()
	one := house{w: w, space: uuid.New(), team: uuid.New()}
	for range 5 {
		one.members = append(one.members, uuid.New())
	}
	for range 3 {
		one.threads = append(one.threads, uuid.New())
	}
	two := one
	for _, h := range []*house{&one, &two} {
		h.ws = uuid.New()
		w.exec(`INSERT INTO spaces (workspace_id, space_id, display_name, visibility, version) VALUES ($1, $2, 'S', 2, 1)`, h.ws, h.space)
		w.exec(`INSERT INTO teams (workspace_id, team_id, display_name, handle, deleted, version) VALUES ($1, $2, 't', 't', false, 1)`, h.ws, h.team)
		for i, m := range h.members {
			w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
				VALUES ($1, $2, $3, $3, 'UTC', $4, 2, 1, 1)`, h.ws, m, fmt.Sprint("m", i), int(auth.Member))
			if i == len(h.members)-1 {
				continue
			}
			w.grant(h.ws, h.space, m, auth.Writer)
			w.exec(`INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
				VALUES ($1, $2, $3, false, false, 1)`, h.ws, h.team, m)
		}
		for _, t := range h.threads {
			w.exec(`INSERT INTO threads (workspace_id, thread_id, space_id, title, type, state, creator_id, reopen_on_message,
				last_sequence, revision, version, create_time, update_time)
				VALUES ($1, $2, $3, 'T', 'DISCUSSION', 'OPEN', $4, false, 20, 1, 21, $5, $5)`, h.ws, t, h.space, h.members[0], epoch)
			w.exec(`INSERT INTO thread_activity VALUES ($1, $2, $3, $4)`, h.ws, t, h.space, epoch)
		}
	}
	return [2]house{one, two}
}

// state lays a member's read state in a thread.
func (h house) state(member, thread int, followed, unfollowed bool) {
	h.w.exec(`INSERT INTO read_states (workspace_id, member_id, thread_id, followed, unfollowed) VALUES ($1, $2, $3, $4, $5)`,
		h.ws, h.members[member], h.threads[thread], followed, unfollowed)
}

// heard is an event of a post: what it says, without the workspace.
type heard struct {
	event                          uuid.UUID
	thread, author, sequence, hour int
	mentions                       []int // a member, or one more for the team
	imported                       bool
}

func (h house) posted(e heard) app.Posted {
	m := domain.Message{
		Workspace: h.ws, Thread: h.threads[e.thread], Sequence: int64(e.sequence), Version: int64(e.sequence) + 1, Author: h.members[e.author],
		Body: fmt.Sprint("word", e.sequence), CreateTime: epoch.Add(time.Duration(e.hour) * time.Hour), Imported: e.imported,
	}
	for _, i := range e.mentions {
		if i == len(h.members) {
			m.Mentions = append(m.Mentions, domain.Mention{ID: h.team, Team: true})
			continue
		}
		m.Mentions = append(m.Mentions, domain.Mention{ID: h.members[i]})
	}
	return app.Posted{Message: m, Space: h.space, Because: func(ctx context.Context) context.Context {
		return eventbus.WithCause(ctx, e.event.String(), "c")
	}}
}

func (h house) follow(events ...heard) {
	h.w.t.Helper()
	var keys []inbox.Key
	var posts []app.Posted
	for _, e := range events {
		keys, posts = append(keys, inbox.Key{Consumer: "threads", EventID: e.event}), append(posts, h.posted(e))
	}
	require.NoError(h.w.t, h.w.app.OnPosted(inbox.NewContext(h.w.ctx, keys...), posts...))
}

// rows are all that the house's events have come to.
func (h house) rows() []string {
	h.w.t.Helper()
	rows, err := h.w.db.Owner.Pool().Query(h.w.ctx, `
		SELECT concat_ws(' ', 'read', member_id, thread_id, followed, unfollowed, version, update_time) FROM read_states WHERE workspace_id = $1
		UNION ALL SELECT concat_ws(' ', 'word', thread_id, sequence, space_id, author_id, version, create_time, words) FROM search_rows WHERE workspace_id = $1
		UNION ALL SELECT concat_ws(' ', 'activity', thread_id, activity_time) FROM thread_activity WHERE workspace_id = $1
		UNION ALL SELECT concat_ws(' ', 'inbox', event_id) FROM inbox WHERE workspace_id = $1
		UNION ALL SELECT concat_ws(' ', 'event', replace(aggregate, $1::text, ''), version, headers->>'ce-causationid', headers->>'ce-actor' LIKE '%members%',
			row_number() OVER (PARTITION BY aggregate ORDER BY id)) FROM outbox WHERE workspace_id = $1
		ORDER BY 1`, h.ws)
	require.NoError(h.w.t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(h.w.t, err)
	return all
}

// Messages that are followed together, however they are cut and whatever comes twice, come to what they come to one by one.
func TestPostsFollowedTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		houses := w.houses()
		for member := range 4 {
			for thread := range 3 {
				switch rapid.IntRange(0, 3).Draw(t, "state") {
				case 1:
					houses[0].state(member, thread, false, true)
					houses[1].state(member, thread, false, true)
				case 2:
					houses[0].state(member, thread, true, false)
					houses[1].state(member, thread, true, false)
				}
			}
		}
		var events []heard
		for sequence := range rapid.IntRange(1, 12).Draw(t, "posts") {
			e := heard{
				event: uuid.New(), thread: rapid.IntRange(0, 2).Draw(t, "thread"), author: rapid.IntRange(0, 4).Draw(t, "author"),
				sequence: sequence + 1, hour: rapid.IntRange(0, 9).Draw(t, "hour"), imported: rapid.IntRange(0, 4).Draw(t, "imported") == 0,
				mentions: rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 0, 3, rapid.ID).Draw(t, "mentions"),
			}
			events = append(events, e)
			if rapid.IntRange(0, 4).Draw(t, "again") == 0 {
				events = append(events, events[rapid.IntRange(0, len(events)-1).Draw(t, "which")])
			}
		}
		for _, e := range events {
			houses[0].follow(e)
		}
		for rest := events; len(rest) > 0; {
			n, seen := 0, map[uuid.UUID]bool{} // each once in a batch, as the router has it
			for most := rapid.IntRange(1, len(rest)).Draw(t, "together"); n < most && !seen[rest[n].event]; n++ {
				seen[rest[n].event] = true
			}
			houses[1].follow(rest[:n]...)
			rest = rest[n:]
		}
		require.Equal(t, houses[0].rows(), houses[1].rows())
	})
}

// A hundred messages that are followed together take the statements of one.
func TestWhatManyPostsCost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	statements := &counter{}
	pool, err := postgres.Open(t.Context(), w.db.AppURL, postgres.Options{Tracer: statements})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.app = app.New(app.Deps{
		Store: store.New(pool, w.db.Owner, w.box, wire.Encoder("meridian.test")), Access: w.directory, Clock: w.clock,
		WorkingTime: w.hours, Pending: func() {},
	})
	h := w.houses()[0]
	for member := range 4 {
		for thread := range 3 {
			h.state(member, thread, false, false)
		}
	}
	follow := func(n, from int) int {
		var events []heard
		for i := range n {
			events = append(events, heard{event: uuid.New(), thread: i % 2, author: i % 4, sequence: from + i, mentions: []int{(i + 1) % 4}})
		}
		statements.n = 0
		h.follow(events...)
		return statements.n
	}
	require.Equal(t, 9, follow(1, 1), "the claim, the look, three for the lock, the words, the activity and the state, and the event")
	w.exec(`UPDATE read_states SET followed = false`)
	require.Equal(t, 9, follow(100, 2))
	require.Equal(t, 4, follow(100, 102), "where all follow already: the claim, the look, the words and the activity")
}
