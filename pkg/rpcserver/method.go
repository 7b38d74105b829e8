package rpcserver

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/meridianhq/meridian/pkg/auth"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// method is all that is known of a method before any call: its declaration, worked out once.
type method struct {
	// name is the full method, `/meridian.threads.v1.ThreadService/GetThread`.
	name     string
	public   bool
	role     auth.Role
	scope    string
	need     auth.Right
	orSelf   bool
	services []string
	// resource finds the name that the request is about; nil when it is about none.
	resource *nameRule
	// requestID is the field of that name in the request; nil when there is none.
	requestID protoreflect.FieldDescriptor
	// text walks the request's strings.
	text *textPlan
}

// internalPrefix begins the methods of gRPC itself, health and reflection, which anyone may call.
const internalPrefix = "/grpc."

// compile works out every method of the registered services.
func compile(services []registration) (map[string]*method, error) {
	methods := make(map[string]*method)
	texts := newTextPlans()
	for _, r := range services {
		if err := compileService(r.desc.ServiceName, methods, texts); err != nil {
			return nil, err
		}
	}
	texts.settle()
	return methods, nil
}

func compileService(service string, methods map[string]*method, texts *textPlans) error {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return fmt.Errorf("rpcserver: the descriptor of %s is not linked in: %w", service, err)
	}
	desc, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return fmt.Errorf("rpcserver: %s is not a service", service)
	}
	resources := linkedResources()
	for i := range desc.Methods().Len() {
		m, err := compileMethod(desc.Methods().Get(i), resources, texts)
		if err != nil {
			return fmt.Errorf("rpcserver: method %s: %w", desc.Methods().Get(i).FullName(), err)
		}
		methods[m.name] = m
	}
	return nil
}

func compileMethod(
	desc protoreflect.MethodDescriptor, resources map[string][]string, texts *textPlans,
) (*method, error) {
	access, ok := proto.GetExtension(desc.Options(), optionsv1.E_Access).(*optionsv1.Access)
	if !ok || access == nil {
		return nil, errors.New("it has no access option (meridian.options.v1.access)")
	}
	if err := sound(access); err != nil {
		return nil, err
	}
	rule, err := nameOf(desc.Input(), resources)
	if err != nil {
		return nil, err
	}
	if err := warm(desc.Input()); err != nil {
		return nil, err
	}
	return &method{
		name:      "/" + string(desc.Parent().FullName()) + "/" + string(desc.Name()),
		public:    access.GetPublic(),
		role:      auth.Role(access.GetRole()),
		scope:     access.GetScope(),
		need:      auth.Right(access.GetRight()),
		orSelf:    access.GetOrSelf(),
		services:  access.GetServices(),
		resource:  rule,
		requestID: stringField(desc.Input(), "request_id"),
		text:      texts.of(desc.Input()),
	}, nil
}

// sound says what is wrong with an access option, or nil.
func sound(a *optionsv1.Access) error {
	hasRole := a.GetRole() != optionsv1.Access_ROLE_UNSPECIFIED
	switch {
	case a.GetPublic():
		if hasRole || a.GetScope() != "" || a.GetRight() != 0 || a.GetOrSelf() || len(a.GetServices()) > 0 {
			return errors.New("its access option is public and says more")
		}
	case !hasRole && len(a.GetServices()) == 0:
		return errors.New("its access option names neither a role nor services, and is not public")
	case hasRole != (a.GetScope() != ""):
		return errors.New("its access option must have a role and a scope, or neither")
	case !hasRole && (a.GetRight() != 0 || a.GetOrSelf()):
		return errors.New("its access option has a right or or_self, which need a role")
	}
	return nil
}

// warm makes the validation rules of a request type ready, so that the first call is as quick as any and a rule
// that does not compile keeps the server from starting.
func warm(request protoreflect.MessageDescriptor) error {
	err := protovalidate.Validate(dynamicpb.NewMessage(request))
	var invalid *protovalidate.ValidationError
	if err == nil || errors.As(err, &invalid) {
		return nil
	}
	return fmt.Errorf("the rules of %s: %w", request.FullName(), err)
}

// isInternal says whether a method is gRPC's own.
func isInternal(fullMethod string) bool { return strings.HasPrefix(fullMethod, internalPrefix) }
