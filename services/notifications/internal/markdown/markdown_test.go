package markdown_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"":                                     "",
		"Hello **bold** _and_ `code`":          "Hello bold and code",
		"# Title\n\nText [link](https://x.y)":  "Title Text link",
		"- one\n- two\n  - three":              "one two three",
		"- [x] done\n- [ ] open":               "done open",
		"> quoted\n\nanswer":                   "quoted answer",
		"line\nline  \nline":                   "line line line",
		"```go\nfunc main() {}\n```\nafter":    "func main() {} after",
		"    indented code":                    "indented code",
		"<script>alert(1)</script>\n\ntext":    "text",
		"a <b>c</b> d":                         "a c d",
		"![alt text](https://x.y/z.png) after": "alt text after",
		"<https://x.y>":                        "https://x.y",
		"| a | b |\n| - | - |\n| 1 | 2 |":      "a b 1 2",
		"~~gone~~ there":                       "gone there",
		"&amp; &lt;b&gt; &#35;":                "& <b> #",
		"`&amp; \\*` \\*not bold\\*":           "&amp; \\* *not bold*",
		"right\u202eto left":                   "right to left",
		"tab\there\u0007bell":                  "tab here bell",
		"@ben and @crew":                       "@ben and @crew",
	} {
		require.Equal(t, want, markdown.Excerpt(source), "%q", source)
	}
}

func TestLongExcerpts(t *testing.T) {
	t.Parallel()
	long := markdown.Excerpt(strings.Repeat("wörter ", 100))
	require.LessOrEqual(t, utf8.RuneCountInString(long), markdown.ExcerptLength)
	require.True(t, strings.HasSuffix(long, "wörter…"), long)
	require.Equal(t, markdown.ExcerptLength, utf8.RuneCountInString(markdown.Excerpt(strings.Repeat("x", 1000))))
	require.Equal(t, markdown.ExcerptLength, utf8.RuneCountInString(markdown.Excerpt(strings.Repeat("é", 1<<20))))
}

// FuzzExcerpt shows that whatever people write becomes one short plain line.
func FuzzExcerpt(f *testing.F) {
	for _, s := range []string{"# a\n\n- b", "```\nx", "<div>\n*", "| a |\n|-|", strings.Repeat("[", 50), "\xff\xfe", "a\u202eb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		got := markdown.Excerpt(source)
		require.LessOrEqual(t, utf8.RuneCountInString(got), markdown.ExcerptLength)
		require.False(t, strings.ContainsFunc(got, unicode.IsControl), "%q", got)
		require.Equal(t, strings.TrimSpace(got), got)
		require.True(t, utf8.ValidString(got), "%q", got)
	})
}
