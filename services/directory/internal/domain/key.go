package domain

import (
	"cmp"
	"slices"
	"time"
)

// How signing keys follow each other, by machine time.
const (
	// KeyPeriod is how long a key signs.
	KeyPeriod = 30 * 24 * time.Hour
	// KeyLead is how long a key is published before it signs, so that every verifier knows it by then. Verifiers
	// fetch every five minutes; the rest is for those that were away.
	KeyLead = 24 * time.Hour
	// KeyGrace is how long a key is published after the next began to sign: the life of its last token, and as much
	// again for clocks that differ.
	KeyGrace = 20 * time.Minute
)

// Key signs access tokens from a time on, until the next one does.
type Key struct {
	// ID is the `kid` of the tokens it signs.
	ID string
	// Seed is the private key's 32 bytes. It is shown to nobody.
	Seed []byte
	// SignsFrom is when it begins to sign.
	SignsFrom time.Time
	// CreateTime is when it was made.
	CreateTime time.Time
}

// Ring is the keys in the order in which they sign.
type Ring []Key

// NewRing puts keys in their order.
func NewRing(keys []Key) Ring {
	ring := slices.Clone(keys)
	slices.SortFunc(ring, func(a, b Key) int {
		return cmp.Or(a.SignsFrom.Compare(b.SignsFrom), cmp.Compare(a.ID, b.ID))
	})
	return ring
}

// Signing is the key that signs now: the last to have begun. There is none only in a ring that has not begun; a ring
// whose rotation is late goes on with the key it has.
func (r Ring) Signing(now time.Time) (Key, bool) {
	for _, key := range slices.Backward(r) {
		if !key.SignsFrom.After(now) {
			return key, true
		}
	}
	return Key{}, false
}

// Published are the keys that verifiers should know: all but the retired.
func (r Ring) Published(now time.Time) Ring {
	return slices.DeleteFunc(slices.Clone(r), r.retired(now))
}

// Retired are the keys of which no token lives any more.
func (r Ring) Retired(now time.Time) Ring {
	retired := r.retired(now)
	return slices.DeleteFunc(slices.Clone(r), func(k Key) bool { return !retired(k) })
}

// retired tells of a key whether the next one has signed for longer than the grace.
func (r Ring) retired(now time.Time) func(Key) bool {
	return func(key Key) bool {
		next := slices.IndexFunc(r, func(k Key) bool { return k.ID == key.ID }) + 1
		return next < len(r) && !r[next].SignsFrom.Add(KeyGrace).After(now)
	}
}

// Next is when the next key should begin to sign: at once for an empty ring, else a period after the newest, and
// never sooner than verifiers can learn of it.
func (r Ring) Next(now time.Time) time.Time {
	if len(r) == 0 {
		return now
	}
	from := r[len(r)-1].SignsFrom.Add(KeyPeriod)
	if earliest := now.Add(KeyLead); from.Before(earliest) {
		return earliest
	}
	return from
}

// Due is when something is to be done about the ring: the next key to be made, or a retired one to be thrown away.
func (r Ring) Due() time.Time {
	if len(r) == 0 {
		return time.Time{}
	}
	due := r[len(r)-1].SignsFrom.Add(KeyPeriod - KeyLead)
	if len(r) > 1 {
		if gone := r[1].SignsFrom.Add(KeyGrace); gone.Before(due) {
			return gone
		}
	}
	return due
}

// WantsKey says whether it is time to make the next key.
func (r Ring) WantsKey(now time.Time) bool {
	return len(r) == 0 || !r[len(r)-1].SignsFrom.Add(KeyPeriod-KeyLead).After(now)
}
