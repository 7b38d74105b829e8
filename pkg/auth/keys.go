package auth

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// keysCooldown is the least time between two fetches for an unknown key id.
	keysCooldown = 30 * time.Second
	// keysRetry is the least time between two fetches while they fail.
	keysRetry = time.Second
	// keysAge is the age at which a set is fetched anew, so that a withdrawn key goes away.
	keysAge = 5 * time.Minute
	// keysTimeout bounds one fetch.
	keysTimeout = 3 * time.Second
	// unknownLife is how long a key id stays known as unknown, unknownMax how many of them are.
	unknownLife = time.Minute
	unknownMax  = 256
)

// KeySource is where the directory's public keys come from: the GetJwks RPC, or the directory's own table.
type KeySource interface {
	// Keys returns the present key set.
	Keys(ctx context.Context) (jose.JSONWebKeySet, error)
}

// CachedKeys keeps the last good key set of a source. It fetches when a token names an unknown key, at most every
// 30 seconds however many such tokens come, and when the set is five minutes old; while the source is down it goes
// on with what it has. It may be used by many goroutines.
type CachedKeys struct {
	source KeySource
	clock  Clock

	mu      sync.RWMutex
	set     jose.JSONWebKeySet
	keys    map[string]ed25519.PublicKey
	unknown map[string]time.Time
	good    time.Time     // when the set was fetched
	tried   time.Time     // when the last fetch began
	err     error         // of the last fetch
	flight  chan struct{} // closed when the fetch under way ends; nil when there is none
}

// NewCachedKeys makes an empty cache; the first use fetches. The clock is machine time.
func NewCachedKeys(source KeySource, machine Clock) *CachedKeys {
	return &CachedKeys{source: source, clock: machine, unknown: make(map[string]time.Time)}
}

// Keys returns the last good set, fetching one when there is none. It fails Unavailable when none can be had.
func (c *CachedKeys) Keys(ctx context.Context) (jose.JSONWebKeySet, error) {
	c.refresh(ctx, "")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good.IsZero() {
		return jose.JSONWebKeySet{}, c.unavailable()
	}
	return c.set, nil
}

// Key returns the key that a token names. An unknown one is Unauthenticated; when it cannot be known because the
// source is down it is Unavailable.
func (c *CachedKeys) Key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	c.refresh(ctx, kid)
	c.mu.Lock()
	defer c.mu.Unlock()
	if key, ok := c.keys[kid]; ok {
		return key, nil
	}
	if c.err != nil || c.good.IsZero() {
		return nil, c.unavailable()
	}
	c.remember(kid)
	return nil, notOurs()
}

// refresh fetches the set when it is time to. It waits for the fetch only where nothing else will do: for the first
// set, and for a key that the present one does not have. Callers at the same time share one fetch, which outlives
// them.
func (c *CachedKeys) refresh(ctx context.Context, kid string) {
	c.mu.Lock()
	due, wait := c.due(kid)
	if due && c.flight == nil {
		c.flight, c.tried = make(chan struct{}), c.clock.Now()
		go c.fetch(context.WithoutCancel(ctx), c.flight)
	}
	flight := c.flight
	c.mu.Unlock()
	if flight == nil || !wait {
		return
	}
	select {
	case <-flight:
	case <-ctx.Done():
	}
}

// due says whether a fetch is called for, and whether to wait for it or for the one under way.
func (c *CachedKeys) due(kid string) (due, wait bool) {
	now := c.clock.Now()
	_, known := c.keys[kid]
	have := known || kid == "" && !c.good.IsZero()
	pause := keysCooldown
	if c.err != nil {
		pause = keysRetry
	}
	until, dismissed := c.unknown[kid]
	switch {
	case !c.tried.IsZero() && now.Sub(c.tried) < pause:
		return false, !have
	case have:
		return now.Sub(c.good) >= keysAge, false
	default:
		return !dismissed || !now.Before(until) || c.err != nil, true
	}
}

// fetch replaces the set, or keeps it on failure.
func (c *CachedKeys) fetch(ctx context.Context, flight chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	set, err := c.source.Keys(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err == nil {
		c.set, c.keys, c.good = set, usable(set), c.clock.Now()
	}
	c.flight = nil
	close(flight)
}

func (c *CachedKeys) remember(kid string) {
	now := c.clock.Now()
	if len(c.unknown) >= unknownMax {
		clear(c.unknown)
	}
	if until, ok := c.unknown[kid]; !ok || !now.Before(until) {
		c.unknown[kid] = now.Add(unknownLife)
	}
}

func (c *CachedKeys) unavailable() error {
	return fault.New(fault.Unavailable, fault.ReasonUnavailable, "the keys to check tokens with cannot be had now").
		WithRetryAfter(keysRetry).Wrap(c.err)
}

// usable are the keys of a set that may check our tokens.
func usable(set jose.JSONWebKeySet) map[string]ed25519.PublicKey {
	keys := make(map[string]ed25519.PublicKey, len(set.Keys))
	for _, k := range set.Keys {
		key, ok := k.Key.(ed25519.PublicKey)
		signs := (k.Algorithm == "" || k.Algorithm == string(jose.EdDSA)) && (k.Use == "" || k.Use == "sig")
		if ok && signs && k.KeyID != "" && len(key) == ed25519.PublicKeySize {
			keys[k.KeyID] = key
		}
	}
	return keys
}
