package tasks

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// Who acts for the recipient is named with the expiry, and takes the baton for themselves.
func TestADelegateAcceptsForThemselves(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	o.rota.acts(chitra, ben)
	task := o.held(o.ana).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	o.settle()
	got := o.handoff(o.ana, h)
	require.Equal(t, ben.name(), got.GetRecipient())
	require.Equal(t, chitra.name(), got.GetDelegate())
	require.Equal(t, epoch.Add(4*time.Hour), got.GetExpireTime().AsTime(), "the window is the recipient's")
	require.Equal(t, []string{"HandoffOffered", "HandoffUpdated"}, o.since(task, 2))
	for _, p := range []person{ben, chitra} {
		found, err := o.handoffs.ListHandoffs(p.ctx, &tasksv1.ListHandoffsRequest{Parent: o.parent, Filter: `recipient = "me"`})
		require.NoError(t, err)
		require.Len(t, found.GetHandoffs(), 1)
		require.True(t, o.waiting(p, h))
	}
	o.rota.acts(ben, chitra) // what was offered before stays as it is
	accepted, err := o.accept(chitra, h)
	require.NoError(t, err)
	require.Equal(t, chitra.name(), accepted.GetResponder())
	require.Equal(t, chitra.name(), o.task(o.ana, task).GetHolder())
	legs := o.legs(o.ana, task)
	require.Len(t, legs, 2)
	require.Equal(t, []string{o.ana.name(), chitra.name()}, []string{legs[0].GetHolder(), legs[1].GetHolder()})
	require.False(t, o.waiting(ben, h))
	_, err = o.accept(ben, h)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)
}

// waiting says whether an offer waits for somebody, as their digest asks.
func (o *office) waiting(p person, handoff string) bool {
	o.t.Helper()
	found, err := o.sources.CheckSources(o.authority.AsService(o.t, o.ctx, "notifications"), &notificationsv1.CheckSourcesRequest{
		Parent: o.parent, Checks: []*notificationsv1.SourceCheck{{Source: handoff, Member: p.name()}},
	})
	require.NoError(o.t, err)
	return found.GetStates()[0].GetWaiting()
}

// A delegate declines in the recipient's place.
func TestADelegateDeclines(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra, dai := o.joins("Ben"), o.joins("Chitra"), o.joins("Dai")
	o.rota.acts(chitra, ben)
	task := o.held(o.ana).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	_, err := o.decline(chitra, h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	o.work()
	o.settle()
	_, err = o.decline(dai, h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	declined, err := o.decline(chitra, h)
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_DECLINED, declined.GetState())
	require.Equal(t, chitra.name(), declined.GetResponder())
	require.Equal(t, o.ana.name(), o.task(o.ana, task).GetHolder())
}

// Nobody is named who may not write in the space, nor the giver; and teams' offers and AUTO's name none.
func TestWhoDoesNotActInAHandoff(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	reader := o.member(o.ws, auth.Guest, "Aaron")
	o.grant(o.ws, o.space, reader.Member, auth.Reader)
	delegate := func(h *tasksv1.Handoff) string {
		o.settle()
		return o.handoff(o.ana, h.GetName()).GetDelegate()
	}
	for _, p := range []person{reader, o.ana, {Caller: auth.Caller{Member: uuid.New()}}} {
		o.rota.acts(p, ben)
		require.Empty(t, delegate(o.offer(o.ana, o.held(o.ana).GetName(), ben)))
	}
	o.rota.acts(chitra, ben)
	team := o.team(o.ws, "relay", ben)
	require.Empty(t, delegate(o.offerTeam(o.ana, o.held(o.ana).GetName(), team)))
	auto := o.offerAuto(o.ana, o.held(o.ana).GetName(), team)
	require.Empty(t, delegate(auto))
	require.Equal(t, ben.name(), o.handoff(o.ana, auto.GetName()).GetRecipient())
}
