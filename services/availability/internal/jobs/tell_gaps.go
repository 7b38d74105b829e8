package jobs

import (
	"log/slog"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

// gapsParallel is how many teams are looked at at the same time: a large one takes a processor for a while.
const gapsParallel = 2

// TellGaps makes the worker that looks ahead for gaps in the coverage of teams.
func TellGaps(a *app.App, domainTime clock.Clock, log *slog.Logger) *due.Worker[app.TeamRef] {
	return &due.Worker[app.TeamRef]{
		Name: "tell gaps", Clock: domainTime, Log: log, Batch: 2 * gapsParallel, Parallel: gapsParallel,
		Claim: a.ClaimCoverage, Do: a.TellGaps, Next: a.NextCoverage,
	}
}
