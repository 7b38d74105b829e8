package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// State is where a notification stands in the inbox, by its word in the API.
type State string

// The states.
const (
	// Unread: not looked at.
	Unread State = "UNREAD"
	// Seen: looked at.
	Seen State = "READ"
	// Done: put away by the recipient.
	Done State = "DONE"
)

// Notification is one recipient's item in their inbox, with its deliveries.
type Notification struct {
	Workspace, ID, Recipient uuid.UUID
	// Source is the name of what it is about, Context that of the thread or task which holds it, Message that of the message
	// which carries it, if one does.
	Source, Context, Message string
	// Space is that which holds the source; nil for none. Then Subject is whose own matter it is, for them and for who decides
	// about their time off alone; nil for what every MEMBER may read.
	Space, Subject uuid.UUID
	// ActsFor is the manager in whose place the recipient decides about the Subject's time off, while they act for that one; nil
	// for nobody.
	ActsFor uuid.UUID
	Reason  Reason
	// Occasion tells apart what may happen more than once to a recipient, a source and a reason: each occasion notifies once.
	Occasion string
	Urgency  Urgency

	Title, Excerpt, Summary, UrgentReason string
	// Actor is whose act it was; nil where time alone acted.
	Actor uuid.UUID

	DueTime       time.Time
	State         State
	SnoozeTime    time.Time
	Waiting       bool
	SettledReason string
	// Forgotten says, of a draft, that the message which carries it was deleted before.
	Forgotten bool
	// Span, of a draft, is the time that it is about: its title ends with that, in the recipient's zone. The zero Span is none.
	Span Span

	Deliveries []Delivery
	// Local is the recipient's zone as it was last known; nil is UTC.
	Local                  *time.Location
	Version                int64
	CreateTime, UpdateTime time.Time

	// Lines are what is to be added to its history.
	Lines []Line
}

// Open makes a notification of a draft: it stands in the inbox, and each channel is decided. What no longer waits is not
// sent any more.
func (n *Notification) Open(id uuid.UUID, s Situation) []Event {
	n.ID, n.State, n.Version, n.UpdateTime, n.Local = id, Unread, 1, s.Now, s.Reach.Local
	n.Title += n.Span.words(n.Local)
	for _, v := range Decide(s) {
		n.Deliveries = append(n.Deliveries, newDelivery(v, s.Now))
		n.tell(v.Channel, s.Now, v.words(n.Local), v.Explanation)
	}
	switch {
	case n.Reason.Waits() && !n.Waiting:
		n.end(n.ended(), s.Now)
	case n.Forgotten && n.Source == n.Message:
		n.end(messageDeleted, s.Now)
	}
	return []Event{Created{Notification: n.snapshot()}}
}

// Situation is what a notification brings to a decision about it.
func (n *Notification) Situation(now time.Time, to Recipient, r Reach, noMail string, lastSignal time.Time) Situation {
	return Situation{
		Now: now, Reach: r, Name: to.Name, Urgency: n.Urgency, Reason: n.Reason, Context: n.Context,
		Space: SpaceName(n.Workspace, n.Space), Preferences: to.Preferences, NoMail: noMail, LastSignal: lastSignal,
		Spread: Spread(n.Recipient),
	}
}

// Known says whether this version knows what it is about and where it stands. One that a newer version made of another kind is
// left to that one: nothing is decided, sent or cancelled of it here.
func (n *Notification) Known() bool {
	return slices.Contains(Reasons(), n.Reason) && slices.Contains([]State{Unread, Seen, Done}, n.State) &&
		slices.Contains(Urgencies(), n.Urgency) && OwnerOf(n.Source) != ""
}

// snapshot is the notification as it is now, for an event.
func (n *Notification) snapshot() Notification {
	out := *n
	out.Deliveries = slices.Clone(n.Deliveries)
	out.Lines = nil
	return out
}

func (n *Notification) touch(now time.Time) {
	n.Version++
	n.UpdateTime = now
}

