package mailbox

import (
	"bytes"
	"fmt"
	"mime"
	"regexp"
	"strings"
)

const (
	maxDepth = 16
	maxParts = 500
)

// content is what a MIME tree gives: its text, the attachments that are text, and what is neither.
type content struct {
	texts       []string
	attachments []attachment
	dropped     []Part
	// plain says that texts hold something that was written as plain text.
	plain bool
}

// attachment is a text with a name of its own.
type attachment struct {
	part Part
	text string
}

// part is one node of a MIME tree.
type part struct {
	header    header
	mediaType string
	params    map[string]string
	body      []byte
}

// walker gathers the content of a message; notes go to the message.
type walker struct {
	message *Message
	parts   int
}

func newPart(h header, body []byte) part {
	p := part{header: h, body: body, mediaType: "text/plain", params: map[string]string{}}
	if value := h.get("content-type"); value != "" {
		mediaType, params, ok := parseMediaType(value)
		switch {
		case ok && strings.Contains(mediaType, "/"):
			p.mediaType, p.params = mediaType, params
		case ok:
			p.params = params
		}
	}
	return p
}

// attached says whether the sender attached the part instead of writing it, and under what name.
func (p part) attached() (name string, attached bool) {
	disposition, params, _ := parseMediaType(p.header.get("content-disposition"))
	name = params["filename"]
	if name == "" {
		name = p.params["name"]
	}
	name = strings.ReplaceAll(decodeHeader(name), "\x00", "")
	return name, disposition == "attachment"
}

func (w *walker) walk(p part, depth int) content {
	w.parts++
	if depth > maxDepth || w.parts > maxParts {
		w.message.Notes.addf(NoteDamage, "MIME parts nested or many beyond the limits are left out")
		return w.drop(p)
	}
	switch {
	case strings.HasPrefix(p.mediaType, "multipart/"):
		return w.multipart(p, depth)
	case p.mediaType == "message/rfc822" || p.mediaType == "message/global" || p.mediaType == "message/news":
		return w.nested(p, depth)
	case strings.HasPrefix(p.mediaType, "text/") || p.mediaType == "message/delivery-status":
		return w.text(p)
	default:
		return w.drop(p)
	}
}

func (w *walker) drop(p part) content {
	name, _ := p.attached()
	data, _ := decodeTransfer(p.body, p.header.get("content-transfer-encoding"))
	return content{dropped: []Part{{Name: name, MediaType: p.mediaType, Size: int64(len(data))}}}
}

func (w *walker) text(p part) content {
	encoding := p.header.get("content-transfer-encoding")
	data, ok := decodeTransfer(p.body, encoding)
	if !ok {
		w.message.Notes.addf(NoteDamage, "damaged or unknown transfer encoding %q", strings.ToLower(cleanText(encoding)))
	}
	text, ok := decodeCharset(data, p.params["charset"])
	if !ok {
		w.message.Notes.addf(NoteCharset, "charset %q is unknown or does not fit the text", cleanText(p.params["charset"]))
	}
	text = newlines(text)
	plain := true
	switch {
	case p.mediaType == "text/html":
		text, plain = htmlText(text), false
	case strings.EqualFold(p.params["format"], "flowed"):
		text = unflow(text, strings.EqualFold(p.params["delsp"], "yes"))
	}
	name, attached := p.attached()
	written := p.mediaType == "text/plain" || p.mediaType == "text/html" || p.mediaType == "text/enriched"
	if attached || !written || (name != "" && p.header.get("content-disposition") != "") {
		part := Part{Name: name, MediaType: p.mediaType, Size: int64(len(data))}
		return content{attachments: []attachment{{part: part, text: text}}}
	}
	return content{texts: []string{text}, plain: plain && strings.TrimSpace(text) != ""}
}

// nested turns a message within the message into text under a short head of its own.
func (w *walker) nested(p part, depth int) content {
	data, _ := decodeTransfer(p.body, p.header.get("content-transfer-encoding"))
	h, body, _ := parseHeader(bytes.TrimLeft(data, "\r\n"))
	inner := w.walk(newPart(h, body), depth+1)
	var head strings.Builder
	head.WriteString("---------- Forwarded message ----------\n")
	for _, name := range []string{"From", "Date", "Subject"} {
		if value := decodeHeader(h.get(strings.ToLower(name))); value != "" {
			fmt.Fprintf(&head, "%s: %s\n", name, value)
		}
	}
	text := head.String() + "\n" + joinTexts(inner.texts)
	return content{texts: []string{text}, attachments: inner.attachments, dropped: inner.dropped, plain: true}
}

