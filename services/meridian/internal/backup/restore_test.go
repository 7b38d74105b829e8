package backup

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// TestARestoreIsRehearsed: load, a backup under it, more load, the loss of the database, the restore; then the same from there
// with a database that went back to an instant by its own log, and with the broker lost too.
func TestARestoreIsRehearsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	c := newCrowd(s)
	f := &follower{crowd: c, since: clock.Machine().Now(), believes: map[string]time.Time{}}
	f.follow()

	first := c.copied("first")
	require.Empty(t, audit(t, s.place(), true))
	f.knows(s.place())
	_, err := Restore(t.Context(), s.restoreConfig(), first.folder)
	require.ErrorContains(t, err, "services must be stopped first; connected are: availability_app")
	f.leaveAfter(s.loseDatabase)
	done := first.restored()
	f.returns()

	second := c.copied("second")
	first.stands(s.place())
	require.Empty(t, audit(t, s.place(), true))
	f.knows(s.place())
	f.leaveAfter(s.loseDatabase)
	second.restoredTo(first)
	f.returns()

	third := c.copied("third")
	second.stands(s.place())
	require.Empty(t, audit(t, s.place(), true))
	f.knows(s.place())
	s.stop()
	f.leave()
	_, err = Restore(t.Context(), s.restoreConfig(), third.folder)
	require.ErrorContains(t, err, "the database must be empty, and holds the schemas availability, directory")
	c.auditFinds(done.LostFile)
	s.stopDatabase()
	s.startDatabase()
	s.loseBroker()
	done, err = Restore(t.Context(), s.restoreConfig(), third.folder)
	require.NoError(t, err)
	require.Zero(t, done.KeptSequence)
	_, err = s.place().js.Consumer(t.Context(), eventbus.Stream, c.durable)
	require.NoError(t, err, "integrators can go on")
	age, err := eventbus.MaxAge(t.Context(), s.place().js)
	require.NoError(t, err)
	require.Equal(t, s.restoreConfig().Stream.MaxAge, age)
	s.start()
	f.follow()
	require.True(t, f.refused(), "it is told that it missed something: %v", f.failure)
	c.load("fourth", 5)
	s.settle()
	require.Empty(t, audit(t, s.place(), false))
	third.stands(s.place())
	s.stop()
}

// restored restores the backup, and tries what must be refused and what must go on.
func (b *copied) restored() Report {
	s := b.crowd.site
	s.t.Helper()
	b.breaksOff()
	done, err := Restore(s.t.Context(), s.restoreConfig(), b.folder)
	require.NoError(s.t, err)
	s.t.Logf("%+v", done)
	require.NotZero(s.t, done.Gone)
	p := s.place()
	integrator, err := p.js.Consumer(s.t.Context(), eventbus.Stream, b.crowd.durable)
	require.NoError(s.t, err)
	require.NotZero(s.t, integrator.CachedInfo().NumPending, "it stands where it was")
	require.Len(s.t, announced(s.t, p), 1)
	_, err = Restore(s.t.Context(), s.restoreConfig(), b.folder)
	require.ErrorContains(s.t, err, "that is done")
	// Killed before its last step it goes on when it is called again.
	_, err = p.db.Exec(s.t.Context(), "UPDATE directory.restores SET done_time = NULL")
	require.NoError(s.t, err)
	again, err := Restore(s.t.Context(), s.restoreConfig(), b.folder)
	require.NoError(s.t, err)
	require.Equal(s.t, done, again)
	s.start()
	return done
}

// breaksOff begins a restore, which ends first within the load, where nothing may stand then, and again right behind it.
func (b *copied) breaksOff() {
	s := b.crowd.site
	t := s.t
	t.Helper()
	dump, err := os.ReadFile(filepath.Join(b.folder, dumpFile))
	require.NoError(t, err)
	part := filepath.Join(t.TempDir(), dumpFile)
	require.NoError(t, os.WriteFile(part, dump[:len(dump)/2], 0o600))
	p := s.place()
	empty := func() {
		t.Helper()
		found, err := schemas(t.Context(), p.db)
		require.NoError(t, err)
		require.Empty(t, found)
	}
	require.ErrorContains(t, p.load(t.Context(), b.manifest, part, "SELECT 1"), "pg_restore: ")
	empty()
	require.ErrorContains(t, p.load(t.Context(), b.manifest, filepath.Join(b.folder, dumpFile), "SELECT nothing"), "psql: ")
	empty()
	r := &restore{cfg: s.restoreConfig(), folder: b.folder}
	require.NoError(t, r.prepare(t.Context()))
	require.NoError(t, r.alone(t.Context()))
	require.NoError(t, r.database(t.Context()))
	r.close()
}

