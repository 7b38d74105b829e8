// Package resname parses and formats resource names by AIP-122, such as `workspaces/{workspace}/threads/{thread}`.
//
// It promises that Parse accepts exactly what Format makes: lower-case UUIDs, `messages/{sequence}` numbers without
// leading zeros, nothing before or after. Every refusal is an Invalid fault that names the request's field.
package resname

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Sequence is the variable that stands for a number from 1 instead of a UUID: `messages/{sequence}`.
const Sequence = "sequence"

// Pattern is a resource name's pattern. It is made once, by MustPattern, and may be used by many goroutines.
type Pattern struct {
	text     string
	segments []segment
	vars     int
}

// segment is one part of a pattern: a literal word or a variable.
type segment struct {
	text     string
	variable bool
}

// MustPattern makes a pattern from its text. It panics when the text is not segments of lowerCamelCase words and
// {variables} parted by slashes: patterns are constants of the program.
func MustPattern(text string) *Pattern {
	p := &Pattern{text: text}
	for part := range strings.SplitSeq(text, "/") {
		name, variable := strings.CutPrefix(part, "{")
		if variable {
			name = strings.TrimSuffix(name, "}")
			p.vars++
		}
		if name == "" || strings.ContainsAny(name, "{}") || variable != strings.HasSuffix(part, "}") {
			panic(fmt.Sprintf("resname: %q is not a pattern", text))
		}
		p.segments = append(p.segments, segment{text: name, variable: variable})
	}
	return p
}

// String returns the pattern's text.
func (p *Pattern) String() string { return p.text }

// Parse returns the ids in a name, in the pattern's order: UUIDs in lower case, sequences as decimal numbers.
// field is the request's field, for the fault.
func (p *Pattern) Parse(field, name string) ([]string, error) {
	ids := make([]string, 0, p.vars)
	rest := name
	for i, s := range p.segments {
		part, tail, more := strings.Cut(rest, "/")
		if more != (i < len(p.segments)-1) || !s.accepts(part) {
			return nil, fault.InvalidField(field, "must be a name like "+p.text)
		}
		if s.variable {
			ids = append(ids, part)
		}
		rest = tail
	}
	return ids, nil
}

// ParseUUIDs is Parse for patterns whose variables are all UUIDs.
func (p *Pattern) ParseUUIDs(field, name string) ([]uuid.UUID, error) {
	texts, err := p.Parse(field, name)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		if ids[i], err = UUID(field, text); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// Matches says whether a name is of this pattern.
func (p *Pattern) Matches(name string) bool {
	_, err := p.Parse("", name)
	return err == nil
}

// Format makes the name from its ids, in the pattern's order. It panics when their number is wrong, which is a
// mistake in the program and no input's doing.
func (p *Pattern) Format(ids ...string) string {
	if len(ids) != p.vars {
		panic(fmt.Sprintf("resname: %s takes %d ids, got %d", p.text, p.vars, len(ids)))
	}
	var b strings.Builder
	for i, s := range p.segments {
		if i > 0 {
			b.WriteByte('/')
		}
		if !s.variable {
			b.WriteString(s.text)
			continue
		}
		b.WriteString(ids[0])
		ids = ids[1:]
	}
	return b.String()
}

// FormatUUIDs is Format for patterns whose variables are all UUIDs.
func (p *Pattern) FormatUUIDs(ids ...uuid.UUID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return p.Format(texts...)
}

func (s segment) accepts(part string) bool {
	switch {
	case !s.variable:
		return part == s.text
	case s.text == Sequence:
		n, err := strconv.ParseInt(part, 10, 64)
		return err == nil && n > 0 && strconv.FormatInt(n, 10) == part
	default:
		_, err := UUID("", part)
		return err == nil
	}
}

// Workspace returns the workspace at the front of any resource name: `workspaces/{uuid}` alone or with more after.
func Workspace(field, name string) (uuid.UUID, error) {
	rest, ok := strings.CutPrefix(name, "workspaces/")
	if ok {
		id, _, _ := strings.Cut(rest, "/")
		if ws, err := UUID(field, id); err == nil {
			return ws, nil
		}
	}
	return uuid.Nil, fault.InvalidField(field, "must be a name that begins with workspaces/{workspace}")
}

// UUID parses an id in its one accepted form: 36 characters, lower case, not the nil UUID.
func UUID(field, s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 || id == uuid.Nil || id.String() != s {
		return uuid.Nil, fault.InvalidField(field, "must be a UUID in lower case")
	}
	return id, nil
}
