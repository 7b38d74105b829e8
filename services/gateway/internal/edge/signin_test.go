package edge

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

// directory exchanges API tokens for access tokens that name their number.
type directory struct {
	machine *clock.Manual

	mu        sync.Mutex
	exchanges int
	answer    error
	held      chan struct{} // exchanges wait for it to be closed, when set
	issued    map[string]auth.Caller
	revoked   map[string]bool
}

func (d *directory) Exchange(_ context.Context, _ string) (string, error) {
	d.mu.Lock()
	d.exchanges++
	number, answer, held := d.exchanges, d.answer, d.held
	d.mu.Unlock()
	if held != nil {
		<-held
	}
	if answer != nil {
		return "", answer
	}
	access := fmt.Sprintf("access-%d", number)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.issued[access] = auth.Caller{
		Workspace: uuid.New(), Member: uuid.New(), Role: auth.Member, Expires: d.machine.Now().Add(auth.AccessLife),
	}
	return access, nil
}

func (d *directory) Verify(_ context.Context, token string) (auth.Caller, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	caller, ok := d.issued[token]
	switch {
	case token == "svc-token":
		return auth.Caller{Service: "threads"}, nil
	case d.revoked[token]:
		return auth.Caller{}, fault.New(fault.Unauthenticated, fault.ReasonTokenRevoked, "revoked")
	case !ok || !d.machine.Now().Before(caller.Expires):
		return auth.Caller{}, fault.New(fault.Unauthenticated, fault.ReasonTokenExpired, "expired")
	}
	return caller, nil
}

func (d *directory) say(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = err
}

func newSignIn(t *testing.T) (*SignIn, *directory, string) {
	t.Helper()
	machine := clock.NewManual(time.Unix(1_700_000_000, 0))
	d := &directory{machine: machine, issued: map[string]auth.Caller{}, revoked: map[string]bool{}}
	token, _ := auth.NewAPIToken()
	return NewSignIn(d, d, machine), d, token
}

var errRefused = fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "no")

func TestAnAPITokenIsExchangedOnce(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	require.False(t, s.Known(token))
	first, err := s.Session(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, "access-1", first.Access)
	require.True(t, first.Renewable())
	require.True(t, s.Known(token))
	d.machine.Advance(auth.AccessLife - renewBefore - time.Second)
	again, err := s.Session(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, first, again)

	d.machine.Advance(2 * time.Second)
	renewed, err := s.Renew(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, "access-2", renewed.Access, "shortly before its end it is replaced")
}

func TestManyAtOnceAreOneExchange(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	d.held = make(chan struct{})
	var asked, done sync.WaitGroup
	for range 50 {
		asked.Add(1)
		done.Go(func() {
			asked.Done()
			_, err := s.Session(t.Context(), token)
			require.NoError(t, err)
		})
	}
	asked.Wait()
	close(d.held)
	done.Wait()
	// One that came after the first was done would find it remembered.
	require.Equal(t, 1, d.exchanges)
}

func TestARefusedTokenIsRememberedShortly(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	d.say(errRefused)
	for range 3 {
		_, err := s.Session(t.Context(), token)
		require.True(t, fault.Is(err, fault.Unauthenticated))
	}
	require.Equal(t, 1, d.exchanges)
	d.say(nil)
	d.machine.Advance(refusedLife)
	_, err := s.Session(t.Context(), token)
	require.NoError(t, err)
}

func TestWhatIsNoAPITokenNeverReachesTheDirectory(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	for _, wrong := range []string{"mrd_short", token[:len(token)-1] + "!", "nonsense", "svc-token"} {
		_, err := s.Session(t.Context(), wrong)
		require.True(t, fault.Is(err, fault.Unauthenticated), wrong)
		require.NotContains(t, err.Error(), wrong)
	}
	require.Zero(t, d.exchanges)
}

func TestARevokedAccessTokenIsExchangedAnew(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	first, err := s.Session(t.Context(), token)
	require.NoError(t, err)
	d.revoked[first.Access] = true // the member's role has changed
	second, err := s.Session(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, "access-2", second.Access)

	d.revoked[second.Access] = true // the API token itself was revoked
	d.say(errRefused)
	_, err = s.Session(t.Context(), token)
	require.True(t, fault.Is(err, fault.Unauthenticated))
}

func TestWhileTheDirectoryIsAwayWhatIsGoodStaysGood(t *testing.T) {
	t.Parallel()
	s, d, token := newSignIn(t)
	first, err := s.Session(t.Context(), token)
	require.NoError(t, err)
	d.say(fault.New(fault.Unavailable, fault.ReasonUnavailable, "away"))
	d.machine.Advance(auth.AccessLife - renewBefore)
	for range 5 {
		kept, err := s.Session(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, first.Access, kept.Access)
	}
	require.Equal(t, 2, d.exchanges, "it is not asked at every call")
	d.machine.Advance(renewBefore)
	_, err = s.Session(t.Context(), token)
	require.True(t, fault.Is(err, fault.Unavailable))
	other, _ := auth.NewAPIToken()
	_, err = s.Session(t.Context(), other)
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestTheMemoryOfTokensIsBounded(t *testing.T) {
	t.Parallel()
	s, d, _ := newSignIn(t)
	for i := range 2*maxRemembered + 1 {
		var hash [32]byte
		hash[0], hash[1], hash[2] = byte(i), byte(i>>8), byte(i>>16)
		s.remember(hash, remembered{refused: errRefused, renewAt: d.machine.Now().Add(time.Hour)})
	}
	require.LessOrEqual(t, len(s.tokens), maxRemembered)
}

func TestBearer(t *testing.T) {
	t.Parallel()
	token, err := Bearer([]string{"bearer abc"})
	require.NoError(t, err)
	require.Equal(t, "abc", token)
	for _, wrong := range [][]string{nil, {""}, {"abc"}, {"Basic abc"}, {"Bearer "}, {"Bearer a", "Bearer b"}} {
		_, err := Bearer(wrong)
		require.True(t, fault.Is(err, fault.Unauthenticated), "%q", wrong)
	}
}
