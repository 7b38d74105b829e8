package wire

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

var at = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func TestEveryEventIsEncoded(t *testing.T) {
	t.Parallel()
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	ws := id()
	project := domain.Project{Workspace: ws, ID: id(), Space: id(), Key: "OPS", DisplayName: "P", Workflow: domain.DefaultWorkflow(), Version: 9}
	task := domain.Task{
		Workspace: ws, ID: id(), Project: project.ID, Space: project.Space, Number: 3, Key: "OPS-3", Title: "T", State: "active",
		Category: domain.Active, Holder: id(), Reporter: id(), Priority: domain.High, Revision: 2, Version: 9,
	}
	leg := domain.Leg{Number: 2, Holder: task.Holder, StartTime: at}
	h := domain.Handoff{
		Workspace: ws, ID: id(), Task: task.ID, Space: task.Space, Giver: task.Holder, Route: domain.ToTeam, Team: id(),
		State: domain.Offered, Window: window.Days(2), Version: 9, CreateTime: at,
	}
	crowd := make([]uuid.UUID, 700)
	for i := range crowd {
		crowd[i] = id()
	}
	encode := Encoder("meridian.test")
	events := map[string]domain.Event{
		"task.created": domain.TaskCreated{Task: task}, "task.updated": domain.TaskUpdated{Task: task, Changed: []string{"title"}},
		"task.state_changed": domain.TaskStateChanged{Task: task, PreviousState: "ready", PreviousCategory: domain.Ready},
		"task.assigned":      domain.TaskAssigned{Task: task, PreviousHolder: id()}, "task.claimed": domain.TaskClaimed{Task: task},
		"task.completed": domain.TaskCompleted{Task: task}, "task.reopened": domain.TaskReopened{Task: task},
		"relay.leg_started": domain.LegStarted{Task: task, Leg: leg}, "relay.leg_ended": domain.LegEnded{Task: task, Leg: leg},
		"handoff.offered":  domain.HandoffOffered{Task: task, Handoff: h, Recipients: crowd},
		"handoff.updated":  domain.HandoffUpdated{Task: task, Handoff: h, Routed: true},
		"handoff.accepted": domain.HandoffAccepted{Task: task, Handoff: h}, "handoff.declined": domain.HandoffDeclined{Task: task, Handoff: h},
		"handoff.withdrawn": domain.HandoffWithdrawn{Task: task, Handoff: h}, "handoff.expired": domain.HandoffExpired{Task: task, Handoff: h},
		"handoff.rerouted": domain.HandoffRerouted{Task: task, Handoff: h},
		"project.created":  domain.ProjectCreated{Project: project}, "project.updated": domain.ProjectUpdated{Project: project},
		"project.workflow_changed": domain.WorkflowChanged{Project: project, Moves: []domain.Move{{From: "a", To: "b"}}},
	}
	for kind, event := range events {
		message, err := encode(t.Context(), at, "workspaces/x/members/y", event)
		require.NoError(t, err, kind)
		require.Equal(t, "evt."+ws.String()+".tasks."+kind, message.Subject)
		aggregate := domain.TaskName(ws, task.ID)
		if kind[:7] == "project" {
			aggregate = domain.ProjectName(ws, project.ID)
		}
		require.Equal(t, aggregate, message.Aggregate, "%s: all of a task is one aggregate", kind)
		require.EqualValues(t, 9, message.Version, kind)
		require.Equal(t, at.Format(time.RFC3339Nano), message.Headers["ce-time"])
	}
	declared := 0
	for _, d := range eventbus.Describe() {
		if d.Service == Service {
			declared++
		}
	}
	require.Len(t, events, declared)
	require.Len(t, people(ws, crowd), 500)
	_, err := encode(t.Context(), at, "", nil)
	require.Error(t, err, "an event without a message is a mistake that shows")
}
