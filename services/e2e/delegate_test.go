package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// TestWhoActsForSomebodyAwayIsToldAndAnswers: Ben is away for the week and Chitra acts for him. Ana is told so before she
// asks; Chitra hears of it in her own morning, and her answer settles it.
func TestWhoActsForSomebodyAwayIsToldAndAnswers(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.move(tuesday)
	off, err := availabilityv1.NewTimeOffServiceClient(n.conn).CreateTimeOff(as(t.Context(), n.ben.token), &availabilityv1.CreateTimeOffRequest{
		Parent: n.ben.member, TimeOff: &availabilityv1.TimeOff{
			Kind:      availabilityv1.TimeOff_VACATION,
			StartDate: &date.Date{Year: 2026, Month: 12, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 12, Day: 6},
		},
	})
	require.NoError(t, err)
	_, err = availabilityv1.NewDelegationServiceClient(n.conn).CreateDelegation(as(t.Context(), n.ben.token), &availabilityv1.CreateDelegationRequest{
		Parent: n.ben.member, Delegation: &availabilityv1.Delegation{
			Delegate: n.chitra.member, TimeOff: off.GetName(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS},
		},
	})
	require.NoError(t, err)
	told, err := availabilityv1.NewAvailabilityServiceClient(n.conn).ResolveExpectation(as(t.Context(), n.ana.token), &availabilityv1.ResolveExpectationRequest{
		Parent: n.workspace, Members: []string{n.ben.member},
	})
	require.NoError(t, err)
	require.Equal(t, n.chitra.member, told.GetExpectations()[0].GetDelegate())
	require.Contains(t, told.GetExpectations()[0].GetExplanation(), "Chitra acts for them.")

	question := n.ask(n.ana, n.ben, n.thread, "Which replica is safe to promote?")
	var got *notificationsv1.Notification
	require.Eventually(t, func() bool { // the due time comes first
		n.settle()
		for _, one := range n.inbox(n.chitra) {
			if one.GetReason() == notificationsv1.Notification_ASKED {
				got = one
			}
		}
		return got != nil
	}, 20*time.Second, 50*time.Millisecond)
	require.Equal(t, "You act for Ben: Ana asks you for a reply", got.GetSummary())
	require.Equal(t, question.GetAsks()[0].GetName(), got.GetSource())
	require.Equal(t, n.ana.member, got.GetActor())

	_, err = threadsv1.NewAskServiceClient(n.conn).AnswerAsk(as(t.Context(), n.chitra.token), &threadsv1.AnswerAskRequest{
		Name: question.GetAsks()[0].GetName(), Comment: "The second one.",
	})
	require.NoError(t, err)
	n.settle()
	require.Equal(t, "Chitra answered what you asked", n.notified(n.ana, notificationsv1.Notification_ANSWERED).GetSummary())
	n.move(bensNine.Add(7 * 24 * time.Hour))
	n.undisturbed(n.chitra, office(9, 17))
	n.undisturbed(n.ben, office(9, 17))
	for _, one := range n.inbox(n.ben) {
		for _, d := range one.GetDeliveries() {
			require.Nil(t, d.GetSendTime(), "what was answered for him does not reach him")
		}
	}
}
