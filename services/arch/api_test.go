package arch

import (
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/meridianhq/meridian/pkg/auth"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// withoutRequestID are the methods that change something and yet take no request_id, each with its reason.
var withoutRequestID = map[string]string{
	"ExchangeToken":    "makes nothing that is kept: an access token lives in the answer alone",
	"AcceptInvitation": "the single-use code is the key: a second call finds it used",
}

// unpaged are the reads whose answers have one item for each thing asked about, are a set of keys, or are cut off
// and say so: bounded without pages.
var unpaged = []string{
	"GetJwks", "ResolveAccess", "QueryAvailability", "ComputeDeadlines", "NextReachable", "ResolveExpectation",
	"ResolveDelegates", "FindOverlap", "PreviewDelivery", "ExplainNotification", "CheckSources",
}

// files are ours; the options are not part of the API's surface.
func files() []protoreflect.FileDescriptor {
	var found []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(fd.Package()), "meridian.") && fd.Package() != "meridian.options.v1" {
			found = append(found, fd)
		}
		return true
	})
	return found
}

func methods() []protoreflect.MethodDescriptor {
	var found []protoreflect.MethodDescriptor
	for _, fd := range files() {
		for i := range fd.Services().Len() {
			service := fd.Services().Get(i)
			for j := range service.Methods().Len() {
				found = append(found, service.Methods().Get(j))
			}
		}
	}
	return found
}

func access(m protoreflect.MethodDescriptor) *optionsv1.Access {
	option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
	return option
}

func rule(m protoreflect.MethodDescriptor) *annotations.HttpRule {
	option, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	return option
}

func reads(m protoreflect.MethodDescriptor) bool {
	options, _ := m.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

func internal(m protoreflect.MethodDescriptor) bool {
	a := access(m)
	return len(a.GetServices()) > 0 && a.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED
}

func behaviours(f protoreflect.FieldDescriptor) []annotations.FieldBehavior {
	option, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return option
}

// each runs a check for every method as its own subtest.
func each(t *testing.T, check func(t *testing.T, m protoreflect.MethodDescriptor)) {
	t.Helper()
	all := methods()
	require.Greater(t, len(all), 40)
	for _, m := range all {
		t.Run(string(m.FullName()), func(t *testing.T) { check(t, m) })
	}
}

func TestEveryMethodDeclaresAccess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m protoreflect.MethodDescriptor) {
		t.Helper()
		a := access(m)
		require.NotNil(t, a, "has no access option")
		switch {
		case a.GetPublic():
			require.True(t, proto.Equal(&optionsv1.Access{Public: true}, a), "public excludes every other field")
		case a.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED:
			require.NotEmpty(t, a.GetServices(), "needs public, a role or services")
			require.Nil(t, rule(m), "is for services only and must not be on REST")
		default:
			require.Contains(t, auth.Scopes(), a.GetScope())
			require.NotEqual(t, auth.ScopeAll, a.GetScope())
		}
	})
}

func TestEveryMethodIsOnREST(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m protoreflect.MethodDescriptor) {
		t.Helper()
		if internal(m) {
			return
		}
		require.NotNil(t, rule(m), "has no google.api.http rule")
	})
}

// AIP-131 to 136: what a method's name promises stands in its rule and its request.
func TestMethodsFollowTheirNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m protoreflect.MethodDescriptor) {
		t.Helper()
		http, fields, name := rule(m), m.Input().Fields(), string(m.Name())
		if http == nil {
			return
		}
		switch {
		case strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Search"):
			require.NotEmpty(t, http.GetGet(), "reads are GET")
			require.True(t, reads(m), "reads are marked NO_SIDE_EFFECTS")
		case strings.HasPrefix(name, "Create"):
			require.NotEmpty(t, http.GetPost(), "creates are POST")
			require.NotNil(t, fields.ByName(protoreflect.Name(http.GetBody())), "the body is the resource")
		case strings.HasPrefix(name, "Update"):
			require.NotEmpty(t, http.GetPatch(), "updates are PATCH")
			require.NotNil(t, fields.ByName("update_mask"), "updates take an update_mask")
			require.NotNil(t, fields.ByName(protoreflect.Name(http.GetBody())), "the body is the resource")
		case strings.HasPrefix(name, "Delete"):
			require.NotEmpty(t, http.GetDelete(), "deletes are DELETE")
		case !m.IsStreamingServer():
			require.NotEmpty(t, http.GetPost(), "state changes are POST")
			require.Contains(t, http.GetPost(), ":", "state changes are custom methods")
			require.Equal(t, "*", http.GetBody())
		}
		for _, path := range []string{http.GetGet(), http.GetPost(), http.GetPatch(), http.GetDelete()} {
			require.True(t, path == "" || strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/.well-known/"), path)
		}
	})
}

