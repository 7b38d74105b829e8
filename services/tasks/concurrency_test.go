package tasks

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// atOnce runs calls together and returns their errors in order.
func atOnce(t *testing.T, calls ...func() error) []error {
	t.Helper()
	errs := make([]error, len(calls))
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i, call := range calls {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			errs[i] = call()
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return errs
}

// won is the index of the one call that succeeded.
func won(t *testing.T, errs []error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "two succeeded")
			winner = i
			continue
		}
		require.Contains(t, []codes.Code{codes.FailedPrecondition, codes.PermissionDenied}, status.Code(err), "%v", err)
	}
	require.GreaterOrEqual(t, winner, 0, "none succeeded: %v", errs)
	return winner
}

// Of a team the first to accept holds the baton; all others are told who.
func TestTwoAcceptATeamsOffer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	people := []person{o.joins("Ben"), o.joins("Chitra"), o.joins("Dai"), o.joins("Eva")}
	team := o.team(o.ws, "relay", people...)
	for range 10 {
		task := o.held(o.ana).GetName()
		h := o.offerTeam(o.ana, task, team).GetName()
		var calls []func() error
		for _, p := range people {
			calls = append(calls, func() error { _, err := o.accept(p, h); return err })
		}
		errs := atOnce(t, calls...)
		winner := people[won(t, errs)]
		require.Equal(t, winner.name(), o.task(o.ana, task).GetHolder())
		for i, p := range people {
			if p.name() != winner.name() {
				require.Equal(t, winner.handle, metadata(t, errs[i], codes.FailedPrecondition, domain.ReasonHandoffSettled)["display_name"])
			}
		}
		require.Equal(t, []string{"HandoffOffered", "HandoffAccepted", "RelayLegEnded", "RelayLegStarted"}, o.since(task, 2))
	}
}

// Whatever ends an offer at the same time, one thing does, and the rows and the events agree on which.
func TestOneThingEndsAnOffer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	ended := map[tasksv1.Handoff_State]int{}
	for range 15 {
		task := o.held(o.ana).GetName()
		h := o.offer(o.ana, task, ben).GetName()
		o.route(1)
		errs := atOnce(t,
			func() error { _, err := o.accept(ben, h); return err },
			func() error { _, err := o.withdraw(o.ana, h); return err },
			func() error { _, err := o.decline(ben, h); return err },
			func() error {
				o.clock.Advance(24 * time.Hour)
				refs, err := o.app.ClaimExpired(t.Context(), o.clock.Now(), time.Minute, 10)
				for _, ref := range refs {
					require.NoError(t, o.app.ExpireHandoff(t.Context(), ref))
				}
				return err
			},
		)
		got := o.handoff(o.ana, h)
		state := got.GetState()
		ended[state]++
		want := map[tasksv1.Handoff_State]int{tasksv1.Handoff_ACCEPTED: 0, tasksv1.Handoff_WITHDRAWN: 1, tasksv1.Handoff_DECLINED: 2}
		for i, err := range errs[:3] {
			index, byHand := want[state]
			require.Equal(t, byHand && index == i, err == nil, "%s: %v", state, err)
		}
		events := o.since(task, 4)
		require.Contains(t, map[tasksv1.Handoff_State][]string{
			tasksv1.Handoff_ACCEPTED: {"HandoffAccepted", "RelayLegEnded", "RelayLegStarted"}, tasksv1.Handoff_WITHDRAWN: {"HandoffWithdrawn"},
			tasksv1.Handoff_DECLINED: {"HandoffDeclined"}, tasksv1.Handoff_EXPIRED: {"HandoffExpired"},
		}, state)
		first := map[tasksv1.Handoff_State]string{
			tasksv1.Handoff_ACCEPTED: "HandoffAccepted", tasksv1.Handoff_WITHDRAWN: "HandoffWithdrawn",
			tasksv1.Handoff_DECLINED: "HandoffDeclined", tasksv1.Handoff_EXPIRED: "HandoffExpired",
		}[state]
		if len(events) > 0 { // an expiry that nobody has announced yet has none
			require.Equal(t, first, events[0])
		}
		holder := o.ana
		if state == tasksv1.Handoff_ACCEPTED {
			holder = ben
		}
		require.Equal(t, holder.name(), o.task(o.ana, task).GetHolder())
	}
	require.NotEmpty(t, ended)
}

// A task is done while its baton is taken: whichever came first, the other sees it.
func TestCompleteAndAcceptAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	for range 10 {
		task := o.held(o.ana).GetName()
		h := o.offer(o.ana, task, ben).GetName()
		errs := atOnce(t,
			func() error { _, err := o.accept(ben, h); return err },
			func() error { _, err := o.moveTo(o.ana, task, "done"); return err },
		)
		require.NoError(t, errs[1])
		got, legs := o.task(o.ana, task), o.legs(o.ana, task)
		require.Equal(t, tasksv1.WorkflowState_DONE, got.GetCategory())
		for _, leg := range legs {
			require.NotNil(t, leg.GetEndTime(), "what is done has no leg")
		}
		if errs[0] == nil {
			require.Equal(t, ben.name(), got.GetHolder())
			require.Len(t, legs, 2)
			continue
		}
		require.Equal(t, "WITHDRAWN", metadata(t, errs[0], codes.FailedPrecondition, domain.ReasonHandoffSettled)["state"])
		require.Equal(t, o.ana.name(), got.GetHolder())
	}
}

// Two offers at once: one is open, the other is told of it.
func TestTwoOffersAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	boss, ben, chitra := o.member(o.ws, auth.Admin, "Boss"), o.joins("Ben"), o.joins("Chitra")
	for range 10 {
		task := o.held(o.ana).GetName()
		offer := func(by, to person) func() error {
			return func() error {
				_, err := o.handoffs.HandOff(by.ctx, &tasksv1.HandOffRequest{Name: task, Recipient: to.name(), Note: note()})
				return err
			}
		}
		errs := atOnce(t, offer(o.ana, ben), offer(boss, chitra), offer(o.ana, chitra))
		won(t, errs)
		for _, err := range errs {
			if err != nil {
				require.Equal(t, o.task(o.ana, task).GetOpenHandoff(), metadata(t, err, codes.FailedPrecondition, domain.ReasonOfferOpen)["handoff"])
			}
		}
	}
}
