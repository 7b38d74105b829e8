package store

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// state is a state of a workflow as its column keeps it.
type state struct {
	ID          string          `json:"id"`
	DisplayName string          `json:"name"`
	Category    domain.Category `json:"category"`
}

func workflowOf(text []byte) (domain.Workflow, error) {
	var states []state
	if err := json.Unmarshal(text, &states); err != nil {
		return nil, fmt.Errorf("read a workflow: %w", err)
	}
	w := make(domain.Workflow, len(states))
	for i, s := range states {
		w[i] = domain.State(s)
	}
	return w, nil
}

func workflowColumn(w domain.Workflow) ([]byte, error) {
	states := make([]state, len(w))
	for i, s := range w {
		states[i] = state(s)
	}
	text, err := json.Marshal(states)
	if err != nil {
		return nil, fmt.Errorf("write a workflow: %w", err)
	}
	return text, nil
}

func projectOf(row db.Project) (domain.Project, error) {
	workflow, err := workflowOf(row.Workflow)
	return domain.Project{
		Workspace: row.WorkspaceID, ID: row.ProjectID, Space: row.SpaceID, Key: row.Key, DisplayName: row.DisplayName,
		Description: row.Description, Workflow: workflow, LastNumber: row.LastNumber, Version: row.Version,
		CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
	}, err
}

func taskOf(row db.Task, open *uuid.UUID) domain.Task {
	return domain.Task{
		Workspace: row.WorkspaceID, ID: row.TaskID, Project: row.ProjectID, Space: row.SpaceID, Number: row.Number,
		Key: row.Key, Title: row.Title, Description: row.Description, State: row.State,
		Category: domain.Category(row.Category), Holder: value(row.HolderID), Team: value(row.TeamID),
		Reporter: row.ReporterID, StartDate: dateOf(row.StartDate), DueDate: dateOf(row.DueDate),
		DueTime: value(row.DueTime).UTC(), Priority: domain.Priority(row.Priority), Labels: row.Labels,
		OpenHandoff: value(open), LastHandoff: value(row.LastHandoffID), LastLeg: row.LastLeg, LastChange: row.LastChange,
		Revision: row.Revision, Version: row.Version, CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
		CompleteTime: value(row.CompleteTime).UTC(), ChangeTime: row.ChangeTime.UTC(),
	}
}

// never is where a list by due_time puts what is not due.
func never() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) } //nolint:forbidigo // in UTC no clock changes

// dueOrder is what a list by due_time goes by.
func dueOrder(t domain.Task) time.Time {
	switch {
	case !t.DueTime.IsZero():
		return t.DueTime
	case !t.DueDate.IsZero() && t.DueDate.Year < never().Year():
		return t.DueDate.End()
	}
	return never()
}

func dateOf(column *time.Time) domain.Date {
	if column == nil {
		return domain.Date{}
	}
	return domain.DateOf(*column)
}

func dateColumn(d domain.Date) *time.Time {
	if d.IsZero() {
		return nil
	}
	start := d.Start()
	return &start
}

func legOf(row db.Leg) domain.Leg {
	return domain.Leg{
		Number: row.Number, Holder: row.HolderID, Handoff: value(row.HandoffID), StartTime: row.StartTime.UTC(),
		EndTime: value(row.EndTime).UTC(), EndReason: domain.EndReason(row.EndReason),
	}
}

func handoffOf(row db.Handoff, key, title string) (domain.Handoff, error) {
	response, err := window.Parse(row.Response)
	if err != nil {
		return domain.Handoff{}, fmt.Errorf("read a handoff: %w", err)
	}
	return domain.Handoff{
		Workspace: row.WorkspaceID, ID: row.HandoffID, Task: row.TaskID, Space: row.SpaceID, TaskKey: key, TaskTitle: title,
		Giver: row.GiverID, Leg: row.LegNumber, Route: domain.Route(row.Route), Recipient: value(row.RecipientID),
		Team: value(row.TeamID), Window: response, State: domain.HandoffState(row.State),
		Note: domain.Note{
			Done: row.Done, NextSteps: row.NextSteps, Blockers: row.Blockers, Links: row.Links, Questions: row.Questions,
		},
		StartTime: row.StartTime.UTC(), ExpireTime: value(row.ExpireTime).UTC(), RemindTime: value(row.RemindTime).UTC(),
		Responder: value(row.ResponderID), Reason: row.Reason, Previous: value(row.PreviousID), Next: value(row.NextID),
		Returned: row.Returned, Decliners: row.Decliners, Tried: row.Tried, Version: row.Version,
		CreateTime: row.CreateTime.UTC(), EndTime: value(row.EndTime).UTC(), Delegate: value(row.DelegateID),
	}, nil
}

// value is what a nullable column holds, or its zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nullable is the value for a nullable column: NULL for the zero.
func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// full is the value for an array column: never NULL.
func full[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

// oneMore is the limit of a query that wants to know whether more follows.
func oneMore(size int) int32 { return int32(min(size, math.MaxInt32-1) + 1) }
