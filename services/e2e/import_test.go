package e2e

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const archive = "../meridian/internal/mailbox/testdata/notmuch-list.mbox"

// imported is what the report of an import says.
type imported struct {
	Found, Imported, ThreadsCreated, Senders int
	Duplicates                               struct{ InArchive, InSpace int }
	MembersCreated                           []string
	Broken                                   []struct{}
}

// found is an answer of search.
type found struct {
	Results []struct {
		Message     message
		Thread      string
		ThreadTitle string
	}
}

func (h *house) search(t *testing.T, who person, query string) found {
	t.Helper()
	var f found
	getJSON(t, h.http()+"/v1/"+h.workspace+"/messages:search?query="+url.QueryEscape(query), who.token, &f)
	return f
}

// searchEventually waits for what search follows from events.
func (h *house) searchEventually(t *testing.T, who person, query string, want int) found {
	t.Helper()
	var f found
	require.Eventually(t, func() bool {
		f = h.search(t, who, query)
		return len(f.Results) == want
	}, 10*time.Second, 50*time.Millisecond, query)
	return f
}

func TestAnArchiveBecomesThreadsThatPeopleReadAnswerAndSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	space := h.space(t, directoryv1.Space_OPEN)

	var first imported
	mustCLI(t, h.http(), h.owner.token, &first, "import", "mbox", archive, "--space", space)
	require.Equal(t, 53, first.Found)
	require.Equal(t, 52, first.Imported)
	require.Equal(t, 24, first.ThreadsCreated)
	require.Equal(t, 16, first.Senders)
	require.Len(t, first.MembersCreated, 16)
	require.Equal(t, 1, first.Duplicates.InArchive)
	require.Empty(t, first.Broken)

	var again imported
	mustCLI(t, h.http(), h.owner.token, &again, "import", "mbox", archive, "--space", space)
	require.Zero(t, again.Imported)
	require.Zero(t, again.ThreadsCreated)
	require.Empty(t, again.MembersCreated)
	require.Equal(t, 52, again.Duplicates.InSpace)

	var threads struct {
		Threads []struct{ Name, Title, LastSequence string }
	}
	getJSON(t, h.http()+"/v1/"+h.workspace+"/threads?pageSize=200", h.owner.token, &threads)
	require.Len(t, threads.Threads, 24)
	total := 0
	for _, thread := range threads.Threads {
		var page struct{ Messages []message }
		getJSON(t, h.http()+"/v1/"+thread.Name+"/messages?pageSize=200", h.owner.token, &page)
		total += len(page.Messages)
		for i := range page.Messages {
			require.True(t, page.Messages[i].Imported)
			if i > 0 {
				before, err := time.Parse(time.RFC3339, page.Messages[i-1].CreateTime)
				require.NoError(t, err)
				after, err := time.Parse(time.RFC3339, page.Messages[i].CreateTime)
				require.NoError(t, err)
				require.False(t, after.Before(before), "by date")
			}
		}
	}
	require.Equal(t, 52, total)

	f := h.searchEventually(t, h.owner, "emacs keybindings", 1)
	require.Contains(t, f.Results[0].Message.Body, "keybindings for this in the emacs client")
	require.Equal(t, "2009-11-17T17:13:27Z", f.Results[0].Message.CreateTime)
	require.Equal(t, "-28800s", f.Results[0].Message.UtcOffset)

	answer := h.post(t, h.owner, f.Results[0].Thread, "A belated xylophone answer")
	require.Equal(t, "6", answer.Sequence, "appended to the five of the archive")
	h.searchEventually(t, h.owner, "xylophone", 1)
}

func TestAPrivateSpaceIsNotFoundByThoseOutsideIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	inside, outside := h.join(t, directoryv1.Member_MEMBER), h.join(t, directoryv1.Member_ADMIN)
	space := h.space(t, directoryv1.Space_PRIVATE)
	grant := func(who person, role string) {
		postJSON(t, h.http()+"/v1/"+space+":setAccess", h.owner.token, map[string]any{"changes": []any{map[string]any{"principal": who.member, "role": role}}}, nil)
	}
	grant(h.owner, "MANAGER")
	grant(inside, "WRITER")
	thread := h.thread(t, space, "Quiet")
	h.post(t, h.owner, thread, "the word is serendipity")

	h.searchEventually(t, inside, "serendipity", 1)
	require.Empty(t, h.search(t, outside, "serendipity").Results, "an administrator is outside as anybody")
	require.Equal(t, 404, get(t, h.http()+"/v1/"+thread, outside.token).code)

	grant(inside, "NONE")
	require.Eventually(t, func() bool { return len(h.search(t, inside, "serendipity").Results) == 0 }, 5*time.Second, 10*time.Millisecond)
}

func TestABrokenArchiveIsImportedAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wild, err := os.Stat("../meridian/internal/mailbox/testdata/wild.mbox")
	require.NoError(t, err)
	require.Positive(t, wild.Size())
	var report imported
	mustCLI(t, h.http(), h.owner.token, &report, "import", "mbox", "../meridian/internal/mailbox/testdata/wild.mbox", "--space", "Wild", "--create-space")
	require.Equal(t, 7, report.Found)
	require.Equal(t, 5, report.Imported)
	require.Len(t, report.Broken, 2)
	require.Equal(t, 4, report.ThreadsCreated)
	h.searchEventually(t, h.owner, "会議は三時です", 1)
}
