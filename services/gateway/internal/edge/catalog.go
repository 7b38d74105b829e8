package edge

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// Method is what the edge knows of one RPC, all of it from its descriptor.
type Method struct {
	// FullName is the gRPC path: `/meridian.threads.v1.ThreadService/GetThread`.
	FullName string
	// Backend is the service that answers it, the second part of its proto package: `threads`.
	Backend string
	// Public methods take no token.
	Public bool
	// Internal methods are for Meridian's own services and are not served at the edge.
	Internal bool
	// Streaming methods live as long as their client wants.
	Streaming bool
	// Input describes the request message.
	Input protoreflect.MessageDescriptor
	// Body is the field that an HTTP body fills, `*` for all of them, empty for none.
	Body string
}

// Catalog is every method of the services that the gateway fronts. It never changes after it is made.
type Catalog struct {
	methods map[string]Method
	routes  map[string]Method
}

// NewCatalog reads the descriptors of the packages `meridian.<backend>.v<n>` that are linked into the program.
// A method without an access option, or a backend without a method, is an error.
func NewCatalog(backends ...string) (*Catalog, error) {
	c := &Catalog{methods: map[string]Method{}, routes: map[string]Method{}}
	found := map[string]bool{}
	var err error
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		parts := strings.Split(string(file.Package()), ".")
		if len(parts) != 3 || parts[0] != "meridian" || !slices.Contains(backends, parts[1]) {
			return true
		}
		for i := range file.Services().Len() {
			found[parts[1]] = true
			if err = c.addService(parts[1], file.Services().Get(i)); err != nil {
				return false
			}
		}
		return true
	})
	for _, backend := range backends {
		if err == nil && !found[backend] {
			err = fmt.Errorf("edge: no service of %q is linked in", backend)
		}
	}
	return c, err
}

func (c *Catalog) addService(backend string, service protoreflect.ServiceDescriptor) error {
	for i := range service.Methods().Len() {
		descriptor := service.Methods().Get(i)
		access, ok := proto.GetExtension(descriptor.Options(), optionsv1.E_Access).(*optionsv1.Access)
		if !ok || access == nil {
			return fmt.Errorf("edge: %s has no access option", descriptor.FullName())
		}
		method := Method{
			FullName:  fmt.Sprintf("/%s/%s", service.FullName(), descriptor.Name()),
			Backend:   backend,
			Public:    access.GetPublic(),
			Internal:  !access.GetPublic() && access.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED,
			Streaming: descriptor.IsStreamingClient() || descriptor.IsStreamingServer(),
			Input:     descriptor.Input(),
		}
		c.methods[method.FullName] = method
		rule, ok := proto.GetExtension(descriptor.Options(), annotations.E_Http).(*annotations.HttpRule)
		if !ok || rule == nil || method.Internal {
			continue
		}
		for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
			bound := method
			bound.Body = binding.GetBody()
			c.routes[routeKey(verbAndPath(binding))] = bound
		}
	}
	return nil
}

// Method finds a method by its gRPC path. Internal methods are found too.
func (c *Catalog) Method(fullName string) (Method, bool) {
	method, ok := c.methods[fullName]
	return method, ok
}

// Route finds the method that is bound to an HTTP method and a path template such as
// `/v1/{name=workspaces/*}`, with every variable's pattern written out, as the multiplexer has it.
func (c *Catalog) Route(verb, template string) (Method, bool) {
	method, ok := c.routes[verb+" "+template]
	return method, ok
}

// Routes returns the number of HTTP bindings.
func (c *Catalog) Routes() int { return len(c.routes) }

// Services returns the full names of the gRPC services with at least one method that is served, sorted.
func (c *Catalog) Services() []string {
	var names []string
	for full, method := range c.methods {
		service, _, _ := strings.Cut(full[1:], "/")
		if !method.Internal && !slices.Contains(names, service) {
			names = append(names, service)
		}
	}
	slices.Sort(names)
	return names
}

func verbAndPath(rule *annotations.HttpRule) (verb, path string) {
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET", pattern.Get
	case *annotations.HttpRule_Put:
		return "PUT", pattern.Put
	case *annotations.HttpRule_Post:
		return "POST", pattern.Post
	case *annotations.HttpRule_Delete:
		return "DELETE", pattern.Delete
	case *annotations.HttpRule_Patch:
		return "PATCH", pattern.Patch
	case *annotations.HttpRule_Custom:
		return pattern.Custom.GetKind(), pattern.Custom.GetPath()
	default:
		return "", ""
	}
}

var bareVariable = regexp.MustCompile(`\{([^={}]+)\}`)

// routeKey writes `{x}` as `{x=*}`, which is how the multiplexer names the same pattern.
func routeKey(verb, template string) string {
	return verb + " " + bareVariable.ReplaceAllString(template, "{$1=*}")
}
