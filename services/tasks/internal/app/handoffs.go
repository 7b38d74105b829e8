package app

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// HandoffReader reads handoffs as their rows are; who shows them asks Handoff.At.
type HandoffReader interface {
	// Handoff returns a handoff and the right that the member has on its space. No handoff is NotFound.
	Handoff(ctx context.Context, ws, member, handoff uuid.UUID) (domain.Handoff, auth.Right, error)
	// Handoffs lists the handoffs of the spaces that the member may read, the newest first.
	Handoffs(ctx context.Context, ws, member uuid.UUID, q HandoffQuery, now time.Time) (page.Result[domain.Handoff, HandoffCursor], error)
}

// HandoffQuery is what a list of handoffs is asked for. What is not given does not narrow it.
type HandoffQuery struct {
	Task, Giver, Team uuid.UUID
	// Recipient is who was asked: alone, as AUTO's candidate, as who acts for another, or as one of a team.
	Recipient uuid.UUID
	State     domain.HandoffState
	Page      page.Request[HandoffCursor]
}

// HandoffCursor is where a page of handoffs ends.
type HandoffCursor struct {
	Time    time.Time `json:"t"`
	Handoff uuid.UUID `json:"i"`
}

// Handoff gets one handoff.
func (a *App) Handoff(ctx context.Context, id uuid.UUID) (domain.Handoff, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Handoff{}, err
	}
	return a.handoff(ctx, caller, id)
}

func (a *App) handoff(ctx context.Context, caller auth.Caller, id uuid.UUID) (domain.Handoff, error) {
	var found domain.Handoff
	err := a.confirmed(ctx, caller.Workspace, func() error {
		h, have, err := a.store.Handoff(ctx, caller.Workspace, caller.Member, id)
		if err != nil {
			return err
		}
		found = h.At(a.now())
		return refuseBelow(caller, have, auth.Reader, h.Space, h.Name())
	})
	if err != nil {
		return domain.Handoff{}, err
	}
	return found, nil
}

// Handoffs lists the handoffs that the caller may read.
func (a *App) Handoffs(ctx context.Context, q HandoffQuery) (page.Result[domain.Handoff, HandoffCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[domain.Handoff, HandoffCursor]{}, err
	}
	now := a.now()
	found, err := a.store.Handoffs(ctx, caller.Workspace, caller.Member, q, now)
	for i, h := range found.Items {
		found.Items[i] = h.At(now)
	}
	return found, err
}

// HandOff offers a task's baton. The offer's ID is set here.
func (a *App) HandOff(ctx context.Context, task uuid.UUID, offer domain.Offer, fresh Fresh) (domain.Handoff, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Handoff{}, err
	}
	if err := offer.Note.Check(); err != nil {
		return domain.Handoff{}, err
	}
	if offer.ID, err = uuid.NewV7(); err != nil {
		return domain.Handoff{}, fmt.Errorf("make a handoff's id: %w", err)
	}
	name := domain.TaskName(caller.Workspace, task)
	var made domain.Handoff
	var prior string
	var relay *domain.Relay
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		r, have, err := tx.LockRelay(ctx, caller.Member, task)
		if err != nil {
			return err
		}
		if err := refuse(ctx, caller, have, r.Task.Space, name); err != nil {
			return err
		}
		kept, replayed, err := tx.Replay(ctx, domain.HandoffName(caller.Workspace, offer.ID))
		if err != nil || replayed {
			prior = kept
			return err
		}
		if err := fresh.check(r.Task.Revision); err != nil {
			return err
		}
		r.Begin(a.now())
		if made, err = a.offer(ctx, tx, r, offer, caller, have); err != nil {
			return doubted(caller, r.Task.Space, err, domain.ReasonNotHolder)
		}
		relay = r
		return a.keep(ctx, tx, r, caller.Principal())
	})
	if err != nil {
		return domain.Handoff{}, err
	}
	if prior != "" {
		id, err := uuid.Parse(domain.LastID(prior))
		if err != nil {
			return domain.Handoff{}, fmt.Errorf("a replayed handoff's name: %w", err)
		}
		return a.handoff(ctx, caller, id)
	}
	a.woken(relay)
	return made, nil
}

