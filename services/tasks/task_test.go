package tasks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func TestCreateTask(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	plain := o.newTask(o.ana, &tasksv1.Task{})
	require.Equal(t, "OPS-1", plain.GetKey())
	require.EqualValues(t, 1, plain.GetNumber())
	require.Equal(t, "ready", plain.GetState())
	require.Equal(t, tasksv1.WorkflowState_READY, plain.GetCategory())
	require.Equal(t, tasksv1.Task_MEDIUM, plain.GetPriority())
	require.Equal(t, o.ana.name(), plain.GetReporter())
	require.Equal(t, domain.SpaceName(o.ws, o.space), plain.GetSpace())
	require.Empty(t, plain.GetHolder())
	require.Equal(t, []string{"TaskCreated"}, o.of(plain.GetName()))
	require.Equal(t, plain.String(), o.task(o.ana, plain.GetName()).String())

	whole := o.newTask(o.ana, &tasksv1.Task{
		Title: "Größe: 3 µm", Description: "All of it.", State: "active", Holder: o.ana.name(), Priority: tasksv1.Task_HIGH,
		StartDate: &date.Date{Year: 2026, Month: 11, Day: 24}, DueDate: &date.Date{Year: 2026, Month: 12, Day: 1}, Labels: []string{"pump", "night"},
	})
	require.Equal(t, "OPS-2", whole.GetKey())
	require.EqualValues(t, 2, whole.GetVersion(), "the first leg is an event")
	require.Equal(t, []string{"TaskCreated", "RelayLegStarted"}, o.of(whole.GetName()))
	require.Equal(t, whole.String(), o.task(o.ana, whole.GetName()).String())
	legs := o.legs(o.ana, whole.GetName())
	require.Len(t, legs, 1)
	require.Equal(t, o.ana.name(), legs[0].GetHolder())
	require.Equal(t, epoch, legs[0].GetStartTime().AsTime())
	require.Nil(t, legs[0].GetEndTime())

	closed := o.newTask(o.ana, &tasksv1.Task{State: "done", Holder: o.ana.name()})
	require.NotNil(t, closed.GetCompleteTime())
	require.Equal(t, []string{"TaskCreated"}, o.of(closed.GetName()), "what is done has no leg")
	project, err := o.projects.GetProject(o.ana.ctx, &tasksv1.GetProjectRequest{Name: o.project.GetName()})
	require.NoError(t, err)
	require.EqualValues(t, 3, project.GetLastNumber())
	require.Equal(t, o.project.GetEtag(), project.GetEtag(), "a new task is no change of the project")
}

