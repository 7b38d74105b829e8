package ical

import "strings"

// property is a content line parted, with the parameters that count. RFC 5545 3.1 and 3.2.
type property struct {
	name, value string
	// kind is VALUE, zone TZID, span RANGE, all as written and without quotes.
	kind, zone, span string
}

// parse parts a content line whose name is known.
func (l line) parse() (property, error) {
	p := property{name: l.name}
	rest := string(l.text[len(l.name):])
	for strings.HasPrefix(rest, ";") {
		name, after, ok := strings.Cut(rest[1:], "=")
		if !ok || name == "" || strings.ContainsAny(name, `:;,"`) {
			return p, refuse(p.name, "must have parameters of the form NAME=value")
		}
		value, more, ok := parameter(after)
		if !ok {
			return p, refuse(p.name, "has a parameter "+shown(name)+" whose quotes are not closed")
		}
		switch strings.ToUpper(name) {
		case "VALUE":
			p.kind = strings.ToUpper(value)
		case "TZID":
			p.zone = value
		case "RANGE":
			p.span = strings.ToUpper(value)
		}
		rest = more
	}
	if !strings.HasPrefix(rest, ":") {
		return p, refuse(p.name, "must have a colon before its value")
	}
	p.value = strings.TrimSpace(rest[1:])
	return p, nil
}

// parameter is the value of a parameter and what comes behind it. It has no escapes; commas part several values, of which
// the first is given.
func parameter(text string) (value, rest string, ok bool) {
	for first := true; ; first = false {
		var part string
		if strings.HasPrefix(text, `"`) {
			if part, text, ok = strings.Cut(text[1:], `"`); !ok {
				return "", "", false
			}
		} else {
			end := strings.IndexAny(text, ";:,")
			if end < 0 {
				end = len(text)
			}
			part, text = text[:end], text[end:]
		}
		if first {
			value = part
		}
		if !strings.HasPrefix(text, ",") {
			return value, text, true
		}
		text = text[1:]
	}
}

// unescape is the text that a value of type TEXT stands for, RFC 5545 3.3.11.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n", `\N`, "\n").Replace(text)
}

// shown is a text of the file as a message may repeat it: short, and without what a terminal would obey.
func shown(text string) string {
	const longest = 40
	printable := func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}
	if len(text) > longest {
		text = text[:longest]
	}
	return `"` + strings.Map(printable, strings.ToValidUTF8(text, "?")) + `"`
}
