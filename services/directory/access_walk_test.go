package directory_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// caller is somebody who knocks at every method.
type caller struct {
	name string
	ctx  context.Context
	// role is theirs in the workspace that is asked for; 0 for those who have none there.
	role    optionsv1.Access_Role
	scopes  string
	service string
	// refused is what they get everywhere but at public methods, if anything.
	refused codes.Code
}

// walk is the world in which the methods are called.
type walk struct {
	h     *house
	cc    *grpc.ClientConn
	names map[string]string // a resource's name by its type
}

// Every method of the directory, with everybody who might call it: the answer is what its option says.
func TestEveryMethodIsOpenToWhomItsOptionSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	callers, target := w.callers(t)
	team, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Ops"}})
	require.NoError(t, err)
	x := walk{h: h, cc: rpctest.Dial(t, h.service.Server.Addr()), names: map[string]string{
		"meridian/Workspace": w.GetName(), "meridian/Member": target.GetName(), "meridian/Team": team.GetName(),
		"meridian/Space":    w.space(t, w.owner, "Open", directoryv1.Space_OPEN).GetName(),
		"meridian/ApiToken": target.token.GetName(), "meridian/EventSubscription": w.GetName() + "/eventSubscriptions/" + w.GetUid(),
	}}
	asked := 0
	for _, m := range directoryMethods(t) {
		access, ok := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		require.True(t, ok)
		for _, c := range callers {
			got := x.call(m, c)
			require.Equal(t, expected(access, c, m), admitted(got, c), "%s by %s: %v", m.FullName(), c.name, got)
			asked++
		}
	}
	require.Greater(t, asked, 400)
}

func (w *tenant) callers(t *testing.T) (all []caller, target person) {
	t.Helper()
	h := w.h
	target = w.join(t, "target", guest)
	other := h.found(t)
	revoked := w.join(t, "revoked", admin)
	_, err := h.tokens.RevokeApiToken(revoked.ctx, &directoryv1.RevokeApiTokenRequest{Name: revoked.token.GetName()})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := h.workspaces.GetWorkspace(revoked.ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
		return status.Code(err) == codes.Unauthenticated
	}, eventually, tick)
	narrow, err := h.tokens.CreateApiToken(w.owner.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: w.owner.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "narrow", Scopes: []string{"directory.read"}},
	})
	require.NoError(t, err)
	nobody := codes.Unauthenticated
	all = []caller{
		{name: "nobody", ctx: t.Context(), refused: nobody},
		{name: "a made-up token", ctx: rpctest.WithToken(t.Context(), "x.y.z"), refused: nobody},
		{name: "an API token", ctx: rpctest.WithToken(t.Context(), w.owner.secret), refused: nobody},
		{name: "the revoked", ctx: revoked.ctx, refused: nobody},
		{name: "a stranger", ctx: other.owner.ctx, refused: codes.NotFound},
		{name: "a guest", ctx: w.join(t, "gus", guest).ctx, role: optionsv1.Access_GUEST, scopes: "*"},
		{name: "a member", ctx: w.join(t, "mia", member).ctx, role: optionsv1.Access_MEMBER, scopes: "*"},
		{name: "an admin", ctx: w.join(t, "ada", admin).ctx, role: optionsv1.Access_ADMIN, scopes: "*"},
		{name: "the owner", ctx: w.owner.ctx, role: optionsv1.Access_OWNER, scopes: "*"},
		{name: "the owner, reading only", ctx: h.as(t, narrow.GetSecret()), role: optionsv1.Access_OWNER, scopes: "directory.read"},
		{name: "the target", ctx: target.ctx, role: optionsv1.Access_GUEST, scopes: "*"},
		{name: "threads", ctx: h.asService(t, "threads"), service: "threads"},
		{name: "meridian", ctx: h.asService(t, "meridian"), service: "meridian"},
	}
	return all, target
}

func directoryMethods(t *testing.T) (all []protoreflect.MethodDescriptor) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFilesByPackage("meridian.directory.v1", func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			for j := range fd.Services().Get(i).Methods().Len() {
				all = append(all, fd.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	require.Greater(t, len(all), 35)
	return all
}

// call makes a request that is well named and, where it would change something, breaks a field rule: those who are let
// in are told so, and nothing happens.
func (x walk) call(m protoreflect.MethodDescriptor, c caller) error {
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	req := dynamicpb.NewMessage(m.Input())
	x.fill(req)
	if f := m.Input().Fields().ByName("request_id"); f != nil {
		req.Set(f, protoreflect.ValueOfString("no uuid"))
	}
	parent, _ := m.Parent().(protoreflect.ServiceDescriptor)
	return x.cc.Invoke(ctx, "/"+string(parent.FullName())+"/"+string(m.Name()), req, dynamicpb.NewMessage(m.Output()))
}

// fill sets the names that say what the request is about.
func (x walk) fill(req *dynamicpb.Message) {
	fields := req.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if ref, _ := proto.GetExtension(f.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference); ref != nil && !f.IsList() {
			if name := x.names[ref.GetType()]; name != "" {
				req.Set(f, protoreflect.ValueOfString(name))
			}
		}
		inner := f.Message()
		if inner == nil || f.IsList() || req.Descriptor().Fields().ByName("update_mask") == nil {
			continue
		}
		if r, _ := proto.GetExtension(inner.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor); r != nil {
			resource := dynamicpb.NewMessage(inner)
			resource.Set(inner.Fields().ByName("name"), protoreflect.ValueOfString(x.names[r.GetType()]))
			req.Set(f, protoreflect.ValueOfMessage(resource))
		}
	}
}

// admitted is how far a call came: refused at the door, or let in, whatever happened there.
func admitted(err error, c caller) codes.Code {
	switch code := status.Code(err); code {
	case codes.Unauthenticated, codes.PermissionDenied:
		return code
	case codes.NotFound:
		if c.refused != code && strings.Contains(err.Error(), "eventSubscriptions") {
			return codes.OK // there is none; that is known to those let in only
		}
		return code
	default:
		return codes.OK
	}
}

// expected is what the option says of a caller.
func expected(access *optionsv1.Access, c caller, m protoreflect.MethodDescriptor) codes.Code {
	switch {
	case access.GetPublic():
		return codes.OK
	case c.refused == codes.NotFound && access.GetRole() == 0:
		return codes.PermissionDenied // for services only, and it names no workspace of the caller's
	case c.refused == codes.NotFound && m.Name() == "ListWorkspaces":
		return codes.OK // one's own
	case c.refused != codes.OK:
		return c.refused
	case c.service != "":
		for _, service := range access.GetServices() {
			if service == c.service {
				return codes.OK
			}
		}
		return codes.PermissionDenied
	case access.GetRole() == 0:
		return codes.PermissionDenied
	}
	own := c.name == "the target" && access.GetOrSelf()
	if c.role < access.GetRole() && !own {
		return codes.PermissionDenied
	}
	if c.scopes != "*" && c.scopes != access.GetScope() {
		return codes.PermissionDenied
	}
	if c.role == optionsv1.Access_GUEST && m.Name() == "GetSpace" {
		return codes.NotFound // a guest was not added; the other methods with a right break a rule first
	}
	return codes.OK
}
