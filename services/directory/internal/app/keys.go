package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"sync"
	"time"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// ringAge is how old the keys in memory may be. A key is published a day before it signs, so any age far below will
// do.
const ringAge = time.Minute

// keyCache keeps the ring in memory, so that neither an exchange nor a fetch of the JWKS reads it from the database.
type keyCache struct {
	mu      sync.Mutex
	ring    domain.Ring
	read    time.Time
	signers map[string]*auth.Signer
}

// PublicKey is one key that verifiers should know.
type PublicKey struct {
	ID  string
	Key ed25519.PublicKey
}

// PublicKeys returns the keys that verifiers should know now.
func (a *App) PublicKeys(ctx context.Context) ([]PublicKey, error) {
	now := a.machine.Now()
	ring, err := a.ring(ctx, now)
	if err != nil {
		return nil, err
	}
	published := ring.Published(now)
	keys := make([]PublicKey, len(published))
	for i, k := range published {
		keys[i] = PublicKey{ID: k.ID, Key: privateKey(k).Public().(ed25519.PublicKey)} //nolint:errcheck,forcetypeassert // an Ed25519 key's public half is one
	}
	return keys, nil
}

// signer is the one of the key that signs now.
func (a *App) signer(ctx context.Context, now time.Time) (*auth.Signer, error) {
	ring, err := a.ring(ctx, now)
	if err != nil {
		return nil, err
	}
	key, ok := ring.Signing(now)
	if !ok {
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "there is no signing key yet")
	}
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	if s := a.keys.signers[key.ID]; s != nil {
		return s, nil
	}
	s, err := auth.NewSigner(key.ID, privateKey(key))
	if err != nil {
		return nil, err
	}
	a.keys.signers[key.ID] = s
	return s, nil
}

// ring returns the keys, as the database had them within the last minute. While it cannot be asked, those in memory
// serve on.
func (a *App) ring(ctx context.Context, now time.Time) (domain.Ring, error) {
	a.keys.mu.Lock()
	ring, fresh := a.keys.ring, now.Before(a.keys.read.Add(ringAge))
	a.keys.mu.Unlock()
	if fresh && len(ring) > 0 {
		return ring, nil
	}
	keys, err := a.store.Keys(ctx)
	if err != nil {
		if len(ring) > 0 {
			return ring, nil
		}
		return nil, err
	}
	a.remember(keys, now)
	return domain.NewRing(keys), nil
}

func (a *App) remember(keys []domain.Key, now time.Time) {
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	a.keys.ring, a.keys.read = domain.NewRing(keys), now
	// Signers of retired keys go with them.
	a.keys.signers = make(map[string]*auth.Signer, 1)
}

// RotateKeys makes the next key when it is time, the first one at once, and throws away the retired. It may be called
// at any time by any number of replicas: it decides by the keys as they are.
func (a *App) RotateKeys(ctx context.Context) error {
	now := a.machine.Now()
	var after domain.Ring
	err := a.store.RotateKeys(ctx, func(keys []domain.Key) (Rotation, error) {
		ring := domain.NewRing(keys)
		var r Rotation
		if ring.WantsKey(now) {
			next := domain.Key{ID: rand.Text(), Seed: newSeed(), SignsFrom: ring.Next(now), CreateTime: now}
			r.Add = []domain.Key{next}
			ring = domain.NewRing(append(ring, next))
		}
		for _, old := range ring.Retired(now) {
			r.Drop = append(r.Drop, old.ID)
		}
		after = ring.Published(now)
		r.Due = after.Due()
		return r, nil
	})
	if err == nil {
		a.remember(after, now)
	}
	return err
}

// ClaimRotation takes the rotation of the keys when it is due and nobody else holds it.
func (a *App) ClaimRotation(ctx context.Context, now time.Time, lease time.Duration) (bool, error) {
	return a.store.ClaimRotation(ctx, now, lease)
}

// NextRotation is when the keys are to be looked at next; false where that was never said.
func (a *App) NextRotation(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextRotation(ctx)
}

func privateKey(k domain.Key) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Seed) }

func newSeed() []byte {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails: the runtime ends the program first
	return seed
}
