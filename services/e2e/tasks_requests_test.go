package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// tasksRequests has one entry for every method of the tasks service that a member may call.
func tasksRequests() map[string]request {
	return map[string]request{
		"GetProject":   onProject(func(n string) proto.Message { return &tasksv1.GetProjectRequest{Name: n} }),
		"ListProjects": onWorkspace(func(n string) proto.Message { return &tasksv1.ListProjectsRequest{Parent: n} }),
		"CreateProject": func(_ *testing.T, w *world, _ principal) proto.Message {
			return &tasksv1.CreateProjectRequest{Parent: w.workspace, Project: &tasksv1.Project{Space: w.space, Key: projectKey(), DisplayName: "Walked"}}
		},
		"UpdateProject": onProject(func(n string) proto.Message {
			return &tasksv1.UpdateProjectRequest{Project: &tasksv1.Project{Name: n, DisplayName: random("Walked ")}, UpdateMask: mask("display_name")}
		}),
		"SetWorkflow": onProject(func(n string) proto.Message {
			return &tasksv1.SetWorkflowRequest{Name: n, Workflow: []*tasksv1.WorkflowState{
				{Id: "todo", DisplayName: "To do", Category: tasksv1.WorkflowState_READY},
				{Id: "done", DisplayName: "Done", Category: tasksv1.WorkflowState_DONE},
			}}
		}),

		"GetTask":   onTask(func(n string) proto.Message { return &tasksv1.GetTaskRequest{Name: n} }),
		"ListTasks": onWorkspace(func(n string) proto.Message { return &tasksv1.ListTasksRequest{Parent: n} }),
		"CreateTask": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			return &tasksv1.CreateTaskRequest{Parent: w.workspace, Task: &tasksv1.Task{Project: w.newProject(t), Title: "Walked"}}
		},
		"UpdateTask": onTask(func(n string) proto.Message {
			return &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: n, Title: random("Title ")}, UpdateMask: mask("title")}
		}),
		"ClaimTask": onTask(func(n string) proto.Message { return &tasksv1.ClaimTaskRequest{Name: n} }),
		"AssignTask": func(t *testing.T, w *world, _ principal) proto.Message {
			t.Helper()
			return &tasksv1.AssignTaskRequest{Name: w.newTask(t, ""), Holder: w.owner.member}
		},
		"ReleaseTask": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &tasksv1.ReleaseTaskRequest{Name: w.newTask(t, w.relayer(p).member)}
		},
		"ListTaskChanges": onTask(func(n string) proto.Message { return &tasksv1.ListTaskChangesRequest{Parent: n} }),
		"ListLegs":        onTask(func(n string) proto.Message { return &tasksv1.ListLegsRequest{Parent: n} }),

		"HandOff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			by := w.relayer(p)
			return &tasksv1.HandOffRequest{
				Name: w.newTask(t, by.member), Recipient: w.other(by).member, Note: &tasksv1.HandoffNote{NextSteps: "Walk on."},
			}
		},
		"GetHandoffDraft": onTask(func(n string) proto.Message { return &tasksv1.GetHandoffDraftRequest{Name: n + "/handoffDraft"} }),
		"GetHandoff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &tasksv1.GetHandoffRequest{Name: w.newHandoff(t, w.other(w.relayer(p)), w.relayer(p))}
		},
		"ListHandoffs": onWorkspace(func(n string) proto.Message { return &tasksv1.ListHandoffsRequest{Parent: n} }),
		"AcceptHandoff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &tasksv1.AcceptHandoffRequest{Name: w.newHandoff(t, w.other(w.relayer(p)), w.relayer(p))}
		},
		"DeclineHandoff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &tasksv1.DeclineHandoffRequest{Name: w.newHandoff(t, w.other(w.relayer(p)), w.relayer(p)), Reason: "Out walking."}
		},
		"WithdrawHandoff": func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return &tasksv1.WithdrawHandoffRequest{Name: w.newHandoff(t, w.relayer(p), w.other(w.relayer(p)))}
		},
	}
}

func onProject(build func(name string) proto.Message) request {
	return func(t *testing.T, w *world, _ principal) proto.Message { t.Helper(); return build(w.newProject(t)) }
}

// onTask builds a request on a task that nobody holds.
func onTask(build func(name string) proto.Message) request {
	return func(t *testing.T, w *world, _ principal) proto.Message { t.Helper(); return build(w.newTask(t, "")) }
}

func projectKey() string { return "W" + strings.ToUpper(uuid.NewString()[:8]) }

// newProject makes a project in the private space.
func (w *world) newProject(t *testing.T) string {
	t.Helper()
	project, err := tasksv1.NewProjectServiceClient(w.conn).CreateProject(as(t.Context(), w.owner.token), &tasksv1.CreateProjectRequest{
		Parent: w.workspace, Project: &tasksv1.Project{Space: w.space, Key: projectKey(), DisplayName: "A project"},
	})
	require.NoError(t, err)
	return project.GetName()
}

// newTask makes a task in the private space; an empty holder is nobody.
func (w *world) newTask(t *testing.T, holder string) string {
	t.Helper()
	task, err := tasksv1.NewTaskServiceClient(w.conn).CreateTask(as(t.Context(), w.owner.token), &tasksv1.CreateTaskRequest{
		Parent: w.workspace, Task: &tasksv1.Task{Project: w.newProject(t), Title: "A task", Holder: holder},
	})
	require.NoError(t, err)
	return task.GetName()
}

// newHandoff makes an open offer from the one to the other. The owner, who manages the space, makes it for the holder.
func (w *world) newHandoff(t *testing.T, giver, recipient principal) string {
	t.Helper()
	handoff, err := tasksv1.NewHandoffServiceClient(w.conn).HandOff(as(t.Context(), w.owner.token), &tasksv1.HandOffRequest{
		Name: w.newTask(t, giver.member), Recipient: recipient.member, Note: &tasksv1.HandoffNote{NextSteps: "Walk on."},
	})
	require.NoError(t, err)
	return handoff.GetName()
}

// relayer is the principal where they may hold a baton in the private space, else the owner.
func (w *world) relayer(p principal) principal {
	if p.right >= optionsv1.Access_WRITER && strings.HasPrefix(p.member, w.workspace) {
		return p
	}
	return w.owner
}

// other is somebody else who may hold a baton there.
func (w *world) other(p principal) principal {
	if p.member != w.owner.member {
		return w.owner
	}
	return w.principals[slices.IndexFunc(w.principals, func(p principal) bool { return p.name == "writer" })]
}