// AIP-155: every write is safe to send again.
func TestEveryWriteTakesARequestID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m protoreflect.MethodDescriptor) {
		t.Helper()
		field := m.Input().Fields().ByName("request_id")
		if reads(m) || withoutRequestID[string(m.Name())] != "" {
			require.Nil(t, field, "has a request_id that nothing reads")
			return
		}
		require.NotNil(t, field, "takes no request_id")
		info, _ := proto.GetExtension(field.Options(), annotations.E_FieldInfo).(*annotations.FieldInfo)
		require.Equal(t, annotations.FieldInfo_UUID4, info.GetFormat())
	})
}

// AIP-158: every list pages.
func TestEveryListPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, m protoreflect.MethodDescriptor) {
		t.Helper()
		repeated := false
		for i := range m.Output().Fields().Len() {
			repeated = repeated || m.Output().Fields().Get(i).Message() != nil && m.Output().Fields().Get(i).IsList()
		}
		if !reads(m) || m.IsStreamingServer() || !repeated || m.Output() == m.Input() || !strings.HasSuffix(string(m.Output().Name()), "Response") || slices.Contains(unpaged, string(m.Name())) {
			return
		}
		require.Equal(t, protoreflect.Int32Kind, m.Input().Fields().ByName("page_size").Kind())
		require.Equal(t, protoreflect.StringKind, m.Input().Fields().ByName("page_token").Kind())
		require.Equal(t, protoreflect.StringKind, m.Output().Fields().ByName("next_page_token").Kind())
	})
}

// walk visits every message of ours once.
func walk(visit func(protoreflect.MessageDescriptor)) {
	var down func(protoreflect.MessageDescriptors)
	down = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			if !messages.Get(i).IsMapEntry() {
				visit(messages.Get(i))
				down(messages.Get(i).Messages())
			}
		}
	}
	for _, fd := range files() {
		down(fd.Messages())
	}
}

// AIP-203.
func TestEveryFieldSaysItsBehaviour(t *testing.T) {
	t.Parallel()
	walk(func(m protoreflect.MessageDescriptor) {
		event, _ := proto.GetExtension(m.Options(), optionsv1.E_Event).(*optionsv1.Event)
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			if event.GetEntity() != "" || strings.HasSuffix(string(m.Name()), "Response") {
				continue
			}
			require.NotEmpty(t, behaviours(field), "%s has no field_behavior", field.FullName())
		}
	})
}

// AIP-122, 148, 154: what every resource carries.
func TestResourcesCarryTheStandardFields(t *testing.T) {
	t.Parallel()
	walk(func(m protoreflect.MessageDescriptor) {
		resource, _ := proto.GetExtension(m.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
		if resource == nil {
			return
		}
		name := m.Fields().ByName("name")
		require.NotNil(t, name, "%s has no name", m.FullName())
		require.EqualValues(t, 1, name.Number(), "%s: name is the first field", m.FullName())
		require.True(t, slices.ContainsFunc(resource.GetPattern(), func(p string) bool { return strings.HasPrefix(p, "workspaces/{workspace}") }),
			"%s lives in a workspace", m.FullName())
	})
}

// inputs are the messages that a caller can send, whole trees of them.
func inputs() map[protoreflect.FullName]protoreflect.MessageDescriptor {
	seen := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	var down func(m protoreflect.MessageDescriptor)
	down = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] != nil || !strings.HasPrefix(string(m.FullName()), "meridian.") {
			return
		}
		seen[m.FullName()] = m
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			if field.Message() != nil && !slices.Contains(behaviours(field), annotations.FieldBehavior_OUTPUT_ONLY) {
				down(field.Message())
			}
		}
	}
	for _, method := range methods() {
		down(method.Input())
	}
	return seen
}

// What a caller may send is bounded where the client can see it.
func TestEveryInputIsBounded(t *testing.T) {
	t.Parallel()
	for _, m := range inputs() {
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			unbounded := field.IsList() || field.IsMap() || field.Kind() == protoreflect.StringKind || field.Kind() == protoreflect.BytesKind
			if !unbounded || slices.Contains(behaviours(field), annotations.FieldBehavior_OUTPUT_ONLY) {
				continue
			}
			rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
			require.NotNil(t, rules, "%s has no validation rule", field.FullName())
		}
	}
}

// Errors name a reason of the service's own enum (AIP-193).
func TestReasonsAreScreamingSnake(t *testing.T) {
	t.Parallel()
	for _, fd := range files() {
		for i := range fd.Enums().Len() {
			enum := fd.Enums().Get(i)
			require.EqualValues(t, "ErrorReason", enum.Name(), "%s: enums nest in their message", enum.FullName())
			for j := range enum.Values().Len() {
				require.Regexp(t, `^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`, string(enum.Values().Get(j).Name()))
			}
		}
	}
}
