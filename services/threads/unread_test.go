package threads

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/auth"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// unreadModel is a thread as the rules of unread counts see it: which of its messages were imported, and how far each
// has read.
type unreadModel struct {
	imported []bool
	read     map[string]int
}

func (m *unreadModel) unread(p person) int64 {
	var n int64
	for _, imported := range m.imported[m.read[p.handle]:] {
		if !imported {
			n++
		}
	}
	return n
}

// Whatever is posted, imported, marked and deleted, in whatever order, what each has not read is counted exactly: by
// Get, by the list, and by the list of the unread.
func TestUnreadCounts(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	people := []person{a.ada, a.member(a.ws, auth.Member, "bob"), a.member(a.ws, auth.Member, "carl")}
	rapid.Check(t, func(rt *rapid.T) {
		m := &unreadModel{read: map[string]int{}}
		root := uuid.NewString()
		bring := func(n int) string {
			var mails []*threadsv1.ImportedMessage
			for i := range n {
				mails = append(mails, a.mail(fmt.Sprint(root, len(m.imported)+i), "", root, i))
			}
			for range n {
				m.imported = append(m.imported, true)
			}
			return a.bring(mails...)[0].GetThread()
		}
		thread := bring(rapid.IntRange(1, 3).Draw(rt, "first"))
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			p := rapid.SampledFrom(people).Draw(rt, "who")
			switch rapid.SampledFrom([]string{"post", "post", "import", "mark", "mark", "delete"}).Draw(rt, "step") {
			case "post":
				all := m.unread(p) == 0
				m.imported = append(m.imported, false)
				if all {
					m.read[p.handle] = len(m.imported)
				}
				require.EqualValues(rt, len(m.imported), a.post(p, thread, "x").GetSequence())
			case "import":
				require.Equal(rt, thread, bring(rapid.IntRange(1, 3).Draw(rt, "brought")))
			case "mark":
				through := rapid.IntRange(1, len(m.imported)).Draw(rt, "through")
				m.read[p.handle] = max(m.read[p.handle], through)
				require.EqualValues(rt, m.read[p.handle], a.markRead(p, thread, int64(through)).GetLastReadSequence())
			case "delete":
				sequence := rapid.IntRange(1, len(m.imported)).Draw(rt, "sequence")
				_, err := a.messages.DeleteMessage(a.ada.ctx, &threadsv1.DeleteMessageRequest{Name: fmt.Sprintf("%s/messages/%d", thread, sequence)})
				require.NoError(rt, err)
			}
			require.Equal(rt, m.unread(p), a.readState(p, thread).GetUnreadCount())
		}
		for _, p := range people {
			r := a.readState(p, thread)
			require.Equal(rt, m.unread(p), r.GetUnreadCount())
			require.EqualValues(rt, m.read[p.handle], r.GetLastReadSequence())
		}
	})
	// The lists count the same as Get, over all the threads that were made.
	for _, p := range people {
		unread := 0
		resp, err := a.reads().ListReadStates(p.ctx, &threadsv1.ListReadStatesRequest{Parent: domain.WorkspaceName(a.ws), PageSize: 1000})
		require.NoError(t, err)
		for _, r := range resp.GetReadStates() {
			if r.GetUnreadCount() > 0 {
				unread++
			}
		}
		require.NotEmpty(t, resp.GetReadStates())
		only, err := a.reads().ListReadStates(p.ctx, &threadsv1.ListReadStatesRequest{Parent: domain.WorkspaceName(a.ws), PageSize: 1000, UnreadOnly: true})
		require.NoError(t, err)
		require.Len(t, only.GetReadStates(), unread)
	}
}
