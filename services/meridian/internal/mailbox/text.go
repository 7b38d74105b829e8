package mailbox

import (
	"strings"
	"unicode/utf8"
)

// newlines makes every line end a "\n".
func newlines(s string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
}

// cleanText makes a value fit to be shown on one line.
func cleanText(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "")), " ")
}

// trimBody takes away empty lines around a text and leaves the indentation of its first line.
func trimBody(s string) string {
	s = strings.TrimRight(s, " \t\n")
	for {
		line, rest, found := strings.Cut(s, "\n")
		if !found || strings.TrimSpace(line) != "" {
			return s
		}
		s = rest
	}
}

func joinTexts(texts []string) string {
	var kept []string
	for _, text := range texts {
		if text = trimBody(text); text != "" {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, "\n\n")
}

// cutAtRune cuts s to at most n bytes without cutting a rune.
func cutAtRune(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// fenced is an attachment's text as a Markdown code block under its name.
func fenced(a attachment) string {
	fence := "```"
	for strings.Contains(a.text, fence) {
		fence += "`"
	}
	name := strings.ReplaceAll(a.part.Name, "`", "'")
	if name == "" {
		name = a.part.MediaType
	}
	return "`" + name + "`:\n\n" + fence + "\n" + strings.Trim(a.text, "\n") + "\n" + fence
}

// compose makes a message's body from its content. Attached text that does not fit any more is listed as
// dropped rather than cut.
func compose(m *Message, c content) {
	body := joinTexts(c.texts)
	clean := strings.ReplaceAll(body, "\x00", "")
	nul := len(body) - len(clean)
	if len(clean) > MaxBody {
		m.Notes.addf(NoteCut, "body of %d bytes cut to %d", len(clean), MaxBody)
		clean = cutAtRune(clean, MaxBody)
	}
	m.Dropped = c.dropped
	for _, a := range c.attachments {
		without := strings.ReplaceAll(a.text, "\x00", "")
		nul += len(a.text) - len(without)
		a.text = without
		block := fenced(a)
		if clean != "" {
			block = "\n\n" + block
		}
		if len(clean)+len(block) > MaxBody {
			m.Dropped = append(m.Dropped, a.part)
			continue
		}
		clean += block
	}
	if nul > 0 {
		m.Notes.addf(NoteNUL, "%d NUL characters taken out of the body", nul)
	}
	m.Body = clean
}
