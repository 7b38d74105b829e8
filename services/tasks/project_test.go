package tasks

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func TestProject(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.project
	require.Equal(t, "OPS", p.GetKey())
	require.Len(t, p.GetWorkflow(), 6)
	require.Equal(t, "in-review", p.GetWorkflow()[3].GetId())
	require.Equal(t, tasksv1.WorkflowState_IN_REVIEW, p.GetWorkflow()[3].GetCategory())
	require.Equal(t, `"1"`, p.GetEtag())
	require.Equal(t, epoch, p.GetCreateTime().AsTime())

	updated, err := o.projects.UpdateProject(o.ana.ctx, &tasksv1.UpdateProjectRequest{
		Project: &tasksv1.Project{Name: p.GetName(), DisplayName: "Operations", Description: "What keeps us going.", Etag: p.GetEtag()},
	})
	require.NoError(t, err)
	require.Equal(t, "Operations", updated.GetDisplayName())
	require.EqualValues(t, 2, updated.GetVersion())
	_, err = o.projects.UpdateProject(o.ana.ctx, &tasksv1.UpdateProjectRequest{
		Project: &tasksv1.Project{Name: p.GetName(), DisplayName: "x", Etag: p.GetEtag()},
	})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	_, err = o.projects.UpdateProject(o.ana.ctx, &tasksv1.UpdateProjectRequest{
		Project: &tasksv1.Project{Name: p.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"key"}},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask")
	cleared, err := o.projects.UpdateProject(o.ana.ctx, &tasksv1.UpdateProjectRequest{
		Project: &tasksv1.Project{Name: p.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"description"}},
	})
	require.NoError(t, err)
	require.Empty(t, cleared.GetDescription())
	require.Equal(t, []string{"ProjectCreated", "ProjectUpdated", "ProjectUpdated"}, o.of(p.GetName()))
}

func TestAKeyIsUniqueInItsWorkspace(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	create := func(p person, space uuid.UUID, key, request string) error {
		_, err := o.projects.CreateProject(p.ctx, &tasksv1.CreateProjectRequest{
			Parent:    domain.WorkspaceName(p.Workspace),
			Project:   &tasksv1.Project{Space: domain.SpaceName(p.Workspace, space), Key: key, DisplayName: "P"},
			RequestId: request,
		})
		return err
	}
	s := rpctest.Failed(t, create(o.ana, o.space, "OPS", ""), codes.AlreadyExists, fault.ReasonAlreadyExists)
	require.Contains(t, s.Message(), "OPS")
	for _, key := range []string{"", "O", "ops", "1OPS", "OPSOPSOPSOPS", "OP-S"} {
		require.Error(t, create(o.ana, o.space, key, ""), key)
	}
	other := uuid.Must(uuid.NewV7())
	require.NoError(t, create(o.member(other, auth.Member, "bob"), o.world.space(other, false), "OPS", ""))

	// Of many at once one gets the key.
	var group errgroup.Group
	results := make([]error, 8)
	for i := range results {
		group.Go(func() error {
			results[i] = create(o.ana, o.space, "NEW", uuid.NewString())
			return nil
		})
	}
	require.NoError(t, group.Wait())
	made := 0
	for _, err := range results {
		if err == nil {
			made++
			continue
		}
		rpctest.Failed(t, err, codes.AlreadyExists, fault.ReasonAlreadyExists)
	}
	require.Equal(t, 1, made)
}

func state(id, name string, c tasksv1.WorkflowState_Category) *tasksv1.WorkflowState {
	return &tasksv1.WorkflowState{Id: id, DisplayName: name, Category: c}
}

func TestAWorkflowHasABeginningAndAnEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	todo, done := state("todo", "To do", tasksv1.WorkflowState_READY), state("done", "Done", tasksv1.WorkflowState_DONE)
	for name, states := range map[string][]*tasksv1.WorkflowState{
		"no end":       {todo, state("active", "Active", tasksv1.WorkflowState_ACTIVE)},
		"no beginning": {state("active", "Active", tasksv1.WorkflowState_ACTIVE), done},
		"one id twice": {todo, done, todo},
		"a blank name": {todo, state("done", " ", tasksv1.WorkflowState_DONE)},
		"no category":  {todo, state("done", "Done", tasksv1.WorkflowState_CATEGORY_UNSPECIFIED)},
		"a bad id":     {todo, state("Done!", "Done", tasksv1.WorkflowState_DONE)},
		"but one":      {todo},
	} {
		_, err := o.projects.CreateProject(o.ana.ctx, &tasksv1.CreateProjectRequest{Parent: o.parent, Project: &tasksv1.Project{
			Space: domain.SpaceName(o.ws, o.space), Key: "NOPE", DisplayName: "P", Workflow: states,
		}})
		rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonFieldInvalid)
		_, err = o.projects.SetWorkflow(o.ana.ctx, &tasksv1.SetWorkflowRequest{Name: o.project.GetName(), Workflow: states})
		require.Error(t, err, name)
	}
	p, err := o.projects.CreateProject(o.ana.ctx, &tasksv1.CreateProjectRequest{Parent: o.parent, Project: &tasksv1.Project{
		Space: domain.SpaceName(o.ws, o.space), Key: "OWN", DisplayName: "P",
		Workflow: []*tasksv1.WorkflowState{state("later", "Later", tasksv1.WorkflowState_BACKLOG), done},
	}})
	require.NoError(t, err)
	made := o.newTask(o.ana, &tasksv1.Task{Project: p.GetName()})
	require.Equal(t, "later", made.GetState(), "without a READY state the first")
	require.Equal(t, "OWN-1", made.GetKey())
}

