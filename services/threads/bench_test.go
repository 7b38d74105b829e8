package threads

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// BenchmarkOnPosted follows messages of 500 bytes in a thousand threads: one at a time, and as many together as the router
// gives.
func BenchmarkOnPosted(b *testing.B) {
	const threads = 1000
	for _, together := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(together), func(b *testing.B) {
			db := pgtest.New(b, "threads", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set())
			use := app.New(app.Deps{
				Store: store.New(db.App, db.Owner, outbox.New(nil), wire.Encoder("meridian.test")), Access: &directory{},
				Clock: clock.NewManual(epoch), WorkingTime: newAvailability(), Pending: func() {},
			})
			ws, space, author := uuid.New(), uuid.New(), uuid.New()
			exec := func(sql string, args ...any) {
				_, err := db.Owner.Pool().Exec(b.Context(), sql, args...)
				require.NoError(b, err)
			}
			exec(`INSERT INTO spaces (workspace_id, space_id, display_name, visibility, version) VALUES ($1, $2, 'S', 1, 1)`, ws, space)
			exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
				VALUES ($1, $2, 'a', 'a', 'UTC', $3, 2, 1, 1)`, ws, author, int(auth.Member))
			exec(`INSERT INTO threads (workspace_id, thread_id, space_id, title, type, state, creator_id, reopen_on_message,
					last_sequence, revision, version, create_time, update_time)
				SELECT $1, gen_random_uuid(), $2, 'T', 'DISCUSSION', 'OPEN', $3, false, 1000000, 1, 1, $4, $4 FROM generate_series(1, $5)`,
				ws, space, author, epoch, threads)
			exec(`INSERT INTO thread_activity SELECT workspace_id, thread_id, space_id, create_time FROM threads`)
			exec(`ANALYZE`)
			var ids []uuid.UUID
			require.NoError(b, db.Owner.Pool().QueryRow(b.Context(), `SELECT array_agg(thread_id) FROM threads`).Scan(&ids))
			body := strings.Repeat("word and other words ", 24)
			b.ResetTimer()
			for done := 0; done < b.N; {
				var posts []app.Posted
				var keys []inbox.Key
				for ; len(posts) < together && done < b.N && (len(posts) == 0 || done%threads > 0); done++ {
					keys = append(keys, inbox.Key{Consumer: "threads", EventID: uuid.New()})
					posts = append(posts, app.Posted{Space: space, Message: domain.Message{
						Workspace: ws, Thread: ids[done%threads], Sequence: int64(done/threads + 1), Version: int64(done/threads + 2),
						Author: author, Body: body, CreateTime: epoch.Add(1),
					}})
				}
				require.NoError(b, use.OnPosted(inbox.NewContext(b.Context(), keys...), posts...))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
