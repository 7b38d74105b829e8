package rpcserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
)

// bench is a server of the probe whose handlers do what the test says.
type bench struct {
	authority *rpctest.Authority
	cc        *grpc.ClientConn
	server    *rpcserver.Server
	workspace uuid.UUID

	mu     sync.Mutex
	handle probe.Handler
	seen   int
}

func newBench(t *testing.T, cfg rpcserver.Config, deps rpcserver.Deps) *bench {
	t.Helper()
	b := &bench{
		authority: rpctest.NewAuthority(t, "threads", "tasks", "stranger"),
		workspace: uuid.Must(uuid.NewV7()),
	}
	b.cc, b.server = rpctest.Serve(t, b.authority, cfg, deps, func(r grpc.ServiceRegistrar) {
		probe.Register(r, "ProbeService", func(ctx context.Context, c probe.Call) error {
			b.mu.Lock()
			b.seen++
			h := b.handle
			b.mu.Unlock()
			if h == nil {
				return nil
			}
			return h(ctx, c)
		})
	})
	return b
}

func (b *bench) on(h probe.Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handle = h
}

func (b *bench) calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

// as is a context of a member of the bench's workspace.
func (b *bench) as(t *testing.T, role auth.Role, scopes ...string) context.Context {
	t.Helper()
	return b.authority.As(t, t.Context(), rpctest.Member(b.workspace, role, scopes...))
}

func (b *bench) thing() string { return b.name("things") }

func (b *bench) name(collection string) string {
	return fmt.Sprintf("workspaces/%s/%s/%s", b.workspace, collection, uuid.Must(uuid.NewV7()))
}

func (b *bench) invoke(ctx context.Context, method, request string) error {
	_, err := probe.Invoke(ctx, b.cc, method, request)
	return err
}

// field is a request of one string field.
func field(name, value string) string {
	text, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestWithoutATokenNothingIsLookedAt(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	for method, request := range map[string]string{
		"GetThing": field("name", "not a name"), "CountThings": `{}`, "SyncThings": `{}`,
	} {
		rpctest.Failed(t, b.invoke(t.Context(), method, request), codes.Unauthenticated, fault.ReasonUnauthenticated)
	}
	require.Zero(t, b.calls())
}

func TestWhatIsNoBearerTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	good := b.authority.Token(t, rpctest.Member(b.workspace, auth.Owner))
	for name, values := range map[string][]string{
		"another scheme": {"Basic " + good}, "no scheme": {good}, "no token": {"Bearer "}, "nothing": {""},
		"two of them": {"Bearer " + good, "Bearer " + good}, "not ours": {"Bearer abc.def.ghi"},
	} {
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"authorization": values})
		err := b.invoke(ctx, "GetThing", field("name", b.thing()))
		s := rpctest.Failed(t, err, codes.Unauthenticated, fault.ReasonUnauthenticated)
		require.NotContains(t, s.Message(), good, name)
	}
	lower := metadata.AppendToOutgoingContext(t.Context(), "authorization", "bearer "+good)
	require.NoError(t, b.invoke(lower, "GetThing", field("name", b.thing())))
}

func TestExpiredAndRevokedTokensSaySo(t *testing.T) {
	t.Parallel()
	machine := clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	a := rpctest.NewAuthorityAt(t, machine)
	cc, _ := rpctest.Serve(t, a, rpcserver.Config{}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		probe.Register(r, "ProbeService", func(context.Context, probe.Call) error { return nil })
	})
	c := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	ctx := a.As(t, t.Context(), c)
	call := func() error { _, err := probe.Invoke(ctx, cc, "CountThings", `{}`); return err }
	require.NoError(t, call())
	a.Revocations.RevokeSession(c.Session, machine.Now())
	rpctest.Failed(t, call(), codes.Unauthenticated, fault.ReasonTokenRevoked)
	machine.Advance(time.Hour)
	rpctest.Failed(t, call(), codes.Unauthenticated, fault.ReasonTokenExpired)
}

func TestAMalformedNameIsToldBeforeRightsAre(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	guest := b.as(t, auth.Guest, "nothing.at.all")
	ws := b.workspace.String()
	id := uuid.Must(uuid.NewV7()).String()
	for _, c := range []struct{ method, request, field string }{
		{"GetThing", `{}`, "name"},
		{"GetThing", field("name", "things/1"), "name"},
		{"GetThing", field("name", "workspaces/"+ws), "name"},
		{"GetThing", field("name", "workspaces/-/things/"+id), "name"},
		{"GetThing", field("name", "workspaces/"+ws+"/things/-"), "name"},
		{"GetThing", field("name", "workspaces/"+ws+"/things/"+id+"/"), "name"},
		{"GetThing", field("name", "workspaces/"+ws+"/members/me"), "name"},
		{"ListThings", `{}`, "parent"},
		{"ListThings", field("parent", "workspaces/"+ws+"/things/"+id), "parent"},
		{"UpdateThing", `{}`, "thing.name"},
		{"UpdateThing", `{"thing":` + field("name", "x") + `}`, "thing.name"},
		{"SyncThings", field("name", "x"), "name"},
		{"GetKey", field("name", "workspaces/"+ws+"/members/mean/keys/"+id), "name"},
	} {
		rpctest.FailedField(t, b.invoke(guest, c.method, c.request), fault.ReasonFieldInvalid, c.field)
	}
	require.Zero(t, b.calls())
}