// A new workflow moves every task: none is stranded, and what a state means now has its consequences.
func TestSetWorkflow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	boss, ben := o.member(o.ws, auth.Admin, "Boss"), o.joins("Ben")
	ready, active := o.newTask(o.ana, &tasksv1.Task{}), o.newTask(o.ana, &tasksv1.Task{State: "active", Holder: o.ana.name()})
	reviewed := o.newTask(o.ana, &tasksv1.Task{State: "in-review", Holder: ben.name()})
	cancelled := o.newTask(o.ana, &tasksv1.Task{State: "cancelled", Holder: ben.name()})
	offered := o.offer(ben, reviewed.GetName(), o.ana)

	next := []*tasksv1.WorkflowState{
		state("todo", "To do", tasksv1.WorkflowState_READY), state("active", "Doing", tasksv1.WorkflowState_ACTIVE),
		state("in-review", "Reviewed", tasksv1.WorkflowState_DONE), state("cancelled", "Again", tasksv1.WorkflowState_BACKLOG),
	}
	set := func(p person, moves ...*tasksv1.WorkflowMove) (*tasksv1.Project, error) {
		return o.projects.SetWorkflow(p.ctx, &tasksv1.SetWorkflowRequest{Name: o.project.GetName(), Workflow: next, Moves: moves})
	}
	_, err := set(o.ana)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = set(boss)
	s := rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "moves")
	require.Contains(t, s.Message(), "ready")
	for _, bad := range []*tasksv1.WorkflowMove{{From: "active", To: "todo"}, {From: "nowhere", To: "todo"}, {From: "ready", To: "ready"}} {
		_, err = set(boss, bad)
		rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonFieldInvalid)
	}
	require.Equal(t, []string{"ProjectCreated"}, o.of(o.project.GetName()), "what was refused left nothing")

	p, err := set(boss, &tasksv1.WorkflowMove{From: "ready", To: "todo"})
	require.NoError(t, err)
	require.Len(t, p.GetWorkflow(), 4)
	require.Equal(t, []string{"ProjectCreated", "ProjectWorkflowChanged"}, o.of(o.project.GetName()))

	require.Equal(t, "todo", o.task(o.ana, ready.GetName()).GetState())
	require.Equal(t, []string{"TaskStateChanged"}, o.since(ready.GetName(), 1))
	require.Equal(t, active.String(), o.task(o.ana, active.GetName()).String(), "what stays and means the same is not touched")

	done := o.task(o.ana, reviewed.GetName())
	require.Equal(t, tasksv1.WorkflowState_DONE, done.GetCategory())
	require.NotNil(t, done.GetCompleteTime())
	require.Equal(t, []string{"HandoffOffered", "TaskStateChanged", "HandoffWithdrawn", "RelayLegEnded", "TaskCompleted"}, o.since(reviewed.GetName(), 2))
	require.Equal(t, tasksv1.Handoff_WITHDRAWN, o.handoff(ben, offered.GetName()).GetState())

	again := o.task(o.ana, cancelled.GetName())
	require.Equal(t, tasksv1.WorkflowState_BACKLOG, again.GetCategory())
	require.Nil(t, again.GetCompleteTime())
	require.Equal(t, []string{"TaskStateChanged", "TaskReopened", "RelayLegStarted"}, o.since(cancelled.GetName(), 1))

	before := len(o.unpublished())
	p, err = set(boss)
	require.NoError(t, err, "the same again")
	require.EqualValues(t, 2, p.GetVersion())
	require.Len(t, o.unpublished(), before)
}

