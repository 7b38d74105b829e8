package domain

import (
	"time"

	"github.com/google/uuid"
)

// Decision is what was decided for a channel, by its word in the API.
type Decision string

// The decisions.
const (
	// Now: sent at once.
	Now Decision = "NOW"
	// Held until an instant, and decided again then.
	Held Decision = "DEFERRED"
	// InDigest: part of the next digest, and decided again then.
	InDigest Decision = "DIGEST"
	// Suppressed: not sent over this channel.
	Suppressed Decision = "SUPPRESSED"
)

// DeliveryState is what became of a delivery, by its word in the API.
type DeliveryState string

// The states of a delivery.
const (
	// Pending: not sent yet.
	Pending DeliveryState = "PENDING"
	// Sent: handed to the channel.
	Sent DeliveryState = "SENT"
	// Ended: not sent, because it is not, or no longer, right to.
	Ended DeliveryState = "CANCELLED"
	// Failed: the channel refused it for good.
	Failed DeliveryState = "FAILED"
)

// Delivery is what was decided for one channel of a notification and what became of it.
type Delivery struct {
	Channel     Channel
	Decision    Decision
	Explanation string
	State       DeliveryState
	// DeliverTime is when it is, or was, to be sent; zero when nothing is.
	DeliverTime, DecideTime, SendTime time.Time
	WorkingTimeVersion                int64
	Attempts                          int
	LastError                         string
	// DecideAt is when it is to be decided, or decided again; zero while what was decided stands.
	DecideAt time.Time
	// Woken says that it signals the end of a snooze.
	Woken bool
	// Digest is the digest that it was sent with.
	Digest uuid.UUID
}

// newDelivery is what a decision comes to.
func newDelivery(v Verdict, now time.Time) Delivery {
	d := Delivery{Channel: v.Channel, State: Pending}
	d.take(v, now)
	return d
}

// take puts a decision in the place of the one before. It tells whether the recipient sees a difference in when or whether.
func (d *Delivery) take(v Verdict, now time.Time) (moved bool) {
	moved = d.Decision != v.Decision || !d.DeliverTime.Equal(v.DeliverTime)
	d.Decision, d.Explanation, d.DeliverTime = v.Decision, v.Explanation, v.DeliverTime
	d.DecideTime, d.DecideAt, d.WorkingTimeVersion = now, v.Again, v.Version
	if v.Decision == Suppressed {
		d.State = Ended
	}
	return moved
}

// Preview is the delivery that a decision would come to.
func Preview(v Verdict, now time.Time) Delivery { return newDelivery(v, now) }
