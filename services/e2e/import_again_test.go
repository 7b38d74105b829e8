package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// mail is a message of an archive: its id, the id it answers, and when it was written.
func mail(id, parent string, minute int) string {
	answers := ""
	if parent != "" {
		answers = "In-Reply-To: <" + parent + ">\n"
	}
	at := time.Date(2009, time.November, 17, 10, minute, 0, 0, time.UTC)
	return fmt.Sprintf("From x %s\nFrom: Writer %d <w%d@example.com>\nDate: %s\nMessage-ID: <%s>\nSubject: about %s\n%s\nbody of %s\n\n",
		at.Format(time.ANSIC), minute%7, minute%7, at.Format(time.RFC1123Z), id, id, answers, id)
}

// archiveOf writes an archive to a file of its own.
func archiveOf(t *testing.T, mails ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive.mbox")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(mails, "")), 0o600))
	return path
}

// joins is what a report says of messages that connect threads.
type joins struct {
	Imported, ThreadsCreated int
	Joins                    []struct {
		ID, Thread string
		Others     []string
	}
}

func TestALaterArchiveAppendsAndItsJoinsAreReported(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	space := h.space(t, directoryv1.Space_OPEN)
	run := func(path string) joins {
		var report joins
		mustCLI(t, h.http(), h.owner.token, &report, "import", "mbox", path, "--space", space)
		return report
	}
	require.Equal(t, 2, run(archiveOf(t, mail("b", "a", 1), mail("c", "a", 2))).ThreadsCreated, "their parent is nowhere yet")

	later := run(archiveOf(t, mail("b", "a", 1), mail("d", "b", 4), mail("e", "d", 3)))
	require.Equal(t, 2, later.Imported)
	require.Zero(t, later.ThreadsCreated)
	require.Empty(t, later.Joins)

	last := run(archiveOf(t, mail("a", "", 0)))
	require.Equal(t, 1, last.Imported)
	require.Zero(t, last.ThreadsCreated)
	require.Len(t, last.Joins, 1)
	require.Equal(t, "a", last.Joins[0].ID)
	require.Len(t, last.Joins[0].Others, 1)

	var page struct{ Messages []message }
	getJSON(t, h.http()+"/v1/"+last.Joins[0].Thread+"/messages", h.owner.token, &page)
	ids := make([]string, 0, len(page.Messages))
	for _, m := range page.Messages {
		ids = append(ids, m.ExternalID)
	}
	require.Equal(t, []string{"b", "e", "d", "a"}, ids, "by date within a run, appended by later ones")
}

func TestAnImportCutOffByKill9IsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	const count = 1500
	mails := make([]string, count)
	for n := range mails {
		parent := ""
		if n%10 != 0 {
			parent = fmt.Sprint("m", n-1)
		}
		mails[n] = mail(fmt.Sprint("m", n), parent, n)
	}
	path, data := archiveOf(t, mails...), dataFolder(t)
	p := up(t, data)
	var have workspaces
	getJSON(t, p.http+"/v1/workspaces", p.token(), &have)
	var space struct{ Name string }
	postJSON(t, p.http+"/v1/"+have.Workspaces[0].Name+"/spaces", p.token(), map[string]any{"displayName": "Archive", "visibility": "OPEN"}, &space)

	running := exec.CommandContext(t.Context(), binary(t), "import", "mbox", path, "--space", space.Name, "--server", p.http, "--token", p.token())
	require.NoError(t, running.Start())
	require.Eventually(t, func() bool {
		var page struct{ Threads []struct{} }
		getJSON(t, p.http+"/v1/"+have.Workspaces[0].Name+"/threads?pageSize=200", p.token(), &page)
		return len(page.Threads) >= 20
	}, time.Minute, 5*time.Millisecond)
	p.kill()
	require.Error(t, running.Wait())

	p = up(t, data)
	var report imported
	mustCLI(t, p.http, p.token(), &report, "import", "mbox", path, "--space", space.Name)
	require.Equal(t, count, report.Imported+report.Duplicates.InSpace)
	require.Positive(t, report.Duplicates.InSpace)
	var threads struct {
		Threads []struct{ LastSequence string }
	}
	getJSON(t, p.http+"/v1/"+have.Workspaces[0].Name+"/threads?pageSize=200", p.token(), &threads)
	require.Len(t, threads.Threads, count/10)
	for _, thread := range threads.Threads {
		require.Equal(t, "10", thread.LastSequence)
	}
	p.stop(t)
}
