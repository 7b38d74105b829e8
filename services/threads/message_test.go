package threads

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func (w *world) edit(p person, name, body, tag string) (*threadsv1.Message, error) {
	return w.messages.UpdateMessage(p.ctx, &threadsv1.UpdateMessageRequest{
		Message: &threadsv1.Message{Name: name, Body: body, Etag: tag},
	})
}

func (w *world) message(p person, name string) *threadsv1.Message {
	w.t.Helper()
	m, err := w.messages.GetMessage(p.ctx, &threadsv1.GetMessageRequest{Name: name})
	require.NoError(w.t, err)
	return m
}

func TestPostAndRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "t")
	first := w.post(ada, thread.GetName(), "**One**")
	require.Equal(t, thread.GetName()+"/messages/1", first.GetName())
	require.EqualValues(t, 2, first.GetVersion())
	answer, err := w.messages.CreateMessage(ada.ctx, &threadsv1.CreateMessageRequest{
		Parent: thread.GetName(), Message: &threadsv1.Message{Body: "Two", ReplyTo: first.GetName()},
	})
	require.NoError(t, err)
	require.Equal(t, first.GetName(), answer.GetReplyTo())
	require.Equal(t, answer.String(), w.message(ada, answer.GetName()).String())
	got, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: thread.GetName()})
	require.NoError(t, err)
	require.EqualValues(t, 2, got.GetLastSequence())
	require.EqualValues(t, 3, got.GetVersion())
	require.Equal(t, thread.GetEtag(), got.GetEtag())
}

func TestPostRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread, other := w.begin(ada, space, "t").GetName(), w.begin(ada, space, "u").GetName()
	w.post(ada, other, "elsewhere")
	post := func(parent, body, reply string) error {
		_, err := w.messages.CreateMessage(ada.ctx, &threadsv1.CreateMessageRequest{
			Parent: parent, Message: &threadsv1.Message{Body: body, ReplyTo: reply},
		})
		return err
	}
	rpctest.FailedField(t, post(thread, "", ""), fault.ReasonFieldInvalid, "message.body")
	rpctest.FailedField(t, post(thread, " \n\t", ""), fault.ReasonFieldInvalid, "message.body")
	rpctest.FailedField(t, post(thread, strings.Repeat("x", 64<<10+1), ""), fault.ReasonFieldInvalid, "message.body")
	rpctest.FailedField(t, post(thread, "nul \x00", ""), fault.ReasonFieldInvalid, "message.body")
	rpctest.FailedField(t, post(thread, "x", "nonsense"), fault.ReasonFieldInvalid, "message.reply_to")
	rpctest.FailedField(t, post(thread, "x", other+"/messages/1"), fault.ReasonFieldInvalid, "message.reply_to")
	rpctest.FailedField(t, post(thread, "x", thread+"/messages/1"), fault.ReasonFieldInvalid, "message.reply_to")
	rpctest.FailedField(t, post("threads/x", "x", ""), fault.ReasonFieldInvalid, "parent")
	rpctest.Failed(t, post(domain.ThreadName(ada.Workspace, uuid.Must(uuid.NewV7())), "x", ""), codes.NotFound, fault.ReasonResourceNotFound)
	require.NoError(t, post(thread, strings.Repeat("x", 64<<10), ""), "64 KiB is allowed, with its event")
	require.Equal(t, int64(1), w.message(ada, thread+"/messages/1").GetSequence(), "nothing refused took a sequence")
	_, err := w.messages.GetMessage(ada.ctx, &threadsv1.GetMessageRequest{Name: thread + "/messages/2"})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestEditKeepsEveryRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Admin, "bob")
	m := w.post(ada, w.begin(ada, space, "t").GetName(), "One")
	_, err := w.edit(bob, m.GetName(), "Forged", "")
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAuthor)
	for i, body := range []string{"Two", "Three"} {
		w.clock.Advance(time.Minute)
		m, err = w.edit(ada, m.GetName(), body, m.GetEtag())
		require.NoError(t, err)
		require.EqualValues(t, i+2, m.GetRevisionCount())
		require.Equal(t, epoch.Add(time.Duration(i+1)*time.Minute), m.GetUpdateTime().AsTime())
	}
	_, err = w.edit(ada, m.GetName(), "Four", `"1"`)
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	same, err := w.edit(ada, m.GetName(), "Three", "")
	require.NoError(t, err)
	require.Equal(t, m.GetEtag(), same.GetEtag())
	_, err = w.messages.UpdateMessage(ada.ctx, &threadsv1.UpdateMessageRequest{
		Message: &threadsv1.Message{Name: m.GetName(), Body: "x"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"author"}},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask")

	req := &threadsv1.ListMessageRevisionsRequest{Parent: m.GetName(), PageSize: 2}
	var bodies []string
	for {
		resp, err := w.messages.ListMessageRevisions(bob.ctx, req)
		require.NoError(t, err)
		for _, r := range resp.GetMessageRevisions() {
			bodies = append(bodies, r.GetBody())
			require.Equal(t, fmt.Sprintf("%s/revisions/%d", m.GetName(), len(bodies)), r.GetName())
			require.Equal(t, epoch.Add(time.Duration(len(bodies)-1)*time.Minute), r.GetCreateTime().AsTime())
			require.Equal(t, len(bodies) == 3, r.GetCurrent())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, []string{"One", "Two", "Three"}, bodies)
}

func TestDeleteLeavesATombstone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob, boss := w.member(ws, auth.Member, "bob"), w.member(ws, auth.Admin, "boss")
	thread := w.begin(ada, space, "t").GetName()
	m := w.post(ada, thread, "secret one @bob")
	_, err := w.edit(ada, m.GetName(), "secret two", "")
	require.NoError(t, err)
	_, err = w.messages.AddReaction(bob.ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: "👍"})
	require.NoError(t, err)

	_, err = w.messages.DeleteMessage(bob.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAuthor)
	_, err = w.messages.DeleteMessage(boss.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName(), Etag: `"1"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	gone, err := w.messages.DeleteMessage(boss.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName(), Etag: `"2"`})
	require.NoError(t, err)
	require.Equal(t, threadsv1.Message_DELETED, gone.GetState())
	require.Equal(t, ada.name(), gone.GetAuthor())
	require.Empty(t, gone.GetBody())
	require.Empty(t, gone.GetReactions())
	require.Empty(t, gone.GetMentions())
	require.NotNil(t, gone.GetDeleteTime())
	require.Equal(t, gone.String(), w.message(bob, m.GetName()).String())

	events := len(w.unpublished())
	again, err := w.messages.DeleteMessage(ada.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName()})
	require.NoError(t, err)
	require.Equal(t, gone.String(), again.String())
	require.Len(t, w.unpublished(), events)
	_, err = w.edit(ada, m.GetName(), "back", "")
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonMessageDeleted)
	_, err = w.messages.AddReaction(bob.ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: "👍"})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonMessageDeleted)
	revisions, err := w.messages.ListMessageRevisions(ada.ctx, &threadsv1.ListMessageRevisionsRequest{Parent: m.GetName()})
	require.NoError(t, err)
	require.Empty(t, revisions.GetMessageRevisions())
	require.EqualValues(t, 2, w.post(ada, thread, "next").GetSequence(), "a tombstone keeps its place")

	var kept int
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `
		SELECT (SELECT count(*) FROM messages WHERE body LIKE '%secret%') + (SELECT count(*) FROM message_revisions)`).Scan(&kept))
	require.Zero(t, kept, "no body is kept anywhere")
}

func TestReactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	m := w.post(ada, w.begin(ada, space, "t").GetName(), "x")
	add := func(p person, emoji string) (*threadsv1.Message, error) {
		return w.messages.AddReaction(p.ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: emoji})
	}
	_, err := add(ada, "not an emoji")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "emoji")
	for _, p := range []person{bob, ada, bob} {
		_, err = add(p, "👍")
		require.NoError(t, err)
	}
	got, err := add(ada, ":shipit:")
	require.NoError(t, err)
	require.Len(t, got.GetReactions(), 2)
	require.Equal(t, "👍", got.GetReactions()[0].GetEmoji())
	require.EqualValues(t, 2, got.GetReactions()[0].GetCount())
	require.Equal(t, []string{bob.name(), ada.name()}, got.GetReactions()[0].GetMembers())
	require.True(t, got.GetReactions()[1].GetReactedByMe())
	require.Equal(t, got.String(), w.message(ada, m.GetName()).String())
	require.False(t, w.message(bob, m.GetName()).GetReactions()[1].GetReactedByMe())
	require.Equal(t, m.GetEtag(), got.GetEtag(), "a reaction is no edit")
	require.Equal(t, []string{"ThreadCreated", "MessagePosted", "ReactionAdded", "ReactionAdded", "ReactionAdded"}, kinds(w.unpublished()))

	remove := func(p person, emoji string) *threadsv1.Message {
		got, err := w.messages.RemoveReaction(p.ctx, &threadsv1.RemoveReactionRequest{Name: m.GetName(), Emoji: emoji})
		require.NoError(t, err)
		require.Equal(t, got.String(), w.message(p, m.GetName()).String())
		return got
	}
	require.Len(t, remove(bob, ":shipit:").GetReactions(), 2, "not bob's to take back")
	require.EqualValues(t, 1, remove(bob, "👍").GetReactions()[0].GetCount())
	require.Len(t, remove(ada, "👍").GetReactions(), 1)
	require.Empty(t, remove(ada, ":shipit:").GetReactions())
}

func TestMentions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	ada, bob, eve := w.member(ws, auth.Member, "ada"), w.member(ws, auth.Member, "bob"), w.member(ws, auth.Member, "eve")
	w.memberIn(ws, auth.Member, "gone", "DEACTIVATED")
	w.memberIn(ws, auth.Member, "invited", "INVITED")
	w.member(uuid.Must(uuid.NewV7()), auth.Member, "stranger")
	secret := w.space(ws, true)
	core, out := w.team(ws, "core", bob), w.team(ws, "outsiders", eve)
	w.grant(ws, secret, ada.Member, auth.Writer)
	w.grant(ws, secret, core, auth.Reader)

	private := w.begin(ada, secret, "t").GetName()
	m := w.post(ada, private, "@eve @Bob @core `@ada` @outsiders @gone @invited @stranger @nobody @bob")
	team := func(id uuid.UUID) string { return domain.Mention{ID: id, Team: true}.Name(ws) }
	require.Equal(t, []string{bob.name(), team(core)}, m.GetMentions(), "only who may read the space")
	open := w.begin(ada, w.space(ws, false), "t").GetName()
	m = w.post(ada, open, "@outsiders and @eve")
	require.Equal(t, []string{eve.name(), team(out)}, m.GetMentions())

	m, err := w.edit(ada, m.GetName(), "@eve @ada", "")
	require.NoError(t, err)
	require.Equal(t, []string{eve.name(), ada.name()}, m.GetMentions())
	require.Equal(t, m.String(), w.message(ada, m.GetName()).String())
	var payload []byte
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT payload FROM outbox ORDER BY id DESC LIMIT 1`).Scan(&payload))
	var event threadsv1.MessageEdited
	require.NoError(t, proto.Unmarshal(payload, &event))
	require.Equal(t, []string{ada.name()}, event.GetAddedMentions())
}

func TestListMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "t").GetName()
	for i := range 9 {
		w.post(ada, thread, fmt.Sprint("message ", i+1))
	}
	_, err := w.messages.DeleteMessage(ada.ctx, &threadsv1.DeleteMessageRequest{Name: thread + "/messages/5"})
	require.NoError(t, err)
	list := func(size int32, order, filter string) []int64 {
		req := &threadsv1.ListMessagesRequest{Parent: thread, PageSize: size, OrderBy: order, Filter: filter}
		var got []int64
		for range 20 {
			resp, err := w.messages.ListMessages(ada.ctx, req)
			require.NoError(t, err)
			for _, m := range resp.GetMessages() {
				got = append(got, m.GetSequence())
			}
			if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
				return got
			}
		}
		require.Fail(t, "the list does not end")
		return nil
	}
	for _, size := range []int32{0, 1, 4, 9, 10000} {
		require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, list(size, "", ""))
		require.Equal(t, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1}, list(size, "sequence desc", ""))
		require.Equal(t, []int64{7, 8, 9}, list(size, "sequence", "sequence > 6"))
		require.Equal(t, []int64{4, 3}, list(size, "sequence desc", "sequence <= 4 AND sequence >= 3"))
		require.Equal(t, []int64{5}, list(size, "", "sequence = 5"))
		require.Empty(t, list(size, "", "sequence < 1"))
		require.Empty(t, list(size, "", fmt.Sprint("sequence > ", int64(math.MaxInt64))))
	}
	first, err := w.messages.ListMessages(ada.ctx, &threadsv1.ListMessagesRequest{Parent: thread, PageSize: 2})
	require.NoError(t, err)
	_, err = w.messages.ListMessages(ada.ctx, &threadsv1.ListMessagesRequest{Parent: thread, PageToken: first.GetNextPageToken(), OrderBy: "sequence desc"})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
	other := w.begin(ada, space, "u").GetName()
	_, err = w.messages.ListMessages(ada.ctx, &threadsv1.ListMessagesRequest{Parent: other, PageToken: first.GetNextPageToken()})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
	_, err = w.messages.ListMessages(ada.ctx, &threadsv1.ListMessagesRequest{Parent: thread, Filter: `author = "x"`})
	rpctest.FailedField(t, err, fault.ReasonFilterInvalid, "filter")
}

