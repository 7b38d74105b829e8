package tasks

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// methods are all that the service serves for members.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("meridian.tasks.v1", func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			of := fd.Services().Get(i).Methods()
			for j := range of.Len() {
				all = append(all, of.Get(j))
			}
		}
		return true
	})
	return all
}

func (w *world) invoke(ctx context.Context, m protoreflect.MethodDescriptor, req proto.Message) (proto.Message, error) {
	output, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(w.t, err)
	resp := output.New().Interface()
	return resp, w.conn.Invoke(ctx, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()), req, resp)
}

// requests are one of each method, about things of one space.
func (w *world) requests(ws, space uuid.UUID, project, task, handoff string) map[protoreflect.Name]proto.Message {
	parent := domain.WorkspaceName(ws)
	return map[protoreflect.Name]proto.Message{
		"GetProject":   &tasksv1.GetProjectRequest{Name: project},
		"ListProjects": &tasksv1.ListProjectsRequest{Parent: parent},
		"CreateProject": &tasksv1.CreateProjectRequest{Parent: parent, Project: &tasksv1.Project{
			Space: domain.SpaceName(ws, space), Key: "K" + fmt.Sprintf("%X", uuid.New().ID()), DisplayName: "P",
		}},
		"UpdateProject": &tasksv1.UpdateProjectRequest{Project: &tasksv1.Project{Name: project, DisplayName: "Q"}},
		"SetWorkflow": &tasksv1.SetWorkflowRequest{Name: project, Workflow: []*tasksv1.WorkflowState{
			state("ready", "Ready", tasksv1.WorkflowState_READY), state("active", "Active", tasksv1.WorkflowState_ACTIVE),
			state("done", "Done", tasksv1.WorkflowState_DONE),
		}},
		"GetTask":         &tasksv1.GetTaskRequest{Name: task},
		"ListTasks":       &tasksv1.ListTasksRequest{Parent: parent},
		"CreateTask":      &tasksv1.CreateTaskRequest{Parent: parent, Task: &tasksv1.Task{Project: project, Title: "T"}},
		"UpdateTask":      &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: task, Title: "U"}},
		"ClaimTask":       &tasksv1.ClaimTaskRequest{Name: task},
		"AssignTask":      &tasksv1.AssignTaskRequest{Name: task, Holder: parent + "/members/" + uuid.NewString()},
		"ReleaseTask":     &tasksv1.ReleaseTaskRequest{Name: task},
		"ListTaskChanges": &tasksv1.ListTaskChangesRequest{Parent: task},
		"ListLegs":        &tasksv1.ListLegsRequest{Parent: task},
		"HandOff":         &tasksv1.HandOffRequest{Name: task, Recipient: parent + "/members/" + uuid.NewString(), Note: note()},
		"GetHandoffDraft": &tasksv1.GetHandoffDraftRequest{Name: task + "/handoffDraft"},
		"GetHandoff":      &tasksv1.GetHandoffRequest{Name: handoff},
		"ListHandoffs":    &tasksv1.ListHandoffsRequest{Parent: parent},
		"AcceptHandoff":   &tasksv1.AcceptHandoffRequest{Name: handoff},
		"DeclineHandoff":  &tasksv1.DeclineHandoffRequest{Name: handoff, Reason: "r"},
		"WithdrawHandoff": &tasksv1.WithdrawHandoffRequest{Name: handoff},
	}
}

