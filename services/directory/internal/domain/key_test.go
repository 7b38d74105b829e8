package domain_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

const accessLife = 10 * time.Minute

// turn does what the rotation does: makes the next key when it is time, and throws away the retired.
func turn(ring domain.Ring, at time.Time) domain.Ring {
	if ring.WantsKey(at) {
		ring = domain.NewRing(append(ring, domain.Key{
			ID: strconv.Itoa(int(at.UnixNano())), SignsFrom: ring.Next(at), CreateTime: at,
		}))
	}
	return ring.Published(at)
}

// However late and however often the rotation runs, there is always a key that signs, every verifier has had a day
// to learn of it, and it is published until its last token has died.
func TestKeysFollowWithoutAGap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := now()
		ring := turn(nil, at)
		first := ring[0].ID
		type signed struct {
			kid string
			at  time.Time
		}
		var tokens []signed
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(45*24*time.Hour)).Draw(t, "pause")))
			// Tokens of the moment before the rotation, which may be late.
			for range 2 {
				key, ok := ring.Signing(at)
				require.True(t, ok)
				require.False(t, key.SignsFrom.After(at))
				require.True(t, key.ID == first || !key.CreateTime.Add(domain.KeyLead).After(at), "known a day before")
				tokens = append(tokens, signed{key.ID, at})
				ring = turn(ring, at)
			}
			require.True(t, ring.Due().After(at), "there is always a next time, and it lies ahead")
			require.LessOrEqual(t, len(ring), 3)
			for _, token := range tokens {
				if at.Before(token.at.Add(accessLife)) {
					require.True(t, has(ring.Published(at), token.kid), "a living token's key is published")
				}
			}
		}
	})
}

func has(ring domain.Ring, kid string) bool {
	for _, key := range ring {
		if key.ID == kid {
			return true
		}
	}
	return false
}

func TestAKeyRetiresWhenItsLastTokenHasDied(t *testing.T) {
	t.Parallel()
	ring := domain.NewRing([]domain.Key{
		{ID: "b", SignsFrom: now().Add(domain.KeyPeriod)}, {ID: "a", SignsFrom: now()},
	})
	swap := ring[1].SignsFrom
	key, _ := ring.Signing(swap.Add(-1))
	require.Equal(t, "a", key.ID)
	key, _ = ring.Signing(swap)
	require.Equal(t, "b", key.ID)
	require.Len(t, ring.Published(swap.Add(domain.KeyGrace-1)), 2)
	require.Len(t, ring.Published(swap.Add(domain.KeyGrace)), 1)
	require.Equal(t, "a", ring.Retired(swap.Add(domain.KeyGrace))[0].ID)
	require.Equal(t, swap.Add(domain.KeyGrace), ring.Due(), "the next thing to do is to throw away the old")
	require.GreaterOrEqual(t, domain.KeyGrace, accessLife)

	_, ok := domain.Ring(nil).Signing(now())
	require.False(t, ok)
	require.True(t, domain.Ring(nil).WantsKey(now()))
	require.Zero(t, domain.Ring(nil).Due())
	late := ring[1].SignsFrom.Add(2 * domain.KeyPeriod)
	require.Equal(t, late.Add(domain.KeyLead), ring.Next(late), "never sooner than verifiers can learn of it")
}