// restoredTo puts the database back to the backup's instant, as its own log would, and the broker by what an earlier backup
// knows.
func (b *copied) restoredTo(earlier *copied) {
	s := b.crowd.site
	s.t.Helper()
	require.NoError(s.t, s.place().load(s.t.Context(), b.manifest, filepath.Join(b.folder, dumpFile), "SELECT 1"))
	cfg := s.restoreConfig()
	cfg.To = earlier.manifest.StateTime.Add(-time.Second)
	_, err := Restore(s.t.Context(), cfg, earlier.folder)
	require.ErrorContains(s.t, err, "to: must not be before the backup")
	cfg.To = clock.Machine().Now().Add(time.Hour)
	_, err = Restore(s.t.Context(), cfg, earlier.folder)
	require.ErrorContains(s.t, err, "to: must not be after the present")
	cfg.To = b.manifest.StateTime
	done, err := Restore(s.t.Context(), cfg, earlier.folder)
	require.NoError(s.t, err)
	s.t.Logf("%+v", done)
	require.NotZero(s.t, done.Gone)
	require.LessOrEqual(s.t, done.KeptSequence, b.manifest.StreamSequence)
	s.start()
}

// copied loads, writes a backup under the load, and loads on.
func (c *crowd) copied(name string) *copied {
	t := c.site.t
	t.Helper()
	c.begin(name)
	c.more(10)
	b := &copied{crowd: c, folder: filepath.Join(c.site.folder, name)}
	var err error
	b.manifest, b.folder, err = Rotate(t.Context(), c.site.config(), b.folder, 1)
	require.NoError(t, err)
	c.more(10)
	c.end()
	c.site.settle()
	return b
}

// copied is a backup of a crowd's work.
type copied struct {
	crowd    *crowd
	folder   string
	manifest Manifest
}

// stands requires that the database holds what was answered before the backup, and not all that was written after it.
func (b *copied) stands(p *place) {
	t := b.crowd.site.t
	t.Helper()
	bodies, after := count(t, p, "SELECT body FROM threads.messages"), 0
	for body, answered := range b.crowd.posted {
		if answered.Before(b.manifest.StateTime) && !b.crowd.lost[body] {
			require.Equal(t, 1, bodies[body], "%q was answered before the backup", body)
		}
		if bodies[body] == 0 {
			b.crowd.lost[body] = true
			after++
		}
	}
	require.NotZero(t, after, "something was lost")
}

// auditFinds requires that the audit sees when the stream was not cut, and when too much of it was. The stream is spoilt then.
func (c *crowd) auditFinds(lost string) {
	t := c.site.t
	t.Helper()
	p := c.site.place()
	stream, err := p.stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.publish(t.Context(), lost))
	require.NotEmpty(t, audit(t, p, true), "events that were taken back stand in the stream")
	after, err := p.stream(t.Context())
	require.NoError(t, err)
	var sequences []uint64
	for sequence := stream.State.LastSeq + 1; sequence <= after.State.LastSeq; sequence++ {
		sequences = append(sequences, sequence)
	}
	require.NoError(t, p.cut(t.Context(), sequences))
	require.Empty(t, audit(t, p, true))
	for _, e := range readAll(t, p) {
		if _, ok := e.payload.(*threadsv1.MessagePosted); ok {
			sequences = []uint64{e.Stream}
		}
	}
	require.NoError(t, p.cut(t.Context(), sequences))
	require.NotEmpty(t, audit(t, p, true), "an event that stands is not in the stream")
}

// TestARestoreWaitsForThoseWhoLeave: sessions of a service that was stopped end a moment after it.
func TestARestoreWaitsForThoseWhoLeave(t *testing.T) {
	t.Parallel()
	admin := pgtest.NewEmpty(t)
	db, err := pgx.Connect(t.Context(), admin)
	require.NoError(t, err)
	watcher, err := pgx.Connect(t.Context(), admin)
	require.NoError(t, err)
	role := "leaving_" + strings.ReplaceAll(uuid.NewString(), "-", "") + "_app"
	_, err = db.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'")
	require.NoError(t, err)
	login, err := url.Parse(admin)
	require.NoError(t, err)
	login.User = url.UserPassword(role, "secret")
	service, err := pgx.Connect(t.Context(), login.String())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := watcher.Exec(ctx, "DROP ROLE "+role)
		require.NoError(t, errors.Join(err, watcher.Close(ctx), db.Close(ctx)))
	})
	p := &place{db: db, js: natstest.New(t).JS(t)}
	ended := make(chan error)
	go func() { ended <- p.alone(t.Context()) }()
	require.Eventually(t, func() bool {
		var looked bool
		err := watcher.QueryRow(t.Context(), "SELECT query ~ 'usename' FROM pg_stat_activity WHERE pid = $1", db.PgConn().PID()).Scan(&looked)
		return err == nil && looked
	}, patience, time.Millisecond)
	require.NoError(t, service.Close(t.Context()))
	require.NoError(t, <-ended)
}
