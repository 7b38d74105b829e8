package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// handleTries is how often a derived handle is looked for while others take the ones found.
const handleTries = 5

// takeHandle claims a handle for a member or a team: the wanted one, which must be free, or one made from source.
func (c *change) takeHandle(ctx context.Context, field string, holder uuid.UUID, wanted, source string) (string, error) {
	if wanted != "" {
		return wanted, c.claimHandle(ctx, field, holder, wanted)
	}
	base := domain.DeriveHandle(source)
	for range handleTries {
		taken, err := c.TakenHandles(ctx, c.ws, base)
		if err != nil {
			return "", err
		}
		handle := domain.NextHandle(base, taken)
		if ok, err := c.ClaimHandle(ctx, c.ws, handle, holder); ok || err != nil {
			return handle, err
		}
	}
	return "", fault.New(fault.Unavailable, fault.ReasonUnavailable, "too many newcomers at once; try again")
}

func (c *change) claimHandle(ctx context.Context, field string, holder uuid.UUID, handle string) error {
	if err := domain.CheckHandle(field, handle); err != nil {
		return err
	}
	ok, err := c.ClaimHandle(ctx, c.ws, handle, holder)
	if err == nil && !ok {
		return fault.New(fault.AlreadyExists, fault.ReasonAlreadyExists, "the handle %s is taken", handle).
			WithField(field, "must be no other member's or team's")
	}
	return err
}

// exchangeHandle claims the new handle and lets go of the old.
func (c *change) exchangeHandle(ctx context.Context, field string, holder uuid.UUID, before, after string) error {
	if err := c.claimHandle(ctx, field, holder, after); err != nil {
		return err
	}
	return c.ReleaseHandle(ctx, c.ws, before, holder)
}
