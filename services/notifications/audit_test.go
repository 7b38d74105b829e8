package notifications

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// chance draws what happens next.
type chance struct{ *rand.Rand }

func (c chance) one(choices ...string) string { return choices[c.IntN(len(choices))] }

func (c chance) between(from, to int, unit time.Duration) time.Duration {
	return time.Duration(from+c.IntN(to-from+1)) * unit
}

// Whatever happens, in whatever order (messages and asks of every urgency, moves of the clock, hours that change in both
// directions, leave, workers that stop and start again, peers that are away): below URGENT nothing is sent outside working
// time, nothing is sent twice, and in the end everything has reached whom it concerns.
func TestNothingAtAForbiddenHour(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.night()
			chitra := w.member(n.ws, auth.Member, "chitra", "Asia/Kolkata")
			c := chance{rand.New(rand.NewPCG(seed, 2026))}
			thread := w.thread(n.ws, n.space)
			for range 25 {
				w.something(c, n, thread, []person{n.ben, chitra}[c.IntN(2)])
			}
			w.office.switchOff(false)
			w.desk.switchOff(domain.Threads, false)
			w.release()
			w.to(w.clock.Now().Add(time.Hour))
			w.release()
			w.to(w.clock.Now().AddDate(0, 0, 10)) // every leave is over by then, and every digest due
			w.audit()
			w.onceEach()
			for _, p := range []person{n.ben, chitra} {
				for _, one := range w.list(p, "") {
					for _, d := range one.GetDeliveries() {
						if d.GetDecision() != notificationsv1.Delivery_SUPPRESSED {
							require.Equal(t, notificationsv1.Delivery_SENT, d.GetState(), "%s", one)
						}
					}
				}
			}
			require.NotEmpty(t, w.attempts())
		})
	}
}

// something happens in the night.
func (w *world) something(c chance, n night, thread *thread, to person) {
	w.t.Helper()
	switch c.one("mention", "mention", "ask", "clock", "far", "hours", "leave", "restart", "away", "back") {
	case "mention":
		thread.mention(n.ana, notificationsv1.Notification_Urgency(1+c.IntN(4)), to.name())
	case "ask":
		thread.ask(n.ana, notificationsv1.Notification_Urgency(2+c.IntN(2)), to).open()
	case "clock":
		w.settle()
		w.clock.Advance(c.between(1, 90, time.Minute))
	case "far":
		w.clock.Advance(c.between(1, 30, time.Hour)) // with work under way
	case "hours":
		h := nineToFive()
		h.start = c.between(0, 23, time.Hour)
		h.end = (h.start + 8*time.Hour) % (24 * time.Hour)
		w.rehours(to, c.one(chicago, london, "Asia/Kolkata", "Pacific/Auckland"), h)
	case "leave":
		from := w.clock.Now().Add(c.between(0, 48, time.Hour))
		w.office.leave(to.Member, from, from.Add(c.between(1, 72, time.Hour)))
		w.workingTimeChanged(to)
	case "restart":
		w.crew.stop()
		w.clock.Advance(c.between(0, 20, time.Hour))
		w.crew = w.startCrew(w.app)
	case "away":
		w.office.switchOff(c.IntN(2) == 0)
		w.desk.switchOff(domain.Threads, c.IntN(2) == 0)
	case "back":
		w.office.switchOff(false)
		w.desk.switchOff(domain.Threads, false)
	}
}

// release ends every lease of what is held, as the time of machines does: nothing is on its way meanwhile.
func (w *world) release() {
	w.settle()
	w.crew.stop()
	for _, table := range []string{"deliveries", "digests", "digest_plans", "waits", "notifications"} {
		w.exec(`UPDATE ` + table + ` SET lease_until = NULL WHERE lease_until IS NOT NULL`)
	}
	w.crew = w.startCrew(w.app)
	w.settle()
}

// onceEach requires that no mail and no signal came twice, and that nobody got two digests of one date.
func (w *world) onceEach() {
	w.t.Helper()
	var ids []string
	for _, l := range w.post.letters() {
		require.NotContains(w.t, ids, l.id)
		ids = append(ids, l.id)
	}
	for _, query := range []string{
		`SELECT count(*) FROM (SELECT notification_id, channel FROM attempts WHERE outcome = 'SENT' AND notification_id IS NOT NULL
			GROUP BY 1, 2 HAVING count(*) > 1) twice`,
		`SELECT count(*) FROM (SELECT recipient_id, local_date FROM digests GROUP BY 1, 2 HAVING count(*) > 1) twice`,
		`SELECT count(*) FROM attempts WHERE outcome = '` + string(app.Begun) + `'`,
	} {
		var twice int
		require.NoError(w.t, w.db.Owner.Pool().QueryRow(w.ctx, query).Scan(&twice))
		require.Zero(w.t, twice, query)
	}
	var signalled []string
	for _, e := range w.events("NotificationDelivered") {
		d := e.payload.(*notificationsv1.NotificationDelivered)
		key := d.GetChannel().String() + d.GetNotification().GetName()
		require.False(w.t, slices.Contains(signalled, key), "%s", key)
		signalled = append(signalled, key)
	}
}

// Two processes share the work: nothing comes twice.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	second := w.startCrew(w.useCases())
	t.Cleanup(second.stop)
	thread := w.thread(n.ws, n.space)
	var asked []*ask
	for range 15 {
		asked = append(asked, thread.ask(n.ana, high, n.ben).open())
		w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	}
	w.to(local(chicago, 1, 9, 30))
	for range 3 { // what is late in the one may be taken up by the other
		for _, worker := range second.workers {
			require.NoError(t, worker.Settled(w.ctx))
		}
		w.settle()
	}
	require.Len(t, w.delivered(n.ben), 30)
	require.Len(t, w.post.letters(), 15+1)
	for _, a := range asked {
		one := w.list(n.ben, `source = "`+a.GetName()+`"`)[0]
		require.Equal(t, notificationsv1.Delivery_SENT, mailed(one).GetState())
	}
	w.audit()
	w.onceEach()
}
