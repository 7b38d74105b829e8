package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

var pathVariable = regexp.MustCompile(`([A-Za-z]+)/\{[^}]+\}`)

// readable names each variable of a path after its collection: `/v1/workspaces/{workspace}/threads/{thread}`.
func readable(path string) string {
	return pathVariable.ReplaceAllStringFunc(path, func(match string) string {
		collection, _, _ := strings.Cut(match, "/")
		return collection + "/{" + singular(collection) + "}"
	})
}

func singular(collection string) string {
	if stem, ok := strings.CutSuffix(collection, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(collection, "s")
}

// improve puts one operation right, whose readable path is given.
func improve(operation object, path string) error {
	method, err := methodOf(fmt.Sprint(operation["operationId"]), operation)
	if err != nil {
		return err
	}
	describe(operation)
	parameters := pathParameters(path)
	given, _ := operation["parameters"].([]any)
	for _, parameter := range given {
		if p, ok := parameter.(object); ok && p["in"] != "path" {
			parameters = append(parameters, p)
		}
	}
	operation["parameters"] = append(parameters, headers(method.Input())...)
	responses, _ := operation["responses"].(object)
	responses["default"] = object{"$ref": "#/components/responses/Error"}
	switch {
	case method.IsStreamingServer():
		responses["200"] = eventStream()
	case method.Output().FullName() == "google.api.HttpBody":
		responses["200"], responses["304"] = calendarFile(), object{"description": "What `If-None-Match` names is current."}
	}
	return access(operation, method)
}

// calendarFile is the answer of a method that returns bytes, all of which are iCalendar.
func calendarFile() object {
	return object{
		"description": "The calendar.",
		"content":     object{"text/calendar": object{"schema": object{"type": "string"}}},
	}
}

// methodOf finds the descriptor of an operation, whose id is `Service_Method`, and of a further binding of the method
// `Service_Method_1`.
func methodOf(id string, operation object) (protoreflect.MethodDescriptor, error) {
	service, name, ok := strings.Cut(id, "_")
	name, _, _ = strings.Cut(name, "_")
	var found protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "meridian.") {
			return true
		}
		if s := file.Services().ByName(protoreflect.Name(service)); s != nil {
			found = s.Methods().ByName(protoreflect.Name(name))
		}
		return found == nil
	})
	if !ok || found == nil {
		return nil, fmt.Errorf("operation %q is no method that is linked in", id)
	}
	operation["x-grpc-method"] = string(found.FullName())
	return found, nil
}

// describe makes the first sentence the summary and keeps the whole comment as the description.
func describe(operation object) {
	text := strings.TrimSpace(fmt.Sprint(operation["summary"]))
	if rest, ok := operation["description"].(string); ok {
		text += "\n\n" + rest
	}
	operation["description"] = text
	first, _, _ := strings.Cut(strings.ReplaceAll(text, "\n", " ")+" ", ". ")
	operation["summary"] = strings.TrimSpace(first)
}

func pathParameters(path string) []any {
	var parameters []any
	for _, match := range regexp.MustCompile(`\{([^}]+)\}`).FindAllStringSubmatch(path, -1) {
		schema := object{"type": "string"}
		if match[1] != "message" { // messages are numbered
			schema["format"] = "uuid"
		}
		parameters = append(parameters, object{
			"name": match[1], "in": "path", "required": true, "schema": schema,
			"description": "The id of the " + match[1] + ".",
		})
	}
	return parameters
}

// headers are the HTTP headers that stand for fields of the request.
func headers(input protoreflect.MessageDescriptor) []any {
	var parameters []any
	if input.Fields().ByName("request_id") != nil {
		parameters = append(parameters, object{
			"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "format": "uuid"},
			"description": "The request's id, instead of `requestId`. The same request under the same id is done once.",
		})
	}
	if hasEtag(input) {
		parameters = append(parameters, object{
			"name": "If-Match", "in": "header", "schema": object{"type": "string"},
			"description": "The etag that the resource must still have, instead of `etag`.",
		})
	}
	return parameters
}

func hasEtag(input protoreflect.MessageDescriptor) bool {
	if input.Fields().ByName("etag") != nil {
		return true
	}
	if input.Fields().ByName("update_mask") == nil {
		return false
	}
	for i := range input.Fields().Len() {
		message := input.Fields().Get(i).Message()
		if message != nil && message.Fields().ByName("etag") != nil {
			return true
		}
	}
	return false
}

// access tells who may call, from the method's option.
func access(operation object, method protoreflect.MethodDescriptor) error {
	option, ok := proto.GetExtension(method.Options(), optionsv1.E_Access).(*optionsv1.Access)
	if !ok || option == nil {
		return fmt.Errorf("method %s has no access option", method.FullName())
	}
	if option.GetPublic() {
		operation["security"] = []object{}
		operation["x-access"] = object{"public": true}
		return nil
	}
	who := object{"role": option.GetRole().String(), "scope": option.GetScope()}
	if option.GetRight() != optionsv1.Access_RIGHT_UNSPECIFIED {
		who["right"] = option.GetRight().String()
	}
	if option.GetOrSelf() {
		who["orSelf"] = true
	}
	operation["x-access"] = who
	return nil
}

// eventStream is the answer of WatchEvents over HTTP.
func eventStream() object {
	return object{
		"description": "Server-sent events. `id` is the resume token, `event` the type of the event, `data` the event. " +
			"`heartbeat` events only carry an `id`; a `close` event carries a google.rpc.Status as its last data.",
		"content": object{"text/event-stream": object{
			"schema": object{"$ref": "#/components/schemas/CloudEventJSON"},
			"example": "id: AQAAAAAAAAAq…\nevent: meridian.threads.v1.MessagePosted\n" +
				"data: {\"specversion\":\"1.0\",\"type\":\"meridian.threads.v1.MessagePosted\",…}\n",
		}},
	}
}

// cloudEventJSON is the JSON format of CloudEvents with Meridian's extensions.
func cloudEventJSON() object {
	properties := object{}
	names := [][2]string{
		{"specversion", "Always `1.0`."},
		{"id", "The event's UUID: the same wherever and however often it is delivered."},
		{"source", "The service that published it."},
		{"type", "What happened: the full name of the payload's message."},
		{"subject", "Name of the resource it happened to."},
		{"time", "When it happened."},
		{"datacontenttype", "Always `application/json`."},
		{"dataschema", "The payload's type."},
		{"workspace", "The workspace's id."},
		{"partitionkey", "Name of the aggregate. Events of one aggregate come in order."},
		{"sequence", "The aggregate's version after the change, with leading zeros."},
		{"actor", "Who did it."},
		{"causationid", "Id of the event that caused this one."},
		{"correlationid", "What everything that came of one request has in common."},
	}
	required := make([]string, 0, len(names))
	for _, name := range names {
		properties[name[0]] = object{"type": "string", "description": name[1]}
		if name[0] != "causationid" {
			required = append(required, name[0])
		}
	}
	properties["data"] = object{"type": "object", "description": "The payload, in proto3's JSON mapping."}
	required = append(required, "data")
	slices.Sort(required)
	return object{
		"type": "object", "description": "An event in the JSON format of CloudEvents 1.0.",
		"properties": properties, "required": required,
	}
}
