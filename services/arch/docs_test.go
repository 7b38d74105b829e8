package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const top = "../.."

var (
	named = regexp.MustCompile("`((?:proto|pkg|services|deploy|scripts|docs)/[A-Za-z0-9_./-]+)`")
	steps = regexp.MustCompile(`(?m)^(\d+)\. `)
	link  = regexp.MustCompile(`\]\(([^)#:]+)\)`)
)

// What a change costs, in hand-written files. A page that lists more is a house that has grown worse.
var prices = map[string]int{
	"add-an-rpc.md": 5, "add-an-event.md": 4, "add-a-consumer.md": 3, "add-a-service.md": 7,
	"add-a-channel.md": 4,
}

func TestHowToPagesAreTrue(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(top, "docs", "how-to", "*.md"))
	require.NoError(t, err)
	require.Len(t, pages, len(prices))
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		found := steps.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, found, page)
		require.Equal(t, strconv.Itoa(prices[filepath.Base(page)]), found[len(found)-1][1], "%s: the price of the change", page)
	}
}

func TestDocumentsNameWhatExists(t *testing.T) {
	t.Parallel()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "deploy/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	require.Greater(t, len(pages), 8)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range named.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(top, name[1]))
			require.NoError(t, err, "%s names it", page)
		}
		for _, target := range link.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(page), target[1]))
			require.NoError(t, err, "%s links to %s", page, target[1])
		}
	}
}
