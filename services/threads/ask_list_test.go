package threads

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// listAsks are the names of the asks that a list has, in its order, over pages of so many.
func (w *world) listAsks(p person, size int32, filter string) []string {
	w.t.Helper()
	names := []string{}
	req := &threadsv1.ListAsksRequest{Parent: domain.WorkspaceName(p.Workspace), PageSize: size, Filter: filter}
	for {
		resp, err := w.asks.ListAsks(p.ctx, req)
		require.NoError(w.t, err)
		for _, ask := range resp.GetAsks() {
			require.True(w.t, proto.Equal(ask, w.getAsk(p, ask.GetName())), "a list shows what Get shows")
			names = append(names, ask.GetName())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return names
		}
	}
}

// Every filter, on pages of every size, lists what its conditions say, the newest first.
func TestListAsks(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	other := c.begin(c.bob, c.space, "other").GetName()
	hidden := c.begin(c.ada, c.space2(c.ada, c.carl), "hidden").GetName()
	team := c.team(c.ws, "crew", c.bob, c.carl)
	type made struct {
		*threadsv1.Ask
		hidden bool
	}
	var all []made
	for i := range 12 {
		c.clock.Advance(time.Duration(i%2) * time.Minute) // two at the same instant
		switch i % 4 {
		case 0:
			all = append(all, made{c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob)), false})
		case 1:
			all = append(all, made{c.ask(c.bob, other, askOf(threadsv1.Ask_REVIEW, c.carl, c.dora)), false})
		case 2:
			all = append(all, made{c.ask(c.ada, hidden, askOf(threadsv1.Ask_APPROVE, c.carl)), true})
		case 3:
			all = append(all, made{c.ask(c.ada, other, teamAsk(threadsv1.Ask_ACKNOWLEDGE, c.ws, team, true)), false})
		}
	}
	newNeighbour(c)
	_, err := c.answerAsk(c.bob, all[4].GetName(), "")
	require.NoError(t, err)
	_, err = c.answerAsk(c.bob, all[7].GetName(), "")
	require.NoError(t, err)
	_, err = c.withdrawAsk(c.bob, all[5].GetName())
	require.NoError(t, err)
	for i := range all {
		all[i].Ask = c.getAsk(c.carl, all[i].GetName())
	}
	waits := func(ask *threadsv1.Ask, p person) bool {
		for _, r := range ask.GetRecipients() {
			if r.GetMember() == p.name() && r.GetState() == threadsv1.AskRecipient_OPEN {
				return true
			}
		}
		return false
	}
	conditions := map[string]func(ask *threadsv1.Ask, caller person) bool{
		"":               func(*threadsv1.Ask, person) bool { return true },
		"recipient = me": waits,
		fmt.Sprintf("recipient = %q", c.carl.name()): func(ask *threadsv1.Ask, _ person) bool { return waits(ask, c.carl) },
		"asker = me":                                     func(ask *threadsv1.Ask, p person) bool { return ask.GetAsker() == p.name() },
		fmt.Sprintf("asker = %q", c.bob.name()):          func(ask *threadsv1.Ask, _ person) bool { return ask.GetAsker() == c.bob.name() },
		fmt.Sprintf("thread = %q", other):                func(ask *threadsv1.Ask, _ person) bool { return ask.GetThread() == other },
		fmt.Sprintf("message = %q", all[3].GetMessage()): func(ask *threadsv1.Ask, _ person) bool { return ask.GetMessage() == all[3].GetMessage() },
		"state = OPEN":                                   func(ask *threadsv1.Ask, _ person) bool { return ask.GetState() == threadsv1.Ask_OPEN },
		"state = SETTLED":                                func(ask *threadsv1.Ask, _ person) bool { return ask.GetState() == threadsv1.Ask_SETTLED },
		"state = WITHDRAWN":                              func(ask *threadsv1.Ask, _ person) bool { return ask.GetState() == threadsv1.Ask_WITHDRAWN },
		"kind = REVIEW":                                  func(ask *threadsv1.Ask, _ person) bool { return ask.GetKind() == threadsv1.Ask_REVIEW },
		"state = OPEN AND kind = ACKNOWLEDGE": func(ask *threadsv1.Ask, _ person) bool {
			return ask.GetState() == threadsv1.Ask_OPEN && ask.GetKind() == threadsv1.Ask_ACKNOWLEDGE
		},
		"recipient = me AND asker = me":                    func(*threadsv1.Ask, person) bool { return false },
		"state = OPEN AND state = SETTLED":                 func(*threadsv1.Ask, person) bool { return false },
		fmt.Sprintf("thread = %q AND kind = REPLY", other): func(*threadsv1.Ask, person) bool { return false },
		fmt.Sprintf("recipient = me AND thread = %q", other): func(ask *threadsv1.Ask, p person) bool {
			return waits(ask, p) && ask.GetThread() == other
		},
	}
	for _, p := range []person{c.ada, c.bob, c.carl, c.dora} {
		for filter, holds := range conditions {
			want := []string{}
			for i := len(all) - 1; i >= 0; i-- {
				if seen := !all[i].hidden || p.handle == "ada" || p.handle == "carl"; seen && holds(all[i].Ask, p) {
					want = append(want, all[i].GetName())
				}
			}
			for _, size := range []int32{0, 1, 3, 1000} {
				require.Equal(t, want, c.listAsks(p, size, filter), "%s: %q by %d", p.handle, filter, size)
			}
		}
	}
}

