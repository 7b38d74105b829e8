//go:build unix

package main

import (
	"context"

	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// createTask makes a task that the member holds, or that the team may claim.
func (a *actor) createTask(ctx context.Context) {
	w := a.workspace
	e := begin(creating)
	e.Parent = w.project
	task := &tasksv1.Task{Project: w.project, Title: taskTitle(e.Mark)}
	mine := a.random.IntN(3) == 0
	if mine {
		task.Holder = a.name
	} else {
		task.Team = w.team
	}
	e = a.write(ctx, e, func(ctx context.Context, way way, e *entry) error {
		made, err := tasksv1.NewTaskServiceClient(way.conn).CreateTask(ctx, &tasksv1.CreateTaskRequest{
			Parent: w.name, Task: task, RequestId: e.Request,
		})
		e.Resource = made.GetName()
		return err
	})
	switch {
	case e.Outcome != acknowledged:
	case mine:
		w.put(w.held, a.name, e.Resource)
	default:
		w.offerAll(e.Resource)
	}
}

func (a *actor) claim(ctx context.Context, task string) {
	e := begin(claiming)
	e.Resource = task
	e = a.write(ctx, e, func(ctx context.Context, w way, e *entry) error {
		_, err := tasksv1.NewTaskServiceClient(w.conn).ClaimTask(ctx, &tasksv1.ClaimTaskRequest{Name: task, RequestId: e.Request})
		return err
	})
	if e.Outcome == acknowledged {
		a.workspace.put(a.workspace.held, a.name, task)
	}
}

// offer offers a task that the member holds to another, to the team or to whom the routing finds.
func (a *actor) offer(ctx context.Context, task string) {
	w := a.workspace
	e := begin(offering)
	e.Parent = task
	request := &tasksv1.HandOffRequest{
		Name: task, Note: &tasksv1.HandoffNote{NextSteps: e.Mark}, Window: a.window(), RequestId: e.Request,
	}
	switch a.random.IntN(4) {
	case 0:
		request.Team = w.team
	case 1:
		request.AutoTeam = w.team
	default:
		request.Recipient = w.others(a.member, 1)[0]
	}
	var made *tasksv1.Handoff
	e = a.write(ctx, e, func(ctx context.Context, way way, e *entry) (err error) {
		made, err = tasksv1.NewHandoffServiceClient(way.conn).HandOff(ctx, request)
		e.Resource = made.GetName()
		return err
	})
	if e.Outcome != acknowledged {
		return
	}
	to := made.GetRecipient()
	if request.GetTeam() != "" {
		to = w.others(a.member, 1)[0]
	}
	if to != "" {
		w.put(w.offered, to, made.GetName())
	}
	w.put(w.given, a.name, made.GetName())
	w.put(w.held, a.name, task) // until somebody takes it
}

func (a *actor) respond(ctx context.Context, handoff string) {
	if a.random.IntN(3) == 0 {
		a.handoff(ctx, declining, handoff, func(ctx context.Context, c tasksv1.HandoffServiceClient, e *entry) (*tasksv1.Handoff, error) {
			return c.DeclineHandoff(ctx, &tasksv1.DeclineHandoffRequest{Name: handoff, Reason: e.Mark, RequestId: e.Request})
		})
		return
	}
	e, made := a.handoff(ctx, accepting, handoff, func(ctx context.Context, c tasksv1.HandoffServiceClient, e *entry) (*tasksv1.Handoff, error) {
		return c.AcceptHandoff(ctx, &tasksv1.AcceptHandoffRequest{Name: handoff, RequestId: e.Request})
	})
	if e.Outcome == acknowledged {
		a.workspace.put(a.workspace.held, a.name, made.GetTask())
	}
}

func (a *actor) withdraw(ctx context.Context, handoff string) {
	a.handoff(ctx, withdrawing, handoff, func(ctx context.Context, c tasksv1.HandoffServiceClient, e *entry) (*tasksv1.Handoff, error) {
		return c.WithdrawHandoff(ctx, &tasksv1.WithdrawHandoffRequest{Name: handoff, Reason: e.Mark, RequestId: e.Request})
	})
}

// handoff does one thing to an offer.
func (a *actor) handoff(
	ctx context.Context, kind act, name string,
	call func(ctx context.Context, c tasksv1.HandoffServiceClient, e *entry) (*tasksv1.Handoff, error),
) (entry, *tasksv1.Handoff) {
	e := begin(kind)
	e.Resource = name
	var made *tasksv1.Handoff
	e = a.write(ctx, e, func(ctx context.Context, w way, e *entry) (err error) {
		made, err = call(ctx, tasksv1.NewHandoffServiceClient(w.conn), e)
		return err
	})
	return e, made
}
