package domain

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Priority says what goes first: a higher one before a lower.
type Priority int

// The priorities. Zero is none, which a task never has.
const (
	Low Priority = iota + 1
	Medium
	High
	Critical
)

// String returns the priority's word, as the API writes it; nothing for none.
func (p Priority) String() string {
	if p < Low || p > Critical {
		return ""
	}
	return []string{"LOW", "MEDIUM", "HIGH", "CRITICAL"}[p-Low]
}

// The bounds of labels.
const (
	maxLabels = 20
	maxLabel  = 40
)

// Task is a unit of work.
type Task struct {
	// Workspace, ID, Project and Space say which task it is and where it lives.
	Workspace, ID, Project, Space uuid.UUID
	// Number is its number in the project, from 1 without gaps; Key is what people call it by.
	Number int64
	Key    string
	// Title is what is to be done, Description more about it in Markdown.
	Title, Description string
	// State is the id of its state in the project's workflow, Category what that means.
	State    string
	Category Category
	// Holder holds its baton; while nobody does, Team is to pick it up.
	Holder, Team uuid.UUID
	// Reporter made it.
	Reporter uuid.UUID
	// StartDate and DueDate are in the holder's zone; DueTime is an instant. At most one of the last two is set.
	StartDate, DueDate Date
	DueTime            time.Time
	// Priority says what goes first.
	Priority Priority
	// Labels are words to find it by.
	Labels []string
	// OpenHandoff is the offer that is open.
	OpenHandoff uuid.UUID
	// LastHandoff is the newest offer, whatever became of it.
	LastHandoff uuid.UUID
	// LastLeg and LastChange are the numbers of the newest leg and the newest entry of the history.
	LastLeg, LastChange int64
	// Revision counts the changes of its own fields and of who holds it, from 1: its etag.
	Revision int64
	// Version counts the events of the task, its offers and its legs, from 1.
	Version int64
	// CreateTime is when it was made, UpdateTime when one of its own fields or its holder changed, CompleteTime when it
	// was done or cancelled, ChangeTime when any event of it happened.
	CreateTime, UpdateTime, CompleteTime, ChangeTime time.Time
}

// Closed says whether nothing is left to do.
func (t Task) Closed() bool { return t.Category.Closed() }

func (t Task) name() string { return TaskName(t.Workspace, t.ID) }

// Change is one entry of a task's history.
type Change struct {
	// Number counts from 1.
	Number int64
	// Actor is who changed it; none where time alone acted.
	Actor uuid.UUID
	// Field is what changed, From what it was and To what it is since, as text.
	Field, From, To string
	// CreateTime is when.
	CreateTime time.Time
}

// The entries of a history that are no field of a task.
const (
	// FieldCreated: the task was made.
	FieldCreated = "created"
	// FieldHandoff: an offer of its baton came to another state.
	FieldHandoff = "handoff"
)

// NewTask is what a new task is asked for.
type NewTask struct {
	ID                 uuid.UUID
	Title, Description string
	// State is empty for the workflow's initial one.
	State              string
	Holder, Team       uuid.UUID
	Reporter           uuid.UUID
	StartDate, DueDate Date
	DueTime            time.Time
	// Priority is zero for Medium.
	Priority Priority
	Labels   []string
}

// Check refuses what is wrong whatever the project is.
func (n NewTask) Check() error {
	if n.Holder != uuid.Nil && n.Team != uuid.Nil {
		return fault.InvalidField("task.team", "must not be given together with a holder")
	}
	for _, err := range []error{
		CheckTitle("task.title", n.Title), checkDescription("task.description", n.Description),
		checkDate("task.start_date", n.StartDate), checkDate("task.due_date", n.DueDate),
		checkDue(n.DueDate, n.DueTime), checkPriority(n.Priority), checkLabels(n.Labels),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// Make makes the task of a number in a project. With a holder their first leg begins, unless the task is closed from its
// first day.
func (n NewTask) Make(p Project, number int64, now time.Time) (*Relay, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	state, err := p.Workflow.stateOf("task.state", n.State)
	if err != nil {
		return nil, err
	}
	if n.Priority == 0 {
		n.Priority = Medium
	}
	t := Task{
		Workspace: p.Workspace, ID: n.ID, Project: p.ID, Space: p.Space, Number: number,
		Key: p.Key + "-" + strconv.FormatInt(number, 10), Title: n.Title, Description: n.Description,
		State: state.ID, Category: state.Category, Holder: n.Holder, Team: n.Team, Reporter: n.Reporter,
		StartDate: n.StartDate, DueDate: n.DueDate, DueTime: n.DueTime, Priority: n.Priority, Labels: n.Labels,
		Revision: 1, CreateTime: now, UpdateTime: now,
	}
	if t.Closed() {
		t.CompleteTime = now
	}
	r := &Relay{Task: t, Now: now}
	r.note(n.Reporter, FieldCreated, "", t.Key)
	r.raise(func(t Task) Event { return TaskCreated{Task: t} })
	r.startLeg(uuid.Nil)
	return r, nil
}

// stateOf finds a state by its id; the empty one is the initial state.
func (w Workflow) stateOf(field, id string) (State, error) {
	if id == "" {
		return w.Initial(), nil
	}
	state, ok := w.Find(id)
	if !ok {
		ids := make([]string, len(w))
		for i, s := range w {
			ids[i] = s.ID
		}
		return State{}, fault.InvalidField(field, "must be one of the project's states: "+strings.Join(ids, ", "))
	}
	return state, nil
}

func checkDate(field string, d Date) error {
	if !d.Valid() {
		return fault.InvalidField(field, "must be a whole date that there is")
	}
	return nil
}

func checkDue(date Date, at time.Time) error {
	if !date.IsZero() && !at.IsZero() {
		return fault.InvalidField("task.due_date", "must not be set together with due_time; clear one of them")
	}
	return nil
}

func checkPriority(p Priority) error {
	if p != 0 && p.String() == "" {
		return fault.InvalidField("task.priority", "must be a priority")
	}
	return nil
}

func checkLabels(labels []string) error {
	const field = "task.labels"
	if len(labels) > maxLabels {
		return fault.InvalidField(field, "must be at most 20")
	}
	for i, label := range labels {
		at := field + "[" + strconv.Itoa(i) + "]"
		if strings.TrimSpace(label) != label || label == "" || utf8.RuneCountInString(label) > maxLabel {
			return fault.InvalidField(at, "must be 1 to 40 characters without a blank at either end")
		}
		if err := checkLine(at, label, maxLabel); err != nil {
			return err
		}
		if slices.Index(labels, label) != i {
			return fault.InvalidField(at, "stands there twice")
		}
	}
	return nil
}