func TestCreateTaskRefuses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	o.grant(o.ws, private, o.ana.Member, auth.Writer)
	secret := o.newProject(o.ana, private, "SEC").GetName()
	ben := o.joins("Ben")
	gone := o.memberIn(o.ws, auth.Member, "Gone", "DEACTIVATED")
	elsewhere := o.member(uuid.Must(uuid.NewV7()), auth.Member, "Stranger")
	team := o.teamName(o.team(o.ws, "ops", ben))
	for name, test := range map[string]struct {
		task  *tasksv1.Task
		field string
		says  string
	}{
		"no title":           {&tasksv1.Task{Project: secret}, "task.title", "required"},
		"two lines":          {&tasksv1.Task{Project: secret, Title: "a\nb"}, "task.title", "one line"},
		"no project":         {&tasksv1.Task{Title: "t"}, "task.project", "required"},
		"an unknown state":   {&tasksv1.Task{Project: secret, Title: "t", State: "nowhere"}, "task.state", "in-review"},
		"both dues":          {&tasksv1.Task{Project: secret, Title: "t", DueDate: &date.Date{Year: 2026, Month: 1, Day: 1}, DueTime: timestamppb.New(epoch)}, "task.due_date", "due_time"},
		"no such day":        {&tasksv1.Task{Project: secret, Title: "t", DueDate: &date.Date{Year: 2026, Month: 2, Day: 30}}, "task.due_date", "date"},
		"half a date":        {&tasksv1.Task{Project: secret, Title: "t", StartDate: &date.Date{Year: 2026, Month: 2}}, "task.start_date", "date"},
		"holder and team":    {&tasksv1.Task{Project: secret, Title: "t", Holder: o.ana.name(), Team: team}, "task.team", "holder"},
		"holder cannot read": {&tasksv1.Task{Project: secret, Title: "t", Holder: ben.name()}, "task.holder", "Ben may not read the space"},
		"holder has left":    {&tasksv1.Task{Project: secret, Title: "t", Holder: gone.name()}, "task.holder", "Gone is not an active member"},
		"holder is nobody":   {&tasksv1.Task{Project: secret, Title: "t", Holder: domain.MemberName(o.ws, uuid.Must(uuid.NewV7()))}, "task.holder", "must be a member"},
		"another workspace":  {&tasksv1.Task{Project: secret, Title: "t", Holder: elsewhere.name()}, "task.holder", "same workspace"},
		"no such team":       {&tasksv1.Task{Project: secret, Title: "t", Team: o.teamName(uuid.Must(uuid.NewV7()))}, "task.team", "team of the workspace"},
		"a blank label":      {&tasksv1.Task{Project: secret, Title: "t", Labels: []string{" x"}}, "task.labels[0]", "blank"},
	} {
		_, err := o.tasks.CreateTask(o.ana.ctx, &tasksv1.CreateTaskRequest{Parent: o.parent, Task: test.task})
		s := rpctest.FailedField(t, err, fault.ReasonFieldInvalid, test.field)
		require.Contains(t, s.Message(), test.says, name)
	}
	_, err := o.tasks.CreateTask(ben.ctx, &tasksv1.CreateTaskRequest{Parent: o.parent, Task: &tasksv1.Task{Project: secret, Title: "t"}})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	o.grant(o.ws, private, ben.Member, auth.Reader)
	_, err = o.tasks.CreateTask(ben.ctx, &tasksv1.CreateTaskRequest{Parent: o.parent, Task: &tasksv1.Task{Project: secret, Title: "t"}})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)

	// Nothing that was refused took a number.
	made := o.newTask(o.ana, &tasksv1.Task{Project: secret, Holder: ben.name()})
	require.Equal(t, "SEC-1", made.GetKey())
}

// A right that was given a moment ago counts: the directory is asked before somebody is refused.
func TestTheDirectoryIsAskedForOthersToo(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	o.grant(o.ws, private, o.ana.Member, auth.Writer)
	secret := o.newProject(o.ana, private, "SEC").GetName()
	ben := o.joins("Ben")
	asked := o.directory.asked
	o.directory.answer = func() { o.grant(o.ws, private, ben.Member, auth.Writer) }
	made := o.newTask(o.ana, &tasksv1.Task{Project: secret, Holder: ben.name()})
	require.Equal(t, ben.name(), made.GetHolder())
	require.Equal(t, asked+1, o.directory.asked)

	// And for who has just become a manager of the space, or one of a team.
	dai := o.joins("Dai")
	o.grant(o.ws, private, dai.Member, auth.Writer)
	o.directory.answer = func() { o.grant(o.ws, private, dai.Member, auth.Manager) }
	_, err := o.tasks.ReleaseTask(dai.ctx, &tasksv1.ReleaseTaskRequest{Name: made.GetName()})
	require.NoError(t, err)
	team := o.team(o.ws, "relay", ben)
	for _, call := range []func() error{
		func() error {
			_, err := o.claim(dai, o.newTask(o.ana, &tasksv1.Task{Team: o.teamName(team)}).GetName())
			return err
		},
		func() error {
			_, err := o.accept(dai, o.offerTeam(o.ana, o.held(o.ana).GetName(), team).GetName())
			return err
		},
	} {
		o.exec(`DELETE FROM team_members WHERE member_id = $1`, dai.Member)
		o.directory.answer = func() {
			o.exec(`INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version) VALUES ($1, $2, $3, false, false, 1)`, o.ws, team, dai.Member)
		}
		require.NoError(t, call())
	}
}

