package domain

// Event is a fact that follows from a change, to be published with it. Each holds its aggregate as it is after the change.
type Event interface{ event() }

// Created says that a notification stands in its recipient's inbox.
type Created struct{ Notification Notification }

// Delivered says that a notification is sent over a channel, now. Collapsed further ones of the same context are told with
// it.
type Delivered struct {
	Notification Notification
	Channel      Channel
	Collapsed    int
}

// Deferred says that a notification is held until another time than before.
type Deferred struct{ Notification Notification }

// Cancelled says that what was held of a notification will not be sent. Hidden says that the recipient may no longer read
// what it is about.
type Cancelled struct {
	Notification Notification
	Reason       string
	Hidden       bool
}

// Read says that the recipient has read a notification.
type Read struct{ Notification Notification }

// DigestSent says that a digest was sent.
type DigestSent struct{ Digest Digest }

// DeliveryFailed says that a channel refused a notification for good.
type DeliveryFailed struct {
	Notification Notification
	Channel      Channel
	Error        string
}

// PreferencesChanged says that a member changed how they want to be reached.
type PreferencesChanged struct{ Preferences Preferences }

func (Created) event()            {}
func (Delivered) event()          {}
func (Deferred) event()           {}
func (Cancelled) event()          {}
func (Read) event()               {}
func (DigestSent) event()         {}
func (DeliveryFailed) event()     {}
func (PreferencesChanged) event() {}
