package notifications

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// What a replica of a newer version made of a kind that this one does not know is left to that one: it is neither sent nor
// cancelled, nor told of as something else, whatever happens to what is known beside it.
func TestWhatANewerVersionMadeIsLeftToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.exec(`ALTER TABLE notifications DROP CONSTRAINT notifications_reason_check, DROP CONSTRAINT notifications_state_check`)
	for range 4 {
		w.thread(n.ws, n.space).mention(n.ana, high, n.ben.name())
	}
	w.settle()
	inbox := w.list(n.ben, "")
	require.Len(t, inbox, 4)
	ids := make([]uuid.UUID, len(inbox))
	for i, one := range inbox {
		ids[i] = uuid.MustParse(one.GetUid())
	}
	source := inbox[1].GetSource()
	w.exec(`UPDATE notifications SET reason = 'FOLLOWED' WHERE notification_id = $1`, ids[0])
	w.exec(`UPDATE notifications SET source = $2 WHERE notification_id = $1`, ids[1], domain.WorkspaceName(n.ws)+"/polls/"+uuid.NewString())
	w.exec(`UPDATE notifications SET state = 'PARKED' WHERE notification_id = $1`, ids[2])
	w.exec(`UPDATE deliveries SET channel = 'PUSH' WHERE notification_id = $1 AND channel = 'IN_APP'`, ids[3])
	require.NoError(t, w.clock.Set(local(chicago, 1, 9, 0)))

	claimed := func() (count int) {
		require.NoError(t, w.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM deliveries
			WHERE lease_until > clock_timestamp() AND state = 'PENDING' AND attempts = 0`).Scan(&count))
		return count
	}
	require.Eventually(t, func() bool { return len(w.post.letters()) == 1 && claimed() == 7 }, 30*time.Second, 5*time.Millisecond,
		"what is known is sent, what is not is held for a moment")
	require.Empty(t, w.events("NotificationCancelled"))
	require.Empty(t, w.delivered(n.ben))
	require.Empty(t, w.list(n.ben, "reason = ASKED"))
	require.Len(t, w.list(n.ben, "reason = MENTIONED"), 3, "one is of a reason without a word here")

	// The decisions, of what is decided anew because working time changed, are left as well.
	w.exec(`UPDATE deliveries SET decide_at = $1, lease_until = NULL WHERE state = 'PENDING'`, w.clock.Now())
	require.Eventually(t, func() bool { return claimed() == 7 }, 30*time.Second, 5*time.Millisecond)
	require.Empty(t, w.events("NotificationCancelled"))

	// The newer version does with them what is right; here, what this one does with those that it knows.
	w.exec(`UPDATE notifications SET reason = 'MENTIONED', state = 'UNREAD', source = CASE notification_id WHEN $1 THEN $2 ELSE source END`,
		ids[1], source)
	w.exec(`UPDATE deliveries SET channel = 'IN_APP' WHERE channel = 'PUSH'`)
	w.exec(`UPDATE deliveries SET lease_until = NULL WHERE state = 'PENDING'`)
	w.settle()
	require.Len(t, w.delivered(n.ben), 4)
	require.Len(t, w.post.letters(), 4)
}
