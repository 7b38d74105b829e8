package rpcserver

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

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
		Path: protovalidate.FieldPathString(v.Proto.GetField()),
		Rule: v.Proto.GetMessage(),
	}
	if field.Rule == "" {
		field.Rule = "must hold " + v.Proto.GetRuleId()
	}
	return field
}
