package tasks

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func TestListTasks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	o.grant(o.ws, private, o.ana.Member, auth.Writer)
	secret := o.newProject(o.ana, private, "SEC")
	ben := o.joins("Ben")
	team := o.teamName(o.team(o.ws, "ops", ben))
	step := func(task *tasksv1.Task) *tasksv1.Task {
		o.clock.Advance(time.Minute)
		return o.newTask(o.ana, task)
	}
	step(&tasksv1.Task{Title: "1", Holder: ben.name(), Priority: tasksv1.Task_LOW, DueTime: timestamppb.New(epoch.Add(72 * time.Hour))})
	step(&tasksv1.Task{Title: "2", Team: team, Labels: []string{"night", "pump"}, DueDate: &date.Date{Year: 2026, Month: 11, Day: 24}})
	step(&tasksv1.Task{Title: "3", Holder: o.ana.name(), State: "active", Priority: tasksv1.Task_HIGH})
	step(&tasksv1.Task{Title: "4", Priority: tasksv1.Task_CRITICAL, Labels: []string{"pump"}})
	step(&tasksv1.Task{Title: "5", Project: secret.GetName(), Holder: o.ana.name()})
	step(&tasksv1.Task{Title: "6", State: "done", Holder: ben.name(), DueTime: timestamppb.New(epoch.Add(time.Hour))})
	o.clock.Advance(time.Hour)
	_, err := o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: o.find(o.ana, `key = "OPS-1"`)[0].GetName(), Description: "touched"}})
	require.NoError(t, err)

	for _, test := range []struct {
		who           person
		filter, order string
		want          string
	}{
		{o.ana, "", "", "654321"},
		{ben, "", "", "64321"},
		{o.ana, "", "create_time", "123456"},
		{ben, "", "update_time desc", "16432"},
		{ben, "", "update_time", "23461"},
		{ben, "", "due_time", "62134"},
		{ben, "", "due_time desc", "43126"},
		{ben, "", "priority desc", "43621"},
		{ben, `holder = "me"`, "", "61"},
		{o.ana, `holder = "me"`, "create_time", "35"},
		{o.ana, fmt.Sprintf(`holder = %q AND category != DONE`, ben.name()), "", "1"},
		{ben, `holder = ""`, "", "42"},
		{ben, `holder != ""`, "", "631"},
		{ben, `holder != "me"`, "", "432"},
		{ben, `reporter = "me"`, "", ""},
		{o.ana, `reporter = "me" AND state = "active"`, "", "3"},
		{ben, fmt.Sprintf(`team = %q AND holder = ""`, team), "", "2"},
		{ben, fmt.Sprintf(`team != %q`, team), "create_time", "1346"},
		{o.ana, fmt.Sprintf(`project = %q`, secret.GetName()), "", "5"},
		{ben, fmt.Sprintf(`project = %q`, secret.GetName()), "", ""},
		{o.ana, fmt.Sprintf(`project != %q`, secret.GetName()), "create_time", "12346"},
		{o.ana, fmt.Sprintf(`space = %q`, domain.SpaceName(o.ws, private)), "", "5"},
		{ben, fmt.Sprintf(`space = %q`, domain.SpaceName(o.ws, private)), "", ""},
		{o.ana, fmt.Sprintf(`space = %q`, domain.SpaceName(o.ws, o.space)), "priority", "12634"},
		{ben, `category = DONE`, "", "6"},
		{ben, `state = "ready"`, "", "421"},
		{ben, `priority >= HIGH`, "", "43"},
		{ben, `priority < MEDIUM`, "", "1"},
		{ben, `label = "pump"`, "", "42"},
		{ben, `label = "pump" AND label != "night"`, "", "4"},
		{ben, `key = "OPS-3"`, "", "3"},
		{ben, `key = "OPS-03"`, "", ""},
		{ben, `key = "SEC-1"`, "", ""},
		{ben, `key != "OPS-3"`, "create_time", "1246"},
		{ben, `due_date = "2026-11-24"`, "", "2"},
		{ben, `due_date <= "2026-11-24"`, "", "2"},
		{ben, `due_time < "2026-11-24T00:00:00Z"`, "", "6"},
		{ben, `create_time > "2026-11-23T09:03:00Z"`, "", "64"},
		{ben, `update_time > "2026-11-23T10:00:00Z"`, "", "1"},
	} {
		for _, size := range []int32{0, 1, 2} {
			got := ""
			for _, task := range o.pages(test.who, test.filter, test.order, size) {
				got += task.GetTitle()
			}
			require.Equal(t, test.want, got, "%s: %s by %q, %d a page", test.who.handle, test.filter, test.order, size)
		}
	}
	for filter, position := range map[string]string{`nothing = 1`: "0", `holder = "me" AND title = "x"`: "18", `space != "x"`: "0"} {
		_, err := o.tasks.ListTasks(ben.ctx, &tasksv1.ListTasksRequest{Parent: o.parent, Filter: filter})
		require.Equal(t, position, metadata(t, err, codes.InvalidArgument, fault.ReasonFilterInvalid)["position"], filter)
	}
	for _, filter := range []string{`due_date = "soon"`, `holder = "someone"`, fmt.Sprintf(`holder = %q`, "workspaces/"+uuid.NewString()+"/members/"+uuid.NewString())} {
		_, err := o.tasks.ListTasks(ben.ctx, &tasksv1.ListTasksRequest{Parent: o.parent, Filter: filter})
		require.Error(t, err, filter)
		require.Contains(t, rpctest.Fields(rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonFieldInvalid)), "filter")
	}
	for _, order := range []string{"title", "priority, due_time", "priority down"} {
		_, err := o.tasks.ListTasks(ben.ctx, &tasksv1.ListTasksRequest{Parent: o.parent, OrderBy: order})
		rpctest.FailedField(t, err, fault.ReasonOrderByInvalid, "order_by")
	}
	first, err := o.tasks.ListTasks(ben.ctx, &tasksv1.ListTasksRequest{Parent: o.parent, PageSize: 1})
	require.NoError(t, err)
	_, err = o.tasks.ListTasks(ben.ctx, &tasksv1.ListTasksRequest{Parent: o.parent, PageSize: 1, OrderBy: "priority", PageToken: first.GetNextPageToken()})
	rpctest.FailedField(t, err, fault.ReasonPageTokenInvalid, "page_token")
}

// pages lists all tasks that a filter finds, page by page.
func (o *office) pages(p person, filter, order string, size int32) []*tasksv1.Task {
	o.t.Helper()
	var all []*tasksv1.Task
	req := &tasksv1.ListTasksRequest{Parent: o.parent, Filter: filter, OrderBy: order, PageSize: size}
	for {
		resp, err := o.tasks.ListTasks(p.ctx, req)
		require.NoError(o.t, err, filter)
		all = append(all, resp.GetTasks()...)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return all
		}
	}
}

func (o *office) find(p person, filter string) []*tasksv1.Task {
	o.t.Helper()
	return o.pages(p, filter, "", 0)
}