// A page of long messages stays below what clients take, and the list is whole all the same.
func TestPagesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "t").GetName()
	body := strings.Repeat("x", 64<<10)
	const n = 70
	for range n {
		w.post(ada, thread, body)
	}
	for _, order := range []string{"sequence", "sequence desc"} {
		require.Equal(t, []int{49, 21}, w.pages(ada, thread, 200, order))
		require.Equal(t, []int{50, 20}, w.pages(ada, thread, 0, order))
	}
}

// So does one of messages with all the mentions and reactions that they can have.
func TestPagesAreBoundedWhateverMessagesHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	for i := range domain.MaxMentions {
		w.member(ws, auth.Member, fmt.Sprint("m", i))
	}
	var mention strings.Builder
	for i := range domain.MaxMentions {
		fmt.Fprintf(&mention, "@m%d ", i)
	}
	long, short := w.begin(ada, space, "long").GetName(), w.begin(ada, space, "short").GetName()
	const n = 120
	for i := range n {
		w.post(ada, short, mention.String())
		if i < n/2 {
			w.post(ada, long, mention.String()+strings.Repeat("x", domain.MaxBody-mention.Len()))
		}
	}
	w.exec(`INSERT INTO message_reactions
		SELECT m.workspace_id, m.thread_id, m.sequence, ':' || e || repeat('x', 55) || ':', x.member_id, 100
		FROM messages m, generate_series(1, $2) e, (SELECT member_id FROM members WHERE workspace_id = $1 LIMIT $3) x
		WHERE m.workspace_id = $1`, ws, domain.MaxEmoji, domain.ShownMembers)
	w.exec(`UPDATE messages SET reacted = true WHERE workspace_id = $1`, ws)
	for thread, messages := range map[string]int{long: n / 2, short: n} {
		for _, size := range []int32{0, 200} {
			pages := w.pages(ada, thread, size, "sequence desc")
			all := 0
			for _, of := range pages {
				all += of
			}
			require.Equal(t, messages, all)
			require.Greater(t, pages[0], 20)
		}
	}
}

// pages reads the whole list of a thread and tells how many messages each page has.
func (w *world) pages(p person, thread string, size int32, order string) (pages []int) {
	w.t.Helper()
	req := &threadsv1.ListMessagesRequest{Parent: thread, PageSize: size, OrderBy: order}
	for {
		resp, err := w.messages.ListMessages(p.ctx, req)
		require.NoError(w.t, err)
		require.NotEmpty(w.t, resp.GetMessages())
		require.Less(w.t, proto.Size(resp), 4<<20)
		pages = append(pages, len(resp.GetMessages()))
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return pages
		}
	}
}

func TestArchivedThreadsTakeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	boss := w.member(ws, auth.Owner, "boss")
	thread := w.begin(ada, space, "t").GetName()
	m := w.post(ada, thread, "x")
	_, err := w.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: thread})
	require.NoError(t, err)
	for name, call := range map[string]func(context.Context) error{
		"edit": func(context.Context) error { _, err := w.edit(ada, m.GetName(), "y", ""); return err },
		"react": func(ctx context.Context) error {
			_, err := w.messages.AddReaction(ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: "👍"})
			return err
		},
		"unreact": func(ctx context.Context) error {
			_, err := w.messages.RemoveReaction(ctx, &threadsv1.RemoveReactionRequest{Name: m.GetName(), Emoji: "👍"})
			return err
		},
		"retitle": func(ctx context.Context) error {
			_, err := w.threads.UpdateThread(ctx, &threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: thread, Title: "u"}})
			return err
		},
	} {
		rpctest.Failed(t, call(ada.ctx), codes.FailedPrecondition, domain.ReasonThreadArchived)
		require.NotEmpty(t, name)
	}
	_, err = w.messages.DeleteMessage(ada.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName()})
	require.NoError(t, err, "what must go must go")
}
