package domain

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// MaxMoved is how many tasks a new workflow may move at once.
const MaxMoved = 1000

// Project lives in a space, numbers its tasks and says through which states they go.
type Project struct {
	// Workspace, ID and Space say which project it is and where it lives.
	Workspace, ID, Space uuid.UUID
	// Key is what its tasks' keys begin with.
	Key string
	// DisplayName is what people call it; Description what it is for.
	DisplayName, Description string
	// Workflow is the states of its tasks.
	Workflow Workflow
	// LastNumber is the newest task's number, 0 when there is none.
	LastNumber int64
	// Version counts its events, from 1: its etag too, for a new task is no change of it.
	Version int64
	// CreateTime is when it was made, UpdateTime when it last changed.
	CreateTime, UpdateTime time.Time
}

// NewProject makes a project.
func NewProject(p Project, now time.Time) (Project, []Event, error) {
	if len(p.Workflow) == 0 {
		p.Workflow = DefaultWorkflow()
	}
	for _, err := range []error{
		checkKey("project.key", p.Key), checkLine("project.display_name", p.DisplayName, MaxTitle),
		checkPurpose(p.Description), p.Workflow.Check("project.workflow"),
	} {
		if err != nil {
			return Project{}, nil, err
		}
	}
	p.LastNumber, p.Version, p.CreateTime, p.UpdateTime = 0, 1, now, now
	return p, []Event{ProjectCreated{Project: p}}, nil
}

// ProjectChange is what an update asks for; nil leaves a field as it is.
type ProjectChange struct {
	DisplayName, Description *string
}

// Update changes the project's own fields. What already is as asked changes nothing and has no event.
func (p *Project) Update(change ProjectChange, now time.Time) ([]Event, error) {
	var changed []string
	if change.DisplayName != nil {
		if err := checkLine("project.display_name", *change.DisplayName, MaxTitle); err != nil {
			return nil, err
		}
		changed = set(&p.DisplayName, *change.DisplayName, "display_name", changed)
	}
	if change.Description != nil {
		if err := checkPurpose(*change.Description); err != nil {
			return nil, err
		}
		changed = set(&p.Description, *change.Description, "description", changed)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	p.touch(now)
	return []Event{ProjectUpdated{Project: *p, Changed: changed}}, nil
}

func set[T comparable](field *T, value T, name string, changed []string) []string {
	if *field == value {
		return changed
	}
	*field = value
	return append(changed, name)
}

// SetWorkflow replaces the workflow. The same one again changes nothing and has no event.
func (p *Project) SetWorkflow(next Workflow, moves []Move, now time.Time) []Event {
	if slices.Equal(p.Workflow, next) {
		return nil
	}
	p.Workflow = next
	p.touch(now)
	return []Event{WorkflowChanged{Project: *p, Moves: moves}}
}

// TooManyTasks is the fault of a new workflow that would move more tasks than MaxMoved.
func (p *Project) TooManyTasks() error {
	return unmet(ReasonTooManyTasks, preconditionProject, ProjectName(p.Workspace, p.ID),
		fmt.Sprintf("more than %d tasks would move; move some of them first", MaxMoved))
}

// Homeless is the fault of tasks in a state that goes without a word where they go.
func Homeless(state string) error {
	return fault.InvalidField("moves", "must say where the tasks in "+state+" go")
}

func (p *Project) touch(now time.Time) {
	p.Version++
	p.UpdateTime = now
}

func checkKey(field, key string) error {
	valid := len(key) >= 2 && len(key) <= 10 && key[0] >= 'A' && key[0] <= 'Z'
	for _, c := range []byte(key) {
		valid = valid && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
	}
	if !valid {
		return fault.InvalidField(field, "must be 2 to 10 capital letters and digits, a letter first")
	}
	return nil
}

func checkPurpose(text string) error {
	const field = "project.description"
	if utf8.RuneCountInString(text) > MaxPurpose {
		return fault.InvalidField(field, "must be at most 2000 characters")
	}
	return checkText(field, text)
}
