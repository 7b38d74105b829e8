package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// RotationRef says which rotation it is.
type RotationRef struct{ Workspace, Team, Rotation uuid.UUID }

// RotationStore keeps rotations, and teams' core hours.
type RotationStore interface {
	// Rotation returns a rotation, deleted or not, without turns and overrides; NotFound for none.
	Rotation(ctx context.Context, ref RotationRef) (domain.Rotation, error)
	// Rotations lists a team's rotations, the newest first, without deleted ones.
	Rotations(ctx context.Context, ws, team uuid.UUID, p Page) (page.Result[domain.Rotation, Cursor], error)
	// RotationsAt are the rotations of a team that stood at an instant, at most so many, in the order they were made.
	RotationsAt(ctx context.Context, ws, team uuid.UUID, at time.Time, most int) ([]domain.Rotation, error)
	// Turns reads into rotations of one workspace their turns between two instants, Overrides then their overrides, and when
	// those had left whom both name.
	Turns(ctx context.Context, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) error
	Overrides(ctx context.Context, ws uuid.UUID, rotations []domain.Rotation, from, until time.Time) error

	// Override returns an override, deleted or not; OverridePage lists those that are not, the newest first.
	Override(ctx context.Context, ref RotationRef, override uuid.UUID) (domain.Override, error)
	OverridePage(ctx context.Context, ref RotationRef, p Page) (page.Result[domain.Override, Cursor], error)
	// Swap returns a swap as it was kept, Swaps lists them, the newest first.
	Swap(ctx context.Context, ref RotationRef, swap uuid.UUID) (domain.Swap, error)
	Swaps(ctx context.Context, ref RotationRef, p Page) (page.Result[domain.Swap, Cursor], error)

	// Team is nil for a team of the workspace, else NotFound.
	Team(ctx context.Context, ws, team uuid.UUID) error
	// CoreHours returns a team's core hours, which may not be set.
	CoreHours(ctx context.Context, ws, team uuid.UUID) (domain.CoreHours, error)
	// CoreHistory are the core hours of a team that are in force between two instants.
	CoreHistory(ctx context.Context, ws, team uuid.UUID, from, until time.Time) (domain.CoreHistory, error)

	// ClaimShifts takes up to limit rotations of all workspaces whose shifts are to be looked at by now.
	ClaimShifts(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]RotationRef, error)
	// NextShift is when the next one is; false when none will be.
	NextShift(ctx context.Context) (time.Time, bool, error)
}

// RotationTx is what a transaction does with rotations and core hours.
type RotationTx interface {
	// LockTeam locks a team, NotFound for none: of its rotations and core hours one at a time is changed.
	LockTeam(ctx context.Context, team uuid.UUID) error
	// IsLead says whether a member leads a team.
	IsLead(ctx context.Context, team, member uuid.UUID) (bool, error)
	// CountRotations counts a team's rotations without deleted ones.
	CountRotations(ctx context.Context, team uuid.UUID) (int, error)

	// LockRotation locks a rotation, deleted or not, without turns and overrides; NotFound for none.
	LockRotation(ctx context.Context, ref RotationRef) (domain.Rotation, error)
	// Layers reads its turns and overrides between two instants into it, and when those had left whom they name.
	Layers(ctx context.Context, r *domain.Rotation, from, until time.Time) error
	// AddRotation adds a rotation without turns, SaveRotation keeps what it has become.
	AddRotation(ctx context.Context, r domain.Rotation) error
	SaveRotation(ctx context.Context, r domain.Rotation) error
	// AddTurns has turns take over, and cuts those before.
	AddTurns(ctx context.Context, ref RotationRef, t domain.Turns) error

	// Override returns an override, deleted or not; AddOverride adds one, EndOverride keeps when it was deleted.
	Override(ctx context.Context, ref RotationRef, override uuid.UUID) (domain.Override, error)
	AddOverride(ctx context.Context, ref RotationRef, o domain.Override) error
	EndOverride(ctx context.Context, ref RotationRef, o domain.Override) error
	Swap(ctx context.Context, ref RotationRef, swap uuid.UUID) (domain.Swap, error)
	AddSwap(ctx context.Context, ref RotationRef, s domain.Swap) error
	SaveSwap(ctx context.Context, ref RotationRef, s domain.Swap) error
	// WakeSun has the shifts of all rotations that follow the sun looked at.
	WakeSun(ctx context.Context, at time.Time) error

	// CoreHours returns a team's core hours, which may not be set; SaveCoreHours keeps what they have become, and what they were.
	CoreHours(ctx context.Context, team uuid.UUID) (domain.CoreHours, error)
	SaveCoreHours(ctx context.Context, c domain.CoreHours) error
}
