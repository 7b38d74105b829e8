package domain

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// spreadOver is how long after a day's start its digests go out, so that nine o'clock is not a herd.
	spreadOver = 10 * time.Minute
	// lookAgain is when a member without working time within 90 days is asked about again.
	lookAgain = 7 * 24 * time.Hour
)

// Channel is a way to reach somebody, by its word in the API.
type Channel string

// The channels.
const (
	// InApp is live in the recipient's clients.
	InApp Channel = "IN_APP"
	// Email is mail.
	Email Channel = "EMAIL"
)

// Channels are all of them, in the order in which they are shown.
func Channels() []Channel { return []Channel{InApp, Email} }

// Known says whether it is a channel of this version.
func (c Channel) Known() bool { return slices.Contains(Channels(), c) }

// words is how the channel is spoken of in an explanation.
func (c Channel) words() string {
	if c == Email {
		return "mail"
	}
	return "in-app"
}

// Spread is how long after the start of a recipient's day their digest comes: the same every day, under ten minutes.
func Spread(recipient uuid.UUID) time.Duration {
	hash := fnv.New32a()
	_, _ = hash.Write(recipient[:])
	return time.Duration(hash.Sum32()%uint32(spreadOver/time.Second)) * time.Second
}

// Situation is all that a decision follows from.
type Situation struct {
	// Now is the instant of the decision, and the one that Reach was asked for.
	Now   time.Time
	Reach Reach
	// Name is what people call the recipient.
	Name string
	// Urgency, Reason, Context and Space are the notification's; the last two are names.
	Urgency        Urgency
	Reason         Reason
	Context, Space string
	Preferences    Preferences
	// NoMail is why mail cannot reach the recipient; empty when it can.
	NoMail string
	// LastSignal is when the context last signalled in-app; zero for never.
	LastSignal time.Time
	// Spread is the recipient's.
	Spread time.Duration
	// Woken says that a snooze has ended: it signals in-app in working time, whatever the urgency was.
	Woken bool
}

// Verdict is a decision with its reasons.
type Verdict struct {
	Channel     Channel
	Decision    Decision
	Explanation string
	// DeliverTime is when it is to be sent; zero when nothing is, or when that is not known.
	DeliverTime time.Time
	// Again is when it is to be decided again without anything else happening; zero for never.
	Again time.Time
	// Version is that of the working time it was made from.
	Version int64
}

// Decide decides every channel.
func Decide(s Situation) []Verdict {
	all := make([]Verdict, 0, len(Channels()))
	for _, c := range Channels() {
		all = append(all, DecideChannel(c, s))
	}
	return all
}

// DecideChannel decides one channel.
func DecideChannel(c Channel, s Situation) Verdict {
	if s.Woken && c == InApp {
		s.Urgency, s.LastSignal = Normal, time.Time{}
	}
	v := s.decide(c)
	v.Channel, v.Version = c, s.Reach.Version
	return v
}

func (s Situation) decide(c Channel) Verdict {
	allowed := s.Preferences.allows(s.Urgency, c)
	switch {
	case c == Email && s.NoMail != "":
		return suppress(s.NoMail)
	case s.Urgency == Urgent:
		return s.urgent(c, allowed)
	case c == InApp && s.Urgency == Low:
		return suppress("LOW never interrupts: it stands in the inbox.")
	case s.Reason == Mentioned && s.Urgency < High && s.Preferences.mutes(s.Context, s.Space):
		return suppress(s.who() + " has muted this: mentions in it stand in the inbox.")
	case !allowed:
		return suppress(s.who() + " has switched " + c.words() + " off for " + s.Urgency.String() + ": it stands in the inbox.")
	case c == Email && s.Urgency < High:
		return s.digest()
	}
	return s.interrupt(c)
}

// urgent goes at once over every channel that is left on, and over in-app where no other is.
func (s Situation) urgent(c Channel, allowed bool) Verdict {
	if !allowed && (c != InApp || s.NoMail == "") {
		return suppress(s.who() + " has switched " + c.words() + " off for URGENT.")
	}
	return Verdict{Decision: Now, DeliverTime: s.Now, Explanation: "URGENT breaks the glass: it is sent at once, always." + s.itIs()}
}

// interrupt goes at once in working time, below HIGH outside focus blocks, and else waits for it.
func (s Situation) interrupt(c Channel) Verdict {
	r, at := s.Reach, s.Reach.At
	if s.Urgency == High {
		at = r.Work
	}
	if v, open := s.unknown(at); open {
		return v
	}
	if !r.Working || at.After(s.Now) {
		return Verdict{Decision: Held, DeliverTime: at, Explanation: s.held(at)}
	}
	if end := s.LastSignal.Add(s.Preferences.Collapse); c == InApp && s.Urgency == Normal && !s.LastSignal.IsZero() && end.After(s.Now) {
		return Verdict{Decision: Held, DeliverTime: end, Explanation: "The same thread or task has signalled at " + s.local(s.LastSignal) +
			". What follows is gathered until " + s.local(end) + " (" + s.zone() + ") and told together."}
	}
	if r.At.After(s.Now) {
		return Verdict{Decision: Now, DeliverTime: s.Now, Explanation: s.who() + " works now, in a focus block: it is " + s.local(s.Now) + " (" +
			s.zone() + "). HIGH interrupts in working time, through focus blocks."}
	}
	return Verdict{Decision: Now, DeliverTime: s.Now, Explanation: s.who() + " works now: it is " + s.local(s.Now) + " (" + s.zone() +
		"), and working time lasts until " + s.local(r.Until) + ". " + s.Urgency.String() + " interrupts in working time."}
}

// held says why something waits until an instant.
func (s Situation) held(until time.Time) string {
	now := "It is " + s.local(s.Now) + " for " + s.who() + " (" + s.zone() + "), "
	switch {
	case s.Reach.Working:
		return now + "in a focus block. It is held until that ends: " + s.dayAndTime(until) + "."
	case until.After(s.Reach.Work):
		return now + "outside working time. It is held until " + s.who() + " next works outside a focus block: " + s.dayAndTime(until) + "."
	}
	return now + "outside working time. It is held until " + s.who() + " next works: " + s.dayAndTime(until) + "."
}

// digest waits for the start of the next working day.
func (s Situation) digest() Verdict {
	r := s.Reach
	if s.Preferences.DigestDisabled {
		return suppress(s.who() + " has switched the digest off: it stands in the inbox.")
	}
	if v, open := s.unknown(r.DayStart); open {
		return v
	}
	at := r.DayStart.Add(s.Spread)
	return Verdict{Decision: InDigest, DeliverTime: at, Explanation: s.Urgency.String() + " comes by mail with the digest, at the start of " +
		s.who() + "'s next working day: " + s.dayAndTime(at) + " (" + s.zone() + ")."}
}

// unknown is the decision where there is no instant to decide by.
func (s Situation) unknown(at time.Time) (Verdict, bool) {
	switch {
	case !s.Reach.Known:
		return Verdict{Decision: Held, Again: s.Now, Explanation: "Working time cannot be asked for now. It is held until it can."}, true
	case s.Reach.Missing:
		return Verdict{Decision: Held, Again: s.Now, Explanation: "The working time of " + s.who() + " is not known yet. It is held until it is."}, true
	case at.IsZero():
		return Verdict{Decision: Held, Again: s.Now.Add(lookAgain), Explanation: s.who() + " has no working time within 90 days. It is held until that changes."}, true
	}
	return Verdict{}, false
}

func suppress(why string) Verdict { return Verdict{Decision: Suppressed, Explanation: why} }