// Two hundred tasks made at once: numbers 1 to 200, no failure, also while other requests for numbers fail.
func TestTwoHundredTasksAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const count = 200
	numbers := make([]int64, count)
	var group errgroup.Group
	for i := range count {
		group.Go(func() error {
			made, err := o.tasks.CreateTask(o.ana.ctx, &tasksv1.CreateTaskRequest{
				Parent: o.parent, Task: &tasksv1.Task{Project: o.project.GetName(), Title: fmt.Sprint("Task ", i)}, RequestId: uuid.NewString(),
			})
			if err != nil {
				return err
			}
			numbers[i] = made.GetNumber()
			_, err = o.tasks.CreateTask(o.ana.ctx, &tasksv1.CreateTaskRequest{
				Parent: o.parent, Task: &tasksv1.Task{Project: o.project.GetName(), Title: "x", State: "nowhere"},
			})
			if err == nil {
				return fmt.Errorf("a task in no state was made")
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	slices.Sort(numbers)
	for i, n := range numbers {
		require.EqualValues(t, i+1, n)
	}
}

func TestUpdateTask(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	task := o.newTask(o.ana, &tasksv1.Task{Description: "old"})
	o.clock.Advance(time.Hour)
	updated, err := o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{
		Task: &tasksv1.Task{
			Name: task.GetName(), Title: "Two", State: "active", Priority: tasksv1.Task_CRITICAL, Labels: []string{"a"},
			DueTime: timestamppb.New(epoch.Add(48 * time.Hour)), Etag: task.GetEtag(),
		},
	})
	require.NoError(t, err)
	require.Equal(t, "Two", updated.GetTitle())
	require.Equal(t, "old", updated.GetDescription(), "what has no value is not touched without a mask")
	require.Equal(t, tasksv1.WorkflowState_ACTIVE, updated.GetCategory())
	require.Equal(t, epoch.Add(time.Hour), updated.GetUpdateTime().AsTime())
	require.Equal(t, `"2"`, updated.GetEtag())
	require.Equal(t, []string{"TaskUpdated", "TaskStateChanged"}, o.since(task.GetName(), 1))
	require.Equal(t, updated.String(), o.task(o.ana, task.GetName()).String())

	same, err := o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: task.GetName(), Title: "Two", State: "active"}})
	require.NoError(t, err)
	require.Equal(t, updated.String(), same.String())
	require.Len(t, o.of(task.GetName()), 3, "what is the same changes nothing")

	mask := func(paths ...string) (*tasksv1.Task, error) {
		return o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{
			Task:       &tasksv1.Task{Name: task.GetName(), DueDate: &date.Date{Year: 2026, Month: 12, Day: 1}},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
	}
	_, err = mask("due_date")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "task.due_date")
	_, err = mask("title")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "task.title")
	for _, path := range []string{"holder", "team", "key", "nonsense"} {
		_, err = mask(path)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask")
	}
	dated, err := mask("due_date", "due_time", "labels", "priority")
	require.NoError(t, err)
	require.Nil(t, dated.GetDueTime())
	require.EqualValues(t, 1, dated.GetDueDate().GetDay())
	require.Empty(t, dated.GetLabels())
	require.Equal(t, tasksv1.Task_MEDIUM, dated.GetPriority(), "no priority is MEDIUM")
	_, err = o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: task.GetName(), State: "nowhere"}})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "task.state")
	_, err = o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: task.GetName(), Title: "x", Etag: `"1"`}})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
}

// Every change is in the history with who, when, from and to; the newest first, in pages.
func TestHistory(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.newTask(o.ana, &tasksv1.Task{Holder: o.ana.name()})
	o.clock.Advance(time.Minute)
	_, err := o.tasks.UpdateTask(ben.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{
		Name: task.GetName(), Title: "Two", State: "active", DueDate: &date.Date{Year: 2026, Month: 12, Day: 1}, Labels: []string{"a", "b"},
	}})
	require.NoError(t, err)
	h := o.offer(o.ana, task.GetName(), ben)
	_, err = o.accept(ben, h.GetName())
	require.NoError(t, err)

	type entry struct{ actor, field, from, to string }
	var got []entry
	req := &tasksv1.ListTaskChangesRequest{Parent: task.GetName(), PageSize: 3}
	for {
		resp, err := o.tasks.ListTaskChanges(o.ana.ctx, req)
		require.NoError(t, err)
		for _, c := range resp.GetTaskChanges() {
			require.Equal(t, domain.ChangeName(o.ws, uuid.MustParse(task.GetUid()), int64(8-len(got))), c.GetName())
			got = append(got, entry{c.GetActor(), c.GetField(), c.GetFrom(), c.GetTo()})
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, []entry{
		{ben.name(), "holder", o.ana.name(), ben.name()},
		{ben.name(), "handoff", "OFFERED", "ACCEPTED"},
		{o.ana.name(), "handoff", "", "OFFERED"},
		{ben.name(), "state", "ready", "active"},
		{ben.name(), "labels", "", "a, b"},
		{ben.name(), "due_date", "", "2026-12-01"},
		{ben.name(), "title", "Replace the pump", "Two"},
		{o.ana.name(), "created", "", "OPS-1"},
	}, got)
	_, err = o.tasks.ListTaskChanges(o.ana.ctx, &tasksv1.ListTaskChangesRequest{Parent: task.GetName(), PageToken: "x"})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
}

