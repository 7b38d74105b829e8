// Package resource writes projects, tasks and handoffs as the resources of the API, for answers and for events alike.
//
// It promises that an event shows a thing exactly as a Get would.
package resource

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/workingtime"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// Project is the resource of a project.
func Project(p domain.Project) *tasksv1.Project {
	out := &tasksv1.Project{
		Name: domain.ProjectName(p.Workspace, p.ID), Uid: p.ID.String(), Space: domain.SpaceName(p.Workspace, p.Space),
		Key: p.Key, DisplayName: p.DisplayName, Description: p.Description, LastNumber: p.LastNumber,
		Etag: etag.Of(p.Version), Version: p.Version, CreateTime: timestamp(p.CreateTime), UpdateTime: timestamp(p.UpdateTime),
	}
	for _, s := range p.Workflow {
		out.Workflow = append(out.Workflow, &tasksv1.WorkflowState{Id: s.ID, DisplayName: s.DisplayName, Category: Category(s.Category)})
	}
	return out
}

// Category is the API's word of a category.
func Category(c domain.Category) tasksv1.WorkflowState_Category {
	return tasksv1.WorkflowState_Category(tasksv1.WorkflowState_Category_value[string(c)])
}

// Moves are where the tasks of states that are gone went.
func Moves(moves []domain.Move) []*tasksv1.WorkflowMove {
	var out []*tasksv1.WorkflowMove
	for _, m := range moves {
		out = append(out, &tasksv1.WorkflowMove{From: m.From, To: m.To})
	}
	return out
}

// Task is the resource of a task.
func Task(t domain.Task) *tasksv1.Task {
	return &tasksv1.Task{
		Name: domain.TaskName(t.Workspace, t.ID), Uid: t.ID.String(), Project: domain.ProjectName(t.Workspace, t.Project),
		Space: domain.SpaceName(t.Workspace, t.Space), Number: t.Number, Key: t.Key, Title: t.Title,
		Description: t.Description, State: t.State, Category: Category(t.Category),
		Holder: domain.MemberName(t.Workspace, t.Holder), Team: domain.TeamName(t.Workspace, t.Team),
		Reporter: domain.MemberName(t.Workspace, t.Reporter), StartDate: civil(t.StartDate), DueDate: civil(t.DueDate),
		DueTime: timestamp(t.DueTime), Priority: tasksv1.Task_Priority(t.Priority), Labels: t.Labels,
		OpenHandoff: domain.HandoffName(t.Workspace, t.OpenHandoff), Etag: etag.Of(t.Revision), Version: t.Version,
		CreateTime: timestamp(t.CreateTime), UpdateTime: timestamp(t.UpdateTime), CompleteTime: timestamp(t.CompleteTime),
	}
}

// Change is the resource of an entry of a task's history.
func Change(ws, task uuid.UUID, c domain.Change) *tasksv1.TaskChange {
	return &tasksv1.TaskChange{
		Name: domain.ChangeName(ws, task, c.Number), Actor: domain.MemberName(ws, c.Actor), Field: c.Field, From: c.From,
		To: c.To, CreateTime: timestamp(c.CreateTime),
	}
}

// Leg is the resource of a leg.
func Leg(ws, task uuid.UUID, l domain.Leg) *tasksv1.Leg {
	return &tasksv1.Leg{
		Name: domain.LegName(ws, task, l.Number), Holder: domain.MemberName(ws, l.Holder),
		Handoff: domain.HandoffName(ws, l.Handoff), StartTime: timestamp(l.StartTime), EndTime: timestamp(l.EndTime),
		EndReason: tasksv1.Leg_EndReason(tasksv1.Leg_EndReason_value[string(l.EndReason)]),
	}
}

// Handoff is the resource of a handoff, as it stands in the value.
func Handoff(h domain.Handoff) *tasksv1.Handoff {
	return &tasksv1.Handoff{
		Name: h.Name(), Uid: h.ID.String(), Task: domain.TaskName(h.Workspace, h.Task), TaskKey: h.TaskKey,
		TaskTitle: h.TaskTitle, Giver: domain.MemberName(h.Workspace, h.Giver),
		Route:     tasksv1.Handoff_Route(tasksv1.Handoff_Route_value[string(h.Route)]),
		Recipient: domain.MemberName(h.Workspace, h.Recipient), Team: domain.TeamName(h.Workspace, h.Team), Note: Note(h.Note),
		Window: workingtime.Proto(h.Window), State: tasksv1.Handoff_State(tasksv1.Handoff_State_value[string(h.State)]),
		ExpireTime: timestamp(h.ExpireTime), RemindTime: timestamp(h.RemindTime),
		Responder: domain.MemberName(h.Workspace, h.Responder), Reason: h.Reason,
		Previous: domain.HandoffName(h.Workspace, h.Previous), Next: domain.HandoffName(h.Workspace, h.Next),
		Returned: h.Returned, Decliners: Members(h.Workspace, h.Decliners), Version: h.Version,
		CreateTime: timestamp(h.CreateTime), EndTime: timestamp(h.EndTime), Delegate: domain.MemberName(h.Workspace, h.Delegate),
	}
}

// Note is a handoff's note in the API.
func Note(n domain.Note) *tasksv1.HandoffNote {
	return &tasksv1.HandoffNote{
		Done: n.Done, NextSteps: n.NextSteps, Blockers: n.Blockers, Links: n.Links, Questions: n.Questions,
	}
}

// Members are the names of members.
func Members(ws uuid.UUID, members []uuid.UUID) []string {
	var names []string
	for _, m := range members {
		names = append(names, domain.MemberName(ws, m))
	}
	return names
}

// civil is nil for no date.
func civil(d domain.Date) *date.Date {
	if d.IsZero() {
		return nil
	}
	return &date.Date{Year: int32(d.Year), Month: int32(d.Month), Day: int32(d.Day)}
}

// timestamp is nil for the zero time, which is none.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
