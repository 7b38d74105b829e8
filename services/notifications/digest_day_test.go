package notifications

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

func from(start time.Duration) hours {
	h := nineToFive()
	h.start = start
	return h
}

// At eight o'clock Ben's hours become others from now on. Where his day has begun by them, its digest is due at once; where it
// begins later, the digest waits for that.
func TestTheDayBeganBeforeItsDigest(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"while the service runs": false, "while the service was down": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.night()
			w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
			w.settle()
			if down {
				w.crew.stop()
				w.office.set(n.ben.Member, chicago, from(7*time.Hour))
				w.workingTimeChanged(n.ben)
				require.NoError(t, w.clock.Set(local(chicago, 1, 8, 0)))
				w.resume()
			} else {
				w.to(local(chicago, 1, 8, 0))
				w.rehours(n.ben, chicago, from(7*time.Hour+30*time.Minute))
				w.settle()
			}
			require.Len(t, w.post.letters(), 1)
			require.Equal(t, notificationsv1.Delivery_SENT, mailed(w.only(n.ben, "MENTIONED")).GetState())
			all := w.digests(n.ben)
			require.Equal(t, "2026-12-01", all[1].GetLocalDate())
			require.Equal(t, local(chicago, 1, 8, 0), all[1].GetSendTime().AsTime())
			require.Equal(t, "2026-12-02", all[0].GetLocalDate())

			// The day has had its digest, whenever it begins once more.
			w.rehours(n.ben, chicago, from(11*time.Hour))
			w.to(local(chicago, 1, 16, 0))
			require.Len(t, w.post.letters(), 1)
			require.Len(t, w.digests(n.ben), 2)
			w.audit()
		})
	}
}

func TestTheDayBeginsAfterItsDigest(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"while the service runs": false, "while the service was down": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.night()
			w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
			w.settle()
			if down {
				w.crew.stop()
				w.rehours(n.ben, chicago, from(10*time.Hour))
				require.NoError(t, w.clock.Set(local(chicago, 1, 8, 0)))
				w.resume()
			} else {
				w.to(local(chicago, 1, 8, 0))
				w.rehours(n.ben, chicago, from(10*time.Hour))
			}
			w.to(local(chicago, 1, 9, 59))
			require.Empty(t, w.post.letters())
			w.to(local(chicago, 1, 10, 10))
			require.Len(t, w.post.letters(), 1)
			sent := w.digests(n.ben)[1]
			require.Equal(t, "2026-12-01", sent.GetLocalDate())
			require.Equal(t, local(chicago, 1, 10, 0).Add(domain.Spread(n.ben.Member)), sent.GetSendTime().AsTime())
			w.audit()
		})
	}
}

// A night's shift that is worked on the date of the next is not the day of that one's digest.
func TestANightsShiftIsNotTheNextDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	nights := hours{days: nineToFive().days, start: 22 * time.Hour, end: 6 * time.Hour}
	w.office.set(n.ben.Member, chicago, nights)
	w.thread(n.ws, n.space).mention(n.ana, normal, n.ben.name())
	w.settle() // 03:00, in the shift of 30 November
	require.Empty(t, w.post.letters())
	w.rehours(n.ben, chicago, nights)
	w.settle()
	require.Empty(t, w.post.letters())
	require.Equal(t, "2026-12-01", w.digests(n.ben)[0].GetLocalDate())
	require.Equal(t, local(chicago, 1, 22, 0).Add(domain.Spread(n.ben.Member)), w.digests(n.ben)[0].GetDeliverTime().AsTime())
}

// The digest of the last working day before a long leave holds what came that morning too.
func TestTheLastDigestBeforeALongLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.office.leave(n.ben.Member, local(chicago, 2, 0, 0), local(chicago, 300, 0, 0))
	w.thread(n.ws, n.space).mention(n.ana, low, n.ben.name())
	w.settle()
	a := w.thread(n.ws, n.space).ask(n.ana, normal, n.ben).open()
	w.to(local(chicago, 1, 9, 10))
	letters := w.post.letters()
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].text, "Ana mentioned you")
	require.Contains(t, letters[0].text, "Ana asks you for a reply")
	for _, source := range []string{a.GetName(), w.only(n.ben, "MENTIONED").GetSource()} {
		require.Equal(t, notificationsv1.Delivery_SENT, mailed(w.list(n.ben, `source = "`+source+`"`)[0]).GetState())
	}
	w.audit()
}
