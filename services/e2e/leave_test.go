package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
)

// approvals has vacation need an approval.
func (r *relay) approvals() {
	r.t.Helper()
	_, err := availabilityv1.NewTimeOffServiceClient(r.conn).UpdateTimeOffPolicy(as(r.t.Context(), r.owner), &availabilityv1.UpdateTimeOffPolicyRequest{
		TimeOffPolicy: &availabilityv1.TimeOffPolicy{
			Name: r.workspace + "/timeOffPolicy", ApprovalKinds: []availabilityv1.TimeOff_Kind{availabilityv1.TimeOff_VACATION},
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"approval_kinds"}},
	})
	require.NoError(r.t, err)
}

// manages has somebody report to another.
func (r *relay) manages(manager, member teammate) {
	r.t.Helper()
	_, err := directoryv1.NewMemberServiceClient(r.conn).UpdateMember(as(r.t.Context(), r.owner), &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: member.member, Manager: manager.member}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"manager"}},
	})
	require.NoError(r.t, err)
	r.settle()
}

// TestLeaveIsAskedForInTheManagersNight: Ana in London asks when Ben in Chicago sleeps. It stands in his inbox at once, interrupts
// him at nine, and she, who is off by the time that he decides, hears in her own morning.
func TestLeaveIsAskedForInTheManagersNight(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.approvals()
	n.manages(n.ben, n.ana)
	n.move(tuesday)
	offs := availabilityv1.NewTimeOffServiceClient(n.conn)
	asked, err := offs.CreateTimeOff(as(t.Context(), n.ana.token), &availabilityv1.CreateTimeOffRequest{
		Parent: n.ana.member, TimeOff: &availabilityv1.TimeOff{
			Kind: availabilityv1.TimeOff_VACATION, Note: "to the sea",
			StartDate: &date.Date{Year: 2026, Month: 12, Day: 7}, EndDate: &date.Date{Year: 2026, Month: 12, Day: 11},
		},
	})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_REQUESTED, asked.GetState())
	n.settle()
	got := n.notified(n.ben, notificationsv1.Notification_APPROVING)
	require.Equal(t, asked.GetName(), got.GetSource())
	require.Equal(t, "Ana asks you to approve or decline their time off", got.GetSummary())
	require.Equal(t, "Time off: Mon 7 Dec to Fri 11 Dec 2026", got.GetTitle())
	require.Equal(t, "to the sea", got.GetExcerpt())
	require.True(t, got.GetDueTime().AsTime().Equal(time.Date(2026, 12, 7, 0, 0, 0, 0, n.ana.place)), got.GetDueTime().AsTime())
	require.True(t, got.GetWaiting())
	require.True(t, delivery(t, got, notificationsv1.Channel_IN_APP).GetDeliverTime().AsTime().Equal(bensNine))
	require.Empty(t, n.inbox(n.chitra), "it is for Ben alone")
	n.move(bensNine.Add(-time.Second))
	require.Empty(t, n.mails.to(n.ben.email))

	evening := tuesday.Add(9 * time.Hour) // 18:00 in London, noon in Chicago
	n.move(evening)
	sent := delivery(t, n.notified(n.ben, notificationsv1.Notification_APPROVING), notificationsv1.Channel_IN_APP)
	require.True(t, sent.GetSendTime().AsTime().Equal(bensNine), sent)
	letters := n.mails.to(n.ben.email)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].text, "Ana asks you to approve or decline their time off")
	shown := cli(t, n.stack.http(), n.ben.token, "inbox", "--waiting")
	require.Zero(t, shown.code, shown.err)
	require.Contains(t, shown.out, "APPROVING")
	require.Contains(t, shown.out, "Time off: Mon 7 Dec to Fri 11 Dec 2026")

	_, err = offs.ApproveTimeOff(as(t.Context(), n.ben.token), &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName()})
	require.NoError(t, err)
	n.settle()
	settled := n.notified(n.ben, notificationsv1.Notification_APPROVING)
	require.False(t, settled.GetWaiting())
	require.Equal(t, "approved", settled.GetSettledReason())
	decided := n.notified(n.ana, notificationsv1.Notification_DECIDED)
	require.Equal(t, "Ben approved your time off", decided.GetSummary())
	morning := tuesday.Add(24 * time.Hour)
	require.True(t, delivery(t, decided, notificationsv1.Channel_IN_APP).GetDeliverTime().AsTime().Equal(morning))
	n.move(morning.Add(10 * time.Minute))
	heard := delivery(t, n.notified(n.ana, notificationsv1.Notification_DECIDED), notificationsv1.Channel_IN_APP)
	require.True(t, heard.GetSendTime().AsTime().Equal(morning), heard)
	require.Contains(t, n.mails.to(n.ana.email)[0].text, "Ben approved your time off")
	n.undisturbed(n.ana, office(9, 17))
	n.undisturbed(n.ben, office(9, 17))
}

