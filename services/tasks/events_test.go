package tasks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// Every event of the service, in one story: what a subscriber hears is what the callers were answered, in order per
// aggregate.
func TestEveryEventTellsWhatHappened(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	js := o.broker()
	o.work()
	ben, boss := o.joins("Ben"), o.member(o.ws, auth.Admin, "Boss")
	in := domain.SpaceName(o.ws, o.space)
	team := o.team(o.ws, "relay", ben)

	project, err := o.projects.UpdateProject(o.ana.ctx, &tasksv1.UpdateProjectRequest{Project: &tasksv1.Project{Name: o.project.GetName(), DisplayName: "Operations"}})
	require.NoError(t, err)
	made := o.newTask(o.ana, &tasksv1.Task{})
	name := made.GetName()
	claimed, err := o.claim(o.ana, name)
	require.NoError(t, err)
	offered := o.offer(o.ana, name, ben)
	o.settle()
	timed := o.handoff(ben, offered.GetName())
	o.clock.Advance(time.Hour)
	accepted, err := o.accept(ben, offered.GetName())
	require.NoError(t, err)
	assigned, err := o.tasks.AssignTask(boss.ctx, &tasksv1.AssignTaskRequest{Name: name, Holder: o.ana.name()})
	require.NoError(t, err)
	toTeam := o.offerTeam(o.ana, name, team)
	declined, err := o.decline(ben, toTeam.GetName())
	require.NoError(t, err)
	auto := o.offerAuto(o.ana, name, team)
	o.settle()
	routed := o.handoff(ben, auto.GetName())
	o.pass(24 * time.Hour)
	returned := o.handoff(ben, auto.GetName())
	_, err = o.withdraw(o.ana, o.offer(o.ana, name, ben).GetName())
	require.NoError(t, err)
	done, err := o.moveTo(o.ana, name, "done")
	require.NoError(t, err)
	again, err := o.moveTo(o.ana, name, "active")
	require.NoError(t, err)
	flow, err := o.projects.SetWorkflow(boss.ctx, &tasksv1.SetWorkflowRequest{
		Name: o.project.GetName(), Moves: []*tasksv1.WorkflowMove{{From: "active", To: "todo"}},
		Workflow: []*tasksv1.WorkflowState{state("todo", "To do", tasksv1.WorkflowState_READY), state("done", "Done", tasksv1.WorkflowState_DONE)},
	})
	require.NoError(t, err)

	legs := o.legs(o.ana, name)
	want := []proto.Message{
		&tasksv1.ProjectCreated{Project: o.project}, &tasksv1.ProjectUpdated{Project: project},
		&tasksv1.TaskCreated{Task: made}, &tasksv1.TaskClaimed{}, &tasksv1.RelayLegStarted{},
		&tasksv1.HandoffOffered{Handoff: offered, Space: in, Recipients: []string{ben.name()}},
		nil, // when it expires, whose time the test waited for
		&tasksv1.HandoffAccepted{Handoff: accepted, Space: in}, &tasksv1.RelayLegEnded{Leg: legs[0], Task: name, Space: in, TaskVersion: 7, TaskKey: "OPS-1", TaskTitle: "Replace the pump"},
		&tasksv1.RelayLegStarted{}, &tasksv1.TaskAssigned{}, &tasksv1.RelayLegEnded{}, &tasksv1.RelayLegStarted{},
		&tasksv1.HandoffOffered{Handoff: toTeam, Space: in, Recipients: []string{ben.name()}},
	}
	heard := o.told(js, int(o.task(o.ana, name).GetVersion()+flow.GetVersion()))
	version := map[string]int64{}
	kinds := map[string]bool{}
	for i, e := range heard {
		version[e.Aggregate]++
		require.Equal(t, version[e.Aggregate], e.Version, e.String())
		require.Equal(t, in, e.Space)
		require.Equal(t, eventbus.AudienceSpace, e.Audience)
		kinds[e.kind()] = true
		if i >= len(want) || want[i] == nil {
			continue
		}
		got, ok := e.payload.(proto.Message)
		require.True(t, ok)
		require.Equal(t, want[i].ProtoReflect().Descriptor().FullName(), got.ProtoReflect().Descriptor().FullName())
		if u, ok := got.(*tasksv1.ProjectUpdated); ok {
			require.Equal(t, []string{"display_name"}, u.GetChanged().GetPaths())
			continue
		}
		if proto.Size(want[i]) > 0 {
			require.True(t, proto.Equal(want[i], got), "%s\nwant %v\ngot  %v", e, want[i], got)
		}
	}
	require.Equal(t, o.ana.name(), heard[3].payload.(*tasksv1.TaskClaimed).GetTask().GetHolder())
	require.Equal(t, claimed.GetEtag(), heard[3].payload.(*tasksv1.TaskClaimed).GetTask().GetEtag())
	updated := heard[6].payload.(*tasksv1.HandoffUpdated)
	require.False(t, updated.GetRouted())
	require.True(t, proto.Equal(timed, updated.GetHandoff()))
	require.Equal(t, "services/tasks", heard[6].Actor)
	require.Equal(t, legs[0].GetName(), heard[8].Subject)
	require.Equal(t, ben.name(), heard[10].payload.(*tasksv1.TaskAssigned).GetPreviousHolder())
	require.Equal(t, assigned.GetHolder(), heard[10].payload.(*tasksv1.TaskAssigned).GetTask().GetHolder())

	last := map[string]proto.Message{}
	for _, e := range heard {
		last[e.kind()], _ = e.payload.(proto.Message)
		if u, ok := e.payload.(*tasksv1.HandoffUpdated); ok && u.GetRouted() {
			require.True(t, proto.Equal(routed, u.GetHandoff()))
			require.Equal(t, []string{ben.name()}, u.GetRecipients())
		}
	}
	require.True(t, proto.Equal(declined, last["HandoffDeclined"].(*tasksv1.HandoffDeclined).GetHandoff()))
	require.True(t, proto.Equal(returned, last["HandoffRerouted"].(*tasksv1.HandoffRerouted).GetHandoff()))
	require.False(t, last["HandoffExpired"].(*tasksv1.HandoffExpired).GetHandoff().GetReturned(), "that AUTO ended is said by the next event")
	require.Equal(t, done.GetCompleteTime().AsTime(), last["TaskCompleted"].(*tasksv1.TaskCompleted).GetTask().GetCompleteTime().AsTime())
	require.Equal(t, again.GetState(), last["TaskReopened"].(*tasksv1.TaskReopened).GetTask().GetState())
	moved := last["TaskStateChanged"].(*tasksv1.TaskStateChanged)
	require.Equal(t, "active", moved.GetPreviousState())
	require.Equal(t, tasksv1.WorkflowState_ACTIVE, moved.GetPreviousCategory())
	require.True(t, proto.Equal(flow, last["ProjectWorkflowChanged"].(*tasksv1.ProjectWorkflowChanged).GetProject()))

	// Every event that the protos declare for this service was in the story.
	for _, d := range eventbus.Describe() {
		if d.Service == "tasks" {
			require.True(t, kinds[string(d.Type.Name())], "%s was not told", d.Type)
		}
	}
}