// Delivery is that of a channel; nil where there is none.
func (n *Notification) Delivery(c Channel) *Delivery {
	for i := range n.Deliveries {
		if n.Deliveries[i].Channel == c {
			return &n.Deliveries[i]
		}
	}
	return nil
}

// Name is the notification's resource name.
func (n *Notification) Name() string { return NotificationName(n.Workspace, n.ID) }

// Look marks it as read. What was held of it is cancelled. One that was looked at stays as it is.
func (n *Notification) Look(now time.Time) []Event {
	if n.State != Unread {
		return nil
	}
	n.State = Seen
	n.touch(now)
	return append([]Event{Read{Notification: n.snapshot()}}, n.cancel("It was read in the inbox.", false, now)...)
}

// PutAway marks it as done. What was held of it is cancelled.
func (n *Notification) PutAway(now time.Time) []Event {
	if n.State == Done {
		return nil
	}
	unread := n.State == Unread
	n.State, n.SnoozeTime = Done, time.Time{}
	n.touch(now)
	var events []Event
	if unread {
		events = append(events, Read{Notification: n.snapshot()})
	}
	return append(events, n.cancel("It was put away.", false, now)...)
}

// Snooze puts it out of sight until an instant. What was held of it is cancelled.
func (n *Notification) Snooze(until, now time.Time) []Event {
	n.SnoozeTime = until
	if n.State == Done {
		n.State = Seen
	}
	n.touch(now)
	return n.cancel("It was snoozed until "+DayAndTime(n.Local, until)+" ("+Zone(n.Local)+").", false, now)
}

// Wake brings a snoozed one back, unread. Its in-app signal is to be decided.
func (n *Notification) Wake(now time.Time) {
	if n.SnoozeTime.IsZero() || n.SnoozeTime.After(now) {
		return
	}
	n.SnoozeTime, n.State = time.Time{}, Unread
	n.touch(now)
	if d := n.Delivery(InApp); d != nil {
		*d = Delivery{
			Channel: InApp, Decision: Held, State: Pending, Woken: true, Attempts: d.Attempts, DecideTime: now, DecideAt: now,
			Explanation: "The snooze is over. It signals in working time.",
		}
	}
}

// At is the notification as it stands at an instant: a swap waits for nobody once its time has begun.
func (n *Notification) At(now time.Time) Notification {
	at := *n
	if at.Waiting && isSwap(at.Source) && !at.DueTime.IsZero() && !at.DueTime.After(now) {
		at.Waiting, at.SettledReason = false, "expired"
	}
	return at
}

// Settle takes over how its source stands. What was held of one that no longer waits is cancelled.
func (n *Notification) Settle(w Wait, now time.Time) []Event {
	if n.Waiting == w.Waiting && n.DueTime.Equal(w.Due) {
		return nil
	}
	n.Waiting, n.DueTime, n.SettledReason = w.Waiting, w.Due, ""
	if !w.Waiting {
		n.SettledReason = w.Settled
	}
	n.touch(now)
	if n.Waiting {
		return nil
	}
	return n.cancel(n.ended(), false, now)
}

// ended says why what waited no longer does.
func (n *Notification) ended() string {
	if n.SettledReason == "" {
		return "It no longer waits."
	}
	return "It no longer waits: " + n.SettledReason + "."
}

const messageDeleted = "The message was deleted."

// Erase takes the words of a deleted message out. What was held of one about the message itself is cancelled.
func (n *Notification) Erase(now time.Time) []Event {
	if n.Excerpt == "" && !n.holds() {
		return nil
	}
	n.Excerpt = ""
	n.touch(now)
	if n.Source != n.Message {
		return nil // the ask that the message carried ends by an event of its own
	}
	return n.cancel(messageDeleted, false, now)
}

// Forget takes the words of a message that was deleted before out of a draft.
func (n *Notification) Forget() { n.Excerpt, n.Forgotten = "", true }

// holds says whether something of it is still to come.
func (n *Notification) holds() bool {
	return slices.ContainsFunc(n.Deliveries, func(d Delivery) bool { return d.State == Pending })
}

