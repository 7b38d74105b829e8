package eventbus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// Audience is who may receive an event.
type Audience int

// The audiences, as meridian.options.v1.Event declares them.
const (
	AudienceWorkspace Audience = iota + 1
	AudienceSpace
	AudiencePerson
	AudienceServices
)

// Every workspace: the wildcard of a subject's second token.
const anyWorkspace = "*"

// Descriptor is what a message's event option says, with its paths resolved.
type Descriptor struct {
	// Type is the message's full name, which is the ce-type.
	Type protoreflect.FullName
	// Service, Entity and Verb are the last three tokens of the subject.
	Service, Entity, Verb string
	// Audience says who may receive the event.
	Audience Audience
	// Since is the release that first published it.
	Since string

	message                                    protoreflect.MessageType
	subject, aggregate, version, space, person path
}

// path is a chain of fields from a message to one value.
type path []protoreflect.FieldDescriptor

// Describe lists the events of every message linked into the program, ordered by type. It skips messages without
// an event option; one with a broken option is an error of generation, which protoc-gen-events refuses.
func Describe() []Descriptor {
	var found []Descriptor
	protoregistry.GlobalTypes.RangeMessages(func(message protoreflect.MessageType) bool {
		if d, err := describe(message); err == nil {
			found = append(found, d)
		}
		return true
	})
	slices.SortFunc(found, func(a, b Descriptor) int { return cmp.Compare(a.Type, b.Type) })
	return found
}

// Lookup finds the event whose type has the given full name among the messages linked into the program.
func Lookup(fullName string) (Descriptor, bool) {
	message, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(fullName))
	if err != nil {
		return Descriptor{}, false
	}
	d, err := describe(message)
	return d, err == nil
}

// Subject is the subject of the event in a workspace (a lower-case UUID), or of every workspace for "*".
func Subject(d Descriptor, workspace string) string {
	return strings.Join([]string{d.root(), workspace, d.Service, d.Entity, d.Verb}, ".")
}

// Filter is the subject of the event in every workspace.
func (d Descriptor) Filter() string { return Subject(d, anyWorkspace) }

// New makes an empty payload of the event.
func (d Descriptor) New() proto.Message { return d.message.New().Interface() }

// Public says whether integrators may filter for the event.
func (d Descriptor) Public() bool { return d.root() == publicRoot }

func (d Descriptor) root() string {
	if d.Audience == AudiencePerson || d.Audience == AudienceServices {
		return ownRoot
	}
	return publicRoot
}

// errNoEvent says that a message has no event option.
var errNoEvent = errors.New("not an event")

func describe(message protoreflect.MessageType) (Descriptor, error) {
	desc := message.Descriptor()
	if !proto.HasExtension(desc.Options(), optionsv1.E_Event) {
		return Descriptor{}, errNoEvent
	}
	option, ok := proto.GetExtension(desc.Options(), optionsv1.E_Event).(*optionsv1.Event)
	if !ok || option == nil {
		return Descriptor{}, errNoEvent
	}
	// meridian.<service>.v1
	parts := strings.Split(string(desc.ParentFile().Package()), ".")
	if len(parts) != 3 {
		return Descriptor{}, fmt.Errorf("event %s: its package is not of the form product.service.version", desc.FullName())
	}
	d := Descriptor{
		Type: desc.FullName(), Service: parts[1], Entity: option.GetEntity(), Verb: option.GetVerb(),
		Audience: Audience(option.GetAudience()), Since: option.GetSince(), message: message,
	}
	for _, wanted := range []struct {
		to   *path
		from string
	}{
		{&d.subject, option.GetSubject()},
		{&d.aggregate, option.GetAggregate()},
		{&d.version, option.GetVersion()},
		{&d.space, option.GetSpace()},
		{&d.person, option.GetPerson()},
	} {
		resolved, err := resolve(desc, wanted.from)
		if err != nil {
			return Descriptor{}, err
		}
		*wanted.to = resolved
	}
	return d, nil
}

func resolve(message protoreflect.MessageDescriptor, dotted string) (path, error) {
	if dotted == "" {
		return nil, nil
	}
	var chain path
	at := message
	for name := range strings.SplitSeq(dotted, ".") {
		if at == nil {
			return nil, fmt.Errorf("event %s: path %s goes through a field that is no message", message.FullName(), dotted)
		}
		field := at.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			return nil, fmt.Errorf("event %s: path %s has no field %s", message.FullName(), dotted, name)
		}
		chain = append(chain, field)
		at = field.Message()
	}
	return chain, nil
}

// value reads the path's value; a message not set on the way reads as its zero.
func (p path) value(payload proto.Message) protoreflect.Value {
	at := payload.ProtoReflect()
	for _, field := range p[:len(p)-1] {
		at = at.Get(field).Message()
	}
	return at.Get(p[len(p)-1])
}

// text reads a string; empty for no path.
func (p path) text(payload proto.Message) string {
	if len(p) == 0 {
		return ""
	}
	return p.value(payload).String()
}

// number reads an int64; zero for no path.
func (p path) number(payload proto.Message) int64 {
	if len(p) == 0 {
		return 0
	}
	return p.value(payload).Int()
}
