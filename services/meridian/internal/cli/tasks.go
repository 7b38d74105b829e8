package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// TasksCmd groups the commands about projects and tasks.
type TasksCmd struct {
	List     TasksListCmd     `cmd:"" default:"withargs" help:"List tasks."`
	Show     TasksShowCmd     `cmd:"" help:"Show a task, its relay and its history."`
	New      TasksNewCmd      `cmd:"" help:"Make a task."`
	Claim    TasksClaimCmd    `cmd:"" help:"Pick up a task that nobody holds."`
	Release  TasksReleaseCmd  `cmd:"" help:"Put a task that you hold back."`
	Move     TasksMoveCmd     `cmd:"" help:"Move a task to another state of its workflow."`
	Projects TasksProjectsCmd `cmd:"" help:"List projects."`
	Project  TasksProjectCmd  `cmd:"" help:"Make a project."`
}

// TasksListCmd lists tasks.
type TasksListCmd struct {
	Mine     bool   `short:"m" help:"Only those whose baton you hold."`
	Unheld   bool   `short:"u" help:"Only those that nobody holds."`
	Project  string `short:"p" help:"Only those of this project (key, name or id)."`
	Category string `help:"BACKLOG, READY, ACTIVE, IN_REVIEW, DONE or CANCELLED." enum:"BACKLOG,READY,ACTIVE,IN_REVIEW,DONE,CANCELLED," default:""`
	Filter   string `help:"Further conditions, as the API takes them, such as 'priority = HIGH AND label = \"db\"'."`
	Limit    int    `help:"How many at most; 0 for all." default:"50"`
}