func (w *walker) multipart(p part, depth int) content {
	bodies, closed := splitParts(p.body, p.params["boundary"])
	if len(bodies) == 0 {
		w.message.Notes.addf(NoteDamage, "%s without its parts is read as text", p.mediaType)
		p.mediaType, p.params = "text/plain", map[string]string{}
		return w.text(p)
	}
	if !closed {
		w.message.Notes.addf(NoteDamage, "%s is not closed", p.mediaType)
	}
	children := make([]content, 0, len(bodies))
	for _, data := range bodies {
		h, body, _ := parseHeader(data)
		child := newPart(h, body)
		if p.mediaType == "multipart/digest" && h.get("content-type") == "" {
			child.mediaType = "message/rfc822"
		}
		children = append(children, w.walk(child, depth+1))
	}
	if p.mediaType == "multipart/alternative" {
		return alternative(children)
	}
	var all content
	for _, c := range children {
		all.add(c)
	}
	return all
}

func (c *content) add(o content) {
	c.texts = append(c.texts, o.texts...)
	c.attachments = append(c.attachments, o.attachments...)
	c.dropped = append(c.dropped, o.dropped...)
	c.plain = c.plain || o.plain
}

// alternative takes the first child written as plain text, else the first with any text. The other texts say the
// same and go unmentioned; what is not text is listed from all.
func alternative(children []content) content {
	chosen := -1
	for i, c := range children {
		if c.plain {
			chosen = i
			break
		}
		if chosen < 0 && strings.TrimSpace(joinTexts(c.texts)) != "" {
			chosen = i
		}
	}
	var all content
	for i, c := range children {
		if i == chosen {
			all.add(c)
			continue
		}
		all.dropped = append(all.dropped, c.dropped...)
		for _, a := range c.attachments {
			all.dropped = append(all.dropped, a.part)
		}
	}
	return all
}

// splitParts cuts a multipart body at its boundary lines. The text before the first and after the last is left out;
// closed says whether the last was there.
func splitParts(body []byte, boundary string) (parts [][]byte, closed bool) {
	if boundary == "" {
		return nil, false
	}
	mark := []byte("--" + boundary)
	start := -1
	for at := 0; at < len(body); {
		line, _ := cutLine(body[at:])
		if rest, found := bytes.CutPrefix(line, mark); found {
			rest = bytes.TrimRight(rest, " \t\r\n")
			last := bytes.Equal(rest, []byte("--"))
			if len(rest) == 0 || last {
				if start >= 0 {
					parts = append(parts, trimNewline(body[start:at]))
				}
				if last {
					return parts, true
				}
				start = at + len(line)
			}
		}
		at += len(line)
	}
	if start >= 0 && start < len(body) {
		parts = append(parts, body[start:])
	}
	return parts, false
}

// trimNewline takes away the line end before a boundary, which belongs to the boundary.
func trimNewline(data []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
}

var looseParam = regexp.MustCompile(`(?i);\s*([a-z0-9_-]+)\*?\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)`)

// parseMediaType reads a Content-Type or a Content-Disposition; where the standard's grammar is not kept, what can
// be made out is taken.
func parseMediaType(value string) (mediaType string, params map[string]string, ok bool) {
	value = strings.TrimSpace(strings.NewReplacer("\r", "", "\n", " ").Replace(value))
	mediaType, params, err := mime.ParseMediaType(value)
	if err == nil {
		return mediaType, params, mediaType != ""
	}
	mediaType, _, _ = strings.Cut(value, ";")
	mediaType, _ = stripComments(mediaType)
	mediaType = strings.ToLower(strings.TrimSpace(cleanText(mediaType)))
	params = map[string]string{}
	for _, m := range looseParam.FindAllStringSubmatch(value, -1) {
		if name := strings.ToLower(m[1]); params[name] == "" {
			params[name] = strings.ReplaceAll(strings.Trim(m[2], `"`), `\"`, `"`)
		}
	}
	return mediaType, params, mediaType != "" && len(mediaType) < 128
}
