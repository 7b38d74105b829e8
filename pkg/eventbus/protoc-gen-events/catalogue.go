package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// catalogue is every event, by package.
type catalogue struct{ groups []*group }

// group is one package's events.
type group struct {
	service string
	file    *protogen.File // the package's first file with an event: names the Go package and its folder
	events  []*event
}

// event is a message with an event option that holds together.
type event struct {
	message *protogen.Message
	option  *optionsv1.Event
	service string
}

func (e *event) name() string     { return string(e.message.Desc.Name()) }
func (e *event) fullName() string { return string(e.message.Desc.FullName()) }

// public says whether integrators may filter for the event.
func (e *event) public() bool {
	audience := e.option.GetAudience()
	return audience == optionsv1.Event_WORKSPACE || audience == optionsv1.Event_SPACE
}

func (e *event) root() string {
	if e.public() {
		return "evt"
	}
	return "own"
}

// tail is the subject after the workspace.
func (e *event) tail() string {
	return strings.Join([]string{e.service, e.option.GetEntity(), e.option.GetVerb()}, ".")
}

func (e *event) subject(workspace string) string { return e.root() + "." + workspace + "." + e.tail() }

// text is the message's own comment on one line.
func (e *event) text() string { return comment(e.message.Comments) }

// comment is a leading comment on one line.
func comment(set protogen.CommentSet) string {
	return strings.Join(strings.Fields(string(set.Leading)), " ")
}

var (
	token   = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	release = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	pkg     = regexp.MustCompile(`^meridian\.[a-z][a-z0-9_]*\.v[0-9]+$`)
)

// collect finds the events of the files to generate and checks every option. Its error lists all that is wrong.
func collect(plugin *protogen.Plugin) (*catalogue, error) {
	byPackage := map[string]*group{}
	subjects := map[string]*event{}
	var wrong []error
	for _, file := range plugin.Files {
		if !file.Generate {
			continue
		}
		for _, message := range file.Messages {
			found, errs := read(file, message)
			wrong = append(wrong, errs...)
			if found == nil || len(errs) > 0 {
				continue
			}
			if twin, twice := subjects[found.tail()]; twice {
				wrong = append(wrong, fmt.Errorf("%s: %s and %s have the same subject %s",
					file.Desc.Path(), found.fullName(), twin.fullName(), found.tail()))
				continue
			}
			subjects[found.tail()] = found
			name := string(file.Desc.Package())
			if byPackage[name] == nil {
				byPackage[name] = &group{service: found.service, file: file}
			}
			byPackage[name].events = append(byPackage[name].events, found)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	made := &catalogue{}
	for _, g := range byPackage {
		slices.SortFunc(g.events, func(a, b *event) int { return cmp.Compare(a.tail(), b.tail()) })
		made.groups = append(made.groups, g)
	}
	slices.SortFunc(made.groups, func(a, b *group) int {
		return cmp.Compare(a.file.Desc.Package(), b.file.Desc.Package())
	})
	return made, nil
}

// read takes a message's option apart; nil for a message that is no event.
func read(file *protogen.File, message *protogen.Message) (*event, []error) {
	if !proto.HasExtension(message.Desc.Options(), optionsv1.E_Event) {
		return nil, nil
	}
	option, ok := proto.GetExtension(message.Desc.Options(), optionsv1.E_Event).(*optionsv1.Event)
	if !ok {
		return nil, nil
	}
	var wrong []error
	refuse := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s: event %s: %s",
			file.Desc.Path(), message.Desc.FullName(), fmt.Sprintf(format, args...)))
	}
	if !pkg.MatchString(string(file.Desc.Package())) {
		refuse("its package %q is not of the form meridian.<service>.v<number>", file.Desc.Package())
		return nil, wrong
	}
	if !token.MatchString(option.GetEntity()) {
		refuse("entity %q is not in lower snake case", option.GetEntity())
	}
	if !token.MatchString(option.GetVerb()) {
		refuse("verb %q is not in lower snake case", option.GetVerb())
	}
	if !release.MatchString(option.GetSince()) {
		refuse("since %q is no release such as 0.1", option.GetSince())
	}
	if strings.TrimSpace(string(message.Comments.Leading)) == "" {
		refuse("it has no comment, and the comment is its documentation")
	}
	checkPaths(message.Desc, option, refuse)
	found := &event{message: message, option: option, service: strings.Split(string(file.Desc.Package()), ".")[1]}
	return found, wrong
}

// checkPaths checks that each path the audience needs is there, leads somewhere, and ends in the right type.
func checkPaths(message protoreflect.MessageDescriptor, option *optionsv1.Event, refuse func(string, ...any)) {
	audience := option.GetAudience()
	if audience == optionsv1.Event_AUDIENCE_UNSPECIFIED {
		refuse("it has no audience")
	}
	for _, p := range []struct {
		name, value string
		kind        protoreflect.Kind
		needed      bool
		only        string
	}{
		{"subject", option.GetSubject(), protoreflect.StringKind, true, ""},
		{"aggregate", option.GetAggregate(), protoreflect.StringKind, true, ""},
		{"version", option.GetVersion(), protoreflect.Int64Kind, true, ""},
		{"space", option.GetSpace(), protoreflect.StringKind, audience == optionsv1.Event_SPACE || audience == optionsv1.Event_PERSON && option.GetSpace() != "", "SPACE or PERSON"},
		{"person", option.GetPerson(), protoreflect.StringKind, audience == optionsv1.Event_PERSON, "PERSON"},
	} {
		switch {
		case p.value == "" && p.needed:
			refuse("it needs the path %s", p.name)
		case p.value == "":
		case !p.needed:
			refuse("the path %s is only for the audience %s", p.name, p.only)
		default:
			if err := checkPath(message, p.value, p.kind); err != nil {
				refuse("path %s: %v", p.name, err)
			}
		}
	}
}

func checkPath(message protoreflect.MessageDescriptor, dotted string, kind protoreflect.Kind) error {
	names := strings.Split(dotted, ".")
	at := message
	for i, name := range names {
		field := at.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			return fmt.Errorf("%s has no field %q", at.FullName(), name)
		}
		if field.IsList() || field.IsMap() {
			return fmt.Errorf("%q is repeated", name)
		}
		if i == len(names)-1 {
			if field.Kind() != kind {
				return fmt.Errorf("%q is %s and must be %s", name, field.Kind(), kind)
			}
			return nil
		}
		if at = field.Message(); at == nil {
			return fmt.Errorf("%q is no message", name)
		}
	}
	return nil
}
