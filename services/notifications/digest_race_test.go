package notifications

import (
	"context"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/outbox"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/channel"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/email"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store"
	"github.com/meridianhq/meridian/services/notifications/internal/wire"
)

// interrupted is a channel after each of whose sendings something happens, before that is recorded.
type interrupted struct {
	app.Channel
	happens func()
}

// Send implements app.Channel.
func (i interrupted) Send(ctx context.Context, p app.Parcel) error {
	err := i.Channel.Send(ctx, p)
	i.happens()
	return err
}

// sendInterrupted sends the one digest that is due, with no worker running; something happens between its sending and its
// record.
func (w *world) sendInterrupted(ctx context.Context, happens func()) error {
	w.t.Helper()
	mail, err := email.New(email.Config{URL: w.post.url, From: "Meridian <meridian@meridian.test>", PublicURL: "https://meridian.test"})
	require.NoError(w.t, err)
	channels := channel.All(mail)
	for i := range channels {
		if channels[i].Kind() == domain.Email {
			channels[i] = interrupted{channels[i], happens}
		}
	}
	a := app.New(app.Deps{
		Store: store.New(w.db.App, w.db.Owner, outbox.New(nil), wire.Encoder("meridian.test")), Access: w.directory,
		Clock: w.clock, Machine: clock.Machine(), WorkingTime: w.office, Sources: w.desk, Channels: channels, Digests: mail,
	})
	items, err := a.DueDigests(w.ctx, w.clock.Now(), time.Minute, 10)
	require.NoError(w.t, err)
	require.Len(w.t, items, 1)
	return a.SendDigest(ctx, items[0])
}

// nine is Ben's nine o'clock with his digest due, and no worker running.
func (w *world) nine() night {
	w.t.Helper()
	n := w.night()
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.settle()
	w.crew.stop()
	require.NoError(w.t, w.clock.Set(local(chicago, 1, 9, 10)))
	return n
}

// resume goes on with all workers.
func (w *world) resume() {
	w.t.Helper()
	w.crew = w.startCrew(w.app)
	w.settle()
}

// What happens in a followed thread after a digest was filled and before it was sent comes with the next.
func TestWhatHappensWhileADigestLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.nine()
	w.desk.follow(n.ben.Member, following("workspaces/w/threads/1", "Latency", n.space, 3, epoch))
	require.NoError(t, w.sendInterrupted(w.ctx, func() {
		w.desk.follow(n.ben.Member,
			following("workspaces/w/threads/1", "Latency", n.space, 3, epoch),
			following("workspaces/w/threads/2", "Outage", n.space, 1, w.clock.Now().Add(time.Second)))
		require.NoError(t, w.clock.Set(w.clock.Now().Add(2*time.Second)))
	}))
	w.resume()
	w.to(local(chicago, 2, 9, 20))
	letters := w.post.letters()
	require.Len(t, letters, 2)
	require.Contains(t, letters[0].text, "Latency")
	require.Contains(t, letters[1].text, "Outage")
	require.NotContains(t, letters[1].text, "Latency")
}

// The service is shut down between the sending of a digest and its record: it is recorded all the same.
func TestAShutdownWhileADigestLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.nine()
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	require.NoError(t, w.sendInterrupted(ctx, cancel))
	w.resume()
	require.Len(t, w.post.letters(), 1)
	require.Len(t, w.events("DigestSent"), 1)
	require.Equal(t, notificationsv1.Digest_SENT, w.digests(n.ben)[1].GetState())
}

// Working time ends while a digest is on its way: it stays leased, and is recorded for its own day.
func TestADayEndsWhileItsDigestLeaves(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]time.Time{"until tomorrow": local(chicago, 2, 0, 0), "for long": local(chicago, 300, 0, 0)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.nine()
			require.NoError(t, w.sendInterrupted(w.ctx, func() {
				w.office.leave(n.ben.Member, local(chicago, 1, 0, 0), back)
				w.exec(`UPDATE digest_plans SET plan_at = $1`, w.clock.Now())
				require.NoError(t, w.app.Plan(w.ctx, app.PlanBatch{Workspace: n.ws, Members: []uuid.UUID{n.ben.Member}}))
				var leased bool
				require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx,
					`SELECT lease_until > clock_timestamp() FROM digests WHERE state = 'PENDING'`).Scan(&leased))
				require.True(t, leased)
			}))
			w.resume()
			require.Len(t, w.post.letters(), 1)
			require.Equal(t, notificationsv1.Delivery_SENT, mailed(w.only(n.ben, "MENTIONED")).GetState())
			all := w.digests(n.ben)
			sent := all[len(all)-1]
			require.Equal(t, notificationsv1.Digest_SENT, sent.GetState())
			require.Equal(t, "2026-12-01", sent.GetLocalDate())
			if len(all) > 1 {
				require.Equal(t, "2026-12-02", all[0].GetLocalDate())
			}
		})
	}
}

// Whoever is at a digest takes its recipient's plan before it, as who plans does: else the two wait for each other.
func TestThePlanIsLockedBeforeTheDigest(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(w *world, n night, hold func()) error{
		"filling": func(w *world, _ night, hold func()) error {
			hold()
			return w.sendInterrupted(w.ctx, func() {})
		},
		"record": func(w *world, _ night, hold func()) error { return w.sendInterrupted(w.ctx, hold) },
		"postponing": func(w *world, n night, hold func()) error {
			w.office.leave(n.ben.Member, local(chicago, 1, 0, 0), local(chicago, 2, 0, 0))
			hold()
			return w.sendInterrupted(w.ctx, func() {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.nine()
			planner, err := w.db.Owner.Pool().Begin(w.ctx)
			require.NoError(t, err)
			defer func() { _ = planner.Rollback(context.WithoutCancel(w.ctx)) }()
			held, done := make(chan error, 1), make(chan error, 1)
			go func() {
				done <- at(w, n, func() {
					_, err := planner.Exec(w.ctx, `SELECT FROM digest_plans FOR UPDATE`)
					held <- err
				})
			}()
			require.NoError(t, <-held)
			require.Eventually(t, func() bool {
				var waiting bool
				err := w.db.Owner.Pool().QueryRow(w.ctx, `SELECT EXISTS (SELECT FROM pg_locks
					WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid)))`, planner.Conn().PgConn().PID()).Scan(&waiting)
				return err == nil && waiting
			}, 20*time.Second, 10*time.Millisecond)
			_, err = planner.Exec(w.ctx, `SELECT FROM digests FOR UPDATE NOWAIT`)
			require.NoError(t, err)
			require.NoError(t, planner.Commit(w.ctx))
			require.NoError(t, <-done)
		})
	}
}

// The text of a try that failed never reached the recipient, and is not shown to them later.
func TestTheTextOfADigestThatWasNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.nine()
	read := func() *notificationsv1.Digest {
		all := w.digests(n.ben)
		d, err := w.inbox.GetDigest(n.ben.ctx, &notificationsv1.GetDigestRequest{Name: all[len(all)-1].GetName()})
		require.NoError(t, err)
		return d
	}
	w.post.refuse(&smtp.SMTPError{Code: 450, Message: "later"}, &smtp.SMTPError{Code: 550, Message: "no such user"})
	for _, state := range []notificationsv1.Digest_State{notificationsv1.Digest_PENDING, notificationsv1.Digest_FAILED} {
		w.exec(`UPDATE digests SET lease_until = NULL`)
		require.NoError(t, w.sendInterrupted(w.ctx, func() {}))
		require.Equal(t, state, read().GetState())
		require.Empty(t, read().GetText())
	}
}
