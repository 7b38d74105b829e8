package eventbus

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Decode reads an event as it came from the stream. It is strict: a header missing, twice or malformed, an unknown
// type, a subject that is not the type's or whose workspace is not ce-workspace, and a payload that does not parse
// or that names another subject, aggregate or version than the headers, are each refused with an Invalid fault
// of reason EVENT_INVALID. Fields the payload has that this program does not know are kept, not refused.
// Header names are read in any case.
func Decode(h nats.Header, subject string, data []byte) (Meta, proto.Message, error) {
	headers, err := readHeaders(h)
	if err != nil {
		return Meta{}, nil, err
	}
	meta, err := headers.meta()
	if err != nil {
		return Meta{}, nil, err
	}
	d, ok := Lookup(meta.Type)
	if !ok {
		return Meta{}, nil, refuse("event type %q is not known", meta.Type)
	}
	if want := Subject(d, meta.Workspace.String()); subject != want {
		return Meta{}, nil, refuse("event %s came on subject %q, not on %q", meta.ID, subject, want)
	}
	if !strings.HasSuffix(meta.Source, sourceOf("", meta.Workspace, d.Service)[2:]) {
		return Meta{}, nil, refuse("event %s has source %q, which is not %s's", meta.ID, meta.Source, d.Service)
	}
	payload := d.New()
	if err := proto.Unmarshal(data, payload); err != nil {
		return Meta{}, nil, refuse("event %s: its payload is no %s", meta.ID, meta.Type)
	}
	var said Meta
	if err := said.fromPayload(d, payload); err != nil {
		return Meta{}, nil, refuse("event %s: %v", meta.ID, err)
	}
	if said.Workspace != meta.Workspace || said.Subject != meta.Subject ||
		said.Aggregate != meta.Aggregate || said.Version != meta.Version {
		return Meta{}, nil, refuse("event %s: its headers and its payload differ", meta.ID)
	}
	meta.Space, meta.Person, meta.Audience = said.Space, said.Person, said.Audience
	return meta, payload, nil
}

// envelope is a message's ce- headers, lower case, decoded.
type envelope map[string]string

func readHeaders(h nats.Header) (envelope, error) {
	headers := make(envelope, len(h))
	for name, values := range h {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "ce-") && !strings.EqualFold(lower, headerMsgID) {
			continue
		}
		if _, twice := headers[lower]; twice || len(values) != 1 {
			return nil, refuse("header %s stands more than once", lower)
		}
		value, err := unescape(values[0])
		if err != nil {
			return nil, refuse("header %s: %v", lower, err)
		}
		headers[lower] = value
	}
	return headers, nil
}

// meta reads the envelope's fields and checks each for its form.
func (e envelope) meta() (Meta, error) {
	for name, want := range map[string]string{
		headerSpecVersion: specVersion, headerDataContentType: contentProtobuf,
		headerDataSchema: schemaPrefix + e[headerType],
	} {
		if e[name] != want {
			return Meta{}, refuse("header %s is %q, not %q", name, e[name], want)
		}
	}
	for _, name := range []string{headerSource, headerSubject, headerPartitionKey, headerActor, headerCorrelation} {
		if e[name] == "" {
			return Meta{}, refuse("header %s is missing", name)
		}
	}
	id, err := e.uuid(headerID)
	if err != nil {
		return Meta{}, err
	}
	if msgID, ok := e[strings.ToLower(headerMsgID)]; ok && msgID != id.String() {
		return Meta{}, refuse("header %s is not %s", headerMsgID, headerID)
	}
	workspace, err := e.uuid(headerWorkspace)
	if err != nil {
		return Meta{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, e[headerTime])
	if err != nil {
		return Meta{}, refuse("header %s is no RFC 3339 time", headerTime)
	}
	version, err := strconv.ParseInt(e[headerSequence], 10, 64)
	if err != nil || len(e[headerSequence]) != sequenceDigits || version <= 0 {
		return Meta{}, refuse("header %s is no positive number of %d digits", headerSequence, sequenceDigits)
	}
	return Meta{
		ID: id, Time: at.UTC(), Workspace: workspace, Source: e[headerSource], Type: e[headerType],
		Subject: e[headerSubject], Aggregate: e[headerPartitionKey], Version: version, Actor: e[headerActor],
		Causation: e[headerCausation], Correlation: e[headerCorrelation],
	}, nil
}

func (e envelope) uuid(name string) (uuid.UUID, error) {
	id, err := uuid.Parse(e[name])
	if err != nil || id.String() != e[name] {
		return uuid.UUID{}, refuse("header %s is no lower-case UUID", name)
	}
	return id, nil
}

// unescape decodes one round of percent-encoding. What decodes to invalid UTF-8 is refused.
func unescape(value string) (string, error) {
	if !strings.Contains(value, "%") {
		if !utf8.ValidString(value) {
			return "", fmt.Errorf("is not valid UTF-8")
		}
		return value, nil
	}
	var b strings.Builder
	for rest := value; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			break
		}
		if len(after) < 2 {
			return "", fmt.Errorf("ends within a percent-encoding")
		}
		c, err := hex.DecodeString(after[:2])
		if err != nil {
			return "", fmt.Errorf("has a malformed percent-encoding")
		}
		b.Write(c)
		rest = after[2:]
	}
	if !utf8.ValidString(b.String()) {
		return "", fmt.Errorf("is not valid UTF-8")
	}
	return b.String(), nil
}

// cloudEvent is the JSON format of CloudEvents 1.0, in the order people read it.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	DataSchema      string          `json:"dataschema"`
	Workspace       string          `json:"workspace"`
	PartitionKey    string          `json:"partitionkey"`
	Sequence        string          `json:"sequence"`
	Actor           string          `json:"actor"`
	CausationID     string          `json:"causationid,omitempty"`
	CorrelationID   string          `json:"correlationid"`
	Data            json.RawMessage `json:"data"`
}

// JSON writes the event in the JSON format of CloudEvents 1.0, the payload in proto3's own JSON mapping.
func JSON(meta Meta, payload proto.Message) ([]byte, error) {
	data, err := protojson.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("eventbus: event %s as JSON: %w", meta.ID, err)
	}
	text, err := json.Marshal(cloudEvent{
		SpecVersion: specVersion, ID: meta.ID.String(), Source: meta.Source, Type: meta.Type, Subject: meta.Subject,
		Time: meta.Time.UTC().Format(time.RFC3339Nano), DataContentType: "application/json",
		DataSchema: schemaPrefix + meta.Type, Workspace: meta.Workspace.String(), PartitionKey: meta.Aggregate,
		Sequence: fmt.Sprintf("%0*d", sequenceDigits, meta.Version), Actor: meta.Actor, CausationID: meta.Causation,
		CorrelationID: meta.Correlation, Data: data,
	})
	if err != nil {
		return nil, fmt.Errorf("eventbus: event %s as JSON: %w", meta.ID, err)
	}
	return text, nil
}