// Run lists tasks.
func (c *TasksListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	var filters []string
	if c.Filter != "" {
		filters = append(filters, c.Filter)
	}
	if c.Mine {
		filters = append(filters, `holder = "me"`)
	}
	if c.Unheld {
		filters = append(filters, `holder = ""`)
	}
	if c.Category != "" {
		filters = append(filters, "category = "+c.Category)
	}
	if c.Project != "" {
		project, err := s.project(ctx, c.Project)
		if err != nil {
			return err
		}
		filters = append(filters, "project = "+quoted(project))
	}
	tasks, err := pages(c.Limit, func(token string, size int32) ([]*tasksv1.Task, string, error) {
		page, err := s.tasks.ListTasks(ctx, &tasksv1.ListTasksRequest{Parent: s.workspace, Filter: strings.Join(filters, " AND "), PageSize: size, PageToken: token})
		return page.GetTasks(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	return s.print(&tasksv1.ListTasksResponse{Tasks: tasks}, func(w io.Writer) {
		row(w, "TASK", "STATE", "PRIORITY", "HOLDER", "DUE", "TITLE")
		for _, t := range tasks {
			row(w, t.GetKey(), t.GetState(), t.GetPriority().String(), holderOf(t, names), dueOf(t), short(t.GetTitle(), 72))
		}
	})
}

func holderOf(t *tasksv1.Task, names map[string]string) string {
	holder := "-"
	switch {
	case t.GetHolder() != "":
		holder = nameOf(names, t.GetHolder())
	case t.GetTeam() != "":
		holder = "for team " + id(t.GetTeam())
	}
	if t.GetOpenHandoff() != "" {
		holder += " (offered)"
	}
	return holder
}

func dueOf(t *tasksv1.Task) string {
	if d := t.GetDueDate(); d != nil {
		return fmt.Sprintf("%04d-%02d-%02d", d.GetYear(), d.GetMonth(), d.GetDay())
	}
	return when(t.GetDueTime())
}

// task finds a task by name, id or key.
func (s *session) task(ctx context.Context, given string) (*tasksv1.Task, error) {
	if name, ok := s.named("tasks", given); ok {
		return s.tasks.GetTask(ctx, &tasksv1.GetTaskRequest{Name: name})
	}
	list, err := s.tasks.ListTasks(ctx, &tasksv1.ListTasksRequest{Parent: s.workspace, Filter: "key = " + quoted(strings.ToUpper(given)), PageSize: 1})
	if err != nil {
		return nil, err
	}
	if len(list.GetTasks()) == 0 {
		return nil, status.Errorf(codes.NotFound, "no task is %q (see: meridian tasks)", given)
	}
	return list.GetTasks()[0], nil
}

// project finds a project by name, id or key.
func (s *session) project(ctx context.Context, given string) (string, error) {
	if name, ok := s.named("projects", given); ok {
		return name, nil
	}
	list, err := s.projects.ListProjects(ctx, &tasksv1.ListProjectsRequest{Parent: s.workspace, Filter: "key = " + quoted(strings.ToUpper(given)), PageSize: 1})
	if err != nil {
		return "", err
	}
	if len(list.GetProjects()) == 0 {
		return "", status.Errorf(codes.NotFound, "no project is %q (see: meridian tasks projects)", given)
	}
	return list.GetProjects()[0].GetName(), nil
}

// team finds a team by name, id or handle.
func (s *session) team(ctx context.Context, given string) (string, error) {
	if name, ok := s.named("teams", given); ok {
		return name, nil
	}
	list, err := s.teams.ListTeams(ctx, &directoryv1.ListTeamsRequest{Parent: s.workspace, Filter: "handle = " + quoted(strings.TrimPrefix(given, "@"))})
	if err != nil {
		return "", err
	}
	if len(list.GetTeams()) == 0 {
		return "", status.Errorf(codes.NotFound, "no team is %q", given)
	}
	return list.GetTeams()[0].GetName(), nil
}

// TasksShowCmd shows a task.
type TasksShowCmd struct {
	Task string `arg:"" help:"The task's key, name or id."`
}

// Run shows a task.
func (c *TasksShowCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	t, err := s.task(ctx, c.Task)
	if err != nil {
		return err
	}
	if s.json {
		return s.print(t, nil)
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	legs, err := pages(0, func(token string, size int32) ([]*tasksv1.Leg, string, error) {
		page, err := s.tasks.ListLegs(ctx, &tasksv1.ListLegsRequest{Parent: t.GetName(), PageSize: size, PageToken: token})
		return page.GetLegs(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	changes, err := pages(50, func(token string, size int32) ([]*tasksv1.TaskChange, string, error) {
		page, err := s.tasks.ListTaskChanges(ctx, &tasksv1.ListTaskChangesRequest{Parent: t.GetName(), PageSize: size, PageToken: token})
		return page.GetTaskChanges(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return s.table(func(w io.Writer) {
		row(w, t.GetKey(), t.GetState(), t.GetPriority().String(), holderOf(t, names), "due "+dueOf(t), short(t.GetTitle(), 100))
		for _, leg := range legs {
			row(w, "leg "+id(leg.GetName()), nameOf(names, leg.GetHolder()), when(leg.GetStartTime()), when(leg.GetEndTime()), leg.GetEndReason().String())
		}
		for _, change := range changes {
			row(w, when(change.GetCreateTime()), nameOf(names, change.GetActor()), change.GetField(), short(change.GetFrom(), 40), "->", short(change.GetTo(), 40))
		}
		if t.GetDescription() != "" {
			_, _ = fmt.Fprintf(w, "\n%s\n", safe(t.GetDescription()))
		}
	})
}

// TasksNewCmd makes a task.
type TasksNewCmd struct {
	Project  string   `short:"p" required:"" help:"The project (key, name or id)."`
	Title    string   `arg:"" help:"What is to be done."`
	Holder   string   `help:"Who holds it (name, id, address, handle, or me)."`
	Team     string   `help:"The team that is to pick it up (name, id or handle)."`
	Priority string   `help:"LOW, MEDIUM, HIGH or CRITICAL." enum:"LOW,MEDIUM,HIGH,CRITICAL" default:"MEDIUM"`
	Label    []string `help:"Labels."`
	Due      string   `help:"The local day by whose end it is due, such as 2026-12-01."`
	Text     string   `help:"More about it, in Markdown; - reads it from standard input."`
}

// Run makes a task.
func (c *TasksNewCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	t := &tasksv1.Task{Title: c.Title, Labels: c.Label, Priority: tasksv1.Task_Priority(tasksv1.Task_Priority_value[c.Priority])}
	if t.Project, err = s.project(ctx, c.Project); err != nil {
		return err
	}
	if t.Description, err = textOf(c.Text, streams.In); err != nil {
		return err
	}
	if c.Holder != "" {
		if t.Holder, err = s.member(ctx, c.Holder); err != nil {
			return err
		}
	}
	if c.Team != "" {
		if t.Team, err = s.team(ctx, c.Team); err != nil {
			return err
		}
	}
	if c.Due != "" {
		if t.DueDate, err = dateFrom("--due", c.Due); err != nil {
			return err
		}
	}
	made, err := s.tasks.CreateTask(ctx, &tasksv1.CreateTaskRequest{Parent: s.workspace, Task: t, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.printTask(made)
}

func (s *session) printTask(t *tasksv1.Task) error {
	return s.print(t, func(w io.Writer) { row(w, t.GetKey(), t.GetState(), short(t.GetTitle(), 72), t.GetName()) })
}

// TasksClaimCmd claims a task.
type TasksClaimCmd struct {
	Task string `arg:"" help:"The task's key, name or id."`
}

// Run claims a task.
func (c *TasksClaimCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	return onTask(ctx, client, streams, c.Task, func(s *session, t *tasksv1.Task) (*tasksv1.Task, error) {
		return s.tasks.ClaimTask(ctx, &tasksv1.ClaimTaskRequest{Name: t.GetName(), RequestId: uuid.NewString()})
	})
}

// onTask does something to a task and prints it.
func onTask(ctx context.Context, client *Client, streams Streams, given string, do func(s *session, t *tasksv1.Task) (*tasksv1.Task, error)) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	t, err := s.task(ctx, given)
	if err != nil {
		return err
	}
	if t, err = do(s, t); err != nil {
		return err
	}
	return s.printTask(t)
}

// TasksReleaseCmd releases a task.
type TasksReleaseCmd struct {
	Task string `arg:"" help:"The task's key, name or id."`
	Team string `help:"The team that is to pick it up (name, id or handle)."`
}

// Run releases a task.
func (c *TasksReleaseCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	return onTask(ctx, client, streams, c.Task, func(s *session, t *tasksv1.Task) (*tasksv1.Task, error) {
		req := &tasksv1.ReleaseTaskRequest{Name: t.GetName(), RequestId: uuid.NewString()}
		if c.Team != "" {
			team, err := s.team(ctx, c.Team)
			if err != nil {
				return nil, err
			}
			req.Team = team
		}
		return s.tasks.ReleaseTask(ctx, req)
	})
}

// TasksMoveCmd moves a task.
type TasksMoveCmd struct {
	Task  string `arg:"" help:"The task's key, name or id."`
	State string `arg:"" help:"The id of the state, such as done."`
}

// Run moves a task.
func (c *TasksMoveCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	return onTask(ctx, client, streams, c.Task, func(s *session, t *tasksv1.Task) (*tasksv1.Task, error) {
		return s.tasks.UpdateTask(ctx, &tasksv1.UpdateTaskRequest{
			Task: &tasksv1.Task{Name: t.GetName(), State: c.State}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"state"}}, RequestId: uuid.NewString(),
		})
	})
}

// TasksProjectsCmd lists projects.
type TasksProjectsCmd struct{}

// Run lists projects.
func (c *TasksProjectsCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	projects, err := pages(0, func(token string, size int32) ([]*tasksv1.Project, string, error) {
		page, err := s.projects.ListProjects(ctx, &tasksv1.ListProjectsRequest{Parent: s.workspace, PageSize: size, PageToken: token})
		return page.GetProjects(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return s.print(&tasksv1.ListProjectsResponse{Projects: projects}, func(w io.Writer) {
		row(w, "KEY", "TASKS", "STATES", "NAME")
		for _, p := range projects {
			var states []string
			for _, state := range p.GetWorkflow() {
				states = append(states, state.GetId())
			}
			row(w, p.GetKey(), fmt.Sprint(p.GetLastNumber()), strings.Join(states, ","), short(p.GetDisplayName(), 60))
		}
	})
}

// TasksProjectCmd makes a project.
type TasksProjectCmd struct {
	Key   string `arg:"" help:"What its tasks' keys begin with, such as OPS."`
	Name  string `arg:"" help:"What people call it."`
	Space string `short:"s" required:"" help:"The space (name, id or display name)."`
}

// Run makes a project.
func (c *TasksProjectCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	space, err := s.space(ctx, c.Space)
	if err != nil {
		return err
	}
	made, err := s.projects.CreateProject(ctx, &tasksv1.CreateProjectRequest{
		Parent: s.workspace, Project: &tasksv1.Project{Space: space, Key: c.Key, DisplayName: c.Name}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) { row(w, made.GetKey(), made.GetName(), short(made.GetDisplayName(), 60)) })
}