// offer makes the offer where who is to take the baton can: a member by the right to write in the space, a team by having
// anybody who can.
func (a *App) offer(ctx context.Context, tx Tx, r *domain.Relay, offer domain.Offer, caller auth.Caller, have auth.Right) (domain.Handoff, error) {
	manager := have >= auth.Manager
	if err := r.MayHandOff(caller.Member, manager); err != nil {
		return domain.Handoff{}, err
	}
	var receivers []uuid.UUID
	switch {
	case offer.Route != domain.ToMember:
		field := "team"
		if offer.Route == domain.Auto {
			field = "auto_team"
		}
		if err := teamThere(ctx, tx, field, offer.Team); err != nil {
			return domain.Handoff{}, err
		}
		found, err := tx.Receivers(ctx, offer.Team, r.Task.Space, r.Task.Holder)
		if err != nil {
			return domain.Handoff{}, err
		}
		receivers = ids(found)
	case offer.Recipient != r.Task.Holder:
		err := able(ctx, tx, ability{field: "recipient", member: offer.Recipient, space: r.Task.Space, need: auth.Writer, verb: "write"})
		if err != nil {
			return domain.Handoff{}, err
		}
	}
	return r.HandOff(offer, caller.Member, manager, receivers)
}

// AcceptHandoff gives the baton to the caller.
func (a *App) AcceptHandoff(ctx context.Context, id uuid.UUID) (domain.Handoff, error) {
	return a.changeHandoff(ctx, id, func(ctx context.Context, tx Tx, s *handoffStep) (domain.Handoff, error) {
		ofTeam, err := s.ofTeam(ctx, tx)
		if err != nil {
			return domain.Handoff{}, err
		}
		return s.relay.Accept(s.handoff, s.caller.Member, ofTeam)
	})
}

// DeclineHandoff refuses the baton.
func (a *App) DeclineHandoff(ctx context.Context, id uuid.UUID, reason string) (domain.Handoff, error) {
	if err := domain.CheckReason("reason", reason, true); err != nil {
		return domain.Handoff{}, err
	}
	return a.changeHandoff(ctx, id, func(ctx context.Context, tx Tx, s *handoffStep) (domain.Handoff, error) {
		ofTeam, err := s.ofTeam(ctx, tx)
		if err != nil {
			return domain.Handoff{}, err
		}
		var receivers []Receiver
		if s.handoff.Route == domain.ToTeam {
			if receivers, err = tx.Receivers(ctx, s.handoff.Team, s.handoff.Space, s.handoff.Giver); err != nil {
				return domain.Handoff{}, err
			}
		}
		return s.relay.Decline(s.handoff, s.caller.Member, ofTeam, reason, ids(receivers))
	})
}

// WithdrawHandoff takes an offer back.
func (a *App) WithdrawHandoff(ctx context.Context, id uuid.UUID, reason string) (domain.Handoff, error) {
	if err := domain.CheckReason("reason", reason, false); err != nil {
		return domain.Handoff{}, err
	}
	return a.changeHandoff(ctx, id, func(_ context.Context, _ Tx, s *handoffStep) (domain.Handoff, error) {
		return s.relay.Withdraw(s.handoff, s.caller.Member, s.have >= auth.Manager, reason)
	})
}

// handoffStep is a change of a handoff under way, its task's relay locked.
type handoffStep struct {
	step
	handoff domain.Handoff
}

// ofTeam says whether the caller is of the team that was asked, where one was.
func (s *handoffStep) ofTeam(ctx context.Context, tx Tx) (bool, error) {
	if s.handoff.Route != domain.ToTeam {
		return false, nil
	}
	return tx.InTeam(ctx, s.handoff.Team, s.caller.Member)
}

// changeHandoff is the frame of every change of a handoff: lock its task, right, replay, rule, save, publish.
func (a *App) changeHandoff(
	ctx context.Context, id uuid.UUID, rule func(ctx context.Context, tx Tx, s *handoffStep) (domain.Handoff, error),
) (domain.Handoff, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Handoff{}, err
	}
	name := domain.HandoffName(caller.Workspace, id)
	var changed domain.Handoff
	var relay *domain.Relay
	err = a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
		r, h, have, err := tx.LockRelayOf(ctx, caller.Member, id)
		if err != nil {
			return err
		}
		if err := refuse(ctx, caller, have, r.Task.Space, name); err != nil {
			return err
		}
		r.Begin(a.now())
		changed, relay = h.At(r.Now), r
		if _, replayed, err := tx.Replay(ctx, name); err != nil || replayed {
			return err
		}
		after, err := rule(ctx, tx, &handoffStep{step: step{caller: caller, have: have, relay: r}, handoff: h})
		if err != nil {
			return doubted(caller, r.Task.Space, named(ctx, tx, err), domain.ReasonNotRecipient, domain.ReasonNotGiver)
		}
		changed = after
		return a.keep(ctx, tx, r, caller.Principal())
	})
	if err != nil {
		return domain.Handoff{}, err
	}
	a.woken(relay)
	return changed, nil
}
