package threads

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/inbox"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func TestFollowAndMute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	var threads []string
	for i := range 5 {
		threads = append(threads, w.begin(ada, space, fmt.Sprint(i)).GetName())
	}
	w.post(ada, threads[3], "x")
	before := len(w.unpublished())
	change := func(thread string) (follow, unfollow, mute, unmute func() *threadsv1.ReadState) {
		must := func(r *threadsv1.ReadState, err error) *threadsv1.ReadState {
			require.NoError(t, err)
			require.True(t, proto.Equal(r, w.readState(bob, thread)))
			return r
		}
		reads := w.reads()
		return func() *threadsv1.ReadState {
				return must(reads.FollowThread(bob.ctx, &threadsv1.FollowThreadRequest{Name: thread}))
			},
			func() *threadsv1.ReadState {
				return must(reads.UnfollowThread(bob.ctx, &threadsv1.UnfollowThreadRequest{Name: thread}))
			},
			func() *threadsv1.ReadState {
				return must(reads.MuteThread(bob.ctx, &threadsv1.MuteThreadRequest{Name: thread}))
			},
			func() *threadsv1.ReadState {
				return must(reads.UnmuteThread(bob.ctx, &threadsv1.UnmuteThreadRequest{Name: thread}))
			}
	}
	for _, thread := range threads {
		follow, unfollow, mute, unmute := change(thread)
		require.Zero(t, unfollow().GetVersion(), "it was not followed")
		require.Zero(t, unmute().GetVersion(), "it was not muted")
		require.Nil(t, unmute().GetUpdateTime())
		for range 2 {
			require.EqualValues(t, 1, follow().GetVersion())
		}
		for range 2 {
			require.EqualValues(t, 2, mute().GetVersion())
		}
	}
	require.Equal(t, []string{"4", "3", "2", "1", "0"}, w.followed(bob, false))
	require.Equal(t, []string{"3"}, w.followed(bob, true))
	_, unfollow, _, unmute := change(threads[3])
	require.True(t, unfollow().GetMuted())
	require.False(t, unmute().GetMuted())
	require.Equal(t, []string{"4", "2", "1", "0"}, w.followed(bob, false))
	require.Empty(t, w.followed(bob, true))
	require.Len(t, w.unpublished(), before+2*len(threads)+2)
}

// What a member follows by posting, by being mentioned and by having created it.
func TestWhoFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settle := w.reacting()
	ws, _, _ := w.open()
	space := w.space(ws, true)
	people := map[string]person{}
	for _, handle := range []string{"creator", "bob", "carl", "dora", "eve", "reader"} {
		people[handle] = w.member(ws, auth.Member, handle)
		w.grant(ws, space, people[handle].Member, auth.Writer)
	}
	w.grant(ws, space, people["reader"].Member, auth.Reader)
	outside := w.member(ws, auth.Admin, "outside")
	team := w.team(ws, "crew", people["dora"], outside, w.memberIn(ws, auth.Member, "gone", "DEACTIVATED"))
	w.grant(ws, space, team, auth.Reader)
	w.grant(ws, space, outside.Member, auth.Reader)
	thread := w.begin(people["creator"], space, "t").GetName()
	settle()
	follows := func() []string {
		var handles []string
		for _, handle := range []string{"creator", "bob", "carl", "dora", "eve", "reader"} {
			if w.readState(people[handle], thread).GetFollowed() {
				handles = append(handles, handle)
			}
		}
		return handles
	}
	require.Equal(t, []string{"creator"}, follows())
	first := w.post(people["bob"], thread, "hello @carl")
	require.True(t, w.readState(people["bob"], thread).GetFollowed(), "at once")
	settle()
	require.Equal(t, []string{"creator", "bob", "carl"}, follows())

	unfollow := func(handle string) {
		_, err := w.reads().UnfollowThread(people[handle].ctx, &threadsv1.UnfollowThreadRequest{Name: thread})
		require.NoError(t, err)
	}
	unfollow("carl")
	unfollow("eve")
	_, err := w.edit(people["bob"], first.GetName(), "hello @carl @crew @eve @reader", "")
	require.NoError(t, err)
	settle()
	require.Equal(t, []string{"creator", "bob", "dora", "reader"}, follows(), "an edit's mentions count; who stopped by hand stays out")
	w.post(people["carl"], thread, "I am back")
	settle()
	require.Equal(t, []string{"creator", "bob", "carl", "dora", "reader"}, follows(), "one's own post takes it up again")
	for _, handle := range follows() {
		r := w.readState(people[handle], thread)
		require.Equal(t, []string{"t"}, w.followed(people[handle], false), handle)
		require.True(t, r.GetFollowed(), handle)
	}
	require.Zero(t, w.readState(people["bob"], thread).GetVersion(), "what his post did is told by its own event")
	require.EqualValues(t, 2, w.readState(people["carl"], thread).GetVersion(), "followed, stopped, and followed by a post")
}

