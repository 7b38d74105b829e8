package notifications

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// swap is a swap of Ana's shift of the night of Thursday, 3 December 2026, as its owner knows it.
type swap struct {
	*availabilityv1.RotationSwap
	w        *world
	rotation string
}

func (w *world) swap(by person, to string) *swap {
	rotation := domain.WorkspaceName(by.Workspace) + "/teams/" + uuid.NewString() + "/rotations/" + uuid.NewString()
	return &swap{w: w, rotation: rotation, RotationSwap: &availabilityv1.RotationSwap{
		Name: rotation + "/swaps/" + uuid.NewString(), Member: by.name(), ToMember: to, State: availabilityv1.RotationSwap_OFFERED,
		StartTime: timestamppb.New(shiftStart()), EndTime: timestamppb.New(shiftStart().Add(8 * time.Hour)),
	}}
}

func shiftStart() time.Time { return local(chicago, 3, 17, 0) }

func (s *swap) is(state availabilityv1.RotationSwap_State, by string) *swap {
	s.State = state
	s.w.publish("availability", by, &availabilityv1.RotationSwapChanged{
		Swap: clone(s.RotationSwap), Rotation: s.rotation, DisplayName: "Platform on call", Version: s.w.version(s.rotation),
	})
	s.w.settle()
	return s
}

func (s *swap) take(by person) {
	s.State, s.Taker = availabilityv1.RotationSwap_TAKEN, by.name()
	s.w.publish("availability", by.name(), &availabilityv1.ShiftSwapped{
		Swap: clone(s.RotationSwap), Rotation: s.rotation, DisplayName: "Platform on call", Version: s.w.version(s.rotation),
	})
	s.w.settle()
}

const offered, declined, withdrawn = availabilityv1.RotationSwap_OFFERED, availabilityv1.RotationSwap_DECLINED, availabilityv1.RotationSwap_WITHDRAWN

func TestAShiftIsOfferedAndTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	s := w.swap(n.ana, n.ben.name()).is(offered, n.ana.name())
	got := w.only(n.ben, "OFFERED")
	require.Equal(t, s.GetName(), got.GetSource())
	require.Equal(t, s.rotation, got.GetContext())
	require.Empty(t, got.GetSpace())
	require.Equal(t, "Ana offers you their shift: take it or decline", got.GetSummary())
	require.Equal(t, "Platform on call: Thu 3 Dec, 17:00 to Fri 4 Dec 2026, 01:00 (America/Chicago)", got.GetTitle())
	require.Equal(t, shiftStart(), got.GetDueTime().AsTime())
	require.True(t, got.GetWaiting())
	require.Equal(t, local(chicago, 1, 9, 0), inApp(got).GetDeliverTime().AsTime(), "in his morning")

	s.take(n.ben)
	require.Equal(t, "taken", w.only(n.ben, "OFFERED").GetSettledReason())
	require.Equal(t, notificationsv1.Delivery_CANCELLED, inApp(w.only(n.ben, "OFFERED")).GetState())
	taken := w.only(n.ana, "ACCEPTED")
	require.Equal(t, "Ben takes your shift", taken.GetSummary())
	require.Equal(t, "Platform on call: Thu 3 Dec, 23:00 to Fri 4 Dec 2026, 07:00 (Europe/London)", taken.GetTitle())
	require.Equal(t, notificationsv1.Delivery_SENT, inApp(taken).GetState(), "her day is on")
}

func TestAShiftIsDeclinedOrWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	w.swap(n.ana, n.ben.name()).is(offered, n.ana.name()).is(declined, n.ben.name())
	require.Equal(t, "Ben does not take your shift", w.only(n.ana, "DECLINED").GetSummary())
	require.Equal(t, "declined", w.only(n.ben, "OFFERED").GetSettledReason())

	s := w.swap(n.ana, n.ben.name()).is(offered, n.ana.name()).is(withdrawn, n.ana.name())
	ended := w.list(n.ben, `source = "`+s.GetName()+`"`)[0]
	require.False(t, ended.GetWaiting())
	require.Equal(t, "It no longer waits: withdrawn.", inApp(ended).GetExplanation())
	w.only(n.ana, "DECLINED")
	require.Len(t, w.list(n.ana, ""), 1)
}

// Offered to the whole rotation it asks nobody by name; who offered hears all the same that it was taken, also by a lead's offer.
func TestAShiftIsOfferedToAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	lead := w.member(n.ws, auth.Member, "lead", london)
	s := w.swap(n.ana, "").is(offered, lead.name())
	for _, p := range []person{n.ana, n.ben, lead} {
		require.Empty(t, w.list(p, ""), p.handle)
	}
	s.take(n.ben)
	w.only(n.ana, "ACCEPTED")
	require.Empty(t, w.list(lead, ""))
	require.Empty(t, w.list(n.ben, ""))
}

// Once its time begins it waits for nobody, without anybody saying so; and a guest, who may not take it, is not asked.
func TestAnOfferOfAShiftRunsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.night()
	guest := w.member(n.ws, auth.Guest, "guest", london)
	w.swap(n.ana, guest.name()).is(offered, n.ana.name())
	require.Empty(t, w.list(guest, ""))

	w.swap(n.ana, n.ben.name()).is(offered, n.ana.name())
	counts := func() int32 {
		found, err := w.inbox.GetInboxCounts(n.ben.ctx, &notificationsv1.GetInboxCountsRequest{Name: domain.WorkspaceName(n.ws) + "/inboxCounts"})
		require.NoError(t, err)
		return found.GetWaitingCount()
	}
	w.to(shiftStart().Add(-time.Microsecond))
	require.EqualValues(t, 1, counts())
	w.only(n.ben, "REMINDED")
	require.Len(t, w.list(n.ben, "waiting = true"), 2)
	w.to(shiftStart())
	require.Zero(t, counts())
	require.Empty(t, w.list(n.ben, "waiting = true"))
	require.Len(t, w.list(n.ben, "waiting = false"), 2)
	over := w.only(n.ben, "OFFERED")
	require.False(t, over.GetWaiting())
	require.Equal(t, "expired", over.GetSettledReason())
	done, err := w.inbox.MarkNotificationDone(n.ben.ctx, &notificationsv1.MarkNotificationDoneRequest{Name: over.GetName()})
	require.NoError(t, err)
	require.False(t, done.GetWaiting())
}
