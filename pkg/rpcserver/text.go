package rpcserver

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// textPlan lists the fields of a message type through which strings can be reached, so that a walk over a message
// touches nothing else.
type textPlan struct {
	fields []textField
	// texty says whether any string can be reached at all.
	texty bool
}

// textField is one field to look at. Exactly one of text and sub is set, but for maps, which may have both.
type textField struct {
	desc protoreflect.FieldDescriptor
	// text: the value, each element or each key is a string.
	text bool
	// value: each value of the map is a string.
	value bool
	// sub is the plan of the message, of each element's or of each value's.
	sub *textPlan
}

// textPlans holds the plans of all message types that requests reach.
type textPlans struct {
	plans map[protoreflect.FullName]*textPlan
}

func newTextPlans() *textPlans {
	return &textPlans{plans: make(map[protoreflect.FullName]*textPlan)}
}

// of returns the plan of a type. It is finished only after settle.
func (t *textPlans) of(desc protoreflect.MessageDescriptor) *textPlan {
	if p, ok := t.plans[desc.FullName()]; ok {
		return p
	}
	p := &textPlan{}
	t.plans[desc.FullName()] = p
	for i := range desc.Fields().Len() {
		field := desc.Fields().Get(i)
		f := textField{desc: field}
		value := field
		if field.IsMap() {
			f.text = field.MapKey().Kind() == protoreflect.StringKind
			value = field.MapValue()
			f.value = value.Kind() == protoreflect.StringKind
		} else {
			f.text = value.Kind() == protoreflect.StringKind
		}
		if value.Message() != nil {
			f.sub = t.of(value.Message())
		}
		if f.text || f.value || f.sub != nil {
			p.fields = append(p.fields, f)
		}
	}
	return p
}

// settle works out which types reach strings, and drops the fields that lead to none. Types may contain each other,
// so it goes round until nothing changes.
func (t *textPlans) settle() {
	for changed := true; changed; {
		changed = false
		for _, p := range t.plans {
			if !p.texty && p.reaches() {
				p.texty, changed = true, true
			}
		}
	}
	for _, p := range t.plans {
		kept := p.fields[:0]
		for _, f := range p.fields {
			if f.sub != nil && !f.sub.texty {
				f.sub = nil
			}
			if f.text || f.value || f.sub != nil {
				kept = append(kept, f)
			}
		}
		p.fields = kept
	}
}

func (p *textPlan) reaches() bool {
	for _, f := range p.fields {
		if f.text || f.value || f.sub.texty {
			return true
		}
	}
	return false
}

// findNUL returns the path of the first string that holds U+0000, which Postgres cannot store, or "".
func (p *textPlan) findNUL(m protoreflect.Message) string {
	for _, f := range p.fields {
		if !m.Has(f.desc) {
			continue
		}
		if rest, found := f.findNUL(m.Get(f.desc)); found {
			return string(f.desc.Name()) + rest
		}
	}
	return ""
}

func (f textField) findNUL(v protoreflect.Value) (rest string, found bool) {
	switch {
	case f.desc.IsMap():
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			rest, found = f.inEntry(k, v)
			return !found
		})
		return rest, found
	case f.desc.IsList():
		for i := range v.List().Len() {
			if rest, found = f.inOne(v.List().Get(i), f.text); found {
				return "[" + strconv.Itoa(i) + "]" + rest, true
			}
		}
		return "", false
	default:
		return f.inOne(v, f.text)
	}
}

func (f textField) inEntry(k protoreflect.MapKey, v protoreflect.Value) (rest string, found bool) {
	key := k.String()
	if f.text && hasNUL(key) {
		return "[" + strconv.Quote(key) + "]", true
	}
	if rest, found = f.inOne(v, f.value); found {
		if f.desc.MapKey().Kind() == protoreflect.StringKind {
			key = strconv.Quote(key)
		}
		return "[" + key + "]" + rest, true
	}
	return "", false
}

func (f textField) inOne(v protoreflect.Value, text bool) (rest string, found bool) {
	if text {
		return "", hasNUL(v.String())
	}
	if f.sub == nil {
		return "", false
	}
	if path := f.sub.findNUL(v.Message()); path != "" {
		return "." + path, true
	}
	return "", false
}

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }
