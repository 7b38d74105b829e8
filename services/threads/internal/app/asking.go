package app

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// named is somebody asked, and where they stand in the request.
type named struct {
	member uuid.UUID
	field  string
}

// unaskable is the refusal of people whom the projection does not know to be able to read a space; the directory may.
type unaskable struct {
	ws, space uuid.UUID
	people    []named
}

func (u *unaskable) Error() string { return u.fault().Error() }
func (u *unaskable) Unwrap() error { return u.fault() }

// fault names everyone refused, in the order of the request.
func (u *unaskable) fault() *fault.Error {
	var refusal *fault.Error
	for _, p := range u.people {
		rule := domain.MemberName(u.ws, p.member) + " may not read the space, or has not joined"
		if refusal == nil {
			refusal = fault.InvalidField(p.field, rule)
			continue
		}
		refusal = refusal.WithField(p.field, rule)
	}
	return refusal
}

// checkAskable refuses, by name, those of the people who may not be asked in a space.
func checkAskable(ctx context.Context, tx Tx, ws, space uuid.UUID, people []named) error {
	members := make([]uuid.UUID, len(people))
	for i, p := range people {
		members[i] = p.member
	}
	may, err := tx.Askable(ctx, space, members)
	if err != nil {
		return err
	}
	people = slices.DeleteFunc(slices.Clone(people), func(p named) bool { return slices.Contains(may, p.member) })
	if len(people) == 0 {
		return nil
	}
	return &unaskable{ws: ws, space: space, people: people}
}

// asking runs what asks people. Those whom the projection refuses are put to the directory, and it is tried once more.
func (a *App) asking(ctx context.Context, try func() error) error {
	err := try()
	unknown, ok := errors.AsType[*unaskable](err)
	if !ok {
		return err
	}
	for _, p := range unknown.people {
		if err := a.access.Confirm(ctx, unknown.ws, p.member, unknown.space); err != nil {
			return err
		}
	}
	return try()
}

// prepare finds out what a draft's urgency and asks need to know: nothing for nearly every message.
func prepare(ctx context.Context, tx Tx, caller auth.Caller, space uuid.UUID, draft *domain.Draft) error {
	unset := slices.ContainsFunc(draft.Asks, func(d domain.AskDraft) bool { return d.Window.None() })
	if draft.Urgency == domain.Urgent || unset {
		settings, err := tx.Settings(ctx)
		if err != nil {
			return err
		}
		if draft.Urgency == domain.Urgent && caller.Role < settings.UrgentRole {
			return domain.UrgentNotPermitted(settings.UrgentRole.String())
		}
		for i := range draft.Asks {
			if ask := &draft.Asks[i]; ask.Window.None() {
				ask.Window = window.Working(settings.Windows[draft.Urgency])
			}
		}
	}
	if len(draft.Asks) == 0 {
		return nil
	}
	return resolve(ctx, tx, caller, space, draft.Asks)
}

// resolve finds whom asks are for, in a statement for the members and one for the teams.
func resolve(ctx context.Context, tx Tx, caller auth.Caller, space uuid.UUID, asks []domain.AskDraft) error {
	var people []named
	var teams []uuid.UUID
	for i, ask := range asks {
		for j, member := range ask.Members {
			people = append(people, named{member: member, field: domain.AskMemberField(i, j)})
		}
		if ask.Team != uuid.Nil && !slices.Contains(teams, ask.Team) {
			teams = append(teams, ask.Team)
		}
	}
	if len(people) > 0 {
		if err := checkAskable(ctx, tx, caller.Workspace, space, people); err != nil {
			return err
		}
	}
	if len(teams) == 0 {
		return nil
	}
	found, err := tx.AskableTeams(ctx, caller.Member, space, teams)
	if err != nil {
		return err
	}
	for i := range asks {
		members, there := found[asks[i].Team]
		if asks[i].Team != uuid.Nil && !there {
			return fault.InvalidField(domain.AskField(i)+".team", "must be a team of the workspace")
		}
		asks[i].TeamMembers = members
	}
	return nil
}
