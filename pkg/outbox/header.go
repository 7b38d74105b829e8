package outbox

import (
	"encoding/json"
	"strings"

	"github.com/nats-io/nats.go"
)

// readHeader reads a JSON object of strings, as Postgres writes jsonb, into a message's header; nil where it is something
// else. Half of a relay's own work was a JSON decoder's, so what has no escapes is cut out of one string.
func readHeader(text []byte) nats.Header {
	all := string(text)
	if header, ok := cutHeader(all); ok {
		return header
	}
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil || values == nil {
		return nil
	}
	header := make(nats.Header, len(values)+ownHeaders)
	for name, value := range values {
		header[name] = []string{value}
	}
	return header
}

const (
	usualHeaders = 16
	ownHeaders   = 2 // that publishing adds
)

func cutHeader(text string) (nats.Header, bool) {
	rest, ok := strings.CutPrefix(text, "{")
	if !ok || strings.Contains(text, `\`) {
		return nil, false
	}
	header, values := make(nats.Header, usualHeaders+ownHeaders), make([]string, 0, usualHeaders)
	for rest != "}" {
		if len(values) > 0 {
			if rest, ok = strings.CutPrefix(rest, ", "); !ok {
				return nil, false
			}
		}
		var name, value string
		if name, rest, ok = cutString(rest); !ok {
			return nil, false
		}
		if rest, ok = strings.CutPrefix(rest, ": "); !ok {
			return nil, false
		}
		if value, rest, ok = cutString(rest); !ok {
			return nil, false
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return header, true
}

// cutString cuts a string without escapes off the front.
func cutString(text string) (value, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, `"`)
	if !ok {
		return "", "", false
	}
	return strings.Cut(text, `"`)
}
