package threads

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// sendAt posts a message of an urgency, and URGENT ones with a reason.
func (c *crowd) sendAt(urgency notificationsv1.Notification_Urgency, asks ...*threadsv1.Ask) *threadsv1.Message {
	c.t.Helper()
	m := &threadsv1.Message{Body: "Look at this.", Urgency: urgency, Asks: asks}
	if urgency == notificationsv1.Notification_URGENT {
		m.UrgentReason = "It burns."
	}
	got, err := c.messages.CreateMessage(c.ada.ctx, &threadsv1.CreateMessageRequest{Parent: c.thread, Message: m})
	require.NoError(c.t, err)
	return got
}

// lastPayload reads the newest event of a kind in the outbox.
func (w *world) lastPayload(m proto.Message) {
	w.t.Helper()
	var payload []byte
	require.NoError(w.t, w.db.Owner.Pool().QueryRow(w.ctx,
		`SELECT payload FROM outbox WHERE headers->>'ce-type' = $1 ORDER BY id DESC LIMIT 1`, proto.MessageName(m)).Scan(&payload))
	require.NoError(w.t, proto.Unmarshal(payload, m))
}

// Whom an edit mentions anew hears of it as by HIGH at most: an edit is not recorded as a use of URGENT.
func TestAnEditNeverBreaksTheGlass(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	for urgency, want := range map[notificationsv1.Notification_Urgency]notificationsv1.Notification_Urgency{
		notificationsv1.Notification_URGENCY_UNSPECIFIED: notificationsv1.Notification_NORMAL,
		notificationsv1.Notification_LOW:                 notificationsv1.Notification_LOW,
		notificationsv1.Notification_NORMAL:              notificationsv1.Notification_NORMAL,
		notificationsv1.Notification_HIGH:                notificationsv1.Notification_HIGH,
		notificationsv1.Notification_URGENT:              notificationsv1.Notification_HIGH,
	} {
		m, err := c.edit(c.ada, c.sendAt(urgency).GetName(), "Look at this, @dora.", "")
		require.NoError(t, err)
		var event threadsv1.MessageEdited
		c.lastPayload(&event)
		require.Equal(t, m.GetName(), event.GetMessage().GetName())
		require.Equal(t, []string{c.dora.name()}, event.GetAddedMentions())
		require.Equal(t, want, event.GetAddedUrgency(), urgency)
		require.Equal(t, m.GetUrgency(), event.GetMessage().GetUrgency(), "the message's own is as it was")
	}
}

// To hand an URGENT ask on interrupts somebody at once: it takes the permission, and is recorded, as posting it does and was.
func TestHandingOnAnUrgentAskBreaksTheGlass(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	boss := c.member(c.ws, auth.Admin, "boss")
	urgent := c.sendAt(notificationsv1.Notification_URGENT, askOf(threadsv1.Ask_REPLY, c.bob, boss))
	high := c.sendAt(notificationsv1.Notification_HIGH, askOf(threadsv1.Ask_REPLY, c.bob))
	ask := urgent.GetAsks()[0].GetName()
	c.settings(c.ws, auth.Admin, 0, 0, 0, 0)
	before := len(c.unpublished())

	_, err := c.reassignAsk(c.bob, ask, c.carl)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonUrgentNotPermitted)
	_, err = c.reassignAsk(c.carl, ask, c.dora)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
	require.Equal(t, "OPEN: bob OPEN, "+boss.name()+" OPEN", c.standing(c.getAsk(c.ada, ask)))
	require.Len(t, c.unpublished(), before)

	request := &threadsv1.ReassignAskRequest{Name: ask, Member: c.carl.name(), RequestId: uuid.NewString()}
	got, err := c.asks.ReassignAsk(boss.ctx, request)
	require.NoError(t, err)
	_, err = c.asks.ReassignAsk(boss.ctx, request)
	require.NoError(t, err, "again, and told once")
	events := c.unpublished()[before:]
	require.Equal(t, []string{"AskReassigned", "UrgentUsed"}, kinds(events))
	require.Equal(t, ask, events[1].aggregate)
	require.Equal(t, got.GetVersion(), events[1].version)
	var reassigned threadsv1.AskReassigned
	c.lastPayload(&reassigned)
	require.Equal(t, "It burns.", reassigned.GetUrgentReason())
	var used threadsv1.UrgentUsed
	c.lastPayload(&used)
	require.True(t, proto.Equal(&threadsv1.UrgentUsed{
		Message: urgent.GetName(), Member: boss.name(), Reason: "It burns.", Source: ask, Version: got.GetVersion(),
	}, &used), used.String())

	_, err = c.reassignAsk(c.bob, high.GetAsks()[0].GetName(), c.carl)
	require.NoError(t, err, "below URGENT anybody who is asked may")
	require.Equal(t, []string{"AskReassigned"}, kinds(c.unpublished()[before+2:]))
}
