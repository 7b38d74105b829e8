package domain

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxMentions is how many different handles of a body are looked up; those after are plain text.
const MaxMentions = 50

// Mention is a member or a team that a body mentions.
type Mention struct {
	ID uuid.UUID
	// Team says that it is a team; else it is a member.
	Team bool
}

// Name is the resource name of who is mentioned.
func (m Mention) Name(ws uuid.UUID) string {
	if m.Team {
		return TeamName(ws, m.ID)
	}
	return MemberName(ws, m.ID)
}

// Handles lists the handles that a Markdown body mentions as `@handle`, in lower case, each once, in their order, at
// most MaxMentions. Code spans, fenced code and indented code mention nobody, nor does an @ within a word, such as
// that of a mail address, or behind a backslash.
func Handles(body string) []string {
	if !strings.Contains(body, "@") {
		return nil
	}
	var found []string
	for _, text := range prose(body) {
		for i := range len(text) {
			if text[i] != '@' || !begins(text[:i]) {
				continue
			}
			handle := handleAt(text[i+1:])
			if handle != "" && !slices.Contains(found, handle) {
				if len(found) == MaxMentions {
					return found
				}
				found = append(found, handle)
			}
		}
	}
	return found
}

// begins says whether an @ after this text can begin a mention.
func begins(before string) bool {
	if before == "" {
		return true
	}
	r, _ := utf8.DecodeLastRuneInString(before)
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(`@_.-+/\`, r)
}

// maxHandle is the directory's longest handle.
const maxHandle = 40

// handleAt is the handle at the front of text, by the directory's rule for handles: letters, digits, and within it
// also dots, underlines and dashes. Sentence marks after it do not belong to it.
func handleAt(text string) string {
	end := 0
	for end < len(text) && (alphanumeric(text[end]) || strings.IndexByte("._-", text[end]) >= 0) {
		end++
	}
	// A letter beyond ASCII means that this is another word.
	if r, _ := utf8.DecodeRuneInString(text[end:]); end < len(text) && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return ""
	}
	handle := strings.TrimRight(text[:end], "._-")
	if handle == "" || len(handle) > maxHandle || !alphanumeric(handle[0]) {
		return ""
	}
	return strings.ToLower(handle)
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// prose returns the stretches of a Markdown body outside code: one for each stretch between code, whole lines joined
// so that code spans over several lines are seen.
func prose(body string) []string {
	var texts []string
	var paragraph strings.Builder
	flush := func() {
		texts = append(texts, withoutSpans(paragraph.String())...)
		paragraph.Reset()
	}
	fence := ""
	open := false
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimRight(line, "\r")
		indent, rest := indentation(line)
		switch {
		case fence != "":
			if indent < 4 && closes(rest, fence) {
				fence = ""
			}
		case indent < 4 && opening(rest) != "":
			fence = opening(rest)
			flush()
			open = false
		case rest == "":
			flush()
			open = false
		case indent >= 4 && !open:
			// Indented code; within a paragraph such a line is a mere continuation.
		default:
			paragraph.WriteString(rest)
			paragraph.WriteByte('\n')
			open = true
		}
	}
	flush()
	return texts
}

// indentation is a line's indent in columns and what follows it.
func indentation(line string) (int, string) {
	columns := 0
	for i := range len(line) {
		switch line[i] {
		case ' ':
			columns++
		case '\t':
			columns += 4 - columns%4
		default:
			return columns, line[i:]
		}
	}
	return columns, ""
}

// opening is the fence at the front of a line, of three or more of one mark, or nothing.
func opening(line string) string {
	for _, mark := range []string{"`", "~"} {
		run := line[:len(line)-len(strings.TrimLeft(line, mark))]
		if len(run) >= 3 && (mark == "~" || !strings.Contains(line[len(run):], "`")) {
			return run
		}
	}
	return ""
}

func closes(line, fence string) bool {
	line = strings.TrimRight(line, " \t")
	return len(line) >= len(fence) && strings.Trim(line, fence[:1]) == ""
}

// withoutSpans splits a paragraph at its code spans and leaves them out. A run of backticks that none of the same
// length closes is plain text.
func withoutSpans(text string) []string {
	var texts []string
	start := 0
	for i := 0; i < len(text); {
		if text[i] == '\\' {
			i += 2
			continue
		}
		if text[i] != '`' {
			i++
			continue
		}
		run := ticks(text[i:])
		end := closing(text, i+run, run)
		if end < 0 {
			i += run
			continue
		}
		// The marks stay as borders, so that what stands before and after does not join.
		texts = append(texts, text[start:i]+" ")
		i, start = end, end
	}
	return append(texts, text[start:])
}

func ticks(text string) int { return len(text) - len(strings.TrimLeft(text, "`")) }

// closing is where the code span that has begun with a run of backticks ends, or -1.
func closing(text string, from, run int) int {
	for i := from; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		n := ticks(text[i:])
		i += n
		if n == run {
			return i
		}
	}
	return -1
}
