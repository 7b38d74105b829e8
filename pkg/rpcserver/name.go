package rpcserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

// nameRule finds the resource name that a request is about: `name`, else `parent`, else `<resource>.name` of an
// Update request.
type nameRule struct {
	// outer is the resource's field in an Update request, nil elsewhere.
	outer protoreflect.FieldDescriptor
	field protoreflect.FieldDescriptor
	// path is the field's path, for faults.
	path string
	// patterns are what the name may look like; empty where the descriptors do not say.
	patterns []*resname.Pattern
}

// nameOf returns the rule of a request type, or nil when the request names no resource.
func nameOf(request protoreflect.MessageDescriptor, resources map[string][]string) (*nameRule, error) {
	for _, path := range []protoreflect.Name{"name", "parent"} {
		if field := stringField(request, path); field != nil {
			return newNameRule(nil, field, referred(field, resources))
		}
	}
	if request.Fields().ByName("update_mask") == nil {
		return nil, nil //nolint:nilnil // no rule is the answer, and no failure
	}
	for i := range request.Fields().Len() {
		outer := request.Fields().Get(i)
		if outer.Message() == nil || outer.IsList() || outer.IsMap() {
			continue
		}
		field := stringField(outer.Message(), "name")
		if field == nil {
			continue
		}
		resource := resourceOf(outer.Message())
		return newNameRule(outer, field, resource.GetPattern())
	}
	return nil, nil //nolint:nilnil // as above
}

func newNameRule(outer, field protoreflect.FieldDescriptor, patterns []string) (*nameRule, error) {
	rule := &nameRule{outer: outer, field: field, path: string(field.Name())}
	if outer != nil {
		rule.path = string(outer.Name()) + "." + rule.path
	}
	for _, text := range patterns {
		if !strings.HasPrefix(text, "workspaces/{workspace}") {
			return nil, fmt.Errorf("the pattern %q of its field %s does not begin with the workspace", text, rule.path)
		}
		rule.patterns = append(rule.patterns, resname.MustPattern(text))
	}
	return rule, nil
}

func stringField(m protoreflect.MessageDescriptor, name protoreflect.Name) protoreflect.FieldDescriptor {
	field := m.Fields().ByName(name)
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return nil
	}
	return field
}

func resourceOf(m protoreflect.MessageDescriptor) *annotations.ResourceDescriptor {
	r, _ := proto.GetExtension(m.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
	return r
}

// referred returns the patterns of the resource that a field refers to, or of the parents of the child type that
// it names.
func referred(field protoreflect.FieldDescriptor, resources map[string][]string) []string {
	ref, _ := proto.GetExtension(field.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
	if ref.GetType() != "" {
		return resources[ref.GetType()]
	}
	var parents []string
	for _, child := range resources[ref.GetChildType()] {
		parents = append(parents, parentPattern(child))
	}
	return parents
}

// parentPattern takes the last collection and its id off a pattern, or the name of a singleton.
func parentPattern(pattern string) string {
	segments := strings.Split(pattern, "/")
	drop := 1
	if strings.HasPrefix(segments[len(segments)-1], "{") {
		drop = 2
	}
	return strings.Join(segments[:max(len(segments)-drop, 0)], "/")
}

// linkedResources are the patterns of every resource type that is linked in: a request may be about another service's
// resource, whose file its own does not import.
func linkedResources() map[string][]string {
	resources := make(map[string][]string)
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			if r := resourceOf(file.Messages().Get(i)); r != nil {
				resources[r.GetType()] = slices.Clone(r.GetPattern())
			}
		}
		return true
	})
	return resources
}

// resource is the resource name in one request.
type resource struct {
	name      string
	workspace uuid.UUID
}

// read returns the name in a request, with `me` put right, and its workspace; or the Invalid fault of a malformed
// name, which names the field.
func (r *nameRule) read(request protoreflect.Message, c auth.Caller) (resource, error) {
	if r == nil {
		return resource{}, nil
	}
	if r.outer != nil {
		request = request.Get(r.outer).Message()
	}
	name := ownName(request.Get(r.field).String(), c)
	if len(r.patterns) > 0 && !slices.ContainsFunc(r.patterns, func(p *resname.Pattern) bool { return p.Matches(name) }) {
		texts := make([]string, len(r.patterns))
		for i, p := range r.patterns {
			texts[i] = p.String()
		}
		return resource{}, fault.InvalidField(r.path, "must be a name like "+strings.Join(texts, " or "))
	}
	workspace, err := resname.Workspace(r.path, name)
	if err != nil {
		return resource{}, err
	}
	return resource{name: name, workspace: workspace}, nil
}

const me = "/members/me"

// ownName puts the caller's own id in the place of `members/me`.
func ownName(name string, c auth.Caller) string {
	before, after, ok := strings.Cut(name, me)
	if !ok || c.Service != "" || (after != "" && after[0] != '/') {
		return name
	}
	return before + "/members/" + c.Member.String() + after
}

// OwnName puts the caller's own id in the place of `members/me` in a name, for handlers: the check of access has read the
// name so.
func OwnName(ctx context.Context, name string) string {
	caller, known := auth.FromContext(ctx)
	if !known {
		return name
	}
	return ownName(name, caller)
}

// isOwn says whether the name is the caller's own member resource or one below it.
func (r resource) isOwn(c auth.Caller) bool {
	rest, ok := strings.CutPrefix(r.name, c.Principal())
	return ok && (rest == "" || rest[0] == '/')
}
