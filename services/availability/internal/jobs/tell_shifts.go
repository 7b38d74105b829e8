// Package jobs does what becomes due in availability: shifts of rotations begin and end.
package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

// TellShifts makes the worker that tells when shifts begin and end, at their time.
func TellShifts(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.RotationRef] {
	return &due.Worker[app.RotationRef]{
		Name:  "tell shifts",
		Clock: domainTime,
		Log:   log,
		Claim: a.ClaimShifts,
		Do:    a.TellShifts,
		Next:  a.NextShift,
	}
}
