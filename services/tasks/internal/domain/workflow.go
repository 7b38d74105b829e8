package domain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Category is what a state means, whatever it is called.
type Category string

// The categories.
const (
	Backlog   Category = "BACKLOG"
	Ready     Category = "READY"
	Active    Category = "ACTIVE"
	InReview  Category = "IN_REVIEW"
	Done      Category = "DONE"
	Cancelled Category = "CANCELLED"
)

// Categories are all categories, in the order in which work goes through them.
func Categories() []Category { return []Category{Backlog, Ready, Active, InReview, Done, Cancelled} }

// Closed says whether nothing is left to do.
func (c Category) Closed() bool { return c == Done || c == Cancelled }

// State is a state that tasks of a project can be in.
type State struct {
	// ID names it within the project; DisplayName is what people call it.
	ID, DisplayName string
	// Category is what it means.
	Category Category
}

// Workflow is the states of a project's tasks, in order.
type Workflow []State

// The fewest and most states of a workflow, and their longest texts.
const (
	minStates      = 2
	maxStates      = 50
	maxStateID     = 40
	maxDisplayName = 60
)

// DefaultWorkflow is what a project begins with when it is given none.
func DefaultWorkflow() Workflow {
	return Workflow{
		{"backlog", "Backlog", Backlog},
		{"ready", "Ready", Ready},
		{"active", "Active", Active},
		{"in-review", "In review", InReview},
		{"done", "Done", Done},
		{"cancelled", "Cancelled", Cancelled},
	}
}

// Find returns the state of an id.
func (w Workflow) Find(id string) (State, bool) {
	if i := w.index(id); i >= 0 {
		return w[i], true
	}
	return State{}, false
}

func (w Workflow) index(id string) int {
	return slices.IndexFunc(w, func(s State) bool { return s.ID == id })
}

// Initial is where a task begins that is not told where: the first READY state, else the first.
func (w Workflow) Initial() State {
	for _, s := range w {
		if s.Category == Ready {
			return s
		}
	}
	return w[0]
}

// Next is the state that comes after another in the order of work; false when none does.
func (w Workflow) Next(id string) (State, bool) {
	i := w.index(id)
	if i < 0 || i+1 >= len(w) || w[i].Category.Closed() || w[i+1].Category == Cancelled {
		return State{}, false
	}
	return w[i+1], true
}

// Check refuses a workflow without a state to begin or to end in, with too few or too many states, or with one id twice.
func (w Workflow) Check(field string) error {
	if len(w) < minStates || len(w) > maxStates {
		return fault.InvalidField(field, "must have 2 to 50 states")
	}
	for i, s := range w {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !stateID(s.ID) {
			return fault.InvalidField(at+".id", "must be lower case letters, digits and dashes, a letter first, at most 40")
		}
		if err := checkLine(at+".display_name", s.DisplayName, maxDisplayName); err != nil {
			return err
		}
		if !slices.Contains(Categories(), s.Category) {
			return fault.InvalidField(at+".category", "must be a category")
		}
		if w.index(s.ID) != i {
			return fault.InvalidField(at+".id", "stands there twice: "+s.ID)
		}
	}
	if !w.has(Ready) && !w.has(Backlog) {
		return fault.InvalidField(field, "must have a state of the category READY or BACKLOG, to begin in")
	}
	if !w.has(Done) {
		return fault.InvalidField(field, "must have a state of the category DONE, to end in")
	}
	return nil
}

func (w Workflow) has(c Category) bool {
	return slices.ContainsFunc(w, func(s State) bool { return s.Category == c })
}

func stateID(id string) bool {
	if id == "" || len(id) > maxStateID || id[0] < 'a' || id[0] > 'z' {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Move says where the tasks of a state that is gone go.
type Move struct{ From, To string }

// Rearrangement is what a new workflow means for the tasks.
type Rearrangement struct {
	// Places is where the tasks of a state go that is gone, or that means something else since.
	Places map[string]State
	// Homeless are the states that are gone without a word where their tasks go.
	Homeless []string
}

// Affected are the states whose tasks must be looked at, in order.
func (r Rearrangement) Affected() []string {
	states := slices.Clone(r.Homeless)
	for state := range r.Places {
		states = append(states, state)
	}
	slices.Sort(states)
	return states
}

// Rearrange compares the workflow with the one that is to take its place. It refuses moves from a state that stays or
// was never there, to a state that is not there, or one state's twice.
func (w Workflow) Rearrange(next Workflow, moves []Move) (Rearrangement, error) {
	r := Rearrangement{Places: map[string]State{}}
	for i, m := range moves {
		at := fmt.Sprintf("moves[%d]", i)
		_, was := w.Find(m.From)
		_, stays := next.Find(m.From)
		if !was || stays {
			return r, fault.InvalidField(at+".from", "must be a state that goes with this change")
		}
		to, there := next.Find(m.To)
		if !there {
			return r, fault.InvalidField(at+".to", "must be a state of the new workflow")
		}
		if _, twice := r.Places[m.From]; twice {
			return r, fault.InvalidField(at+".from", "stands there twice: "+m.From)
		}
		r.Places[m.From] = to
	}
	for _, was := range w {
		is, stays := next.Find(was.ID)
		_, moved := r.Places[was.ID]
		switch {
		case stays && is.Category != was.Category:
			r.Places[was.ID] = is
		case !stays && !moved:
			r.Homeless = append(r.Homeless, was.ID)
		}
	}
	return r, nil
}