// TestWhoActsForTheManagerHearsOfLeave: Ben is away, and Chitra acts for him until he is back. Then Dai becomes Ana's manager while
// her request still waits.
func TestWhoActsForTheManagerHearsOfLeave(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.approvals()
	n.manages(n.ben, n.ana)
	n.move(tuesday)
	delegations := availabilityv1.NewDelegationServiceClient(n.conn)
	acts, err := delegations.CreateDelegation(as(t.Context(), n.ben.token), &availabilityv1.CreateDelegationRequest{
		Parent: n.ben.member, Delegation: &availabilityv1.Delegation{
			Delegate: n.chitra.member, Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_APPROVALS},
		},
	})
	require.NoError(t, err)
	offs := availabilityv1.NewTimeOffServiceClient(n.conn)
	ask := func(day int32) *availabilityv1.TimeOff {
		t.Helper()
		asked, err := offs.CreateTimeOff(as(t.Context(), n.ana.token), &availabilityv1.CreateTimeOffRequest{
			Parent: n.ana.member, TimeOff: &availabilityv1.TimeOff{
				Kind: availabilityv1.TimeOff_VACATION, Note: "to the sea",
				StartDate: &date.Date{Year: 2026, Month: 12, Day: day}, EndDate: &date.Date{Year: 2026, Month: 12, Day: day},
			},
		})
		require.NoError(t, err)
		n.settle()
		return asked
	}
	asked := ask(14)
	got := n.notified(n.chitra, notificationsv1.Notification_APPROVING)
	require.Equal(t, "You act for Ben: Ana asks you to approve or decline their time off", got.GetSummary())
	require.Equal(t, "to the sea", got.GetExcerpt())
	require.True(t, n.notified(n.ben, notificationsv1.Notification_APPROVING).GetWaiting())
	_, err = offs.ApproveTimeOff(as(t.Context(), n.chitra.token), &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName()})
	require.NoError(t, err)
	n.settle()
	for _, p := range []teammate{n.ben, n.chitra} {
		require.Equal(t, "approved", n.notified(p, notificationsv1.Notification_APPROVING).GetSettledReason())
	}
	require.Equal(t, "Chitra approved your time off", n.notified(n.ana, notificationsv1.Notification_DECIDED).GetSummary())

	second := ask(15)
	require.Len(t, n.inbox(n.chitra), 2)
	_, err = delegations.DeleteDelegation(as(t.Context(), n.ben.token), &availabilityv1.DeleteDelegationRequest{Name: acts.GetName()})
	require.NoError(t, err)
	require.Empty(t, n.inbox(n.chitra), "she acts for him no more")
	require.Len(t, n.inbox(n.ben), 2)

	n.manages(n.dai, n.ana)
	n.settle() // availability hears of it, and then notifications
	moved := n.notified(n.dai, notificationsv1.Notification_APPROVING)
	require.Equal(t, second.GetName(), moved.GetSource())
	require.Equal(t, "Ana asks you to approve or decline their time off", moved.GetSummary())
	require.Empty(t, n.inbox(n.ben), "it is no longer his to decide")
	_, err = offs.DeclineTimeOff(as(t.Context(), n.dai.token), &availabilityv1.DeclineTimeOffRequest{Name: second.GetName(), Reason: "release week"})
	require.NoError(t, err)
	n.settle()
	require.Equal(t, "declined", n.notified(n.dai, notificationsv1.Notification_APPROVING).GetSettledReason())
	n.move(tuesday.Add(48 * time.Hour))
	require.Empty(t, n.mails.to(n.chitra.email))
	require.Empty(t, n.mails.to(n.dai.email), "it was decided before his morning")
}
