package inbox

import (
	"time"

	"github.com/meridianhq/meridian/pkg/postgres"
)

// Retention is how long a claim is kept: a day more than the stream keeps its events.
const Retention = 31 * 24 * time.Hour

// Pruning forgets the claims that are older; the app role may not. Every service that consumes runs it.
func Pruning() postgres.Pruning {
	return postgres.Pruning{Table: "inbox", Keep: Retention, Every: time.Hour}
}
