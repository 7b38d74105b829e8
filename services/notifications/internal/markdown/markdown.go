// Package markdown reads the plain text out of Markdown, for excerpts.
//
// It promises one line without markup, raw HTML, addresses of links and control characters, at most so many characters long,
// for whatever text people write.
package markdown

import (
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// ExcerptLength is how many characters an excerpt has at most.
const ExcerptLength = 280

// mostRead bounds what is parsed: no excerpt needs more.
const mostRead = 16 << 10

// Excerpt is the beginning of a text as one plain line.
func Excerpt(source string) string {
	bytes := []byte(strings.ToValidUTF8(source[:min(len(source), mostRead)], ""))
	parser := goldmark.New(goldmark.WithExtensions(extension.Table, extension.TaskList, extension.Strikethrough)).Parser()
	r := reader{source: bytes}
	_ = ast.Walk(parser.Parse(text.NewReader(bytes)), r.visit) // it fails only where visit does
	return shorten(strings.Join(strings.FieldsFunc(r.out.String(), blank), " "))
}

// reader gathers the text of a document.
type reader struct {
	source []byte
	out    strings.Builder
}

func (r *reader) visit(node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		if node.Type() == ast.TypeBlock || node.Kind() == tables.KindTableCell {
			r.out.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	}
	switch n := node.(type) {
	case *ast.Text:
		r.out.Write(written(n, r.source))
		if n.SoftLineBreak() || n.HardLineBreak() {
			r.out.WriteByte(' ')
		}
	case *ast.String:
		r.out.Write(n.Value)
	case *ast.AutoLink:
		r.out.Write(n.Label(r.source))
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		r.lines(node)
	case *ast.HTMLBlock, *ast.RawHTML:
		return ast.WalkSkipChildren, nil
	}
	return ast.WalkContinue, nil
}

// written is what a piece of text says: escapes and entities are read, but not in code.
func written(n *ast.Text, source []byte) []byte {
	value := n.Segment.Value(source)
	if n.IsRaw() {
		return value
	}
	return util.UnescapePunctuations(util.ResolveEntityNames(util.ResolveNumericReferences(value)))
}

func (r *reader) lines(node ast.Node) {
	for i := range node.Lines().Len() {
		segment := node.Lines().At(i)
		r.out.Write(segment.Value(r.source))
	}
}

// blank tells what is no more than space between words: control and invisible formatting characters too, so that no text
// can turn the line around it.
func blank(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || bidirectional(c)
}

// bidirectional tells the characters that change the direction of what follows.
func bidirectional(c rune) bool {
	return c == '\u200e' || c == '\u200f' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069'
}

// shorten cuts a text at a word where it is too long.
func shorten(s string) string {
	chars := []rune(s)
	if len(chars) <= ExcerptLength {
		return s
	}
	cut := string(chars[:ExcerptLength-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return cut + "…"
}