func TestAWorkflowMovesAThousandTasksAndNoMore(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	boss := o.member(o.ws, auth.Admin, "Boss")
	o.exec(`INSERT INTO tasks (workspace_id, task_id, project_id, space_id, number, key, title, description, state, category,
			reporter_id, due_order, priority, labels, last_leg, last_change, revision, version, create_time, update_time, change_time)
		SELECT workspace_id, gen_random_uuid(), project_id, space_id, n, 'OPS-' || n, 'T', '', 'ready', 'READY', $2, '9999-12-31',
			2, '{}', 0, 0, 1, 1, create_time, create_time, create_time
		FROM projects, generate_series(1, 1001) n WHERE workspace_id = $1`, o.ws, o.ana.Member)
	set := func() error {
		_, err := o.projects.SetWorkflow(boss.ctx, &tasksv1.SetWorkflowRequest{
			Name: o.project.GetName(), Workflow: []*tasksv1.WorkflowState{
				state("todo", "To do", tasksv1.WorkflowState_READY), state("done", "Done", tasksv1.WorkflowState_DONE),
			}, Moves: []*tasksv1.WorkflowMove{{From: "ready", To: "todo"}},
		})
		return err
	}
	rpctest.Failed(t, set(), codes.FailedPrecondition, domain.ReasonTooManyTasks)
	o.exec(`DELETE FROM tasks WHERE number = 1001`)
	require.NoError(t, set())
	var left int
	require.NoError(t, o.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM tasks WHERE state <> 'todo'`).Scan(&left))
	require.Zero(t, left)
}

// While tasks go to other states, the workflow is replaced: whatever the order, no task is left in a state that is gone.
func TestNoTaskIsStrandedByARace(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	boss := o.member(o.ws, auth.Admin, "Boss")
	for round := range 10 {
		p := o.newProject(o.ana, o.space, fmt.Sprint("RACE", round))
		var group errgroup.Group
		for range 6 {
			task := o.newTask(o.ana, &tasksv1.Task{Project: p.GetName()}).GetName()
			group.Go(func() error {
				_, err := o.moveTo(o.ana, task, "active")
				if err != nil {
					rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "task.state")
				}
				return nil
			})
		}
		group.Go(func() error {
			_, err := o.projects.SetWorkflow(boss.ctx, &tasksv1.SetWorkflowRequest{
				Name: p.GetName(), Workflow: []*tasksv1.WorkflowState{
					state("todo", "To do", tasksv1.WorkflowState_READY), state("done", "Done", tasksv1.WorkflowState_DONE),
				}, Moves: []*tasksv1.WorkflowMove{{From: "ready", To: "todo"}, {From: "active", To: "todo"}},
			})
			return err
		})
		require.NoError(t, group.Wait())
		var stranded int
		require.NoError(t, o.db.Owner.Pool().QueryRow(t.Context(),
			`SELECT count(*) FROM tasks t JOIN projects p USING (workspace_id, project_id) WHERE p.key = $1 AND t.state NOT IN ('todo', 'done')`,
			p.GetKey()).Scan(&stranded))
		require.Zero(t, stranded)
	}
}

func TestListProjects(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	o.grant(o.ws, private, o.ana.Member, auth.Writer)
	ben := o.joins("Ben")
	for _, key := range []string{"ZOO", "ART", "MUS"} {
		o.newProject(o.ana, o.space, key)
	}
	o.newProject(o.ana, private, "SEC")
	keys := func(p person, filter string, size int32) []string {
		t.Helper()
		var all []string
		req := &tasksv1.ListProjectsRequest{Parent: o.parent, Filter: filter, PageSize: size}
		for {
			resp, err := o.projects.ListProjects(p.ctx, req)
			require.NoError(t, err)
			for _, project := range resp.GetProjects() {
				all = append(all, project.GetKey())
			}
			if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
				return all
			}
		}
	}
	require.Equal(t, []string{"ART", "MUS", "OPS", "SEC", "ZOO"}, keys(o.ana, "", 2))
	require.Equal(t, []string{"ART", "MUS", "OPS", "ZOO"}, keys(ben, "", 3))
	require.Equal(t, []string{"MUS"}, keys(ben, `key = "MUS"`, 0))
	require.Equal(t, []string{"SEC"}, keys(o.ana, fmt.Sprintf("space = %q", domain.SpaceName(o.ws, private)), 0))
	require.Empty(t, keys(ben, fmt.Sprintf("space = %q", domain.SpaceName(o.ws, private)), 0))
	_, err := o.projects.ListProjects(ben.ctx, &tasksv1.ListProjectsRequest{Parent: o.parent, Filter: `display_name = "x"`})
	rpctest.FailedField(t, err, fault.ReasonFilterInvalid, "filter")
	_, err = o.projects.ListProjects(ben.ctx, &tasksv1.ListProjectsRequest{Parent: o.parent, PageToken: "nonsense"})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
}
