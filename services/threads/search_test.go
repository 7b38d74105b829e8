package threads

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// reacting runs the relay and the service's own consumer; the returned function waits until both have nothing left.
func (w *world) reacting() (settle func()) {
	w.t.Helper()
	js := w.broker()
	router := eventbus.NewRouter(eventbus.RouterConfig{
		Durable: "threads", JS: js, DB: w.db.Owner, Log: slog.New(slog.DiscardHandler), Machine: clock.Machine(),
	})
	wire.React(router, w.app)
	done := make(chan error, 1)
	go func() { done <- router.Run(w.ctx) }()
	w.t.Cleanup(func() { <-done })
	return func() {
		w.t.Helper()
		require.Eventually(w.t, func() bool {
			var rows int
			require.NoError(w.t, w.db.Owner.Pool().QueryRow(w.ctx, "SELECT count(*) FROM outbox").Scan(&rows))
			return rows == 0
		}, 20*time.Second, 5*time.Millisecond)
		require.NoError(w.t, router.Idle(w.ctx))
	}
}

func (w *world) search(p person, words, filter string) []*threadsv1.MessageSearchResult {
	w.t.Helper()
	resp, err := w.find(p, &threadsv1.SearchMessagesRequest{Query: words, Filter: filter})
	require.NoError(w.t, err)
	return resp.GetResults()
}

func (w *world) find(p person, req *threadsv1.SearchMessagesRequest) (*threadsv1.SearchMessagesResponse, error) {
	w.t.Helper()
	req.Parent = domain.WorkspaceName(p.Workspace)
	return threadsv1.NewSearchServiceClient(w.conn).SearchMessages(p.ctx, req)
}

func TestSearchFindsWordsAndFollowsChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settle := w.reacting()
	_, space, ada := w.open()
	thread := w.begin(ada, space, "About zebras")
	first := w.post(ada, thread.GetName(), "The quick brown fox jumps over the lazy dog")
	second := w.post(ada, thread.GetName(), "A fox, again. https://example.com/fox?a=1")
	settle()

	found := w.search(ada, `"brown fox" -cat`, "")
	require.Len(t, found, 1)
	require.Equal(t, first.GetName(), found[0].GetMessage().GetName())
	require.Equal(t, "About zebras", found[0].GetThreadTitle())
	require.Equal(t, thread.GetSpace(), found[0].GetSpace())
	var matched string
	for _, part := range found[0].GetSnippet() {
		if part.GetMatch() {
			matched += part.GetText() + " "
		}
	}
	require.Contains(t, matched, "fox")
	require.Len(t, w.search(ada, "fox", ""), 2)
	titles := w.search(ada, "zebras", "")
	require.Len(t, titles, 1)
	require.Nil(t, titles[0].GetMessage())
	require.Equal(t, thread.GetName(), titles[0].GetThread())

	_, err := w.edit(ada, second.GetName(), "A wolf now", "")
	require.NoError(t, err)
	_, err = w.messages.DeleteMessage(ada.ctx, &threadsv1.DeleteMessageRequest{Name: first.GetName()})
	require.NoError(t, err)
	require.Empty(t, w.search(ada, "lazy", ""), "a deleted message is not found, also before the index has followed")
	settle()
	require.Empty(t, w.search(ada, "fox", ""))
	require.Len(t, w.search(ada, "wolf", ""), 1)
}

func TestSearchTellsNothingOfWhatMayNotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settle := w.reacting()
	ws, _, ada := w.open()
	hidden := w.space(ws, true)
	w.grant(ws, hidden, ada.Member, auth.Writer)
	outsider, guest := w.member(ws, auth.Admin, "otto"), w.member(ws, auth.Guest, "gil")
	stranger := w.member(uuid.Must(uuid.NewV7()), auth.Owner, "sam")
	thread := w.begin(ada, hidden, "Plans")
	w.post(ada, thread.GetName(), "the secret is xyzzy")
	settle()
	require.Len(t, w.search(ada, "xyzzy", ""), 1)
	for _, p := range []person{outsider, guest, stranger} {
		require.Empty(t, w.search(p, "xyzzy", ""), p.handle)
	}
	require.Empty(t, w.search(outsider, "xyzzy", fmt.Sprintf("space = %q", thread.GetSpace())))
	w.grant(ws, hidden, guest.Member, auth.Reader)
	require.Len(t, w.search(guest, "xyzzy", ""), 1)
	w.grant(ws, hidden, guest.Member, auth.NoRight)
	require.Empty(t, w.search(guest, "xyzzy", ""), "a right that was taken away a moment ago")
}

func TestSearchPagesAndFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settle := w.reacting()
	ws, space, ada := w.open()
	bob := w.member(ws, auth.Member, "bob")
	other := w.begin(ada, w.space(ws, false), "Other")
	thread := w.begin(ada, space, "Many")
	for i := range 25 {
		author := ada
		if i%5 == 0 {
			author = bob
		}
		w.post(author, thread.GetName(), fmt.Sprintf("common word %d", i))
		w.clock.Advance(time.Hour)
	}
	w.post(ada, other.GetName(), "common elsewhere")
	settle()

	seen := map[string]bool{}
	req := &threadsv1.SearchMessagesRequest{Query: "common", PageSize: 7}
	for {
		resp, err := w.find(ada, req)
		require.NoError(t, err)
		for _, r := range resp.GetResults() {
			require.False(t, seen[r.GetMessage().GetName()], "no result stands on two pages")
			seen[r.GetMessage().GetName()] = true
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
		w.post(ada, thread.GetName(), "common and new")
		settle()
	}
	require.Len(t, seen, 26, "what was written after the search began is not in its pages")

	require.Len(t, w.search(ada, "common", fmt.Sprintf("author = %q", bob.name())), 5)
	require.Len(t, w.search(ada, "common", fmt.Sprintf("thread = %q", other.GetName())), 1)
	require.Len(t, w.search(ada, "common", fmt.Sprintf("space = %q", other.GetSpace())), 1)
	since := epoch.Add(20 * time.Hour).Format(time.RFC3339)
	require.Len(t, w.search(ada, "word", fmt.Sprintf("create_time >= %q", since)), 5)
	require.Len(t, w.search(ada, "word", fmt.Sprintf("create_time < %q", since)), 20)
}

// A page of long messages stays below what clients take, and paging goes on behind it.
func TestSearchCutsPagesByTheirSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, space, ada := w.open()
	thread := w.begin(ada, space, "Long")
	body := "common " + strings.Repeat("x", domain.MaxBody-len("common "))
	const posts = 70
	for range posts {
		w.post(ada, thread.GetName(), body)
	}
	w.exec(`INSERT INTO search_rows SELECT workspace_id, thread_id, sequence, $1, author_id, create_time, version, to_tsvector('simple', 'common')
		FROM messages`, space)

	seen := map[string]bool{}
	req := &threadsv1.SearchMessagesRequest{Query: "common", PageSize: 100}
	for pages := 1; ; pages++ {
		resp, err := w.find(ada, req)
		require.NoError(t, err)
		require.Less(t, proto.Size(resp), 4<<20)
		for _, r := range resp.GetResults() {
			require.Equal(t, body, r.GetMessage().GetBody())
			require.False(t, seen[r.GetMessage().GetName()])
			seen[r.GetMessage().GetName()] = true
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			require.Greater(t, pages, 1)
			break
		}
	}
	require.Len(t, seen, posts)
}

// However old a message is, its age is no number that a search fails on.
func TestSearchOfTheOldest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread := w.begin(ada, space, "Old")
	w.exec(`INSERT INTO search_rows SELECT $1, $2, n, $3, $4, '0001-01-01 00:00:00+00', 1, to_tsvector('simple', 'ancient')
		FROM generate_series(1, 3) n`, ws, thread.GetUid(), space, ada.Member)
	w.post(ada, thread.GetName(), "one")
	w.post(ada, thread.GetName(), "two")
	require.Len(t, w.search(ada, "ancient", ""), 2, "those that have a message")
	first, err := w.find(ada, &threadsv1.SearchMessagesRequest{Query: "ancient", PageSize: 2})
	require.NoError(t, err)
	require.NotEmpty(t, first.GetNextPageToken())
	second, err := w.find(ada, &threadsv1.SearchMessagesRequest{Query: "ancient", PageSize: 2, PageToken: first.GetNextPageToken()})
	require.NoError(t, err)
	require.Empty(t, second.GetNextPageToken())
}

func TestSearchRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ada := w.open()
	refused := func(req *threadsv1.SearchMessagesRequest) error { _, err := w.find(ada, req); return err }
	rpctest.FailedField(t, refused(&threadsv1.SearchMessagesRequest{}), fault.ReasonFieldInvalid, "query")
	rpctest.FailedField(t, refused(&threadsv1.SearchMessagesRequest{Query: "-only -not"}), fault.ReasonFieldInvalid, "query")
	rpctest.FailedField(t, refused(&threadsv1.SearchMessagesRequest{Query: "..."}), fault.ReasonFieldInvalid, "query")
	rpctest.FailedField(t, refused(&threadsv1.SearchMessagesRequest{Query: "a\x00b"}), fault.ReasonFieldInvalid, "query")
	rpctest.FailedField(t, refused(&threadsv1.SearchMessagesRequest{Query: "a", Filter: `colour = "red"`}), fault.ReasonFilterInvalid, "filter")
	rpctest.FailedField(t, refused(&threadsv1.SearchMessagesRequest{Query: "a", PageToken: "nonsense"}), fault.ReasonPageTokenInvalid, "page_token")
}

func TestIndexKeepsTheNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread := w.begin(ada, space, "t")
	id := uuid.MustParse(thread.GetUid())
	for _, version := range []int64{3, 2, 4, 1} {
		message := domain.Message{
			Workspace: ws, Thread: id, Sequence: 1, Author: ada.Member, Version: version, Body: fmt.Sprintf("words%d", version), CreateTime: epoch,
		}
		ctx := inbox.NewContext(w.ctx, inbox.Key{Consumer: "threads", EventID: uuid.Must(uuid.NewV7())})
		require.NoError(t, w.app.OnEdited(ctx, app.Posted{Message: message, Space: space}, nil))
	}
	var words string
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, "SELECT words::text FROM search_rows").Scan(&words))
	require.Equal(t, "'words4':1", words)
}
