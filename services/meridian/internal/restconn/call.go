package restconn

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// call is a method's call as a request of HTTP.
type call struct {
	verb, path string
	body       []byte
	repeatable bool
}

// newCall writes a call by the method's google.api.http rule.
func newCall(method string, in proto.Message) (*call, error) {
	descriptor, err := describe(method)
	if err != nil {
		return nil, err
	}
	options, _ := descriptor.Options().(*descriptorpb.MethodOptions)
	rule, ok := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil, status.Errorf(codes.Unimplemented, "%s has no REST form", method)
	}
	verb, template := verbOf(rule)
	// The message is taken apart: what the path says goes there, the body takes its part, the rest is the query.
	rest := proto.Clone(in).ProtoReflect()
	path, err := expand(template, rest)
	if err != nil {
		return nil, err
	}
	c := &call{verb: verb, path: path, repeatable: options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || hasRequestID(in)}
	switch name := rule.GetBody(); name {
	case "":
	case "*":
		c.body, err = marshal(rest.Interface())
		return c, err
	default:
		field := rest.Descriptor().Fields().ByName(protoreflect.Name(name))
		c.body = []byte("{}")
		if rest.Has(field) {
			if c.body, err = marshal(rest.Get(field).Message().Interface()); err != nil {
				return nil, err
			}
			rest.Clear(field)
		}
	}
	query, err := query(rest)
	if query != "" {
		c.path += "?" + query
	}
	return c, err
}

func marshal(m proto.Message) ([]byte, error) {
	data, err := protojson.Marshal(m)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "not to be sent as JSON: %v", err)
	}
	return data, nil
}

func describe(method string) (protoreflect.MethodDescriptor, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	descriptor, ok := found.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		return nil, status.Errorf(codes.Unimplemented, "%s is not known here", method)
	}
	return descriptor, nil
}

func verbOf(rule *annotations.HttpRule) (verb, template string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	default:
		return http.MethodPost, ""
	}
}

var variable = regexp.MustCompile(`\{([a-z0-9_.]+)(?:=([^}]*))?\}`)

// expand fills a path template from the message and clears the top-level fields it took.
func expand(template string, m protoreflect.Message) (string, error) {
	var failed error
	path := variable.ReplaceAllStringFunc(template, func(found string) string {
		parts := variable.FindStringSubmatch(found)
		value := take(m, strings.Split(parts[1], "."))
		if value == "" {
			failed = status.Errorf(codes.InvalidArgument, "%s is missing", parts[1])
		}
		segments := strings.Split(value, "/")
		for i := range segments {
			segments[i] = url.PathEscape(segments[i])
		}
		return strings.Join(segments, "/")
	})
	return path, failed
}

// take reads a string field by its path. A field of the request itself is cleared; one of a resource stays, since
// the body is the whole resource.
func take(m protoreflect.Message, path []string) string {
	field := m.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	switch {
	case field == nil:
		return ""
	case len(path) > 1 && field.Message() != nil && m.Has(field):
		return take(proto.Clone(m.Get(field).Message().Interface()).ProtoReflect(), path[1:])
	case len(path) == 1 && field.Kind() == protoreflect.StringKind:
		value := m.Get(field).String()
		m.Clear(field)
		return value
	default:
		return ""
	}
}

// query writes what is left of a message as a query.
func query(m protoreflect.Message) (string, error) {
	data, err := marshal(m.Interface())
	if err != nil {
		return "", err
	}
	var fields map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return "", status.Errorf(codes.Internal, "reading one's own JSON: %v", err)
	}
	values := url.Values{}
	flatten(values, "", fields)
	if mask := m.Descriptor().Fields().ByName("update_mask"); mask != nil && m.Has(mask) {
		// The gateway reads the mask's paths as they stand in the proto.
		values.Set("updateMask", strings.Join(maskPaths(m.Get(mask).Message()), ","))
	}
	return values.Encode(), nil
}

func maskPaths(mask protoreflect.Message) []string {
	list := mask.Get(mask.Descriptor().Fields().ByName("paths")).List()
	paths := make([]string, 0, list.Len())
	for i := range list.Len() {
		paths = append(paths, list.Get(i).String())
	}
	return paths
}

func flatten(values url.Values, prefix string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if prefix != "" {
				name = prefix + "." + name
			}
			flatten(values, name, inner)
		}
	case []any:
		for _, inner := range v {
			flatten(values, prefix, inner)
		}
	default:
		values.Add(prefix, fmt.Sprint(v))
	}
}

func hasRequestID(in proto.Message) bool {
	m := in.ProtoReflect()
	field := m.Descriptor().Fields().ByName("request_id")
	return field != nil && m.Has(field)
}
