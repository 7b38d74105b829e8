package tasks

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// write is a call of a write under a request_id, and how many events it brings.
type write struct {
	call   func(id string) (proto.Message, error)
	events int
}

// writes are all writes of the service, each on something of its own.
func (o *office) writes(boss, ben person) map[string]write {
	on := func() string { return o.held(o.ana).GetName() }
	offered := func() string { return o.offer(o.ana, on(), ben).GetName() }
	unheld, assigned, updated, released, given := o.newTask(o.ana, &tasksv1.Task{}).GetName(), o.newTask(o.ana, &tasksv1.Task{}).GetName(), on(), on(), on()
	accepted, declined, withdrawn := offered(), offered(), offered()
	project, flow := o.newProject(o.ana, o.space, "TWIN").GetName(), o.newProject(o.ana, o.space, "FLOW").GetName()
	return map[string]write{
		"CreateProject": {func(id string) (proto.Message, error) {
			return o.projects.CreateProject(o.ana.ctx, &tasksv1.CreateProjectRequest{Parent: o.parent, RequestId: id, Project: &tasksv1.Project{
				Space: domain.SpaceName(o.ws, o.space), Key: "ONCE", DisplayName: "Once",
			}})
		}, 1},
		"UpdateProject": {func(id string) (proto.Message, error) {
			return o.projects.UpdateProject(o.ana.ctx, &tasksv1.UpdateProjectRequest{Project: &tasksv1.Project{Name: project, DisplayName: "Two", Etag: `"1"`}, RequestId: id})
		}, 1},
		"SetWorkflow": {func(id string) (proto.Message, error) {
			return o.projects.SetWorkflow(boss.ctx, &tasksv1.SetWorkflowRequest{Name: flow, Etag: `"1"`, RequestId: id, Workflow: []*tasksv1.WorkflowState{
				state("todo", "To do", tasksv1.WorkflowState_READY), state("done", "Done", tasksv1.WorkflowState_DONE),
			}})
		}, 1},
		"CreateTask": {func(id string) (proto.Message, error) {
			return o.tasks.CreateTask(o.ana.ctx, &tasksv1.CreateTaskRequest{Parent: o.parent, Task: &tasksv1.Task{Project: o.project.GetName(), Title: "Once"}, RequestId: id})
		}, 1},
		"UpdateTask": {func(id string) (proto.Message, error) {
			return o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: updated, State: "done", Etag: `"1"`}, RequestId: id})
		}, 4},
		"ClaimTask": {func(id string) (proto.Message, error) {
			return o.tasks.ClaimTask(ben.ctx, &tasksv1.ClaimTaskRequest{Name: unheld, Etag: `"1"`, RequestId: id})
		}, 2},
		"AssignTask": {func(id string) (proto.Message, error) {
			return o.tasks.AssignTask(o.ana.ctx, &tasksv1.AssignTaskRequest{Name: assigned, Holder: ben.name(), Etag: `"1"`, RequestId: id})
		}, 2},
		"ReleaseTask": {func(id string) (proto.Message, error) {
			return o.tasks.ReleaseTask(o.ana.ctx, &tasksv1.ReleaseTaskRequest{Name: released, Etag: `"1"`, RequestId: id})
		}, 2},
		"HandOff": {func(id string) (proto.Message, error) {
			return o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{Name: given, Recipient: ben.name(), Note: note(), Etag: `"1"`, RequestId: id})
		}, 1},
		"AcceptHandoff": {func(id string) (proto.Message, error) {
			return o.handoffs.AcceptHandoff(ben.ctx, &tasksv1.AcceptHandoffRequest{Name: accepted, RequestId: id})
		}, 3},
		"DeclineHandoff": {func(id string) (proto.Message, error) {
			return o.handoffs.DeclineHandoff(ben.ctx, &tasksv1.DeclineHandoffRequest{Name: declined, Reason: "No time.", RequestId: id})
		}, 1},
		"WithdrawHandoff": {func(id string) (proto.Message, error) {
			return o.handoffs.WithdrawHandoff(o.ana.ctx, &tasksv1.WithdrawHandoffRequest{Name: withdrawn, RequestId: id})
		}, 1},
	}
}

// The same request many times at once does one thing, and all get the same answer; later, too.
func TestTheSameRequestAtTheSameTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	boss, ben := o.member(o.ws, auth.Admin, "Boss"), o.joins("Ben")
	all := o.writes(boss, ben)
	writes := 0
	for _, m := range methods() {
		w, ok := all[string(m.Name())]
		if m.Input().Fields().ByName("request_id") == nil {
			continue
		}
		require.True(t, ok, "%s is a write", m.Name())
		writes++
		before := len(o.unpublished())
		id := uuid.NewString()
		answers := make([]string, 8)
		var group errgroup.Group
		for i := range answers {
			group.Go(func() error {
				answer, err := w.call(id)
				if err == nil {
					answers[i] = resourceName(answer)
				}
				return err
			})
		}
		require.NoError(t, group.Wait(), m.Name())
		for _, answer := range answers {
			require.NotEmpty(t, answer)
			require.Equal(t, answers[0], answer, m.Name())
		}
		require.Len(t, o.unpublished(), before+w.events, "%s: one thing was done", m.Name())
		again, err := w.call(id)
		require.NoError(t, err)
		require.Equal(t, answers[0], resourceName(again))
	}
	require.Len(t, all, writes)
	made := o.newTask(o.ana, &tasksv1.Task{})
	require.EqualValues(t, len(o.find(o.ana, `project = "`+o.project.GetName()+`"`)), made.GetNumber(), "the twins took no number")
}

func resourceName(m proto.Message) string {
	named, ok := m.(interface{ GetName() string })
	if !ok {
		return ""
	}
	return named.GetName()
}

// A repeated request returns the resource as it now stands, also where the state would refuse it by now, and where the
// caller could not do it any more.
func TestReplay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.held(o.ana).GetName()
	req := &tasksv1.HandOffRequest{Name: task, Recipient: ben.name(), Note: note(), RequestId: uuid.NewString()}
	h, err := o.handoffs.HandOff(o.ana.ctx, req)
	require.NoError(t, err)
	taken, err := o.accept(ben, h.GetName())
	require.NoError(t, err)
	again, err := o.handoffs.HandOff(o.ana.ctx, req)
	require.NoError(t, err, "Ana holds it no more, and offers it no more")
	require.Equal(t, taken.String(), again.String())

	other, ok := proto.Clone(req).(*tasksv1.HandOffRequest)
	require.True(t, ok)
	other.Note.NextSteps = "Something else."
	_, err = o.handoffs.HandOff(o.ana.ctx, other)
	rpctest.FailedField(t, err, fault.ReasonRequestIDReused, "request_id")

	// A failed request is not remembered: the same one may succeed later.
	claim := &tasksv1.ClaimTaskRequest{Name: task, RequestId: uuid.NewString()}
	_, err = o.tasks.ClaimTask(o.ana.ctx, claim)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTaskHeld)
	_, err = o.tasks.ReleaseTask(ben.ctx, &tasksv1.ReleaseTaskRequest{Name: task})
	require.NoError(t, err)
	_, err = o.tasks.ClaimTask(o.ana.ctx, claim)
	require.NoError(t, err)
}
