package app

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// OnMentioned follows a message that mentions people. Who is asked by the same message hears of that instead.
func (a *App) OnMentioned(ctx context.Context, m domain.Mentioning) error {
	ofTeams, err := a.teamMembers(ctx, m.Workspace, m.Teams)
	if err != nil {
		return err
	}
	asked, err := a.teamMembers(ctx, m.Workspace, m.AskedTeams)
	if err != nil {
		return err
	}
	names, err := a.names(ctx, m.Workspace, m.Author)
	if err != nil {
		return err
	}
	return a.notify(ctx, news{Happening: m.Happening, drafts: m.Mentioned(ofTeams, asked, names)})
}

func (a *App) teamMembers(ctx context.Context, ws uuid.UUID, teams []uuid.UUID) ([]uuid.UUID, error) {
	if len(teams) == 0 {
		return nil, nil
	}
	return a.store.TeamMembers(ctx, ws, teams)
}

// OnMessageDeleted follows a message that was deleted: its words are taken out of the notifications that show them, and what
// was held of those about it is cancelled. Those that come later show none.
func (a *App) OnMessageDeleted(ctx context.Context, ws uuid.UUID, message string) error {
	return a.once(ctx, ws, func(ctx context.Context, tx Tx) error {
		if err := tx.EraseMessage(ctx, message); err != nil {
			return err
		}
		found, err := tx.LockOfMessage(ctx, message)
		if err != nil || len(found) == 0 {
			return err
		}
		now := a.now()
		var events []domain.Event
		for i := range found {
			events = append(events, found[i].Erase(now)...)
		}
		if err := tx.SaveNotifications(ctx, found); err != nil {
			return err
		}
		return tx.Publish(ctx, now, Actor, events...)
	})
}

// asking is the news of an ask's event, with its drafts.
func (a *App) asking(
	ctx context.Context, ask domain.Asking, people []uuid.UUID, drafts func(names domain.Names) []domain.Notification,
) error {
	names, err := a.names(ctx, ask.Workspace, append(slices.Clone(people), ask.Asker, ask.Actor)...)
	if err != nil {
		return err
	}
	return a.notify(ctx, news{Happening: ask.Happening, follows: true, waits: ask.Waits, drafts: drafts(names)})
}

// OnAskOpened notifies those who are asked.
func (a *App) OnAskOpened(ctx context.Context, ask domain.Asking) error {
	return a.asking(ctx, ask, nil, ask.Opened)
}

// OnAskDueChanged follows when an ask is due of members, and notifies those who act for them.
func (a *App) OnAskDueChanged(ctx context.Context, ask domain.Asking, members []uuid.UUID) error {
	return a.asking(ctx, ask, slices.Collect(maps.Keys(ask.Acting)), func(names domain.Names) []domain.Notification {
		return ask.Delegated(members, names)
	})
}

// OnAskChanged follows how an ask stands, where that concerns nobody anew: it was withdrawn.
func (a *App) OnAskChanged(ctx context.Context, ask domain.Asking) error {
	return a.asking(ctx, ask, nil, func(domain.Names) []domain.Notification { return nil })
}

// OnAskReassigned notifies the one whom an ask went to.
func (a *App) OnAskReassigned(ctx context.Context, ask domain.Asking, to uuid.UUID, comment string) error {
	return a.asking(ctx, ask, nil, func(names domain.Names) []domain.Notification { return ask.Reassigned(to, comment, names) })
}

// OnAskAnswered notifies the asker. answer is the name of the message that answered, if one did.
func (a *App) OnAskAnswered(ctx context.Context, ask domain.Asking, by uuid.UUID, answer, comment string) error {
	return a.asking(ctx, ask, []uuid.UUID{by}, func(names domain.Names) []domain.Notification {
		return ask.Answered(by, answer, comment, names)
	})
}

// OnAskDeclined notifies the asker.
func (a *App) OnAskDeclined(ctx context.Context, ask domain.Asking, by uuid.UUID, why string) error {
	return a.asking(ctx, ask, []uuid.UUID{by}, func(names domain.Names) []domain.Notification { return ask.Declined(by, why, names) })
}

// OnAskOverdue notifies those whose window is over, and the asker.
func (a *App) OnAskOverdue(ctx context.Context, ask domain.Asking, members []uuid.UUID) error {
	return a.asking(ctx, ask, members, func(names domain.Names) []domain.Notification { return ask.Passed(members, names) })
}

// offering is the news of a handoff's event, with its drafts.
func (a *App) offering(ctx context.Context, o domain.Offering, drafts func(names domain.Names) []domain.Notification) error {
	names, err := a.names(ctx, o.Workspace, o.Giver, o.Responder, o.ActsFor)
	if err != nil {
		return err
	}
	return a.notify(ctx, news{Happening: o.Happening, follows: true, waits: o.Waits(), rest: o.Rest(), drafts: drafts(names)})
}

// OnHandoffOffered notifies those whom a baton is offered to: those of them who were not told of the offer before.
func (a *App) OnHandoffOffered(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, o.Offered)
}

// OnHandoffUpdated follows how an open offer stands, and notifies who acts for whom it is made to.
func (a *App) OnHandoffUpdated(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, o.Delegated)
}

// OnHandoffChanged follows how an offer stands, where that concerns nobody anew.
func (a *App) OnHandoffChanged(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, func(domain.Names) []domain.Notification { return nil })
}

// OnHandoffAccepted notifies the giver.
func (a *App) OnHandoffAccepted(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, o.Accepted)
}

// OnHandoffDeclined notifies the giver, unless it goes on by itself.
func (a *App) OnHandoffDeclined(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, o.Declined)
}

// OnHandoffExpired notifies the giver that the baton is back, unless it goes on by itself.
func (a *App) OnHandoffExpired(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, func(domain.Names) []domain.Notification { return o.Expired() })
}

// OnHandoffReturned notifies the giver that the baton is back.
func (a *App) OnHandoffReturned(ctx context.Context, o domain.Offering) error {
	return a.offering(ctx, o, func(domain.Names) []domain.Notification { return o.Returned() })
}

// OnTaskAssigned notifies the holder.
func (a *App) OnTaskAssigned(ctx context.Context, t domain.Assigning) error {
	names, err := a.names(ctx, t.Workspace, t.Actor)
	if err != nil {
		return err
	}
	return a.notify(ctx, news{Happening: t.Happening, drafts: t.Assigned(names)})
}

// OnWorkingTimeChanged has all that is held of a member decided again, and their next digest planned again; of the whole
// workspace for the zero member.
func (a *App) OnWorkingTimeChanged(ctx context.Context, ws, member uuid.UUID) error {
	return a.once(ctx, ws, func(ctx context.Context, tx Tx) error {
		now := a.now()
		if err := tx.Undecide(ctx, member, now); err != nil {
			return err
		}
		if member == uuid.Nil {
			return tx.PlanDigests(ctx, nil, now)
		}
		return tx.PlanDigests(ctx, []uuid.UUID{member}, now)
	})
}

// OnMemberActivated has a member's digests planned from now on. The directory is asked first, so that the projection knows
// them by then.
func (a *App) OnMemberActivated(ctx context.Context, ws, member uuid.UUID) error {
	if err := a.access.Confirm(ctx, ws, member, uuid.Nil); err != nil {
		return err
	}
	return a.once(ctx, ws, func(ctx context.Context, tx Tx) error { return tx.PlanDigests(ctx, []uuid.UUID{member}, a.now()) })
}
