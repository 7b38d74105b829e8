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
