// Package jobs does what becomes due in the directory.
package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

// rotation is the one row of work: what is to be done stands in the keys themselves.
type rotation struct{}

// RotateKeys makes the worker that keeps the signing keys following each other. It goes by machine time, as tokens do.
func RotateKeys(a *app.App, machine clock.Clock, log *slog.Logger) *due.Worker[rotation] {
	return &due.Worker[rotation]{
		Name:  "rotate keys",
		Clock: machine,
		Log:   log,
		Claim: func(ctx context.Context, now time.Time, lease time.Duration, _ int) ([]rotation, error) {
			taken, err := a.ClaimRotation(ctx, now, lease)
			if err != nil || !taken {
				return nil, err
			}
			return []rotation{{}}, nil
		},
		Do:   func(ctx context.Context, _ rotation) error { return a.RotateKeys(ctx) },
		Next: a.NextRotation,
	}
}