func TestListAsksRefusals(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	for range 3 {
		c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob))
	}
	elsewhere := uuid.Must(uuid.NewV7())
	list := func(req *threadsv1.ListAsksRequest) error {
		req.Parent = domain.WorkspaceName(c.ws)
		_, err := c.asks.ListAsks(c.bob.ctx, req)
		return err
	}
	for _, bad := range []string{"recipient = you", "asker = 3", "recipient != me", "due_time > 3", "state = LATE", "kind = REPLY OR kind = REVIEW"} {
		s := rpctest.FailedField(t, list(&threadsv1.ListAsksRequest{Filter: bad}), fault.ReasonFilterInvalid, "filter")
		require.Contains(t, fmt.Sprint(s.Details()), "position", bad)
	}
	for _, bad := range []string{
		fmt.Sprintf("recipient = %q", domain.MemberName(elsewhere, c.bob.Member)), fmt.Sprintf("thread = %q", domain.ThreadName(elsewhere, elsewhere)),
		fmt.Sprintf("message = %q", domain.MessageName(elsewhere, elsewhere, 1)),
	} {
		rpctest.FailedField(t, list(&threadsv1.ListAsksRequest{Filter: bad}), fault.ReasonFieldInvalid, "filter")
	}
	rpctest.FailedField(t, list(&threadsv1.ListAsksRequest{PageSize: -1}), fault.ReasonFieldInvalid, "page_size")
	first, err := c.asks.ListAsks(c.bob.ctx, &threadsv1.ListAsksRequest{Parent: domain.WorkspaceName(c.ws), PageSize: 1})
	require.NoError(t, err)
	rpctest.FailedField(t, list(&threadsv1.ListAsksRequest{PageToken: first.GetNextPageToken(), Filter: "state = OPEN"}), fault.ReasonPageTokenInvalid, "page_token")
	require.Empty(t, c.listAsks(c.bob, 0, fmt.Sprintf("thread = %q", domain.ThreadName(c.ws, elsewhere))), "a thread that is not there has none")
}

// A right that was given a moment ago counts in the list of a thread.
func TestListAsksCatchesUp(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	private := c.space2(c.ada, c.bob)
	thread := c.begin(c.ada, private, "s").GetName()
	ask := c.ask(c.ada, thread, askOf(threadsv1.Ask_REPLY, c.bob)).GetName()
	c.directory.answer = func() { c.grant(c.ws, private, c.carl.Member, auth.Reader) }
	require.Equal(t, []string{ask}, c.listAsks(c.carl, 0, fmt.Sprintf("thread = %q", thread)))
}

// What is found by its words shows what it asks.
func TestSearchShowsAsks(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.reacting()
	m, err := c.messages.CreateMessage(c.ada.ctx, &threadsv1.CreateMessageRequest{Parent: c.thread, Message: &threadsv1.Message{
		Body: "A zebra?", Asks: []*threadsv1.Ask{askOf(threadsv1.Ask_REPLY, c.bob), askOf(threadsv1.Ask_REVIEW, c.carl)},
	}})
	require.NoError(t, err)
	c.post(c.ada, c.thread, "another zebra")
	settle()
	found := c.search(c.bob, "zebra", "")
	require.Len(t, found, 2)
	for _, hit := range found {
		if hit.GetMessage().GetName() == m.GetName() {
			require.True(t, proto.Equal(m, hit.GetMessage()))
		} else {
			require.Empty(t, hit.GetMessage().GetAsks())
		}
	}
}
