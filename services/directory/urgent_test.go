package directory_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// tellUrgent brings threads' event of an URGENT message to the stream, as often as asked for.
func (h *house) tellUrgent(t *testing.T, used *threadsv1.UrgentUsed, at time.Time, times int) {
	t.Helper()
	msg, err := eventbus.Encode(t.Context(), "meridian.test", "threads", at, used.GetMember(), used)
	require.NoError(t, err)
	for range times {
		out := &nats.Msg{Subject: msg.Subject, Data: msg.Payload, Header: nats.Header{}}
		for name, value := range msg.Headers {
			out.Header.Set(name, value)
		}
		_, err = h.broker.JS(t).PublishMsg(t.Context(), out)
		require.NoError(t, err)
	}
	h.settle(t)
}

func (h *house) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, h.service.Settle(ctx))
}

func (w *tenant) urgentUses(t *testing.T) []*directoryv1.AuditEvent {
	t.Helper()
	got, err := w.h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{
		Parent: w.GetName(), Filter: "action = \"urgent.used\"",
	})
	require.NoError(t, err)
	return got.GetAuditEvents()
}

func TestAnUrgentMessageIsRecordedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	mia := w.join(t, "mia", member)
	message := w.GetName() + "/threads/" + uuid.NewString() + "/messages/7"
	at := h.clock.Now().Add(-3 * time.Minute)
	used := &threadsv1.UrgentUsed{Message: message, Member: mia.GetName(), Reason: "Production is down.", Version: 1}
	h.tellUrgent(t, used, at, 3)

	uses := w.urgentUses(t)
	require.Len(t, uses, 1)
	require.Equal(t, mia.GetName(), uses[0].GetActor())
	require.Equal(t, message, uses[0].GetResource())
	require.Equal(t, map[string]string{"reason": "Production is down."}, uses[0].GetDetails())
	require.True(t, uses[0].GetCreateTime().AsTime().Equal(at), "when it was sent, not when it was heard of")
	require.Empty(t, uses[0].GetApiToken())
	require.Empty(t, uses[0].GetOrigin())
	require.Empty(t, other.urgentUses(t))
	meta, recorded := last[*directoryv1.AuditRecorded](t, w.events(t))
	require.Equal(t, uses[0].GetName(), recorded.GetAuditEvent().GetName())
	require.Equal(t, mia.GetName(), meta.Actor)
	require.True(t, meta.Time.Equal(at))
	require.NotEmpty(t, meta.Causation)

	h.tellUrgent(t, used, at, 1)
	require.Len(t, w.urgentUses(t), 2, "another event is another use")
}

// What does not keep the contract is no record anywhere, but a dead letter.
func TestAnUrgentMessageOfAnotherWorkspacesMemberIsNotRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	message := w.GetName() + "/threads/" + uuid.NewString() + "/messages/7"
	for i, used := range []*threadsv1.UrgentUsed{
		{Message: message, Member: other.owner.GetName(), Reason: "x", Version: 1},
		{Message: message, Member: "services/threads", Reason: "x", Version: 1},
		{Message: w.GetName() + "/threads/1/messages/7", Member: w.owner.GetName(), Reason: "x", Version: 1},
	} {
		h.tellUrgent(t, used, h.clock.Now(), 1)
		require.Empty(t, w.urgentUses(t))
		require.Empty(t, other.urgentUses(t))
		var letters int
		require.NoError(t, h.db.Owner.Pool().QueryRow(t.Context(),
			`SELECT count(*) FROM dead_letters WHERE consumer = 'directory-audit'`).Scan(&letters))
		require.Equal(t, i+1, letters)
	}
}