// The author's pointer moves only when it stood just before, without an event beside the message's.
func TestOwnPostIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settle := w.reacting()
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	thread := w.begin(ada, space, "t").GetName()
	pointer := func(p person, read, unread int64) {
		t.Helper()
		r := w.readState(p, thread)
		require.Equal(t, []int64{read, unread}, []int64{r.GetLastReadSequence(), r.GetUnreadCount()})
	}
	w.post(ada, thread, "1")
	w.post(ada, thread, "2")
	pointer(ada, 2, 0)
	w.post(bob, thread, "3")
	pointer(bob, 0, 3)
	w.post(ada, thread, "4")
	pointer(ada, 2, 2)
	w.markRead(bob, thread, 4)
	w.post(bob, thread, "5")
	pointer(bob, 5, 0)
	settle()
	settle()
	require.EqualValues(t, 5, w.readState(ada, thread).GetLastSequence())
	require.EqualValues(t, 1, w.readState(bob, thread).GetVersion(), "that he marked it read")
}

// An event twice and late changes nothing more.
func TestFollowingCommutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	created := w.begin(ada, space, "t")
	thread := created.GetName()
	w.post(ada, thread, "@bob")
	id := uuid.MustParse(created.GetUid())
	posted := app.Posted{Space: space, Message: domain.Message{
		Workspace: ws, Thread: id, Sequence: 1, Author: ada.Member, Version: 2, CreateTime: epoch,
		Mentions: []domain.Mention{{ID: bob.Member}},
	}}
	event := func(id uuid.UUID) context.Context {
		return inbox.NewContext(w.ctx, inbox.Key{Consumer: "threads", EventID: id})
	}
	first := uuid.Must(uuid.NewV7())
	for range 3 {
		require.NoError(t, w.app.OnPosted(event(first), posted))
	}
	require.EqualValues(t, 1, w.readState(bob, thread).GetVersion())
	require.Zero(t, w.readState(ada, thread).GetVersion())
	_, err := w.reads().UnfollowThread(bob.ctx, &threadsv1.UnfollowThreadRequest{Name: thread})
	require.NoError(t, err)
	require.NoError(t, w.app.OnPosted(event(uuid.New()), posted), "late, under another id")
	require.False(t, w.readState(bob, thread).GetFollowed())
	require.NoError(t, w.app.OnThreadCreated(event(uuid.New()), domain.Thread{Workspace: ws, ID: id, Space: space, Creator: bob.Member}))
	require.False(t, w.readState(bob, thread).GetFollowed())
	imported := domain.Thread{Workspace: ws, ID: id, Space: space, Creator: w.member(ws, auth.Member, "carl").Member, Imported: true}
	before := len(w.unpublished())
	require.NoError(t, w.app.OnThreadCreated(event(uuid.New()), imported))
	require.Len(t, w.unpublished(), before, "who is the author of what was imported follows nothing")
}

// A large team comes to follow in parts of at most 500, each a transaction.
func TestALargeTeamFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	const many = 1200
	team := w.team(ws, "everyone", ada)
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		SELECT $1, gen_random_uuid(), 'M', '', 'UTC', 2, 2, 1, 1 FROM generate_series(2, $2)`, ws, many)
	w.exec(`INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
		SELECT workspace_id, $2, member_id, false, false, 1 FROM members WHERE workspace_id = $1 ON CONFLICT DO NOTHING`, ws, team)
	created := w.begin(ada, space, "t")
	w.post(ada, created.GetName(), "@everyone")
	before := len(w.unpublished())
	posted := app.Posted{Space: space, Message: domain.Message{
		Workspace: ws, Thread: uuid.MustParse(created.GetUid()), Sequence: 1, Author: ada.Member, Version: 2, CreateTime: epoch,
		Mentions: []domain.Mention{{ID: team, Team: true}},
	}}
	key := inbox.Key{Consumer: "threads", EventID: uuid.Must(uuid.NewV7())}
	for range 2 {
		require.NoError(t, w.app.OnPosted(inbox.NewContext(w.ctx, key), posted))
		require.Len(t, w.unpublished(), before+many-1, "each is told once, and Ada follows by her post")
	}
	var followers, transactions, most int
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT sum(n), count(*), max(n)
		FROM (SELECT count(*) AS n FROM read_states WHERE followed GROUP BY xmin::text) x`).Scan(&followers, &transactions, &most))
	require.Equal(t, many, followers)
	require.Equal(t, 4, transactions, "the post and three parts")
	require.LessOrEqual(t, most, 500)
}
