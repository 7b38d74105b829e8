package brokeredge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// account is where admitted integrators live.
	account = "INTEG"
	// calloutSubject is where the server asks who a client is.
	calloutSubject = "$SYS.REQ.USER.AUTH"
	// xkeyHeader carries the asking server's public curve key.
	xkeyHeader = "Nats-Server-Xkey"
	// calloutQueue shares the questions between the directory's replicas.
	calloutQueue = "meridian"
	// userLife is the longest an admission lasts: the bound on a revocation that is not heard of.
	userLife = 10 * time.Minute
	// decideWithin is less than the server's own patience (authorization.timeout in meridian.conf).
	decideWithin = 4 * time.Second
	// deciding bounds how many questions are decided at once; more wait.
	deciding = 32
)

// ErrRefused is what a Decide function returns for a client that is not let in. Any other error is one too, and is
// logged as a failure.
var ErrRefused = errors.New("brokeredge: not admitted")

// Attempt is what a connecting client shows.
type Attempt struct {
	// User and Password are as given: the event subscription's id and an API token.
	User, Password string
	// Host is the client's address, for the audit.
	Host string
}

// Grant is what an admitted client may use.
type Grant struct {
	// Consumer is the durable's name.
	Consumer string
	// InboxPrefix is the client's own prefix of reply subjects, without a wildcard.
	InboxPrefix string
	// Owner says whose connection it is, so that it can be closed.
	Owner Owner
	// Expires is when the credentials end; the admission never outlives it. Zero: they do not end.
	Expires time.Time
}

// Decide says whether a client is let in, and as what.
type Decide func(ctx context.Context, attempt Attempt) (Grant, error)

// CalloutConfig is what a Callout needs. All but Machine is required.
type CalloutConfig struct {
	// Conn is a connection in the account AUTH.
	Conn *nats.Conn
	// Issuer signs admitted users; XKey opens the server's questions. Both are private.
	Issuer, XKey nkeys.KeyPair
	// Decide is the rule.
	Decide Decide
	Log    *slog.Logger
	// Machine is the machine's clock. Nil: clock.Machine().
	Machine clock.Clock
}

// Callout answers the server's questions who a connecting client is.
type Callout struct {
	cfg CalloutConfig
	// places limits how many questions are decided at once.
	places chan struct{}
}

// NewCallout makes a callout that does not answer yet.
func NewCallout(cfg CalloutConfig) *Callout {
	if cfg.Machine == nil {
		cfg.Machine = clock.Machine()
	}
	return &Callout{cfg: cfg, places: make(chan struct{}, deciding)}
}

// Run answers until ctx is done. Several replicas may run at once and share the questions.
func (c *Callout) Run(ctx context.Context) error {
	questions := make(chan *nats.Msg, 16*deciding)
	sub, err := c.cfg.Conn.ChanQueueSubscribe(calloutSubject, calloutQueue, questions)
	if err != nil {
		return fmt.Errorf("brokeredge: subscribe: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case question := <-questions:
			c.places <- struct{}{}
			go func() {
				defer func() { <-c.places }()
				c.answer(ctx, question)
			}()
		}
	}
}

// answer decides one question. What cannot be read is left unanswered: it is not from our server.
func (c *Callout) answer(ctx context.Context, question *nats.Msg) {
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	request, serverKey, err := c.open(question)
	if err != nil {
		c.cfg.Log.WarnContext(ctx, "auth callout: unreadable question", "error", err)
		return
	}
	user, err := c.decide(ctx, request)
	if err != nil {
		level := slog.LevelInfo
		if !errors.Is(err, ErrRefused) {
			level = slog.LevelError
		}
		c.cfg.Log.Log(ctx, level, "auth callout: refused", "host", request.ClientInformation.Host, "error", err)
	}
	response := jwt.NewAuthorizationResponseClaims(request.UserNkey)
	response.Audience = request.Server.ID
	response.Jwt = user
	if err != nil {
		// One word for every reason: the client learns nothing from it.
		response.Error = "refused"
	}
	if err := c.respond(question, response, serverKey); err != nil {
		c.cfg.Log.ErrorContext(ctx, "auth callout: answer not sent", "error", err)
	}
}

// open decrypts and reads a question; one that is not encrypted is refused.
func (c *Callout) open(question *nats.Msg) (*jwt.AuthorizationRequestClaims, string, error) {
	serverKey := question.Header.Get(xkeyHeader)
	if serverKey == "" {
		return nil, "", errors.New("it is not encrypted")
	}
	text, err := c.cfg.XKey.Open(question.Data, serverKey)
	if err != nil {
		return nil, "", fmt.Errorf("decrypt: %w", err)
	}
	request, err := jwt.DecodeAuthorizationRequestClaims(string(text))
	if err != nil {
		return nil, "", fmt.Errorf("decode: %w", err)
	}
	if request.Server.XKey != serverKey {
		return nil, "", errors.New("its key is not the one it was encrypted with")
	}
	return request, serverKey, nil
}

func (c *Callout) decide(ctx context.Context, request *jwt.AuthorizationRequestClaims) (string, error) {
	options := request.ConnectOptions
	if options.Username == "" || options.Password == "" {
		return "", fmt.Errorf("%w: no user or no password", ErrRefused)
	}
	grant, err := c.cfg.Decide(ctx, Attempt{
		User: options.Username, Password: options.Password, Host: request.ClientInformation.Host,
	})
	if err != nil {
		return "", fmt.Errorf("decide: %w", err)
	}
	return c.sign(request.UserNkey, grant)
}

// sign makes the user: the only place that says what an integrator may do.
func (c *Callout) sign(user string, grant Grant) (string, error) {
	if err := grant.check(); err != nil {
		return "", err
	}
	now := c.cfg.Machine.Now()
	expires := now.Add(userLife)
	if !grant.Expires.IsZero() && grant.Expires.Before(expires) {
		expires = grant.Expires
	}
	// Whole seconds, as the JWT has them: the broker would end the admission before it, and let the client in again.
	expires = expires.Truncate(time.Second)
	if !expires.After(now) {
		return "", fmt.Errorf("%w: the credentials have ended", ErrRefused)
	}
	claims := jwt.NewUserClaims(user)
	claims.Name = grant.Owner.String()
	claims.Audience = account
	claims.Expires = expires.Unix()
	claims.Pub.Allow.Add(
		"EV.API.CONSUMER.INFO."+stream+"."+grant.Consumer,
		"EV.API.CONSUMER.MSG.NEXT."+stream+"."+grant.Consumer,
		"$JS.ACK."+stream+"."+grant.Consumer+".>",
		"$JS.ACK.*.*."+stream+"."+grant.Consumer+".>",
	)
	claims.Sub.Allow.Add(grant.InboxPrefix + ".>")
	claims.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket,
		jwt.ConnectionTypeInProcess)
	text, err := claims.Encode(c.cfg.Issuer)
	if err != nil {
		return "", fmt.Errorf("sign user: %w", err)
	}
	return text, nil
}

func (c *Callout) respond(question *nats.Msg, response *jwt.AuthorizationResponseClaims, serverKey string) error {
	text, err := response.Encode(c.cfg.Issuer)
	if err != nil {
		return fmt.Errorf("sign answer: %w", err)
	}
	sealed, err := c.cfg.XKey.Seal([]byte(text), serverKey)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if err := question.Respond(sealed); err != nil {
		return fmt.Errorf("respond: %w", err)
	}
	return nil
}
