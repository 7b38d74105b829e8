package edge

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// renewBefore is how long before its end an exchanged access token is replaced.
	renewBefore = time.Minute
	// renewRetry is the pause between two attempts to replace one while the directory is away.
	renewRetry = time.Second
	// refusedLife is how long a refused API token is refused without asking the directory again.
	refusedLife = 10 * time.Second
	// exchangeTimeout bounds one exchange, which outlives the call that began it.
	exchangeTimeout = 5 * time.Second
	// maxRemembered is how many API tokens are remembered, refused ones included: a few megabytes.
	maxRemembered = 16 << 10
)

// Exchanger turns an API token into an access token: the directory's ExchangeToken.
type Exchanger interface {
	// Exchange fails Unauthenticated for a token that is not good, Unavailable while that cannot be known.
	Exchange(ctx context.Context, apiToken string) (access string, err error)
}

// Verifier checks an access token and says whom it speaks for: auth.Verifier.
type Verifier interface {
	// Verify fails Unauthenticated, or Unavailable while it cannot know.
	Verify(ctx context.Context, token string) (auth.Caller, error)
}

// Session is a caller who has signed in.
type Session struct {
	// Caller is who it is.
	Caller auth.Caller
	// Access is the access token that speaks for the caller towards the services. It is a secret.
	Access string

	presented string
}

// NewSession makes the session of a caller who presented a token.
func NewSession(caller auth.Caller, access, presented string) Session {
	return Session{Caller: caller, Access: access, presented: presented}
}

// Renewable says whether the session can outlive its access token, which an API token's can.
func (s Session) Renewable() bool { return auth.IsAPIToken(s.presented) }

// SignIn says who presents a token. API tokens are exchanged once and remembered by their hash until shortly before
// the access token's end; a revocation is in force at the next call, because the access token is verified at every
// one. It may be used by many goroutines.
type SignIn struct {
	exchanger Exchanger
	verifier  Verifier
	machine   clock.Clock
	flight    singleflight.Group

	mu     sync.Mutex
	tokens map[[sha256.Size]byte]remembered
}

// remembered is the outcome of the last exchange of one API token.
type remembered struct {
	access  string
	refused error
	renewAt time.Time
}

// NewSignIn makes a sign-in that remembers nothing yet.
func NewSignIn(exchanger Exchanger, verifier Verifier, machine clock.Clock) *SignIn {
	return &SignIn{
		exchanger: exchanger, verifier: verifier, machine: machine,
		tokens: make(map[[sha256.Size]byte]remembered),
	}
}

// Bearer takes the token out of the values of an Authorization header. No value, another scheme or more than one
// value is Unauthenticated.
func Bearer(values []string) (string, error) {
	if len(values) == 0 || values[0] == "" {
		return "", fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated,
			"the call needs a token: Authorization: Bearer <API token or access token>")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated,
			"the Authorization header must be one `Bearer <token>`")
	}
	return token, nil
}

// Known says whether the token needs no exchange, so that signing in costs the directory nothing.
func (s *SignIn) Known(token string) bool {
	if !auth.IsAPIToken(token) {
		return true
	}
	_, ok := s.recall(sha256.Sum256([]byte(token)))
	return ok
}

// Session says who presents the token, exchanging it where it is an API token. It fails Unauthenticated, or
// Unavailable while the directory cannot be asked.
func (s *SignIn) Session(ctx context.Context, token string) (Session, error) {
	if !auth.IsAPIToken(token) {
		return s.verified(ctx, token, token)
	}
	if _, err := auth.ParseAPIToken(token); err != nil {
		return Session{}, err
	}
	hash := sha256.Sum256([]byte(token))
	known, ok := s.recall(hash)
	if ok && known.refused != nil {
		return Session{}, known.refused
	}
	if ok && s.machine.Now().Before(known.renewAt) {
		session, err := s.verified(ctx, token, known.access)
		if err == nil || !fault.Is(err, fault.Unauthenticated) {
			return session, err
		}
	}
	access, err := s.exchange(ctx, hash, token)
	if err == nil {
		return s.verified(ctx, token, access)
	}
	if ok && fault.Is(err, fault.Unavailable) {
		if session, err := s.verified(ctx, token, known.access); err == nil {
			return session, nil
		}
	}
	return Session{}, err
}

// Renew signs the session in anew with the token that was presented for it.
func (s *SignIn) Renew(ctx context.Context, session Session) (Session, error) {
	return s.Session(ctx, session.presented)
}

func (s *SignIn) verified(ctx context.Context, presented, access string) (Session, error) {
	caller, err := s.verifier.Verify(ctx, access)
	if err != nil {
		return Session{}, err
	}
	if caller.Service != "" {
		return Session{}, fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated,
			"a service's identity is not taken here")
	}
	return NewSession(caller, access, presented), nil
}

// exchange asks the directory, once for all who ask at the same time.
func (s *SignIn) exchange(ctx context.Context, hash [sha256.Size]byte, token string) (string, error) {
	result := s.flight.DoChan(string(hash[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
		defer cancel()
		access, err := s.exchanger.Exchange(ctx, token)
		s.remember(hash, s.outcome(ctx, hash, access, err))
		return access, err
	})
	select {
	case r := <-result:
		access, _ := r.Val.(string)
		return access, r.Err
	case <-ctx.Done():
		return "", fault.New(fault.Unavailable, fault.ReasonUnavailable, "signing in took too long").Wrap(ctx.Err())
	}
}

// outcome is what to remember of an exchange; nothing when its zero value.
func (s *SignIn) outcome(ctx context.Context, hash [sha256.Size]byte, access string, err error) remembered {
	now := s.machine.Now()
	switch {
	case err == nil:
		caller, err := s.verifier.Verify(ctx, access)
		if err != nil {
			return remembered{}
		}
		return remembered{access: access, renewAt: caller.Expires.Add(-renewBefore)}
	case fault.Is(err, fault.Unauthenticated):
		return remembered{refused: err, renewAt: now.Add(refusedLife)}
	default:
		known, _ := s.recall(hash)
		if known.access != "" {
			known.renewAt = now.Add(renewRetry)
		}
		return known
	}
}

// recall returns what is remembered of a token; a refusal that is too old is not.
func (s *SignIn) recall(hash [sha256.Size]byte) (remembered, bool) {
	now := s.machine.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.tokens[hash]
	if ok && known.refused != nil && !now.Before(known.renewAt) {
		delete(s.tokens, hash)
		return remembered{}, false
	}
	return known, ok
}

func (s *SignIn) remember(hash [sha256.Size]byte, outcome remembered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if outcome.access == "" && outcome.refused == nil {
		delete(s.tokens, hash)
		return
	}
	if len(s.tokens) >= maxRemembered {
		s.shrink()
	}
	s.tokens[hash] = outcome
}

// shrink forgets what is due, and an eighth of the rest at random when that is not enough: forgetting only costs
// another exchange.
func (s *SignIn) shrink() {
	now := s.machine.Now()
	for hash, known := range s.tokens {
		if !now.Before(known.renewAt) {
			delete(s.tokens, hash)
		}
	}
	for hash := range s.tokens {
		if len(s.tokens) <= maxRemembered/8*7 {
			return
		}
		delete(s.tokens, hash)
	}
}