// A history of long texts comes in pages that clients can take.
func TestLongTextsMakeShortPages(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	task := o.newTask(o.ana, &tasksv1.Task{})
	for i := range 40 {
		_, err := o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{
			Name: task.GetName(), Description: strings.Repeat("x", 60<<10) + fmt.Sprint(i),
		}})
		require.NoError(t, err)
	}
	seen, pages := 0, 0
	req := &tasksv1.ListTaskChangesRequest{Parent: task.GetName(), PageSize: 200}
	for {
		resp, err := o.tasks.ListTaskChanges(o.ana.ctx, req)
		require.NoError(t, err)
		seen, pages = seen+len(resp.GetTaskChanges()), pages+1
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, 41, seen)
	require.Equal(t, 2, pages)

	for range 60 {
		o.newTask(o.ana, &tasksv1.Task{Description: strings.Repeat("y", 64<<10)})
	}
	found, pages := 0, 0
	list := &tasksv1.ListTasksRequest{Parent: o.parent, PageSize: 200}
	for {
		resp, err := o.tasks.ListTasks(o.ana.ctx, list)
		require.NoError(t, err)
		found, pages = found+len(resp.GetTasks()), pages+1
		if list.PageToken = resp.GetNextPageToken(); list.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, 61, found)
	require.Equal(t, 2, pages)
}

// Done or cancelled ends the leg and withdraws the offer; leaving that again begins a new leg.
func TestCompleteAndReopen(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.held(o.ana)
	h := o.offer(o.ana, task.GetName(), ben)
	require.Equal(t, h.GetName(), o.task(o.ana, task.GetName()).GetOpenHandoff())
	o.clock.Advance(time.Hour)
	done, err := o.moveTo(ben, task.GetName(), "done")
	require.NoError(t, err)
	require.Equal(t, epoch.Add(time.Hour), done.GetCompleteTime().AsTime())
	require.Equal(t, o.ana.name(), done.GetHolder(), "it is known who held it")
	require.Empty(t, done.GetOpenHandoff())
	require.Equal(t, []string{"HandoffOffered", "TaskUpdated", "TaskStateChanged", "HandoffWithdrawn", "RelayLegEnded", "TaskCompleted"}, o.since(task.GetName(), 2))
	h = o.handoff(o.ana, h.GetName())
	require.Equal(t, tasksv1.Handoff_WITHDRAWN, h.GetState())
	require.Equal(t, "the task was completed", h.GetReason())
	legs := o.legs(o.ana, task.GetName())
	require.Equal(t, tasksv1.Leg_COMPLETED, legs[0].GetEndReason())

	_, err = o.accept(ben, h.GetName())
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)
	for _, call := range []func() error{
		func() error {
			_, err := o.tasks.ClaimTask(ben.ctx, &tasksv1.ClaimTaskRequest{Name: task.GetName()})
			return err
		},
		func() error {
			_, err := o.tasks.AssignTask(ben.ctx, &tasksv1.AssignTaskRequest{Name: task.GetName(), Holder: ben.name()})
			return err
		},
		func() error {
			_, err := o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{Name: task.GetName(), Recipient: ben.name(), Note: note()})
			return err
		},
	} {
		rpctest.Failed(t, call(), codes.FailedPrecondition, domain.ReasonTaskClosed)
	}
	cancelled, err := o.moveTo(ben, task.GetName(), "cancelled")
	require.NoError(t, err)
	require.Equal(t, done.GetCompleteTime().AsTime(), cancelled.GetCompleteTime().AsTime(), "closed it was already")

	again, err := o.moveTo(ben, task.GetName(), "active")
	require.NoError(t, err)
	require.Nil(t, again.GetCompleteTime())
	require.Equal(t, []string{"TaskUpdated", "TaskStateChanged", "TaskUpdated", "TaskStateChanged", "TaskReopened", "RelayLegStarted"}, o.since(task.GetName(), 8))
	legs = o.legs(o.ana, task.GetName())
	require.Len(t, legs, 2)
	require.Equal(t, o.ana.name(), legs[1].GetHolder())
}
