package edge

import (
	"context"
	"net/netip"

	"github.com/meridianhq/meridian/pkg/auth"
)

// Gate is what every call passes, over whichever protocol it came.
type Gate struct {
	signIn  *SignIn
	limiter *Limiter
	proxies Proxies
}

// NewGate makes a gate that believes the proxies.
func NewGate(signIn *SignIn, limiter *Limiter, proxies Proxies) *Gate {
	return &Gate{signIn: signIn, limiter: limiter, proxies: proxies}
}

// Request is what the gate looks at.
type Request struct {
	// Method is what is called.
	Method Method
	// Authorization are the values of the header of that name.
	Authorization []string
	// Remote is the client's address.
	Remote netip.Addr
}

// Pass signs the caller in and counts the call. What has no good token counts on its address. For a public method
// the session is zero. It fails Unauthenticated, Exhausted, or Unavailable.
func (g *Gate) Pass(ctx context.Context, request Request) (Session, error) {
	if request.Method.Public {
		return Session{}, g.limiter.Address(request.Remote)
	}
	session, err := g.session(ctx, request)
	if err != nil {
		return Session{}, err
	}
	return session, g.limiter.Caller(session.Caller)
}

// session signs in. A token that is not known yet is charged to the address before the directory is asked, a
// refused one afterwards.
func (g *Gate) session(ctx context.Context, request Request) (Session, error) {
	token, err := Bearer(request.Authorization)
	charged := err == nil && !g.signIn.Known(token)
	if charged {
		if err := g.limiter.Address(request.Remote); err != nil {
			return Session{}, err
		}
	}
	var session Session
	if err == nil {
		session, err = g.signIn.Session(ctx, token)
	}
	if err != nil && !charged {
		if limited := g.limiter.Address(request.Remote); limited != nil {
			return Session{}, limited
		}
	}
	return session, err
}

// Verify signs in a call that the gateway answers itself, for the gRPC server: it takes API tokens as well. Its
// counting is the same as Pass's.
func (g *Gate) Verify(ctx context.Context, token string) (auth.Caller, error) {
	session, err := g.Pass(ctx, Request{Authorization: []string{"Bearer " + token}, Remote: g.Remote(ctx)})
	return session.Caller, err
}

// Session returns the session of a token that was let pass before, without counting.
func (g *Gate) Session(ctx context.Context, token string) (Session, error) {
	return g.signIn.Session(ctx, token)
}

// Renew signs a session in anew, for streams that outlive their access token.
func (g *Gate) Renew(ctx context.Context, session Session) (Session, error) {
	return g.signIn.Renew(ctx, session)
}

type sessionKey struct{}

// NewContext returns a context that carries the session, its caller and its access token.
func NewContext(ctx context.Context, session Session) context.Context {
	ctx = context.WithValue(ctx, sessionKey{}, session)
	return auth.WithToken(auth.NewContext(ctx, session.Caller), session.Access)
}

// FromContext returns the session, and false where there is none.
func FromContext(ctx context.Context) (Session, bool) {
	session, ok := ctx.Value(sessionKey{}).(Session)
	return session, ok
}
