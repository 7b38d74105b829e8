package availability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Below HIGH nothing reaches into a focus block; HIGH does in working time, and deadlines count all of that.
func TestAFocusBlockKeepsTheRestOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	w.focus(ana, weeklyFocus("2026-12-01", hours("09:00", "11:00", 2), hours("16:00", "17:00", 2)))
	w.focus(ben, weeklyFocus("2026-12-01", hours("09:00", "10:00", 2)))
	for urgency, want := range map[notificationsv1.Notification_Urgency][2][2]string{
		notificationsv1.Notification_LOW:    {{"2026-12-01T11:00:00Z", "2026-12-01T16:00:00Z"}, {"2026-12-01T16:00:00Z", "2026-12-01T23:00:00Z"}},
		notificationsv1.Notification_NORMAL: {{"2026-12-01T11:00:00Z", "2026-12-01T16:00:00Z"}, {"2026-12-01T16:00:00Z", "2026-12-01T23:00:00Z"}},
		notificationsv1.Notification_HIGH:   {{"2026-12-01T09:00:00Z", "2026-12-01T17:00:00Z"}, {"2026-12-01T15:00:00Z", "2026-12-01T23:00:00Z"}},
		notificationsv1.Notification_URGENT: {{"2026-12-01T09:00:00Z", "2026-12-01T17:00:00Z"}, {"2026-12-01T09:00:00Z", ""}},
	} {
		got, err := w.ask.NextReachable(ana.ctx, &availabilityv1.NextReachableRequest{
			Parent: domain.WorkspaceName(ws), Members: []string{ana.name(), ben.name()}, Urgency: urgency,
		})
		require.NoError(t, err)
		for i, r := range got.GetMembers() {
			require.Equal(t, want[i][0], r.GetReachableTime().AsTime().Format(time.RFC3339), "%s %d", urgency, i)
			if want[i][1] != "" {
				require.Equal(t, want[i][1], r.GetUntilTime().AsTime().Format(time.RFC3339), "%s %d", urgency, i)
			}
			require.Equal(t, i == 0, r.GetWorking())
			require.Equal(t, []string{"2026-12-01T09:00:00Z", "2026-12-01T15:00:00Z"}[i], r.GetNextWorkingTime().AsTime().Format(time.RFC3339))
		}
	}
	due, err := w.ask.ComputeDeadlines(ana.ctx, &availabilityv1.ComputeDeadlinesRequest{Parent: domain.WorkspaceName(ws), Queries: []*availabilityv1.DeadlineQuery{{
		Member: ana.name(), StartTime: timestamppb.New(epoch), Window: workingtime.Proto(window.Working(2 * time.Hour)),
	}}})
	require.NoError(t, err)
	require.Equal(t, at("2026-12-01T11:00:00Z"), due.GetDeadlines()[0].GetDueTime().AsTime())

	told := func(urgency notificationsv1.Notification_Urgency, member string) string {
		got, err := w.ask.ResolveExpectation(ana.ctx, &availabilityv1.ResolveExpectationRequest{
			Parent: domain.WorkspaceName(ws), Members: []string{member}, Urgency: urgency, Window: workingtime.Proto(window.Working(time.Hour)),
		})
		require.NoError(t, err)
		return got.GetExpectations()[0].GetExplanation()
	}
	require.Equal(t, "It is 09:00 for Ana (Europe/London), who works until 17:00. Ana takes no interruptions now and will see it at 11:00; an answer is due on Tuesday, 1 December, 10:00 Ana's time.",
		told(notificationsv1.Notification_NORMAL, ana.name()))
	require.Equal(t, "It is 09:00 for Ana (Europe/London), who works until 17:00. Ana will see it at once; an answer is due on Tuesday, 1 December, 10:00 Ana's time.",
		told(notificationsv1.Notification_HIGH, ana.name()))
	require.Equal(t, "It is 03:00 for Ben (America/Chicago). Ben starts at 09:00, takes no interruptions at first and will see it at 10:00; an answer is due on Tuesday, 1 December, 10:00 Ben's time.",
		told(notificationsv1.Notification_NORMAL, ben.name()))
}
