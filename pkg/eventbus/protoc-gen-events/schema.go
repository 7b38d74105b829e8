package main

import (
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schemas collects the JSON Schema (draft 07, as AsyncAPI's own is) of each message reached from an event, in
// proto3's JSON mapping.
type schemas map[string]any

// ref adds the message and what it holds, and refers to it.
func (s schemas) ref(message *protogen.Message) map[string]any {
	name := string(message.Desc.FullName())
	if known := wellKnown(message.Desc.FullName()); known != nil {
		return known
	}
	if _, there := s[name]; !there {
		properties := map[string]any{}
		schema := map[string]any{"type": "object", "properties": properties}
		if text := comment(message.Comments); text != "" {
			schema["description"] = text
		}
		// Before its fields, for a message may hold itself.
		s[name] = schema
		for _, field := range message.Fields {
			property := s.field(field)
			if text := comment(field.Comments); text != "" {
				property = described(property, text)
			}
			properties[field.Desc.JSONName()] = property
		}
	}
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

// described adds a description. Beside a $ref draft 07 ignores all else, so there it wraps.
func described(property map[string]any, text string) map[string]any {
	if _, isRef := property["$ref"]; isRef {
		return map[string]any{"allOf": []any{property}, "description": text}
	}
	if own, has := property["description"].(string); has {
		text += " " + own
	}
	property["description"] = text
	return property
}

func (s schemas) field(field *protogen.Field) map[string]any {
	switch {
	case field.Desc.IsMap():
		return map[string]any{"type": "object", "additionalProperties": s.single(field.Message.Fields[1])}
	case field.Desc.IsList():
		return map[string]any{"type": "array", "items": s.single(field)}
	}
	return s.single(field)
}

func (s schemas) single(field *protogen.Field) map[string]any {
	switch field.Desc.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return s.ref(field.Message)
	case protoreflect.EnumKind:
		var names []any
		for _, value := range field.Enum.Values {
			names = append(names, string(value.Desc.Name()))
		}
		// Values are added over time, so this is no closed enum.
		return map[string]any{"type": "string", "examples": names}
	case protoreflect.BoolKind:
		return map[string]any{"type": "boolean"}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return map[string]any{"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return map[string]any{"type": "integer"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return map[string]any{"type": "number"}
	case protoreflect.BytesKind:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case protoreflect.StringKind:
		return map[string]any{"type": "string"}
	}
	return map[string]any{}
}

// wellKnown is the JSON form of Google's own types.
func wellKnown(name protoreflect.FullName) map[string]any {
	switch name {
	case "google.protobuf.Timestamp":
		return map[string]any{"type": "string", "format": "date-time"}
	case "google.protobuf.Duration":
		return map[string]any{"type": "string", "pattern": `^-?[0-9]+(\.[0-9]+)?s$`}
	case "google.protobuf.FieldMask":
		return map[string]any{"type": "string", "description": "Field paths, separated by commas."}
	case "google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Empty":
		return map[string]any{"type": "object"}
	case "google.protobuf.BoolValue":
		return map[string]any{"type": []any{"boolean", "null"}}
	case "google.protobuf.StringValue":
		return map[string]any{"type": []any{"string", "null"}}
	}
	return nil
}
