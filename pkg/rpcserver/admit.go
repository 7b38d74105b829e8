package rpcserver

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/replay"
)

const (
	// returnOverhead is taken off the caller's deadline, so that the answer is back in time.
	returnOverhead = 5 * time.Millisecond
	// leastTime is the time that must be left for work to begin at all.
	leastTime = 20 * time.Millisecond
)

// The metadata keys that callers send.
const (
	metadataToken      = "authorization"
	metadataRequestKey = "idempotency-key"
)

// authenticate finds out who calls and puts the caller, the token and the method's need into the context. Public
// methods are not asked for a token, and one that comes along is not looked at.
func (s *Server) authenticate(ctx context.Context, m *method) (context.Context, auth.Caller, error) {
	if m.public {
		return ctx, auth.Caller{}, nil
	}
	token, err := bearer(ctx)
	if err != nil {
		return ctx, auth.Caller{}, err
	}
	c, err := s.deps.Verifier.Verify(ctx, token)
	if err != nil {
		return ctx, auth.Caller{}, err
	}
	ctx = auth.WithToken(auth.NewContext(ctx, c), token)
	if m.need != auth.NoRight {
		ctx = auth.WithNeed(ctx, m.need)
	}
	return ctx, c, nil
}

// bearer returns the one bearer token of the call's metadata.
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, metadataToken)
	switch len(values) {
	case 0:
		return "", fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the call needs a token")
	case 1:
	default:
		return "", fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the call carries several tokens")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated,
			"the authorization must be a bearer token")
	}
	return token, nil
}

// authorise decides all about access that needs no lookup, in the order of refusals: a malformed name, another
// workspace, role and scope. It returns what the request is about.
func (m *method) authorise(c auth.Caller, request protoreflect.Message) (resource, error) {
	if m.public {
		return resource{}, nil
	}
	r, err := m.resource.read(request, c)
	if err != nil {
		return resource{}, err
	}
	if c.Service != "" {
		if !slices.Contains(m.services, c.Service) {
			return resource{}, fault.DeniedFor("call " + m.name + " as the service " + c.Service)
		}
		return r, nil
	}
	if r.name != "" && r.workspace != c.Workspace {
		return resource{}, fault.NotFoundName(r.name)
	}
	return r, m.checkMember(c, r)
}

func (m *method) checkMember(c auth.Caller, r resource) error {
	if m.role == auth.RoleNone {
		return fault.DeniedFor("call " + m.name + ", which is for services only")
	}
	if self := m.orSelf && r.isOwn(c); c.Role < m.role && !self {
		return fault.DeniedFor("call "+m.name+": it takes the role "+m.role.String()).With("role", m.role.String())
	}
	if !c.HasScope(m.scope) {
		return fault.New(fault.Denied, fault.ReasonScopeMissing, "the token does not carry the scope %s", m.scope).
			With("scope", m.scope)
	}
	return nil
}

// deadline gives a unary call without one the default, takes the way back off the others, and refuses a call that
// has too little left to do anything. The cancel function is never nil.
func (s *Server) deadline(ctx context.Context, unary bool) (context.Context, context.CancelFunc, error) {
	at, ok := ctx.Deadline()
	if !ok {
		if !unary || s.cfg.DefaultDeadline == 0 {
			return ctx, func() {}, nil
		}
		ctx, cancel := context.WithTimeout(ctx, s.cfg.DefaultDeadline)
		return ctx, cancel, nil
	}
	at = at.Add(-returnOverhead)
	if at.Sub(s.deps.Machine.Now()) < leastTime {
		return ctx, func() {}, errDeadlineTooShort
	}
	ctx, cancel := context.WithDeadline(ctx, at)
	return ctx, cancel, nil
}

// identify puts the key of a call with a request_id into the context. The id is the request's own field or, where
// that is empty, the `idempotency-key` of the metadata; two different ones are refused. Public methods have no
// principal to keep an id for.
func (m *method) identify(
	ctx context.Context, c auth.Caller, r resource, request proto.Message,
) (context.Context, error) {
	if m.requestID == nil || m.public {
		return ctx, nil
	}
	msg := request.ProtoReflect()
	text := msg.Get(m.requestID).String()
	for _, key := range metadata.ValueFromIncomingContext(ctx, metadataRequestKey) {
		if text != "" && key != text {
			return ctx, fault.InvalidField("request_id", "must be the same as the Idempotency-Key, or only one of them given")
		}
		text = key
	}
	if text == "" {
		return ctx, nil
	}
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(uuid.Nil.String()) || id == uuid.Nil {
		return ctx, fault.InvalidField("request_id", "must be a UUID")
	}
	hash, err := m.hash(msg)
	if err != nil {
		return ctx, err
	}
	return replay.NewContext(ctx, replay.Key{
		Workspace: workspaceOf(c, r), Principal: c.Principal(), Method: m.name, RequestID: id, Hash: hash,
	}), nil
}

// workspaceOf is the workspace that a call is for: the caller's, or what the request of a service is about; zero for none.
func workspaceOf(c auth.Caller, r resource) uuid.UUID {
	if c.Service != "" {
		return r.workspace
	}
	return c.Workspace
}

// hash is the SHA-256 of the request without its request_id. It takes the id out and puts it back: the request is
// this call's alone.
func (m *method) hash(msg protoreflect.Message) ([]byte, error) {
	if msg.Has(m.requestID) {
		id := msg.Get(m.requestID)
		msg.Clear(m.requestID)
		defer msg.Set(m.requestID, id)
	}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg.Interface())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(wire)
	return sum[:], nil
}