func TestAnotherWorkspaceIsNotFoundWhateverTheRole(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	other := "workspaces/" + uuid.NewString()
	for _, role := range []auth.Role{auth.Guest, auth.Member, auth.Admin, auth.Owner} {
		for _, c := range []struct{ method, request, name string }{
			{"GetThing", field("name", other+"/things/"+b.workspace.String()), other + "/things/" + b.workspace.String()},
			{"ListThings", field("parent", other), other},
			{"UpdateMember", `{"member":` + field("name", other+"/members/me") + `}`, ""},
		} {
			err := b.invoke(b.as(t, role, "nothing.at.all"), c.method, c.request)
			s := rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
			if c.name != "" {
				info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
				require.Equal(t, c.name, info.GetMetadata()["name"])
			}
		}
	}
	require.Zero(t, b.calls())
}

func TestRolesRiseAndTheLeastOneIsAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	least := map[string]auth.Role{"GetThing": auth.Guest, "ListThings": auth.Member, "UpdateThing": auth.Admin}
	requests := map[string]string{
		"GetThing": field("name", b.thing()), "ListThings": field("parent", "workspaces/"+b.workspace.String()),
		"UpdateThing": `{"thing":` + field("name", b.thing()) + `}`,
	}
	for method, least := range least {
		for _, role := range []auth.Role{auth.Guest, auth.Member, auth.Admin, auth.Owner} {
			err := b.invoke(b.as(t, role), method, requests[method])
			if role >= least {
				require.NoError(t, err, "%s as %s", method, role)
				continue
			}
			s := rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
			info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
			require.Equal(t, map[string]string{"role": least.String()}, info.GetMetadata())
		}
	}
}

func TestAMissingScopeIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	request := field("name", b.thing())
	require.NoError(t, b.invoke(b.as(t, auth.Guest, "other", "probe.read"), "GetThing", request))
	require.NoError(t, b.invoke(b.as(t, auth.Guest, auth.ScopeAll), "GetThing", request))
	err := b.invoke(b.as(t, auth.Owner, "probe.write", "threads.read"), "GetThing", request)
	s := rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonScopeMissing)
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
	require.Equal(t, map[string]string{"scope": "probe.read"}, info.GetMetadata())
}

func TestOrSelfOpensOnesOwnMemberAndWhatIsBelow(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	self := rpctest.Member(b.workspace, auth.Guest)
	ctx := b.authority.As(t, t.Context(), self)
	key := "/keys/" + uuid.NewString()
	update := func(name string) error {
		return b.invoke(ctx, "UpdateMember", `{"member":`+field("name", name)+`}`)
	}
	getKey := func(name string) error { return b.invoke(ctx, "GetKey", field("name", name)) }

	require.NoError(t, update(self.Principal()))
	require.NoError(t, update("workspaces/"+b.workspace.String()+"/members/me"))
	require.NoError(t, getKey(self.Principal()+key))
	require.NoError(t, getKey("workspaces/"+b.workspace.String()+"/members/me"+key))
	rpctest.Failed(t, update(b.name("members")), codes.PermissionDenied, fault.ReasonPermissionDenied)
	rpctest.Failed(t, getKey(b.name("members")+key), codes.PermissionDenied, fault.ReasonPermissionDenied)
	require.NoError(t, b.invoke(b.as(t, auth.Admin), "UpdateMember", `{"member":`+field("name", b.name("members"))+`}`))

	self.Scopes = []string{"probe.read"}
	ctx = b.authority.As(t, t.Context(), self)
	rpctest.Failed(t, update(self.Principal()), codes.PermissionDenied, fault.ReasonScopeMissing)
}

func TestServicesAreAllowedByName(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	threads := b.authority.AsService(t, t.Context(), "threads")
	tasks := b.authority.AsService(t, t.Context(), "tasks")
	name := field("name", b.thing())

	require.NoError(t, b.invoke(threads, "SyncThings", name), "in any workspace")
	require.NoError(t, b.invoke(tasks, "CountThings", `{}`))
	rpctest.Failed(t, b.invoke(tasks, "SyncThings", name), codes.PermissionDenied, fault.ReasonPermissionDenied)
	rpctest.Failed(t, b.invoke(threads, "GetThing", name), codes.PermissionDenied, fault.ReasonPermissionDenied)
	rpctest.Failed(t, b.invoke(b.as(t, auth.Owner), "SyncThings", name), codes.PermissionDenied,
		fault.ReasonPermissionDenied)
	rpctest.FailedField(t, b.invoke(threads, "GetThing", field("name", "workspaces/"+b.workspace.String()+"/members/me")),
		fault.ReasonFieldInvalid, "name")
}

