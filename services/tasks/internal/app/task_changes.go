package app

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// CreateTask makes a task with the next number of its project. Its ID and Reporter are set here. It takes the number with
// the statement that checks the right and locks the project: who fails afterwards gives it back.
func (a *App) CreateTask(ctx context.Context, project uuid.UUID, n domain.NewTask) (domain.Task, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Task{}, err
	}
	if err := n.Check(); err != nil {
		return domain.Task{}, err
	}
	if n.ID, err = uuid.NewV7(); err != nil {
		return domain.Task{}, fmt.Errorf("make a task's id: %w", err)
	}
	n.Reporter = caller.Member
	var made domain.Task
	prior, err := a.create(ctx, caller, func(ctx context.Context, tx Tx) error {
		p, taken, err := tx.TakeNumber(ctx, caller.Member, project, auth.Need(ctx))
		if err != nil {
			return err
		}
		if !taken {
			return a.refusedNumber(ctx, tx, caller, project)
		}
		tx.Claim(ctx, domain.TaskName(caller.Workspace, n.ID))
		if err := a.mayHold(ctx, tx, "task.", n.Holder, n.Team, p.Space); err != nil {
			return err
		}
		r, err := n.Make(p, p.LastNumber, a.now())
		if err != nil {
			return err
		}
		made = r.Task
		if err := tx.AddRelay(ctx, r); err != nil {
			return err
		}
		return tx.Publish(ctx, r.Now, caller.Principal(), r.Events...)
	})
	if err != nil {
		return domain.Task{}, err
	}
	if prior != "" {
		id, err := uuid.Parse(domain.LastID(prior))
		if err != nil {
			return domain.Task{}, fmt.Errorf("a replayed task's name: %w", err)
		}
		return a.task(ctx, caller, id)
	}
	return made, nil
}

// refusedNumber says why no number could be taken.
func (a *App) refusedNumber(ctx context.Context, tx Tx, caller auth.Caller, project uuid.UUID) error {
	p, have, err := tx.LockProject(ctx, caller.Member, project, false)
	if err != nil {
		return err
	}
	if err := refuse(ctx, caller, have, p.Space, domain.ProjectName(caller.Workspace, project)); err != nil {
		return err
	}
	return fault.New(fault.Aborted, fault.ReasonUnavailable, "the caller's right changed meanwhile; try again")
}

// mayHold refuses a holder who may not read the space or has not joined, by name, and a team that is not there.
func (a *App) mayHold(ctx context.Context, tx Tx, prefix string, holder, team, space uuid.UUID) error {
	if team != uuid.Nil {
		return teamThere(ctx, tx, prefix+"team", team)
	}
	if holder == uuid.Nil {
		return nil
	}
	return able(ctx, tx, ability{field: prefix + "holder", member: holder, space: space, need: auth.Reader, verb: "read"})
}

func teamThere(ctx context.Context, tx Tx, field string, team uuid.UUID) error {
	there, err := tx.TeamExists(ctx, team)
	if err != nil {
		return err
	}
	if !there {
		return fault.InvalidField(field, "must be a team of the workspace")
	}
	return nil
}

// ability is what somebody named in a request must be able to do in a space.
type ability struct {
	field         string
	member, space uuid.UUID
	need          auth.Right
	verb          string
}

// able refuses, by name, who has not joined or has too small a right. The directory may know better.
func able(ctx context.Context, tx Tx, a ability) error {
	who, err := tx.Person(ctx, a.member)
	if err != nil {
		return err
	}
	have, err := tx.SpaceRight(ctx, a.member, a.space)
	if err != nil {
		return err
	}
	var rule string
	switch {
	case who.DisplayName == "":
		rule = "must be a member of the workspace"
	case !who.Active:
		rule = who.DisplayName + " is not an active member of the workspace"
	case have < a.need:
		rule = who.DisplayName + " may not " + a.verb + " in the space"
		if a.verb == "read" {
			rule = who.DisplayName + " may not read the space"
		}
	default:
		return nil
	}
	return &refused{question: question{a.member, a.space}, fault: fault.InvalidField(a.field, rule)}
}