// cancel ends what is held and tells why; nothing where nothing is held. Hidden says that the recipient may no longer read
// what it is about.
func (n *Notification) cancel(why string, hidden bool, now time.Time) []Event {
	if !n.end(why, now) {
		return nil
	}
	n.touch(now)
	return []Event{Cancelled{Notification: n.snapshot(), Reason: why, Hidden: hidden}}
}

func (n *Notification) end(why string, now time.Time) (some bool) {
	for i := range n.Deliveries {
		d := &n.Deliveries[i]
		if d.State != Pending {
			continue
		}
		some = true
		d.State, d.Explanation, d.DecideAt, d.DecideTime = Ended, why, time.Time{}, now
		n.tell(d.Channel, now, "cancelled", why)
	}
	return some
}

// Cancel ends what is held, because it is no longer right to send it.
func (n *Notification) Cancel(end Ending, now time.Time) []Event {
	return n.cancel(end.Why, end.Hidden, now)
}

// Redecide takes a new decision for a channel over which nothing was sent yet, and tells where it changes when or whether.
func (n *Notification) Redecide(v Verdict, s Situation) []Event {
	d := n.Delivery(v.Channel)
	if d == nil || d.State != Pending {
		return nil
	}
	before := *d
	moved := d.take(v, s.Now)
	if !moved && before.Explanation == v.Explanation {
		return nil
	}
	if s.Reach.Known {
		n.Local = s.Reach.Local
	}
	n.tell(v.Channel, s.Now, v.words(n.Local), v.Explanation)
	n.touch(s.Now)
	switch {
	case v.Decision == Suppressed:
		return []Event{Cancelled{Notification: n.snapshot(), Reason: v.Explanation}}
	case moved && v.Decision != Now: // where it is NOW, its sending will tell
		return []Event{Deferred{Notification: n.snapshot()}}
	}
	return nil
}

// Begin counts an attempt to send over a channel.
func (n *Notification) Begin(c Channel) {
	if d := n.Delivery(c); d != nil {
		d.Attempts++
	}
}

// Deliver records that it was sent over a channel, with so many others of its context; blind is without its excerpt.
func (n *Notification) Deliver(c Channel, collapsed int, blind bool, now time.Time) []Event {
	n.sent(c, now, "")
	told := n.snapshot()
	if blind {
		told.Excerpt = ""
	}
	return []Event{Delivered{Notification: told, Channel: c, Collapsed: collapsed}}
}

// DeliverWith records that another of its context was sent for it.
func (n *Notification) DeliverWith(c Channel, now time.Time) {
	n.sent(c, now, "It was told together with another of the same thread or task.")
}

// DeliverIn records that it was sent with a digest.
func (n *Notification) DeliverIn(digest uuid.UUID, now time.Time) []Event {
	n.Delivery(Email).Digest = digest
	n.sent(Email, now, "It came with the digest.")
	return []Event{Delivered{Notification: n.snapshot(), Channel: Email}}
}

func (n *Notification) sent(c Channel, now time.Time, why string) {
	d := n.Delivery(c)
	d.State, d.SendTime, d.DecideAt, d.LastError = Sent, now, time.Time{}, ""
	n.touch(now)
	n.tell(c, now, "sent", why)
}

// Fail records that a channel refused it for good.
func (n *Notification) Fail(c Channel, answer string, now time.Time) []Event {
	d := n.Delivery(c)
	d.State, d.LastError, d.DecideAt = Failed, answer, time.Time{}
	n.touch(now)
	n.tell(c, now, "given up", "The channel answered: "+answer)
	return []Event{DeliveryFailed{Notification: n.snapshot(), Channel: c, Error: answer}}
}

// Stumble records that a channel could not take it for now.
func (n *Notification) Stumble(c Channel, answer string, now time.Time) {
	if d := n.Delivery(c); d != nil {
		d.LastError = answer
		n.touch(now)
	}
}
