package rest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// level is one object or array around a position in a JSON text.
type level struct {
	array   bool
	wantKey bool
	key     string
	index   int
}

// fieldAt names the request's field that a position of the body lies in, as field violations name it: by the names
// of the proto, from the request message on. It is `body` where no field can be told.
func fieldAt(method edge.Method, body []byte, offset int) string {
	message, prefix := method.Input, ""
	if method.Body != "*" && method.Body != "" {
		prefix = method.Body
		message = messageOf(message.Fields().ByName(protoreflect.Name(method.Body)))
	}
	path := rule(named(message, levels(body, offset)))
	switch {
	case path == "" && prefix == "":
		return "body"
	case path == "":
		return prefix
	case prefix == "":
		return path
	case path[0] == '[':
		return prefix + path
	default:
		return prefix + "." + path
	}
}

// levels finds the objects and arrays that are open at the offset. It takes any text: where it is no JSON the
// answer is as good as the beginning allows. A name that begins at or before the offset counts as read.
func levels(body []byte, offset int) []level {
	var open []level
	for at := 0; at < len(body) && at <= offset; at++ {
		if at == offset && (body[at] == '{' || body[at] == '[') {
			break // the offset is that of the whole value
		}
		var top *level
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		switch body[at] {
		case '{':
			open = append(open, level{wantKey: true})
		case '[':
			open = append(open, level{array: true})
		case '}', ']':
			open = open[:max(len(open)-1, 0)]
		case ',':
			if top != nil {
				top.index++
				top.wantKey = !top.array
			}
		case ':':
			if top != nil {
				top.wantKey = false
			}
		case '"':
			end := stringEnd(body, at)
			if top != nil && top.wantKey {
				top.key = unquote(body[at:end])
			}
			at = end - 1
		}
	}
	return open
}

// stringEnd returns the offset after the string that begins at the given one.
func stringEnd(body []byte, at int) int {
	for at++; at < len(body); at++ {
		switch body[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(body)
}

func unquote(quoted []byte) string {
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return strings.ToValidUTF8(strings.Trim(string(quoted), `"`), "\uFFFD")
	}
	return text
}

// named writes the levels as a path, with JSON names turned into the proto's.
func named(message protoreflect.MessageDescriptor, open []level) string {
	var path strings.Builder
	for _, at := range open {
		if at.array {
			fmt.Fprintf(&path, "[%d]", at.index)
			continue
		}
		if at.key == "" {
			break
		}
		name := at.key
		if message != nil {
			field := fieldNamed(message, at.key)
			message = messageOf(field)
			if field != nil {
				name = string(field.Name())
			}
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(name)
	}
	return path.String()
}

// fieldNamed finds a field by its JSON name or by its proto name, as proto3's JSON mapping does.
func fieldNamed(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}

func messageOf(field protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if field == nil {
		return nil
	}
	return field.Message()
}

// checkQuery names the first query parameter that is no field of the request, or that is not UTF-8.
func checkQuery(method edge.Method, query map[string][]string) (path, rule string) {
	for key, values := range query {
		message := method.Input
		for part := range strings.SplitSeq(key, ".") {
			var field protoreflect.FieldDescriptor
			if message != nil {
				field = fieldNamed(message, part)
			}
			if field == nil {
				return strconv.QuoteToASCII(key), "is no parameter of this method"
			}
			message = messageOf(field)
		}
		for _, value := range values {
			if invalidUTF8([]byte(value)) >= 0 {
				return key, "must be valid UTF-8"
			}
		}
	}
	return "", ""
}