// UpdateTask changes a task's own fields.
func (a *App) UpdateTask(ctx context.Context, id uuid.UUID, change domain.TaskChange, fresh Fresh) (domain.Task, error) {
	var workflow domain.Workflow
	c := taskChange{rule: func(_ context.Context, _ Tx, s *step) error {
		return s.relay.Update(change, s.caller.Member, workflow)
	}}
	if change.State != nil {
		c.before = func(ctx context.Context, tx Tx) error {
			var err error
			workflow, err = tx.HoldWorkflow(ctx, id)
			return err
		}
	}
	return a.changeTask(ctx, id, fresh, c)
}

// ClaimTask makes the caller the holder of a task that nobody holds.
func (a *App) ClaimTask(ctx context.Context, id uuid.UUID, fresh Fresh) (domain.Task, error) {
	return a.changeTask(ctx, id, fresh, taskChange{doubt: domain.ReasonNotOfTeam, rule: func(ctx context.Context, tx Tx, s *step) error {
		ofTeam := false
		if team := s.relay.Task.Team; team != uuid.Nil {
			var err error
			if ofTeam, err = tx.InTeam(ctx, team, s.caller.Member); err != nil {
				return err
			}
		}
		return s.relay.Claim(s.caller.Member, ofTeam)
	}})
}

// AssignTask makes somebody the holder, or gives the task to a team to pick up.
func (a *App) AssignTask(ctx context.Context, id, holder, team uuid.UUID, fresh Fresh) (domain.Task, error) {
	if (holder == uuid.Nil) == (team == uuid.Nil) {
		return domain.Task{}, fault.InvalidField("holder", "exactly one of holder and team must be given")
	}
	return a.changeTask(ctx, id, fresh, taskChange{doubt: domain.ReasonTaskHeld, rule: func(ctx context.Context, tx Tx, s *step) error {
		if err := a.mayHold(ctx, tx, "", holder, team, s.relay.Task.Space); err != nil {
			return err
		}
		return s.relay.Assign(holder, team, s.caller.Member, s.have >= auth.Manager)
	}})
}

// ReleaseTask puts a task back, for a team to pick up or for anybody.
func (a *App) ReleaseTask(ctx context.Context, id, team uuid.UUID, fresh Fresh) (domain.Task, error) {
	return a.changeTask(ctx, id, fresh, taskChange{doubt: domain.ReasonNotHolder, rule: func(ctx context.Context, tx Tx, s *step) error {
		if team != uuid.Nil {
			if err := teamThere(ctx, tx, "team", team); err != nil {
				return err
			}
		}
		return s.relay.Release(team, s.caller.Member, s.have >= auth.Manager)
	}})
}

// taskChange is what sets one change of a task apart from another.
type taskChange struct {
	// before runs first in the transaction, for what must be locked before the task; nil for nothing.
	before func(ctx context.Context, tx Tx) error
	rule   func(ctx context.Context, tx Tx, s *step) error
	// doubt is the reason of the refusal that the directory may know better; empty for none.
	doubt string
}

// step is a change of a task under way, its relay locked.
type step struct {
	caller auth.Caller
	have   auth.Right
	relay  *domain.Relay
}

// changeTask is the frame of every change of a task: lock, right, replay, etag, rule, save, publish.
func (a *App) changeTask(ctx context.Context, id uuid.UUID, fresh Fresh, change taskChange) (domain.Task, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Task{}, err
	}
	name := domain.TaskName(caller.Workspace, id)
	var changed domain.Task
	var relay *domain.Relay
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		if change.before != nil {
			if err := change.before(ctx, tx); err != nil {
				return err
			}
		}
		r, have, err := tx.LockRelay(ctx, caller.Member, id)
		if err != nil {
			return err
		}
		if err := refuse(ctx, caller, have, r.Task.Space, name); err != nil {
			return err
		}
		r.Begin(a.now())
		changed, relay = r.Task, r
		if _, replayed, err := tx.Replay(ctx, name); err != nil || replayed {
			return err
		}
		if err := fresh.check(r.Task.Revision); err != nil {
			return err
		}
		if err := change.rule(ctx, tx, &step{caller: caller, have: have, relay: r}); err != nil {
			return doubted(caller, r.Task.Space, named(ctx, tx, err), change.doubt)
		}
		changed = r.Task
		return a.keep(ctx, tx, r, caller.Principal())
	})
	if err != nil {
		return domain.Task{}, err
	}
	a.woken(relay)
	return changed, nil
}
