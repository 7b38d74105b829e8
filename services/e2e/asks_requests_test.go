package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// asksRequests has the requests of asks, and of what threads answers to the notifications service.
func asksRequests() map[string]request {
	return map[string]request{
		"GetAsk": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &threadsv1.GetAskRequest{Name: w.askedOf(t, p)}
		},
		"ListAsks": onWorkspace(func(n string) proto.Message {
			return &threadsv1.ListAsksRequest{Parent: n, Filter: "recipient = me AND state = OPEN"}
		}),
		"AnswerAsk": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &threadsv1.AnswerAskRequest{Name: w.askedOf(t, p), Comment: "Done"}
		},
		"DeclineAsk": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &threadsv1.DeclineAskRequest{Name: w.askedOf(t, p), Reason: "No time"}
		},
		"ReassignAsk": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			to := w.principal(t, "manager")
			if p.name == to.name || p.name == w.owner.name { // whom the manager asks
				to = w.principal(t, "writer")
			}
			return &threadsv1.ReassignAskRequest{Name: w.askedOf(t, p), Member: to.member}
		},
		"WithdrawAsk": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			asker, asked := p, w.principal(t, "reader")
			if !alive(p) || p.right < optionsv1.Access_WRITER {
				asker = w.owner
			}
			return &threadsv1.WithdrawAskRequest{Name: w.newAsk(t, asker, asked), Reason: "Not needed"}
		},
		"CheckSources": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.CheckSourcesRequest{Parent: w.workspace, Checks: []*notificationsv1.SourceCheck{
				{Source: w.message, Member: own(w, p)},
			}}
		},
		"ListFollowedActivity": func(_ *testing.T, w *world, p principal) proto.Message {
			return &notificationsv1.ListFollowedActivityRequest{Parent: w.workspace, Member: own(w, p)}
		},
	}
}

// alive says whether a principal can call as a member of the workspace.
func alive(p principal) bool { return p.token != "" && p.member != "" && p.name != "revoked" }

// askedOf makes an ask that waits for the principal where they may read, else for another; the owner asks, and is asked by
// the manager.
func (w *world) askedOf(t *testing.T, p principal) string {
	t.Helper()
	switch {
	case p.name == w.owner.name:
		return w.newAsk(t, w.principal(t, "manager"), p)
	case !alive(p) || p.right < optionsv1.Access_READER:
		return w.newAsk(t, w.owner, w.principal(t, "writer"))
	}
	return w.newAsk(t, w.owner, p)
}

// newAsk posts a message that asks somebody and returns the ask's name.
func (w *world) newAsk(t *testing.T, asker, asked principal) string {
	t.Helper()
	message, err := threadsv1.NewMessageServiceClient(w.conn).CreateMessage(as(t.Context(), asker.token),
		&threadsv1.CreateMessageRequest{Parent: w.thread, Message: &threadsv1.Message{
			Body: random("Please "), Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_REVIEW, Members: []string{asked.member}}},
		}})
	require.NoError(t, err)
	return message.GetAsks()[0].GetName()
}
