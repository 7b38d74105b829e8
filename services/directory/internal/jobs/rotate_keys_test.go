package jobs_test

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/jobs"
	"github.com/meridianhq/meridian/services/directory/internal/store"
	"github.com/meridianhq/meridian/services/directory/internal/wire"
)

// replica is one directory on a shared database, with the machine time of the test.
type replica struct{ *app.App }

func newReplica(db *pgtest.DB, machine clock.Clock) replica {
	return replica{app.New(app.Deps{
		Store: store.New(db.App, db.Owner, outbox.New(nil), wire.Encoder("meridian.test")),
		Clock: machine, Machine: machine, Origin: func(context.Context) string { return "" },
	})}
}

// Keys implements auth.KeySource.
func (r replica) Keys(ctx context.Context) (jose.JSONWebKeySet, error) {
	keys, err := r.PublicKeys(ctx)
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Key, KeyID: k.ID})
	}
	return set, err
}

func (r replica) published(t *testing.T) map[string]ed25519.PublicKey {
	t.Helper()
	keys, err := r.PublicKeys(t.Context())
	require.NoError(t, err)
	out := map[string]ed25519.PublicKey{}
	for _, k := range keys {
		out[k.ID] = k.Key
	}
	return out
}

func newDatabase(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t, "directory", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), store.Set())
}

// Eighty days in steps of six hours: tokens of one replica are good at a verifier fed by another, the key that signs
// was published at least 18 hours before, and the old ones go away.
func TestKeysRotateWithoutAGap(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	machine := clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	signing, other := newReplica(db, machine), newReplica(db, machine)
	require.NoError(t, signing.RotateKeys(t.Context()))
	require.NoError(t, other.RotateKeys(t.Context()), "the second to start finds the key there")
	require.Len(t, other.published(t), 1)
	worker := jobs.RotateKeys(other.App, machine, nil)
	ctx, stop := context.WithCancel(t.Context())
	finished := make(chan error, 1)
	go func() { finished <- worker.Run(ctx) }()

	caller := auth.NewContext(t.Context(), auth.Caller{Service: "meridian"})
	made, err := signing.CreateWorkspace(caller, app.NewWorkspace{
		Settings: domain.WorkspaceChange{DisplayName: new("Relay")}, OwnerEmail: "o@example.org",
	})
	require.NoError(t, err)
	verifier := auth.NewVerifier(auth.VerifierConfig{Keys: other, Revocations: auth.NewRevocations(machine), Clock: machine})

	var history []map[string]ed25519.PublicKey
	used := map[string]bool{}
	for step := range 80 * 4 {
		history = append(history, other.published(t))
		got, err := signing.ExchangeToken(t.Context(), made.Secret)
		require.NoError(t, err)
		kid := kidOf(t, got.AccessToken)
		used[kid] = true
		require.Contains(t, history[max(step-3, 0)], kid, "published well before it signs")
		_, err = verifier.Verify(t.Context(), got.AccessToken)
		require.NoError(t, err)
		machine.Advance(9 * time.Minute)
		require.NoError(t, worker.Settled(t.Context()))
		_, err = verifier.Verify(t.Context(), got.AccessToken)
		require.NoError(t, err, "to the end of its life")
		require.Contains(t, other.published(t), kid, "published while its tokens live")
		machine.Advance(6*time.Hour - 9*time.Minute)
		require.NoError(t, worker.Settled(t.Context()))
	}
	require.Len(t, used, 3, "a new key every thirty days")
	require.LessOrEqual(t, len(other.published(t)), 2)
	stop()
	require.NoError(t, <-finished)
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	require.NoError(t, err)
	return parsed.Headers[0].KeyID
}

// A directory that was down over a whole rotation goes on with the key it has until the next is known to all.
func TestALateRotationLeavesNoGap(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	machine := clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	r := newReplica(db, machine)
	require.NoError(t, r.RotateKeys(t.Context()))
	caller := auth.NewContext(t.Context(), auth.Caller{Service: "meridian"})
	made, err := r.CreateWorkspace(caller, app.NewWorkspace{
		Settings: domain.WorkspaceChange{DisplayName: new("Relay")}, OwnerEmail: "o@example.org",
	})
	require.NoError(t, err)
	exchange := func() string {
		got, err := r.ExchangeToken(t.Context(), made.Secret)
		require.NoError(t, err)
		return kidOf(t, got.AccessToken)
	}
	first := exchange()
	machine.Advance(domain.KeyPeriod + 10*24*time.Hour)
	require.Equal(t, first, exchange(), "late, and still signing")
	require.NoError(t, r.RotateKeys(t.Context()))
	require.Len(t, r.published(t), 2)
	require.Equal(t, first, exchange(), "the next one is not known to all yet")
	machine.Advance(domain.KeyLead)
	require.NotEqual(t, first, exchange())
	require.Contains(t, r.published(t), first)
	machine.Advance(domain.KeyGrace)
	require.NoError(t, r.RotateKeys(t.Context()))
	require.NotContains(t, r.published(t), first)
}

func TestReplicasThatStartTogetherMakeOneKey(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	machine := clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	errs := make(chan error, 6)
	for range cap(errs) {
		go func() { errs <- newReplica(db, machine).RotateKeys(t.Context()) }()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Len(t, newReplica(db, machine).published(t), 1)
	taken, err := newReplica(db, machine).ClaimRotation(t.Context(), machine.Now(), time.Minute)
	require.NoError(t, err)
	require.False(t, taken, "not due")
	due, ok, err := newReplica(db, machine).NextRotation(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, machine.Now().Add(domain.KeyPeriod-domain.KeyLead), due)
	taken, err = newReplica(db, machine).ClaimRotation(t.Context(), due, time.Minute)
	require.NoError(t, err)
	require.True(t, taken)
	taken, err = newReplica(db, machine).ClaimRotation(t.Context(), due, time.Minute)
	require.NoError(t, err)
	require.False(t, taken, "held by another")
}

// While the database is away, the keys in memory go on being published.
func TestKeysAreServedWithoutADatabase(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	machine := clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	r := newReplica(db, machine)
	_, err := r.PublicKeys(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.RotateKeys(t.Context()))
	before := r.published(t)
	require.Len(t, before, 1)
	db.Owner.Close()
	machine.Advance(time.Hour)
	require.Equal(t, before, r.published(t))
	_, err = newReplica(db, machine).PublicKeys(t.Context())
	require.Error(t, err, "who never had them has none")
}