// Every method, for everyone: what they may not read is not there, what they may not do is refused, and the rest is decided
// by the state alone.
func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	open, private := w.space(ws, false), w.space(ws, true)
	founder := w.member(ws, auth.Member, "Founder")
	w.grant(ws, private, founder.Member, auth.Manager)
	reader, writer, manager := w.member(ws, auth.Member, "reader"), w.member(ws, auth.Member, "writer"), w.member(ws, auth.Member, "manager")
	guest, guestReader, teamWriter := w.member(ws, auth.Guest, "guest"), w.member(ws, auth.Guest, "guest-reader"), w.member(ws, auth.Member, "team-writer")
	invited, deactivated := w.memberIn(ws, auth.Member, "invited", "INVITED"), w.memberIn(ws, auth.Owner, "deactivated", "DEACTIVATED")
	w.grant(ws, private, reader.Member, auth.Reader)
	w.grant(ws, private, writer.Member, auth.Writer)
	w.grant(ws, private, manager.Member, auth.Manager)
	w.grant(ws, private, w.team(ws, "writers", teamWriter), auth.Writer)
	for _, p := range []person{guestReader, invited, deactivated} {
		w.grant(ws, private, p.Member, auth.Reader)
		w.grant(ws, open, p.Member, auth.Reader)
	}
	type things struct{ project, task, handoff string }
	in := map[uuid.UUID]things{}
	for i, space := range []uuid.UUID{open, private} {
		project := w.newProject(founder, space, fmt.Sprint("P", i)).GetName()
		task, err := w.tasks.CreateTask(founder.ctx, &tasksv1.CreateTaskRequest{
			Parent: domain.WorkspaceName(ws), Task: &tasksv1.Task{Project: project, Title: "T", Holder: founder.name()},
		})
		require.NoError(t, err)
		in[space] = things{project, task.GetName(), w.offer(founder, task.GetName(), manager).GetName()}
	}
	for name, test := range map[string]struct {
		who           person
		open, private auth.Right
	}{
		"member without a grant": {w.member(ws, auth.Member, "plain"), auth.Writer, auth.NoRight},
		"reader":                 {reader, auth.Writer, auth.Reader},
		"writer":                 {writer, auth.Writer, auth.Writer},
		"manager":                {manager, auth.Writer, auth.Manager},
		"writer by a team":       {teamWriter, auth.Writer, auth.Writer},
		"guest":                  {guest, auth.NoRight, auth.NoRight},
		"guest with a grant":     {guestReader, auth.Reader, auth.Reader},
		"admin":                  {w.member(ws, auth.Admin, "admin"), auth.Manager, auth.NoRight},
		"invited":                {invited, auth.NoRight, auth.NoRight},
		"deactivated":            {deactivated, auth.NoRight, auth.NoRight},
	} {
		for space, have := range map[uuid.UUID]auth.Right{open: test.open, private: test.private} {
			requests := w.requests(ws, space, in[space].project, in[space].task, in[space].handoff)
			for _, m := range methods() {
				option, ok := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
				require.True(t, ok)
				need := auth.Right(option.GetRight())
				_, err := w.invoke(test.who.ctx, m, requests[m.Name()])
				switch what := name + ": " + string(m.Name()); {
				case need == auth.NoRight:
					require.NoError(t, err, what)
				case have == auth.NoRight:
					rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
				case have < need:
					rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
				default:
					require.NotContains(t, []codes.Code{codes.NotFound, codes.Internal, codes.Unknown}, status.Code(err), "%s: %v", what, err)
					require.False(t, err != nil && reason(t, err) == fault.ReasonPermissionDenied, what)
				}
			}
		}
	}
}

func reason(t *testing.T, err error) string {
	t.Helper()
	s, ok := status.FromError(err)
	require.True(t, ok)
	for _, d := range s.Details() {
		if info, ok := d.(interface{ GetReason() string }); ok {
			return info.GetReason()
		}
	}
	return ""
}

// A right that was taken away a moment ago is gone from every list.
func TestListsForgetWhatWasTakenAway(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	ben := o.joins("Ben")
	for _, p := range []person{o.ana, ben} {
		o.grant(o.ws, private, p.Member, auth.Writer)
	}
	task := o.newTask(o.ana, &tasksv1.Task{Project: o.newProject(o.ana, private, "SEC").GetName(), Holder: o.ana.name()}).GetName()
	o.offer(o.ana, task, ben)
	found := func() int {
		projects, err := o.projects.ListProjects(ben.ctx, &tasksv1.ListProjectsRequest{Parent: o.parent, Filter: `key = "SEC"`})
		require.NoError(t, err)
		return len(projects.GetProjects()) + len(o.find(ben, "")) + len(o.find(ben, `holder = "`+o.ana.name()+`"`)) + len(o.find(ben, `key = "SEC-1"`)) +
			len(o.listHandoffs(ben, "", 0)) + len(o.listHandoffs(ben, `recipient = "me"`, 0)) + len(o.listHandoffs(ben, `task = "`+task+`"`, 0))
	}
	require.Equal(t, 7, found())
	o.grant(o.ws, private, ben.Member, auth.NoRight)
	require.Zero(t, found())
}

// While the projection of rights is not known to follow the directory, no method answers from it, and no offer is routed.
func TestAStaleProjectionServesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.held(o.ana).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	requests := o.requests(o.ws, o.space, o.project.GetName(), task, h)
	o.directory.stale = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
	for _, m := range methods() {
		require.NotNil(t, requests[m.Name()], "a request of %s", m.FullName())
		_, err := o.invoke(o.ana.ctx, m, requests[m.Name()])
		rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	}
	refs, err := o.app.ClaimRouting(t.Context(), epoch, 0, 10)
	require.NoError(t, err)
	require.True(t, fault.Is(o.app.RouteHandoff(t.Context(), refs[0]), fault.Unavailable))
}
