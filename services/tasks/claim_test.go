package tasks

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func (w *world) claim(p person, task string) (*tasksv1.Task, error) {
	return w.tasks.ClaimTask(p.ctx, &tasksv1.ClaimTaskRequest{Name: task})
}

// metadata is what a refusal says beside its reason.
func metadata(t *testing.T, err error, code codes.Code, reason string) map[string]string {
	t.Helper()
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](rpctest.Failed(t, err, code, reason))
	return info.GetMetadata()
}

func TestClaim(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	team := o.team(o.ws, "ops", ben)
	task := o.newTask(o.ana, &tasksv1.Task{Team: o.teamName(team)})
	_, err := o.claim(chitra, task.GetName())
	require.Equal(t, o.teamName(team), metadata(t, err, codes.PermissionDenied, domain.ReasonNotOfTeam)["team"])

	_, err = o.tasks.ClaimTask(ben.ctx, &tasksv1.ClaimTaskRequest{Name: task.GetName(), Etag: `"7"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	held, err := o.claim(ben, task.GetName())
	require.NoError(t, err)
	require.Equal(t, ben.name(), held.GetHolder())
	require.Empty(t, held.GetTeam(), "nobody is to pick it up any more")
	require.Equal(t, []string{"TaskCreated", "TaskClaimed", "RelayLegStarted"}, o.of(task.GetName()))

	again, err := o.claim(ben, task.GetName())
	require.NoError(t, err)
	require.Equal(t, held.String(), again.String(), "claiming what one holds changes nothing")

	_, err = o.claim(chitra, task.GetName())
	told := metadata(t, err, codes.FailedPrecondition, domain.ReasonTaskHeld)
	require.Equal(t, ben.name(), told["holder"])
	require.Equal(t, "Ben", told["display_name"])
}

// Many claim at once: one wins, all others are told who.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	people := make([]person, 12)
	for i := range people {
		people[i] = o.joins(fmt.Sprint("Member ", i))
	}
	for range 5 {
		task := o.newTask(o.ana, &tasksv1.Task{}).GetName()
		errs := make([]error, len(people))
		var group errgroup.Group
		for i, p := range people {
			group.Go(func() error {
				_, errs[i] = o.claim(p, task)
				return nil
			})
		}
		require.NoError(t, group.Wait())
		holder := o.task(o.ana, task).GetHolder()
		for i, p := range people {
			if p.name() == holder {
				require.NoError(t, errs[i])
				continue
			}
			require.Equal(t, holder, metadata(t, errs[i], codes.FailedPrecondition, domain.ReasonTaskHeld)["holder"])
		}
		require.Equal(t, []string{"TaskCreated", "TaskClaimed", "RelayLegStarted"}, o.of(task))
		require.Len(t, o.legs(o.ana, task), 1)
	}
}

func TestAssign(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra, boss := o.joins("Ben"), o.joins("Chitra"), o.member(o.ws, auth.Admin, "Boss")
	team := o.teamName(o.team(o.ws, "ops", ben))
	assign := func(p person, task, holder, team string) (*tasksv1.Task, error) {
		return o.tasks.AssignTask(p.ctx, &tasksv1.AssignTaskRequest{Name: task, Holder: holder, Team: team})
	}
	task := o.newTask(o.ana, &tasksv1.Task{}).GetName()
	_, err := assign(o.ana, task, "", "")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "holder")
	_, err = assign(o.ana, task, ben.name(), team)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "holder")
	_, err = assign(o.ana, task, "", o.teamName(uuid.Must(uuid.NewV7())))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "team")
	_, err = assign(o.ana, task, o.memberIn(o.ws, auth.Member, "Invited", "INVITED").name(), "")
	require.Contains(t, rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "holder").Message(), "Invited is not an active member")

	got, err := assign(o.ana, task, "", team)
	require.NoError(t, err)
	require.Equal(t, team, got.GetTeam())
	got, err = assign(o.ana, task, ben.name(), "")
	require.NoError(t, err)
	require.Equal(t, ben.name(), got.GetHolder())
	require.Empty(t, got.GetTeam())
	require.Equal(t, []string{"TaskAssigned", "TaskAssigned", "RelayLegStarted"}, o.since(task, 1))

	_, err = assign(o.ana, task, chitra.name(), "")
	require.Equal(t, "Ben", metadata(t, err, codes.FailedPrecondition, domain.ReasonTaskHeld)["display_name"])
	_, err = assign(ben, task, chitra.name(), "")
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTaskHeld)
	same, err := assign(o.ana, task, ben.name(), "")
	require.NoError(t, err)
	require.Equal(t, got.String(), same.String())

	h := o.offer(ben, task, chitra)
	o.clock.Advance(time.Hour)
	got, err = assign(boss, task, chitra.name(), "")
	require.NoError(t, err)
	require.Equal(t, chitra.name(), got.GetHolder())
	require.Equal(t, []string{"HandoffOffered", "TaskAssigned", "HandoffWithdrawn", "RelayLegEnded", "RelayLegStarted"}, o.since(task, 4))
	require.Equal(t, tasksv1.Handoff_WITHDRAWN, o.handoff(ben, h.GetName()).GetState())
	legs := o.legs(ben, task)
	require.Len(t, legs, 2)
	require.Equal(t, tasksv1.Leg_REASSIGNED, legs[0].GetEndReason())
	require.Equal(t, legs[0].GetEndTime().AsTime(), legs[1].GetStartTime().AsTime())

	got, err = assign(boss, task, "", team)
	require.NoError(t, err)
	require.Empty(t, got.GetHolder())
	require.Equal(t, tasksv1.Leg_RELEASED, o.legs(ben, task)[1].GetEndReason())
}

func TestRelease(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, boss := o.joins("Ben"), o.member(o.ws, auth.Admin, "Boss")
	team := o.teamName(o.team(o.ws, "ops", ben))
	release := func(p person, task, team string) (*tasksv1.Task, error) {
		return o.tasks.ReleaseTask(p.ctx, &tasksv1.ReleaseTaskRequest{Name: task, Team: team})
	}
	task := o.held(o.ana).GetName()
	_, err := release(ben, task, "")
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotHolder)
	_, err = release(o.ana, task, o.teamName(uuid.Must(uuid.NewV7())))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "team")
	h := o.offer(o.ana, task, ben)
	got, err := release(o.ana, task, team)
	require.NoError(t, err)
	require.Empty(t, got.GetHolder())
	require.Equal(t, team, got.GetTeam())
	require.Equal(t, []string{"HandoffOffered", "TaskAssigned", "HandoffWithdrawn", "RelayLegEnded"}, o.since(task, 2))
	require.Equal(t, tasksv1.Handoff_WITHDRAWN, o.handoff(ben, h.GetName()).GetState())
	_, err = release(o.ana, task, "")
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotHolder)
	_, err = o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{Name: task, Recipient: ben.name(), Note: note()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTaskNotHeld)
	got, err = release(boss, task, "")
	require.NoError(t, err)
	require.Empty(t, got.GetTeam(), "now anybody may")
	other := o.held(ben).GetName()
	_, err = release(boss, other, "")
	require.NoError(t, err, "a manager may for another")
	require.Equal(t, tasksv1.Leg_RELEASED, o.legs(ben, other)[0].GetEndReason())
}
