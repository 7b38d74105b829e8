package inbox

import (
	"context"
	"time"

	"github.com/meridianhq/meridian/pkg/postgres"
)

const (
	// PruneEvery is how often a service that consumes prunes.
	PruneEvery = time.Hour
	// spare is how much longer than its event a claim is kept: by less the clocks of the database and the broker differ.
	spare = 24 * time.Hour
)

// Prune forgets the claims whose events the stream has forgotten at the given machine time, and returns how many; the app role
// may not. age is how long the stream keeps events, zero for ever: then nothing is forgotten. A claim is made after its event
// is stored, so one that is older than that by a day never meets a delivery again. It must be the age of the stream that
// stands: by a shorter one a delivery would have its effect twice. A stream that keeps events longer than before does not
// bring back what it had deleted, so what was forgotten until then is not missed.
func Prune(ctx context.Context, owner postgres.DBTX, now time.Time, age time.Duration) (int64, error) {
	if age == 0 {
		return 0, nil
	}
	return postgres.Pruning{Table: "inbox", Keep: age + spare}.Once(ctx, owner, now)
}
