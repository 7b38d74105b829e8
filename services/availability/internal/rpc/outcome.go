package rpc

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// changed writes the outcome of a change as its resource, with its preview where it was only validated.
func changed[T any, R proto.Message](write func(T) R) func(app.Outcome[T], error) (R, error) {
	return func(out app.Outcome[T], err error) (R, error) {
		if err != nil {
			var none R
			return none, err
		}
		written := write(out.Item)
		if preview := resource.Preview(out.Preview); preview != nil {
			message := written.ProtoReflect()
			message.Set(field(message, "preview"), protoreflect.ValueOfMessage(preview.ProtoReflect()))
		}
		return written, nil
	}
}

// made is changed for what is new: validated alone it has no name.
func made[T any, R proto.Message](write func(T) R) func(app.Outcome[T], error) (R, error) {
	return func(out app.Outcome[T], err error) (R, error) {
		written, err := changed(write)(out, err)
		if err == nil && out.Preview != nil {
			return nameless(written), nil
		}
		return written, err
	}
}

// nameless takes the name from what was only validated: it would get another when it is made.
func nameless[R proto.Message](written R) R {
	message := written.ProtoReflect()
	message.Clear(field(message, "name"))
	message.Clear(field(message, "uid"))
	return written
}

// tried writes what would be new as its resource, which has no name where it is only validated.
func tried[T any, R proto.Message](dry bool, write func(T) R) func(T, error) (R, error) {
	return func(item T, err error) (R, error) {
		if err != nil {
			var none R
			return none, err
		}
		written := write(item)
		if dry {
			written = nameless(written)
		}
		return written, nil
	}
}

func field(m protoreflect.Message, name protoreflect.Name) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(name)
}
