package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// TaskReader reads tasks, their history and their legs. Offers are open or not as of the instant given.
type TaskReader interface {
	// Task returns a task and the right that the member has on its space. No task is NotFound.
	Task(ctx context.Context, ws, member, task uuid.UUID, now time.Time) (domain.Task, auth.Right, error)
	// Tasks lists the tasks of the spaces that the member may read.
	Tasks(ctx context.Context, ws, member uuid.UUID, q TaskQuery, now time.Time) (page.Result[domain.Task, TaskCursor], error)
	// Changes lists a task's history, the newest first.
	Changes(ctx context.Context, ws, task uuid.UUID, p page.Request[NumberCursor]) (page.Result[domain.Change, NumberCursor], error)
	// Legs lists a task's legs, the first first.
	Legs(ctx context.Context, ws, task uuid.UUID, p page.Request[NumberCursor]) (page.Result[domain.Leg, NumberCursor], error)
	// Story returns what a task's next note is drafted from, with the right that the member has on its space.
	Story(ctx context.Context, ws, member, task uuid.UUID) (domain.Story, auth.Right, error)
}

// TaskQuery is what a list of tasks is asked for.
type TaskQuery struct {
	// Space narrows to one space, when it is not uuid.Nil.
	Space uuid.UUID
	// Conditions hold on the other fields.
	Conditions []TaskCondition
	// Order is by create_time, update_time, priority or due_time.
	Order page.Order
	Page  page.Request[TaskCursor]
}

// TaskCondition is a comparison of a task's field with a value of the field's own type. uuid.Nil is nobody.
type TaskCondition struct {
	Field, Op string
	Value     any
}

// TaskCursor is where a page of tasks ends: the field that the list is ordered by, and the task.
type TaskCursor struct {
	Time     time.Time       `json:"t,omitzero"`
	Priority domain.Priority `json:"p,omitzero"`
	Task     uuid.UUID       `json:"i"`
}

// NumberCursor is where a page of changes or legs ends.
type NumberCursor struct {
	Number int64 `json:"n"`
}

// Task gets one task.
func (a *App) Task(ctx context.Context, id uuid.UUID) (domain.Task, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Task{}, err
	}
	return a.task(ctx, caller, id)
}

func (a *App) task(ctx context.Context, caller auth.Caller, id uuid.UUID) (domain.Task, error) {
	var found domain.Task
	err := a.confirmed(ctx, caller.Workspace, func() error {
		t, have, err := a.store.Task(ctx, caller.Workspace, caller.Member, id, a.now())
		if err != nil {
			return err
		}
		found = t
		return refuseBelow(caller, have, auth.Reader, t.Space, domain.TaskName(caller.Workspace, id))
	})
	if err != nil {
		return domain.Task{}, err
	}
	return found, nil
}

// Tasks lists the tasks of the spaces that the caller may read.
func (a *App) Tasks(ctx context.Context, q TaskQuery) (page.Result[domain.Task, TaskCursor], error) {
	none := page.Result[domain.Task, TaskCursor]{}
	caller, err := a.caller(ctx)
	if err != nil {
		return none, err
	}
	if err := a.readable(ctx, caller, q.Space); err != nil {
		return none, err
	}
	return a.store.Tasks(ctx, caller.Workspace, caller.Member, q, a.now())
}

// Changes lists a task's history.
func (a *App) Changes(ctx context.Context, task uuid.UUID, p page.Request[NumberCursor]) (page.Result[domain.Change, NumberCursor], error) {
	return ofTask(ctx, a, task, p, a.store.Changes)
}

// Legs lists a task's legs.
func (a *App) Legs(ctx context.Context, task uuid.UUID, p page.Request[NumberCursor]) (page.Result[domain.Leg, NumberCursor], error) {
	return ofTask(ctx, a, task, p, a.store.Legs)
}

// ofTask lists what hangs on a task that the caller may read.
func ofTask[T any](
	ctx context.Context, a *App, task uuid.UUID, p page.Request[NumberCursor],
	list func(ctx context.Context, ws, task uuid.UUID, p page.Request[NumberCursor]) (page.Result[T, NumberCursor], error),
) (page.Result[T, NumberCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[T, NumberCursor]{}, err
	}
	if _, err := a.task(ctx, caller, task); err != nil {
		return page.Result[T, NumberCursor]{}, err
	}
	return list(ctx, caller.Workspace, task, p)
}

// Draft writes a note from what happened on a task since its present leg began.
func (a *App) Draft(ctx context.Context, task uuid.UUID) (domain.Note, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Note{}, err
	}
	var story domain.Story
	err = a.confirmed(ctx, caller.Workspace, func() error {
		s, have, err := a.store.Story(ctx, caller.Workspace, caller.Member, task)
		if err != nil {
			return err
		}
		story = s
		return refuse(ctx, caller, have, s.Task.Space, domain.DraftName(caller.Workspace, task))
	})
	if err != nil {
		return domain.Note{}, err
	}
	return story.Draft(), nil
}
