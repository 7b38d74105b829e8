package domain

import (
	"time"

	"github.com/google/uuid"
)

// ComputedDue is when a recipient's window ends, as it was computed for the round in which that was asked for.
type ComputedDue struct {
	Member      uuid.UUID
	Round       int64
	Due, Remind time.Time
	Reason      DueReason
	// Delegate acts for them; uuid.Nil for nobody.
	Delegate uuid.UUID
}

// Schedule takes over computed due times of those the ask waits for. What was asked for again meanwhile is dropped: its
// own answer follows. Times that are as they were change nothing and have no event. taken says whether any was taken.
func (a *Ask) Schedule(dues []ComputedDue, now time.Time) (taken bool, events []Event) {
	computed := make(map[uuid.UUID]ComputedDue, len(dues))
	for _, d := range dues {
		computed[d.Member] = d
	}
	var changed []uuid.UUID
	for i := range a.Recipients {
		r := &a.Recipients[i]
		d, there := computed[r.Member]
		if !there || !r.Waits() || !r.Pending || r.Round != d.Round {
			continue
		}
		r.Pending, r.Touched, taken = false, true, true
		if d.Delegate == a.Asker {
			d.Delegate = uuid.Nil // who asks does not answer it
		}
		if r.Due.Equal(d.Due) && r.Remind.Equal(d.Remind) && r.Reason == d.Reason && r.Delegate == d.Delegate {
			continue
		}
		r.Due, r.Remind, r.Reason, r.Delegate, r.UpdateTime = d.Due, d.Remind, d.Reason, d.Delegate, now
		if !r.late(now) {
			r.Told = false
		}
		changed = append(changed, r.Member)
	}
	if len(changed) == 0 {
		return taken, nil
	}
	a.touch(now)
	return taken, []Event{AskDueChanged{Ask: a.At(now), Members: changed}}
}

// Announce publishes, once for each, of whom the ask waits beyond their due time. Those whose due time is being computed
// again are left until it is known.
func (a *Ask) Announce(now time.Time) []Event {
	var members []uuid.UUID
	for i := range a.Recipients {
		r := &a.Recipients[i]
		if r.Waits() && r.late(now) && !r.Told && !r.Pending {
			r.Told, r.Touched, r.UpdateTime = true, true, now
			members = append(members, r.Member)
		}
	}
	if len(members) == 0 {
		return nil
	}
	a.touch(now)
	return []Event{AskOverdue{Ask: a.At(now), Members: members}}
}
