package domain

// Urgency says how far a request for attention may interrupt. The higher one is the greater.
type Urgency int

// The urgencies, by the numbers of the API.
const (
	// Low never interrupts; it comes with the digest.
	Low Urgency = iota + 1
	// Normal interrupts in working time.
	Normal
	// High interrupts in working time, at once, over every channel.
	High
	// Urgent breaks the glass: at once, always.
	Urgent
)

// Urgencies are all of them, in rising order.
func Urgencies() []Urgency { return []Urgency{Low, Normal, High, Urgent} }

// Given is the urgency of a number of the API: NORMAL where none, or one unknown, is given.
func Given(number int32) Urgency {
	if u := Urgency(number); u >= Low && u <= Urgent {
		return u
	}
	return Normal
}

// String is the urgency's word in the API.
func (u Urgency) String() string {
	switch u {
	case Low:
		return "LOW"
	case Normal:
		return "NORMAL"
	case High:
		return "HIGH"
	case Urgent:
		return "URGENT"
	}
	return "URGENCY_UNSPECIFIED"
}

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

// words is how the channel is spoken of in an explanation.
func (c Channel) words() string {
	if c == Email {
		return "mail"
	}
	return "in-app"
}
