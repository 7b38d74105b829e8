package threads

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/inbox"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Events twice, late or out of order leave the activity where the newest message put it.
func TestActivityCommutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread := w.begin(ada, space, "t")
	id := uuid.MustParse(thread.GetUid())
	follow := func(event uuid.UUID, sequence int64, at time.Time) {
		ctx := inbox.NewContext(w.ctx, inbox.Key{Consumer: "threads", EventID: event})
		require.NoError(t, w.app.OnPosted(ctx, app.Posted{Space: space, Message: domain.Message{
			Workspace: ws, Thread: id, Sequence: sequence, Author: ada.Member, Body: "x", Version: sequence + 1, CreateTime: at,
		}}))
	}
	activity := func() time.Time {
		got, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: thread.GetName()})
		require.NoError(t, err)
		return got.GetActivityTime().AsTime()
	}
	for range 3 {
		w.post(ada, thread.GetName(), "x")
	}
	first, second := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	follow(second, 2, epoch.Add(2*time.Hour))
	follow(first, 1, epoch.Add(time.Hour))
	require.Equal(t, epoch.Add(2*time.Hour), activity())
	follow(uuid.Must(uuid.NewV7()), 3, epoch.Add(3*time.Hour))
	for range 2 {
		follow(second, 2, epoch.Add(2*time.Hour))
	}
	require.Equal(t, epoch.Add(3*time.Hour), activity())
}

// Whatever text people write comes back as they wrote it, and never becomes SQL.
func TestTextComesBackAsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	thread := w.begin(ada, space, `'); DROP TABLE messages; --`).GetName()
	for _, body := range []string{
		`'; DELETE FROM messages; --`, `$1 %s \x00 \u0000 {{.}}`, "emoji 👩‍👩‍👧‍👦 and \u202eright to left", "a\r\nb\tc", "\ufeffbom", `"quotes" \ back`,
	} {
		m := w.post(ada, thread, body)
		require.Equal(t, body, w.message(ada, m.GetName()).GetBody())
	}
	rapid.Check(t, func(r *rapid.T) {
		body := "x" + rapid.StringN(0, 200, 2000).Filter(func(s string) bool { return domain.CheckText("b", s) == nil }).Draw(r, "body")
		m := w.post(ada, thread, body)
		require.Equal(t, body, w.message(ada, m.GetName()).GetBody())
	})
	for _, filter := range []string{
		`state = "OPEN' OR '1'='1"`, `creator = "x'; DROP TABLE threads; --"`, `space = "` + domain.SpaceName(ws, space) + `' OR true"`,
	} {
		_, err := w.threads.ListThreads(ada.ctx, &threadsv1.ListThreadsRequest{Parent: domain.WorkspaceName(ws), Filter: filter})
		require.Error(t, err)
	}
	got, err := w.threads.GetThread(ada.ctx, &threadsv1.GetThreadRequest{Name: thread})
	require.NoError(t, err)
	require.Equal(t, `'); DROP TABLE messages; --`, got.GetTitle())
}

// A reaction counts everybody and names the first ten.
func TestManyReactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, space, ada := w.open()
	m := w.post(ada, w.begin(ada, space, "t").GetName(), "x")
	var names []string
	for i := range 13 {
		p := w.member(ws, auth.Member, fmt.Sprint("m", i))
		names = append(names, p.name())
		_, err := w.messages.AddReaction(p.ctx, &threadsv1.AddReactionRequest{Name: m.GetName(), Emoji: "👍"})
		require.NoError(t, err)
	}
	got := w.message(ada, m.GetName()).GetReactions()
	require.Len(t, got, 1)
	require.EqualValues(t, 13, got[0].GetCount())
	require.Equal(t, names[:10], got[0].GetMembers())
	require.False(t, got[0].GetReactedByMe())
}
