package rpcserver

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meridianhq/meridian/pkg/fault"
)

// validate refuses a request that breaks a rule of its proto, naming every field that does, or that holds U+0000
// in a string anywhere, naming the first.
func (m *method) validate(request proto.Message) error {
	if path := m.text.findNUL(request.ProtoReflect()); path != "" {
		return fault.InvalidField(path, "must not contain the character U+0000")
	}
	err := protovalidate.Validate(request)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) || len(invalid.Violations) == 0 {
		return fmt.Errorf("validate %s: %w", m.name, err)
	}
	return invalidRequest(invalid)
}

func invalidRequest(invalid *protovalidate.ValidationError) *fault.Error {
	first := violated(invalid.Violations[0])
	f := fault.New(fault.Invalid, fault.ReasonFieldInvalid, "%s: %s", first.Path, first.Rule)
	if first.Path == "" {
		f.Message = first.Rule
	}
	for _, v := range invalid.Violations {
		f.Fields = append(f.Fields, violated(v))
	}
	return f
}

func violated(v *protovalidate.Violation) fault.Field {
	field := fault.Field{
		Path: protovalidate.FieldPathString(v.Proto.GetField()) + innerPath(v),
		Rule: v.Proto.GetMessage(),
	}
	if field.Rule == "" {
		field.Rule = "must hold " + v.Proto.GetRuleId()
	}
	return field
}

// innerPath is the rest of the path where a rule over a whole message is about one field of it. Such a rule says so by
// its id: `thread.space.required` over the field `thread` is about `thread.space`.
func innerPath(v *protovalidate.Violation) string {
	over := v.FieldDescriptor
	if over == nil || over.Message() == nil || over.IsList() || over.IsMap() {
		return ""
	}
	of, rest, _ := strings.Cut(v.Proto.GetRuleId(), ".")
	inner, _, _ := strings.Cut(rest, ".")
	if of != string(over.Name()) || over.Message().Fields().ByName(protoreflect.Name(inner)) == nil {
		return ""
	}
	return "." + inner
}
