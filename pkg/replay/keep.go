package replay

import (
	"time"

	"github.com/meridianhq/meridian/pkg/postgres"
)

// Retention is how long a request_id is remembered. The API promises 24 hours.
const Retention = 36 * time.Hour

// Pruning forgets the request_ids that are older; the app role may not. Every service that writes runs it.
func Pruning() postgres.Pruning {
	return postgres.Pruning{Table: "replay", Keep: Retention, Every: 10 * time.Minute}
}
