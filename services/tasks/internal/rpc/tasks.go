package rpc

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/resource"
)

// Tasks implements tasksv1.TaskServiceServer.
type Tasks struct {
	tasksv1.UnimplementedTaskServiceServer
	app *app.App
}

// NewTasks makes the service over its use cases.
func NewTasks(a *app.App) *Tasks { return &Tasks{app: a} }

// GetTask implements tasksv1.TaskServiceServer.
func (s *Tasks) GetTask(ctx context.Context, req *tasksv1.GetTaskRequest) (*tasksv1.Task, error) {
	_, id, err := idOf(taskPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerTask(s.app.Task(ctx, id))
}

// ListTasks implements tasksv1.TaskServiceServer.
func (s *Tasks) ListTasks(ctx context.Context, req *tasksv1.ListTasksRequest) (*tasksv1.ListTasksResponse, error) {
	query, fingerprint, err := taskQuery(ctx, req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Tasks(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &tasksv1.ListTasksResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, t := range found.Items {
		resp.Tasks = append(resp.Tasks, resource.Task(t))
	}
	return resp, nil
}

// CreateTask implements tasksv1.TaskServiceServer.
func (s *Tasks) CreateTask(ctx context.Context, req *tasksv1.CreateTaskRequest) (*tasksv1.Task, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	t := req.GetTask()
	project, err := required(projectPattern, "task.project", t.GetProject(), ws)
	if err != nil {
		return nil, err
	}
	made := domain.NewTask{
		Title: t.GetTitle(), Description: t.GetDescription(), State: t.GetState(), DueTime: instantOf(t.GetDueTime()),
		Priority: domain.Priority(t.GetPriority()), Labels: t.GetLabels(),
		StartDate: dateOf(t.GetStartDate()), DueDate: dateOf(t.GetDueDate()),
	}
	if made.Holder, err = within(memberPattern, "task.holder", t.GetHolder(), ws); err != nil {
		return nil, err
	}
	if made.Team, err = within(teamPattern, "task.team", t.GetTeam(), ws); err != nil {
		return nil, err
	}
	return answerTask(s.app.CreateTask(ctx, project, made))
}

// UpdateTask implements tasksv1.TaskServiceServer.
func (s *Tasks) UpdateTask(ctx context.Context, req *tasksv1.UpdateTaskRequest) (*tasksv1.Task, error) {
	_, id, err := idOf(taskPattern, "task.name", req.GetTask().GetName())
	if err != nil {
		return nil, err
	}
	change, err := taskChange(req.GetTask(), req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	return answerTask(s.app.UpdateTask(ctx, id, change, fresh("task.etag", req.GetTask().GetEtag())))
}

// ClaimTask implements tasksv1.TaskServiceServer.
func (s *Tasks) ClaimTask(ctx context.Context, req *tasksv1.ClaimTaskRequest) (*tasksv1.Task, error) {
	_, id, err := idOf(taskPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerTask(s.app.ClaimTask(ctx, id, fresh("etag", req.GetEtag())))
}

// AssignTask implements tasksv1.TaskServiceServer.
func (s *Tasks) AssignTask(ctx context.Context, req *tasksv1.AssignTaskRequest) (*tasksv1.Task, error) {
	ws, id, err := idOf(taskPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	holder, err := within(memberPattern, "holder", req.GetHolder(), ws)
	if err != nil {
		return nil, err
	}
	team, err := within(teamPattern, "team", req.GetTeam(), ws)
	if err != nil {
		return nil, err
	}
	return answerTask(s.app.AssignTask(ctx, id, holder, team, fresh("etag", req.GetEtag())))
}

// ReleaseTask implements tasksv1.TaskServiceServer.
func (s *Tasks) ReleaseTask(ctx context.Context, req *tasksv1.ReleaseTaskRequest) (*tasksv1.Task, error) {
	ws, id, err := idOf(taskPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	team, err := within(teamPattern, "team", req.GetTeam(), ws)
	if err != nil {
		return nil, err
	}
	return answerTask(s.app.ReleaseTask(ctx, id, team, fresh("etag", req.GetEtag())))
}

// ListTaskChanges implements tasksv1.TaskServiceServer.
func (s *Tasks) ListTaskChanges(ctx context.Context, req *tasksv1.ListTaskChangesRequest) (*tasksv1.ListTaskChangesResponse, error) {
	ws, id, err := idOf(taskPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	fingerprint := page.Fingerprint(req)
	p, err := pageOf[app.NumberCursor](req.GetPageSize(), req.GetPageToken(), fingerprint)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Changes(ctx, id, p)
	if err != nil {
		return nil, err
	}
	resp := &tasksv1.ListTaskChangesResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, c := range found.Items {
		resp.TaskChanges = append(resp.TaskChanges, resource.Change(ws, id, c))
	}
	return resp, nil
}

// ListLegs implements tasksv1.TaskServiceServer.
func (s *Tasks) ListLegs(ctx context.Context, req *tasksv1.ListLegsRequest) (*tasksv1.ListLegsResponse, error) {
	ws, id, err := idOf(taskPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	fingerprint := page.Fingerprint(req)
	p, err := pageOf[app.NumberCursor](req.GetPageSize(), req.GetPageToken(), fingerprint)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Legs(ctx, id, p)
	if err != nil {
		return nil, err
	}
	resp := &tasksv1.ListLegsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, l := range found.Items {
		resp.Legs = append(resp.Legs, resource.Leg(ws, id, l))
	}
	return resp, nil
}

func answerTask(t domain.Task, err error) (*tasksv1.Task, error) {
	if err != nil {
		return nil, err
	}
	return resource.Task(t), nil
}

// dateOf reads a date; unset is none. The domain refuses one that there is not.
func dateOf(d *date.Date) domain.Date {
	return domain.Date{Year: int(d.GetYear()), Month: time.Month(d.GetMonth()), Day: int(d.GetDay())}
}

// instantOf reads an instant as the database keeps it; unset is none.
func instantOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime().Truncate(time.Microsecond)
}

// changeable are the fields of a task that an update may name.
func changeable() []string {
	return []string{"title", "description", "state", "start_date", "due_date", "due_time", "priority", "labels"}
}

// taskChange reads an update: the fields of the mask, or without one those that have a value.
func taskChange(t *tasksv1.Task, mask *fieldmaskpb.FieldMask) (domain.TaskChange, error) {
	paths := mask.GetPaths()
	if mask == nil {
		paths = populated(t)
	}
	if len(paths) == 1 && paths[0] == "*" {
		paths = changeable()
	}
	var c domain.TaskChange
	for _, path := range paths {
		switch path {
		case "title":
			c.Title = &t.Title
		case "description":
			c.Description = &t.Description
		case "state":
			c.State = &t.State
		case "start_date":
			day := dateOf(t.GetStartDate())
			c.StartDate = &day
		case "due_date":
			day := dateOf(t.GetDueDate())
			c.DueDate = &day
		case "due_time":
			at := instantOf(t.GetDueTime())
			c.DueTime = &at
		case "priority":
			priority := domain.Priority(t.GetPriority())
			c.Priority = &priority
		case "labels":
			c.Labels = &t.Labels
		default:
			return c, fault.InvalidField("update_mask", path+" cannot be changed by an update")
		}
	}
	return c, nil
}

// populated are the changeable fields that have a value.
func populated(t *tasksv1.Task) []string {
	var paths []string
	message := t.ProtoReflect()
	for _, path := range changeable() {
		if message.Has(message.Descriptor().Fields().ByTextName(path)) {
			paths = append(paths, path)
		}
	}
	return paths
}
