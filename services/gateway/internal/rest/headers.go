package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// Interceptor is for the connections that the generated handlers call through: it puts into the request what HTTP
// says in headers.
func Interceptor(
	ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	c := callFrom(ctx)
	message, ok := request.(proto.Message)
	if c != nil && ok {
		if err := c.fill(message.ProtoReflect()); err != nil {
			return err
		}
	}
	return invoke(ctx, method, request, reply, cc, opts...)
}

// fill sets `etag` from If-Match where the request has the field and the client left it empty, and takes out of a
// derived update mask what a client cannot update.
func (c *call) fill(request protoreflect.Message) error {
	if match := strings.TrimPrefix(c.ifMatch, "W/"); match != "" && match != "*" {
		if !setEtag(request, match) && !readOnly(c.method) {
			return fault.InvalidField("If-Match", "must be absent: this method takes no etag")
		}
	}
	if c.derivedMask {
		trimMask(request)
	}
	return nil
}

// readOnly says whether a method has no body, which the reads and deletes by name have not.
func readOnly(method edge.Method) bool { return method.Body == "" }

func setEmpty(message protoreflect.Message, field protoreflect.FieldDescriptor, value string) {
	if field.Kind() == protoreflect.StringKind && !field.IsList() && message.Get(field).String() == "" {
		message.Set(field, protoreflect.ValueOfString(value))
	}
}

// setEtag fills the request's own etag, or that of the resource to update. It returns false where there is none.
func setEtag(request protoreflect.Message, value string) bool {
	if field := request.Descriptor().Fields().ByName("etag"); field != nil {
		setEmpty(request, field, value)
		return true
	}
	resource, ok := resourceOf(request)
	if !ok || request.Descriptor().Fields().ByName("update_mask") == nil {
		return false
	}
	field := resource.Descriptor().Fields().ByName("etag")
	if field != nil {
		setEmpty(resource, field, value)
	}
	return field != nil
}

// resourceOf is the resource that an update or a create carries: the one message in it that is a google.api.resource.
func resourceOf(request protoreflect.Message) (protoreflect.Message, bool) {
	fields := request.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || field.IsList() || field.IsMap() || !request.Has(field) {
			continue
		}
		if proto.HasExtension(field.Message().Options(), annotations.E_Resource) {
			return request.Mutable(field).Message(), true
		}
	}
	return nil, false
}

// trimMask takes the paths out of the update mask that name what only the server sets, so that a client may send
// back a resource as it got it. With a mask of its own a client gets the service's refusal instead.
func trimMask(request protoreflect.Message) {
	field := request.Descriptor().Fields().ByName("update_mask")
	resource, ok := resourceOf(request)
	if field == nil || !ok {
		return
	}
	mask, ok := request.Get(field).Message().Interface().(*fieldmaskpb.FieldMask)
	if !ok || mask == nil {
		return
	}
	mask.Paths = slices.DeleteFunc(mask.GetPaths(), func(path string) bool {
		top, _, _ := strings.Cut(path, ".")
		named := resource.Descriptor().Fields().ByName(protoreflect.Name(top))
		return named != nil && (top == "name" || top == "etag" || serverSet(named))
	})
}

func serverSet(field protoreflect.FieldDescriptor) bool {
	behaviors, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behaviors, annotations.FieldBehavior_OUTPUT_ONLY) ||
		slices.Contains(behaviors, annotations.FieldBehavior_IDENTIFIER) ||
		slices.Contains(behaviors, annotations.FieldBehavior_IMMUTABLE)
}

// etagHeader shows a resource's etag as the header too.
func etagHeader(_ context.Context, w http.ResponseWriter, response proto.Message) error {
	if response == nil {
		return nil
	}
	message := response.ProtoReflect()
	field := message.Descriptor().Fields().ByName("etag")
	if field == nil || field.Kind() != protoreflect.StringKind {
		return nil
	}
	if value := message.Get(field).String(); value != "" {
		w.Header().Set("ETag", value)
	}
	return nil
}
