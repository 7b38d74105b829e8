package main

// header is one header of the envelope, as the documents describe it.
type header struct {
	name, text, example string
	always              bool
}

// envelope is the headers of every event, in the order of the documents. pkg/eventbus writes and reads them; a
// test there keeps the two equal.
func envelope() []header {
	const workspace, event = "0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"
	return []header{
		{"ce-id", "The event's identity, a UUIDv7. Also `Nats-Msg-Id`. The same event may arrive more than once; its id is how you know.", event, true},
		{"ce-source", "Which service of which workspace, on which host.", "//meridian.example/workspaces/" + workspace + "/threads", true},
		{"ce-type", "The payload's full protobuf name. A changed meaning is a new name.", "meridian.threads.v1.MessagePosted", true},
		{"ce-subject", "The resource name the event is about.", "workspaces/" + workspace + "/threads/" + event, true},
		{"ce-time", "When it happened, RFC 3339 in UTC.", "2026-11-23T09:30:00Z", true},
		{"ce-specversion", "The version of CloudEvents.", "1.0", true},
		{"ce-datacontenttype", "The payload's encoding.", "application/protobuf", true},
		{"ce-dataschema", "The payload's type URL.", "type.googleapis.com/meridian.threads.v1.MessagePosted", true},
		{"ce-workspace", "The workspace's UUID, the same as the subject's second token.", workspace, true},
		{"ce-partitionkey", "The aggregate: events with the same key arrive in order.", "workspaces/" + workspace + "/threads/" + event, true},
		{"ce-sequence", "The aggregate's version after the change, 20 digits, so that it also orders as text.", "00000000000000000012", true},
		{"ce-actor", "Who did it: a member's resource name, or `services/<name>`.", "workspaces/" + workspace + "/members/" + event, true},
		{"ce-causationid", "The id of the event that caused this one. Absent where a request did.", event, false},
		{"ce-correlationid", "The same for all that followed from one request.", event, true},
		{"traceparent", "The W3C trace the event was made in.", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
		{"tracestate", "The trace's vendor state.", "vendor=value", false},
		{"Nats-Msg-Id", "The same as `ce-id`; the broker drops repeats within five minutes by it.", event, true},
	}
}
