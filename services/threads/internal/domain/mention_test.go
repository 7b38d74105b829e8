package domain_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func TestHandles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"none":                     {"a plain text", nil},
		"alone":                    {"@ada", []string{"ada"}},
		"within a sentence":        {"please @ada, and (@bob).", []string{"ada", "bob"}},
		"each once":                {"@ada @bob @ada", []string{"ada", "bob"}},
		"any case":                 {"@Ada", []string{"ada"}},
		"marks within":             {"@ada.love-lace_1815!", []string{"ada.love-lace_1815"}},
		"marks at the end":         {"@ada... @bob-", []string{"ada", "bob"}},
		"a mail address":           {"mail ada@example.org", nil},
		"escaped":                  {`\@ada`, nil},
		"two at signs":             {"@@ada", nil},
		"only a sign":              {"@ @. @-", nil},
		"a longer word":            {"@adaß", nil},
		"too long":                 {"@" + strings.Repeat("a", 41), nil},
		"longest":                  {"@" + strings.Repeat("a", 40), []string{strings.Repeat("a", 40)}},
		"code span":                {"see `@ada` and @bob", []string{"bob"}},
		"code span of two ticks":   {"``a ` @ada`` @bob", []string{"bob"}},
		"code span over lines":     {"`x\n@ada` @bob", []string{"bob"}},
		"after a span":             {"`x`@ada", []string{"ada"}},
		"unclosed span":            {"` @ada", []string{"ada"}},
		"span ends at a paragraph": {"`\n\n@ada `", []string{"ada"}},
		"escaped tick":             {"\\`@ada`", []string{"ada"}},
		"fence":                    {"```\n@ada\n```\n@bob", []string{"bob"}},
		"fence with a language":    {"```go\n@ada\n```", nil},
		"tilde fence":              {"~~~\n@ada\n```\n~~~ \n@bob", []string{"bob"}},
		"longer fence":             {"````\n```\n@ada\n````\n@bob", []string{"bob"}},
		"unclosed fence":           {"```\n@ada", nil},
		"fence in a list":          {"- x\n  ```\n  @ada\n  ```", nil},
		"indented code":            {"text\n\n    @ada\n\n@bob", []string{"bob"}},
		"tabbed code":              {"\t@ada", nil},
		"a continued paragraph":    {"text\n      @ada", []string{"ada"}},
		"carriage returns":         {"```\r\n@ada\r\n```\r\n@bob\r\n", []string{"bob"}},
		"not a fence":              {"``` a ` b\n@ada", []string{"ada"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, domain.Handles(test.body))
		})
	}
}

func TestHandlesAreBounded(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	for i := range 200 {
		body.WriteString("@member")
		body.WriteString(strings.Repeat("x", i%30))
		body.WriteByte(byte('a' + i/30))
		body.WriteByte(' ')
	}
	require.Len(t, domain.Handles(body.String()), domain.MaxMentions)
}

// What stands in code mentions nobody, whatever stands around it.
func TestCodeMentionsNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		handle := rapid.StringMatching(`[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?`).Draw(t, "handle")
		before := rapid.StringMatching(`[a-z ,.!?\n]{0,40}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z ,.!?]{0,40}`).Draw(t, "after")
		require.Empty(t, domain.Handles(before+"\n\n```\n@"+handle+"\n```\n"+after))
		require.Empty(t, domain.Handles(before+" `@"+handle+"` "+after))
		require.Equal(t, []string{handle}, domain.Handles(before+" @"+handle+" "+after))
	})
}

func FuzzHandles(f *testing.F) {
	for _, seed := range []string{"@ada", "`@a", "```\n@x", "~~~", "\\`@", "\t@ ", "@\xff", "a\r\n@b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		handles := domain.Handles(body)
		require.LessOrEqual(t, len(handles), domain.MaxMentions)
		for _, handle := range handles {
			require.Contains(t, strings.ToLower(body), "@"+handle)
			require.Regexp(t, `^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$`, handle)
		}
	})
}

func TestMentionName(t *testing.T) {
	t.Parallel()
	ws, id := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	require.Equal(t, "workspaces/"+ws.String()+"/members/"+id.String(), domain.Mention{ID: id}.Name(ws))
	require.Equal(t, "workspaces/"+ws.String()+"/teams/"+id.String(), domain.Mention{ID: id, Team: true}.Name(ws))
}
