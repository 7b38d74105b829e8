package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Presence says whether a member is there, as the directory told it at a version of the member: not when DEACTIVATED.
type Presence struct {
	Workspace, Member uuid.UUID
	Here              bool
	Version           int64
}

// PresenceStore keeps who is there.
type PresenceStore interface {
	// Presence says whether it is noted that a member has left, and what the projection has of them.
	Presence(ctx context.Context, ws, member uuid.UUID) (departed bool, projected Presence, err error)
	// Overlooked are those, of all workspaces, of whom the projection has it otherwise than it is noted.
	Overlooked(ctx context.Context) ([]Presence, error)
}

// PresenceTx is what a transaction does with who is there.
type PresenceTx interface {
	// Presence is PresenceStore.Presence of a locked member.
	Presence(ctx context.Context, member uuid.UUID) (departed bool, projected Presence, err error)
	// Depart notes that they have left, Return that they are back.
	Depart(ctx context.Context, member uuid.UUID, at time.Time) error
	Return(ctx context.Context, member uuid.UUID, at time.Time) error
	// RotationsOfMember are the rotations that a member may be on from an instant on, RotationsOfTeam those of a team, in one
	// order, without deleted ones.
	RotationsOfMember(ctx context.Context, member uuid.UUID, at time.Time) ([]RotationRef, error)
	RotationsOfTeam(ctx context.Context, team uuid.UUID) ([]RotationRef, error)
}

// OnPresence follows who is there: whoever was deactivated works no more and is on no rotation from now on, and is again when let
// in again; what waits for their approval is told of again. What has been stays as it was. Twice it has its effect once, and the
// projection's newer news count. Where these overtook what was told, which others may have acted on meanwhile, requests are told of
// once more.
func (a *App) OnPresence(ctx context.Context, p Presence) error {
	departed, projected, err := a.store.Presence(ctx, p.Workspace, p.Member)
	if here := p.latest(projected).Here; err != nil || departed != here && p.Here == here {
		return err
	}
	return a.store.InTx(ctx, p.Workspace, func(ctx context.Context, tx Tx) error {
		m, err := tx.LockTime(ctx, p.Member)
		if err != nil {
			return err
		}
		departed, projected, err := tx.Presence(ctx, p.Member)
		if err != nil {
			return err
		}
		c, here := &change{Tx: tx, MemberTime: m, now: a.now()}, p.latest(projected).Here
		moved := departed == here
		switch {
		case moved:
			err = c.notePresence(ctx, here)
		case p.Here == here: // another did it meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.askAgain(ctx); err != nil || !moved {
			return err
		}
		refs, err := tx.RotationsOfMember(ctx, p.Member, c.now)
		if err != nil {
			return err
		}
		return a.reckon(ctx, tx, refs, c.now, (*domain.Rotation).Reckon)
	})
}

// notePresence notes that the member has left or is back, and tells that their working time is another.
func (c *change) notePresence(ctx context.Context, here bool) error {
	note := c.Depart
	if here {
		note = c.Return
	}
	if err := note(ctx, c.Member, c.now); err != nil {
		return err
	}
	return c.conclude(ctx, []domain.Event{c.told(time.Time{})})
}

// NotePresence notes who has left or is back where that was not noted: a replica of a version that notes nobody was told of it,
// or its event is still to come.
func (a *App) NotePresence(ctx context.Context) error {
	overlooked, err := a.store.Overlooked(ctx)
	if err != nil {
		return err
	}
	for _, p := range overlooked {
		if err := a.OnPresence(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// latest is the newer of what was told and what the projection has.
func (p Presence) latest(projected Presence) Presence {
	if projected.Version > p.Version {
		return projected
	}
	return p
}

// OnTeamDeleted ends the rotations of a team that was deleted. Twice it has its effect once.
func (a *App) OnTeamDeleted(ctx context.Context, ref TeamRef) error {
	return a.store.InTx(ctx, ref.Workspace, func(ctx context.Context, tx Tx) error {
		refs, err := tx.RotationsOfTeam(ctx, ref.Team)
		if err != nil {
			return err
		}
		return a.reckon(ctx, tx, refs, a.now(), (*domain.Rotation).Delete)
	})
}

// reckon changes rotations that follow what the directory told.
func (a *App) reckon(
	ctx context.Context, tx Tx, refs []RotationRef, now time.Time, rule func(r *domain.Rotation, now time.Time) []domain.Event,
) error {
	for _, ref := range refs {
		r, err := tx.LockRotation(ctx, ref)
		if err != nil {
			return err
		}
		if !r.DeleteTime.IsZero() {
			continue
		}
		if err := tx.Layers(ctx, &r, now, domain.Ever()); err != nil {
			return err
		}
		events := rule(&r, now)
		if err := tx.SaveRotation(ctx, r); err != nil {
			return err
		}
		if err := tx.WatchCoverage(ctx, ref.Team, now.Add(domain.LookSoon)); err != nil {
			return err
		}
		if err := tx.Publish(ctx, now, actor, events...); err != nil {
			return err
		}
	}
	return nil
}
