package auth_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
)

func TestUnknownKeysFetchAtMostEveryThirtySeconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys := auth.NewCachedKeys(b.source, b.clock)
	for i := range 100 {
		_, err := keys.Key(t.Context(), "made up "+strconv.Itoa(i))
		require.True(t, fault.Is(err, fault.Unauthenticated))
	}
	require.Equal(t, 1, b.source.fetched())
	b.clock.advance(30 * time.Second)
	_, err := keys.Key(t.Context(), "made up 0")
	require.Error(t, err)
	require.Equal(t, 1, b.source.fetched(), "a key known as unknown does not fetch")
	_, err = keys.Key(t.Context(), "made up anew")
	require.Error(t, err)
	require.Equal(t, 2, b.source.fetched())
	for i := range 1000 {
		_, err := keys.Key(t.Context(), "flood "+strconv.Itoa(i))
		require.Error(t, err)
	}
	require.Equal(t, 2, b.source.fetched())
}

func TestRotationIsSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys := auth.NewCachedKeys(b.source, b.clock)
	_, err := keys.Key(t.Context(), "k1")
	require.NoError(t, err)

	next := newSigner(t, "k2", newKey(t))
	b.source.steer(nil, b.signer.Public(), next.Public())
	b.clock.advance(31 * time.Second)
	got, err := keys.Key(t.Context(), "k2")
	require.NoError(t, err)
	require.Equal(t, next.Public().Key, got)
	_, err = keys.Key(t.Context(), "k1")
	require.NoError(t, err)

	// A withdrawn key goes away within the age of a set, without a stop.
	b.source.steer(nil, next.Public())
	b.clock.advance(5 * time.Minute)
	_, err = keys.Key(t.Context(), "k1")
	require.NoError(t, err, "the old set serves until the new one is there")
	require.Eventually(t, func() bool {
		_, err := keys.Key(context.Background(), "k1")
		return fault.Is(err, fault.Unauthenticated)
	}, 5*time.Second, time.Millisecond)
}

func TestTheLastGoodKeysServeWhileTheSourceIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	keys := auth.NewCachedKeys(b.source, b.clock)
	_, err := keys.Keys(t.Context())
	require.NoError(t, err)
	b.source.steer(errDown)
	for range 10 {
		b.clock.advance(10 * time.Minute)
		_, err = keys.Key(t.Context(), "k1")
		require.NoError(t, err)
	}
	b.clock.advance(time.Minute)
	_, err = keys.Key(t.Context(), "k2")
	require.True(t, fault.Is(err, fault.Unavailable), "whether the key is good cannot be known")
	require.Positive(t, fault.From(err).RetryAfter)
}

func TestAFailedFirstFetchIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.source.steer(errDown)
	keys := auth.NewCachedKeys(b.source, b.clock)
	for range 10 {
		_, err := keys.Key(t.Context(), "k1")
		require.True(t, fault.Is(err, fault.Unavailable))
		require.ErrorIs(t, err, errDown)
	}
	require.Equal(t, 1, b.source.fetched())
	_, err := keys.Keys(t.Context())
	require.True(t, fault.Is(err, fault.Unavailable))
	b.source.steer(nil, b.signer.Public())
	b.clock.advance(time.Second)
	_, err = keys.Key(t.Context(), "k1")
	require.NoError(t, err)
	set, err := keys.Keys(t.Context())
	require.NoError(t, err)
	require.Len(t, set.Keys, 1)
}

// slow is a source that answers when it is let.
type slow struct {
	*source
	entered chan struct{}
	let     chan struct{}
}

func (s *slow) Keys(ctx context.Context) (jose.JSONWebKeySet, error) {
	s.entered <- struct{}{}
	<-s.let
	return s.source.Keys(ctx)
}

func TestCallersAtTheSameTimeShareOneFetch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := &slow{source: b.source, entered: make(chan struct{}, 50), let: make(chan struct{})}
	keys := auth.NewCachedKeys(s, b.clock)
	var wg sync.WaitGroup
	errs := make(chan error, 20)
	for range 20 {
		wg.Go(func() {
			_, err := keys.Key(context.Background(), "k1")
			errs <- err
		})
	}
	<-s.entered

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := keys.Key(gone, "k1")
	require.True(t, fault.Is(err, fault.Unavailable), "who gives up does not wait")

	close(s.let)
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 1, b.source.fetched())
}

func TestOnlySigningKeysOfOursAreUsed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	encrypts, wrongAlg, unnamed := b.signer.Public(), b.signer.Public(), b.signer.Public()
	encrypts.KeyID, encrypts.Use = "enc", "enc"
	wrongAlg.KeyID, wrongAlg.Algorithm = "alg", "RS256"
	unnamed.KeyID = ""
	symmetric := jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "oct"}
	b.source.steer(nil, b.signer.Public(), encrypts, wrongAlg, unnamed, symmetric)
	keys := auth.NewCachedKeys(b.source, b.clock)
	for _, kid := range []string{"enc", "alg", "", "oct"} {
		_, err := keys.Key(t.Context(), kid)
		require.Error(t, err, kid)
	}
	_, err := keys.Key(t.Context(), "k1")
	require.NoError(t, err)
}