func TestPublicMethodsAskNoOne(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	b.on(func(ctx context.Context, _ probe.Call) error {
		_, known := auth.FromContext(ctx)
		_, token := auth.TokenFrom(ctx)
		if known || token {
			return errors.New("somebody is known")
		}
		return nil
	})
	require.NoError(t, b.invoke(t.Context(), "Greet", `{}`))
	stale := rpctest.WithToken(t.Context(), "long gone")
	require.NoError(t, b.invoke(stale, "Greet", `{}`), "a token that comes along is not looked at")
}

func TestTheHandlerGetsCallerTokenAndNeed(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	c := rpctest.Member(b.workspace, auth.Admin)
	token := b.authority.Token(t, c)
	ctx := rpctest.WithToken(t.Context(), token)
	needs := make(map[string]auth.Right)
	b.on(func(ctx context.Context, call probe.Call) error {
		got, err := auth.Require(ctx)
		if err != nil {
			return err
		}
		held, _ := auth.TokenFrom(ctx)
		if got.Member != c.Member || got.Workspace != c.Workspace || got.Role != c.Role || held != token {
			return errors.New("another caller")
		}
		needs[call.Method] = auth.Need(ctx)
		return nil
	})
	require.NoError(t, b.invoke(ctx, "GetThing", field("name", b.thing())))
	require.NoError(t, b.invoke(ctx, "UpdateThing", `{"thing":`+field("name", b.thing())+`}`))
	require.NoError(t, b.invoke(ctx, "CountThings", `{}`))
	require.Equal(t, map[string]auth.Right{
		"GetThing": auth.Reader, "UpdateThing": auth.Manager, "CountThings": auth.NoRight,
	}, needs)
}

func TestTheOrderOfRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	badField := `,"thing":{"title":"longer than ten"}}`
	mine, other := `{"parent":"workspaces/`+b.workspace.String()+`"`, `{"parent":"workspaces/`+uuid.NewString()+`"`
	malformed := `{"parent":"workspaces/x"`
	guest := b.as(t, auth.Guest, "x")
	member := b.as(t, auth.Member, "x")

	rpctest.Failed(t, b.invoke(t.Context(), "CreateThing", malformed+badField), codes.Unauthenticated,
		fault.ReasonUnauthenticated)
	s := rpctest.FailedField(t, b.invoke(guest, "CreateThing", malformed+badField), fault.ReasonFieldInvalid, "parent")
	require.Equal(t, []string{"parent"}, rpctest.Fields(s), "the rules of other fields come later")
	rpctest.Failed(t, b.invoke(guest, "CreateThing", other+badField), codes.NotFound, fault.ReasonResourceNotFound)
	rpctest.Failed(t, b.invoke(guest, "CreateThing", mine+badField), codes.PermissionDenied, fault.ReasonPermissionDenied)
	rpctest.Failed(t, b.invoke(member, "CreateThing", mine+badField), codes.PermissionDenied, fault.ReasonScopeMissing)
	rpctest.FailedField(t, b.invoke(b.as(t, auth.Member), "CreateThing", mine+badField),
		fault.ReasonFieldInvalid, "thing.title")
	require.Zero(t, b.calls())
	require.NoError(t, b.invoke(b.as(t, auth.Member), "CreateThing", mine+`,"thing":{"title":"short"}}`))
}

func TestStreamsAreCheckedTheSameWay(t *testing.T) {
	t.Parallel()
	b := newBench(t, rpcserver.Config{}, rpcserver.Deps{})
	b.on(func(ctx context.Context, c probe.Call) error {
		caller, err := auth.Require(ctx)
		if err != nil {
			return err
		}
		return c.Send(field("title", auth.Need(ctx).String()+caller.Role.String()))
	})
	watch := func(ctx context.Context, request string) (string, error) {
		next, err := probe.Watch(ctx, b.cc, "WatchThings", request)
		require.NoError(t, err)
		return next()
	}
	_, err := watch(t.Context(), `{}`)
	rpctest.Failed(t, err, codes.Unauthenticated, fault.ReasonUnauthenticated)
	_, err = watch(b.as(t, auth.Guest, "x"), `{}`)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "parent")
	_, err = watch(b.as(t, auth.Guest, "x"), field("parent", "workspaces/"+uuid.NewString()))
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = watch(b.as(t, auth.Guest, "x"), field("parent", "workspaces/"+b.workspace.String()))
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonScopeMissing)
	_, err = watch(b.as(t, auth.Guest), `{"parent":"workspaces/`+b.workspace.String()+`","pageSize":-1}`)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "page_size")
	require.Zero(t, b.calls())
	got, err := watch(b.as(t, auth.Guest), field("parent", "workspaces/"+b.workspace.String()))
	require.NoError(t, err)
	require.JSONEq(t, `{"title":"READERGUEST"}`, got)
}
