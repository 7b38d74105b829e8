package mailbox

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlText makes readable text of HTML: blocks become paragraphs, quotes get "> ", list items "- ", links their
// address. It reads token by token, so that no nesting can exhaust it.
func htmlText(source string) string {
	w := &htmlWriter{}
	tokens := html.NewTokenizer(strings.NewReader(source))
	tokens.SetMaxBuf(4 << 20)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			w.breakLine(1)
			return w.out.String()
		case html.TextToken:
			w.text(string(tokens.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			w.open(tokens.Token())
		case html.EndTagToken:
			w.close(tokens.Token().DataAtom)
		}
	}
}

// htmlWriter is the text so far and where in the document it stands.
type htmlWriter struct {
	out   strings.Builder
	line  strings.Builder
	quote int
	pre   int
	// hidden is the element whose text is not shown, until its end.
	hidden atom.Atom
	link   string
	label  int
	// space says that white space waits for the next word.
	space bool
	// gap says that an empty line stands before the next one, in as many quotes as gapQuote.
	gap      bool
	gapQuote int
}

const maxQuote = 20

func (w *htmlWriter) text(s string) {
	if w.hidden != 0 {
		return
	}
	if w.pre > 0 {
		for i, line := range strings.Split(newlines(s), "\n") {
			if i > 0 {
				w.endLine(true)
			}
			w.line.WriteString(line)
		}
		return
	}
	for i, word := range strings.FieldsFunc(s, isHTMLSpace) {
		if (i > 0 || w.space || isHTMLSpace(rune(s[0]))) && w.line.Len() > 0 {
			w.line.WriteByte(' ')
		}
		w.line.WriteString(strings.ReplaceAll(word, "\u00a0", " "))
		w.space = false
	}
	if s != "" && isHTMLSpace(rune(s[len(s)-1])) {
		w.space = true
	}
}

func isHTMLSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f' }

func (w *htmlWriter) open(t html.Token) {
	if w.hidden == atom.Head && t.DataAtom == atom.Body {
		w.hidden = 0
	}
	if w.hidden != 0 {
		return
	}
	switch t.DataAtom {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Template:
		if t.Type == html.StartTagToken {
			w.hidden = t.DataAtom
		}
	case atom.Body:
	case atom.Br:
		w.endLine(true)
	case atom.Blockquote:
		w.breakLine(2)
		w.quote++
	case atom.Pre:
		w.breakLine(2)
		w.pre++
	case atom.Li:
		w.breakLine(1)
		w.line.WriteString("- ")
	case atom.Td, atom.Th:
		w.space = true
	case atom.Img:
		w.text(attribute(t, "alt"))
	case atom.A:
		w.link, w.label = attribute(t, "href"), w.line.Len()
	case atom.Hr:
		w.breakLine(1)
		w.line.WriteString("---")
		w.breakLine(1)
	default:
		w.breakLine(blockGap(t.DataAtom))
	}
}

func (w *htmlWriter) close(a atom.Atom) {
	if w.hidden != 0 {
		// What is never closed ends with the document's body at the latest.
		if a == w.hidden || a == atom.Html || a == atom.Body {
			w.hidden = 0
		}
		return
	}
	switch a {
	case atom.Blockquote:
		w.endLine(false)
		w.quote = max(w.quote-1, 0)
		w.breakLine(2)
	case atom.Pre:
		w.breakLine(2)
		w.pre = max(w.pre-1, 0)
	case atom.A:
		label := w.line.String()[min(w.label, w.line.Len()):]
		plain := strings.TrimPrefix(w.link, "mailto:")
		if strings.Contains(w.link, ":") && !strings.HasPrefix(w.link, "cid:") && strings.TrimSpace(label) != plain && plain != "" {
			w.line.WriteString(" <" + plain + ">")
		}
		w.link = ""
	default:
		w.breakLine(blockGap(a))
	}
}

// blockGap is how an element stands apart: 0 in the line, 1 on a line of its own, 2 with an empty line.
func blockGap(a atom.Atom) int {
	switch a {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Dl:
		return 2
	case atom.Div, atom.Tr, atom.Li, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Address, atom.Center, atom.Dt, atom.Dd:
		return 1
	default:
		return 0
	}
}

// breakLine ends the line if it holds something; at a gap of 2 an empty line follows, before whatever comes next.
func (w *htmlWriter) breakLine(gap int) {
	if gap == 0 {
		return
	}
	w.endLine(false)
	if gap == 2 {
		if !w.gap {
			w.gapQuote = w.quote
		}
		w.gap, w.gapQuote = true, min(w.gapQuote, w.quote)
	}
}

func (w *htmlWriter) endLine(always bool) {
	text := strings.TrimRight(w.line.String(), " \t")
	w.line.Reset()
	w.space = false
	if text == "" && !always {
		return
	}
	if w.gap && w.out.Len() > 0 {
		w.out.WriteString(quotePrefix(min(w.gapQuote, w.quote, maxQuote), "") + "\n")
	}
	w.gap = false
	w.out.WriteString(quotePrefix(min(w.quote, maxQuote), text))
	w.out.WriteByte('\n')
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}
