package mailbox

import (
	"bytes"
	"regexp"
	"strings"
)

// field is one header field, unfolded, its value still as it was sent.
type field struct {
	name  string // in lower case
	value string
}

// header holds the fields of a message or part in order.
type header []field

// get returns the first field of that name (in lower case) that says something.
func (h header) get(name string) string {
	for _, f := range h {
		if f.name == name && strings.TrimSpace(f.value) != "" {
			return f.value
		}
	}
	return ""
}

// all returns the values of every field of that name in order.
func (h header) all(name string) []string {
	var values []string
	for _, f := range h {
		if f.name == name {
			values = append(values, f.value)
		}
	}
	return values
}

var (
	fieldLine = regexp.MustCompile(`^([^\x00-\x20:\x7f-\x{10ffff}]+)[ \t]*:`)
	// knownField is what may follow a line of rubbish in a header for the rubbish to be skipped.
	knownField = regexp.MustCompile(`(?i)^(from|to|cc|date|subject|message-id|in-reply-to|references|mime-version|content-[a-z-]+|received|return-path|sender|reply-to|list-[a-z-]+|x-[a-z0-9-]+)[ \t]*:`)
)

// parseHeader splits a message or part into header and body. Rubbish inside the header is skipped where the header
// goes on behind it; otherwise it is where the body begins. damaged says that either happened.
func parseHeader(data []byte) (h header, body []byte, damaged bool) {
	for len(data) > 0 {
		line, rest := cutLine(data)
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case isBlank(line):
			return h, rest, damaged
		case (text[0] == ' ' || text[0] == '\t') && len(h) > 0:
			h[len(h)-1].value += "\n" + text
		case fieldLine.MatchString(text):
			name, value, _ := strings.Cut(text, ":")
			h = append(h, field{name: strings.ToLower(strings.TrimSpace(name)), value: value})
		case isFromLine(text):
		default:
			damaged = true
			if next, _ := cutLine(rest); !knownField.Match(next) {
				return h, data, damaged
			}
		}
		data = rest
	}
	return h, nil, damaged
}

// isFromLine finds From_ lines that some mailers left inside a header.
func isFromLine(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, ">"), "From ")
}

func cutLine(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i+1], data[i+1:]
	}
	return data, nil
}

// encodedWord is RFC 2047's, with the spaces inside that some mailers leave there.
var encodedWord = regexp.MustCompile(`=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=`)

// decodeHeader decodes the encoded words of a header value and puts it on one line. Neighbouring words of one
// charset are joined before they are decoded, since mailers cut characters in two. Bytes that are in no encoded word
// are UTF-8 or, where they are not, Windows-1252.
func decodeHeader(value string) string {
	value = strings.NewReplacer("\r", "", "\n", "").Replace(value)
	var out strings.Builder
	var pending []byte
	charset := ""
	flush := func() {
		text, _ := decodeCharset(pending, charset)
		out.WriteString(text)
		pending, charset = nil, ""
	}
	last := 0
	for _, at := range encodedWord.FindAllStringSubmatchIndex(value, -1) {
		between := value[last:at[0]]
		name, _, _ := strings.Cut(strings.ToLower(value[at[2]:at[3]]), "*")
		adjoins := charset != "" && strings.TrimSpace(between) == ""
		if !adjoins || name != charset {
			flush()
		}
		if !adjoins {
			out.WriteString(decodeLoose(between))
		}
		pending = append(pending, wordBytes(value[at[4]:at[5]], value[at[6]:at[7]])...)
		charset = name
		last = at[1]
	}
	flush()
	out.WriteString(decodeLoose(value[last:]))
	return strings.Join(strings.Fields(out.String()), " ")
}

func decodeLoose(s string) string {
	text, _ := decodeCharset([]byte(s), "")
	return text
}

func wordBytes(encoding, text string) []byte {
	if strings.EqualFold(encoding, "b") {
		decoded, _ := decodeBase64([]byte(text))
		return decoded
	}
	decoded, _ := decodeQuotedPrintable([]byte(strings.ReplaceAll(text, "_", " ")), false)
	return decoded
}
