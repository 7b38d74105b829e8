package notifications

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store"
	"github.com/meridianhq/meridian/services/notifications/internal/wire"
)

// asleep is an availability service where everybody is off until tomorrow.
type asleep struct{}

func (asleep) Reaches(_ context.Context, _ uuid.UUID, members []uuid.UUID, at time.Time) (map[uuid.UUID]domain.Reach, error) {
	found := make(map[uuid.UUID]domain.Reach, len(members))
	for _, m := range members {
		found[m] = domain.Reach{Known: true, At: at.Add(8 * time.Hour), Until: at.Add(16 * time.Hour), Work: at.Add(8 * time.Hour), Local: time.UTC, Version: 1}
	}
	return found, nil
}

// ApprovalDelegates implements app.WorkingTime: nobody acts for anybody.
func (asleep) ApprovalDelegates(_ context.Context, _ uuid.UUID, of []uuid.UUID, _ time.Time) ([]uuid.UUID, error) {
	return make([]uuid.UUID, len(of)), nil
}

// crowd is a workspace with a space and a team of many who may read it.
type crowd struct {
	tb         testing.TB
	db         *pgtest.DB
	app        *app.App
	statements *counted
	ws, space  uuid.UUID
	asker      uuid.UUID
	team       uuid.UUID
	members    []uuid.UUID
}

func newMany(tb testing.TB, people int) *crowd {
	tb.Helper()
	c := &crowd{
		tb: tb, db: pgtest.New(tb, "notifications", sets()...), statements: &counted{},
		ws: uuid.New(), space: uuid.New(), asker: uuid.New(), team: uuid.New(),
	}
	pool, err := postgres.Open(tb.Context(), c.db.AppURL, postgres.Options{Tracer: c.statements})
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	c.app = app.New(app.Deps{
		Store:  store.New(pool, c.db.Owner, outbox.New(nil), wire.Encoder("meridian.test")),
		Access: &directory{}, Clock: clock.NewManual(epoch), Machine: clock.Machine(), WorkingTime: asleep{},
	})
	exec := func(sql string, args ...any) {
		_, err := c.db.Owner.Pool().Exec(tb.Context(), sql, args...)
		require.NoError(tb, err)
	}
	exec(`INSERT INTO spaces (workspace_id, space_id, display_name, visibility, version) VALUES ($1, $2, 'S', 1, 1)`, c.ws, c.space)
	exec(`INSERT INTO teams (workspace_id, team_id, display_name, handle, deleted, version) VALUES ($1, $2, 'all', 'all', false, 1)`, c.ws, c.team)
	exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version, email)
		SELECT $1, gen_random_uuid(), 'M' || i, 'm' || i, 'UTC', 2, 2, 1, 1, 'm' || i || '@meridian.test' FROM generate_series(1, $2) i`, c.ws, people)
	exec(`INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version)
		SELECT workspace_id, $1, member_id, false, false, 1 FROM members`, c.team)
	exec(`ANALYZE`)
	require.NoError(tb, c.db.Owner.Pool().QueryRow(tb.Context(), `SELECT array_agg(member_id) FROM members`).Scan(&c.members))
	return c
}

// happening is news of a source that nobody has heard of.
func (c *crowd) happening() (context.Context, domain.Happening) {
	source := domain.WorkspaceName(c.ws) + "/threads/" + uuid.NewString() + "/messages/1/asks/1"
	return inbox.NewContext(c.tb.Context(), inbox.Key{Consumer: "notifications", EventID: uuid.New()}), domain.Happening{
		Workspace: c.ws, Space: c.space, Source: source, Context: source, Actor: c.asker, Time: epoch, Version: 1, Title: "T", Excerpt: "what do you think?",
	}
}

// ask has all of the crowd asked.
func (c *crowd) ask() {
	c.tb.Helper()
	ctx, h := c.happening()
	waits := make([]domain.Wait, len(c.members))
	for i, m := range c.members {
		waits[i] = domain.Wait{Member: m, Waiting: true, Due: epoch.Add(24 * time.Hour)}
	}
	require.NoError(c.tb, c.app.OnAskOpened(ctx, domain.Asking{Happening: h, Asker: c.asker, Urgency: domain.Normal, Waits: waits}))
}

// mention mentions the team that all are of.
func (c *crowd) mention() {
	c.tb.Helper()
	ctx, h := c.happening()
	require.NoError(c.tb, c.app.OnMentioned(ctx, domain.Mentioning{Happening: h, Author: c.asker, Urgency: domain.Normal, Teams: []uuid.UUID{c.team}}))
}

// Ten thousand are told in as many statements as three.
func TestTenThousandAreTold(t *testing.T) {
	t.Parallel()
	few, many := newMany(t, 3), newMany(t, 10_000)
	for name, tell := range map[string]func(c *crowd){"ask": (*crowd).ask, "mention": (*crowd).mention} {
		took := map[*crowd]int64{}
		for _, c := range []*crowd{few, many} {
			before := c.statements.n.Load()
			tell(c)
			took[c] = c.statements.n.Load() - before
			var told int
			require.NoError(t, c.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM notifications`).Scan(&told))
			require.Zero(t, told%len(c.members), name)
			require.Positive(t, told, name)
		}
		require.Equal(t, took[few], took[many], name)
	}
}

// BenchmarkFanOut is from an event in hand to the inbox rows of all whom it concerns, with the decisions about each channel
// and the events of each: an ask to so many, and a mention of a team of so many.
func BenchmarkFanOut(b *testing.B) {
	for name, tell := range map[string]func(c *crowd){"ask": (*crowd).ask, "mention": (*crowd).mention} {
		for _, people := range []int{500, 10_000} {
			b.Run(name+"/"+strconv.Itoa(people), func(b *testing.B) {
				c := newMany(b, people)
				for b.Loop() {
					tell(c)
				}
			})
		}
	}
}
