package domain

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// TaskChange is what an update asks for; nil leaves a field as it is.
type TaskChange struct {
	Title, Description, State *string
	StartDate, DueDate        *Date
	DueTime                   *time.Time
	Priority                  *Priority
	Labels                    *[]string
}

// Update changes the task's own fields. What already is as asked changes nothing and has no event.
func (r *Relay) Update(c TaskChange, by uuid.UUID, workflow Workflow) error {
	before, t := r.Task, &r.Task
	state := State{ID: t.State, Category: t.Category}
	if c.State != nil {
		var err error
		if state, err = workflow.stateOf("task.state", *c.State); err != nil {
			return err
		}
	}
	if err := c.apply(t); err != nil {
		return err
	}
	changed := r.differences(before, by)
	if state.ID != t.State || state.Category != t.Category {
		changed = append(changed, "state")
	}
	if len(changed) == 0 {
		return nil
	}
	r.touch()
	r.raise(func(t Task) Event { return TaskUpdated{Task: t, Changed: changed} })
	r.enter(state, by)
	return nil
}

// apply sets the fields but the state.
func (c TaskChange) apply(t *Task) error {
	assign(&t.Title, c.Title)
	assign(&t.Description, c.Description)
	assign(&t.StartDate, c.StartDate)
	assign(&t.DueDate, c.DueDate)
	assign(&t.DueTime, c.DueTime)
	assign(&t.Labels, c.Labels)
	if c.Priority != nil {
		t.Priority = *c.Priority
		if t.Priority == 0 {
			t.Priority = Medium
		}
	}
	check := NewTask{
		Title: t.Title, Description: t.Description, StartDate: t.StartDate, DueDate: t.DueDate, DueTime: t.DueTime,
		Priority: t.Priority, Labels: t.Labels,
	}
	return check.Check()
}

func assign[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// differences notes in the history which fields but the state changed, and returns their names.
func (r *Relay) differences(before Task, by uuid.UUID) []string {
	var changed []string
	differ := func(field, from, to string) {
		if from != to {
			r.note(by, field, from, to)
			changed = append(changed, field)
		}
	}
	now := r.Task
	differ("title", before.Title, now.Title)
	differ("description", before.Description, now.Description)
	differ("start_date", before.StartDate.String(), now.StartDate.String())
	differ("due_date", before.DueDate.String(), now.DueDate.String())
	differ("due_time", instant(before.DueTime), instant(now.DueTime))
	differ("priority", before.Priority.String(), now.Priority.String())
	if !slices.Equal(before.Labels, now.Labels) {
		differ("labels", strings.Join(before.Labels, ", "), strings.Join(now.Labels, ", "))
	}
	return changed
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Move takes the task to a state because the workflow changed. The state it is in, with the same meaning, is no move.
func (r *Relay) Move(state State, by uuid.UUID) {
	if state.ID == r.Task.State && state.Category == r.Task.Category {
		return
	}
	r.touch()
	r.enter(state, by)
}

// enter takes the task to a state, with what follows from its meaning: done or cancelled ends the leg and withdraws the
// offer, and leaving that again begins a new leg for the holder.
func (r *Relay) enter(state State, by uuid.UUID) {
	t := &r.Task
	from, meant := t.State, t.Category
	if state.ID == from && state.Category == meant {
		return
	}
	if state.ID != from {
		r.note(by, "state", from, state.ID)
	}
	t.State, t.Category = state.ID, state.Category
	closing, opening := t.Closed() && !meant.Closed(), !t.Closed() && meant.Closed()
	if closing {
		t.CompleteTime = r.Now
	}
	if opening {
		t.CompleteTime = time.Time{}
	}
	r.raise(func(t Task) Event {
		return TaskStateChanged{Task: t, PreviousState: from, PreviousCategory: meant}
	})
	switch {
	case closing:
		why := "the task was completed"
		if t.Category == Cancelled {
			why = "the task was cancelled"
		}
		r.withdraw(by, why)
		r.endLeg(Completed)
		r.raise(func(t Task) Event { return TaskCompleted{Task: t} })
	case opening:
		r.raise(func(t Task) Event { return TaskReopened{Task: t} })
		r.startLeg(uuid.Nil)
	}
}
