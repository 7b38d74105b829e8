package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const oneMail = "From a@b.c Tue Nov 17 15:28:37 2009\nFrom: A <a@b.c>\nDate: Tue, 17 Nov 2099 21:28:37 +0600\nMessage-ID: <1@x>\nSubject: hi\n\nhello\n\nFrom b@b.c Tue Nov 17 15:28:37 2009\nnothing\n"

// importing answers the calls of an import; every message is new.
func importing(t *testing.T) *gateway {
	t.Helper()
	space := workspace + "/spaces/018f2b5e-0000-7000-8000-000000000002"
	g := newGateway(t, map[string]string{
		"GET /v1/" + workspace + "/members":         `{}`,
		"POST /v1/" + workspace + "/members:import": `{"members":[{"name":"` + workspace + `/members/m"}]}`,
		"GET /v1/" + workspace + "/spaces":          `{}`,
		"POST /v1/" + workspace + "/spaces":         `{"name":"` + space + `"}`,
	})
	g.handlers["POST /v1/"+space+"/messages:import"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"results":[{"externalId":"1@x","outcome":"IMPORTED","threadCreated":true}]}`)
	}
	return g
}

func TestAnImportPrintsItsReport(t *testing.T) {
	t.Parallel()
	g := importing(t)
	file := filepath.Join(t.TempDir(), "list.mbox")
	require.NoError(t, os.WriteFile(file, []byte(oneMail), 0o600))

	r := g.run(t, "import", "mbox", file, "--space", "List")
	require.Equal(t, 4, r.code, "a space is made only when asked for")

	r = g.run(t, "import", "mbox", file, "--space", "List", "--create-space")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "imported            1\n")
	require.Contains(t, r.out, "threads made        1\n")
	require.Contains(t, r.out, "odd date: message 1 at byte 0: Date is not to be believed (Tue, 17 Nov 2099 21:28:37 +0600)")
	require.Contains(t, r.out, fmt.Sprintf("broken: message 2 at byte %d: no header\n", strings.Index(oneMail, "From b@")))
	require.Empty(t, r.err, "progress is for terminals")

	in := run(t.Context(), oneMail, "--server", g.URL, "--token", "mrd_token", "--json", "import", "mbox", "-", "--space", "List", "--create-space")
	require.Zero(t, in.code, in.err)
	var report struct {
		Found, Imported int
		Broken          []struct{ Position struct{ Index int } }
	}
	require.NoError(t, json.Unmarshal([]byte(in.out), &report))
	require.Equal(t, 2, report.Found)
	require.Equal(t, 1, report.Imported)
	require.Equal(t, 2, report.Broken[0].Position.Index)
}

func TestWhatCannotBeImportedIsSaid(t *testing.T) {
	t.Parallel()
	g := importing(t)
	require.Equal(t, 1, g.run(t, "import", "mbox", "/nowhere/at/all", "--space", "List").code)
	require.Contains(t, g.run(t, "import", "mbox", t.TempDir(), "--space", "List").err, "is a folder")
	in := run(t.Context(), "%PDF", "--server", g.URL, "--token", "mrd_token", "import", "mbox", "-", "--space", "List", "--create-space")
	require.Equal(t, 1, in.code)
	require.Contains(t, in.err, "not an mbox file")

	g.handlers["POST /v1/"+workspace+"/spaces/018f2b5e-0000-7000-8000-000000000002/messages:import"] = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"code":7,"message":"only administrators import"}`)
	}
	in = run(t.Context(), oneMail, "--server", g.URL, "--token", "mrd_token", "import", "mbox", "-", "--space", "List", "--create-space")
	require.Equal(t, 3, in.code)
	require.Contains(t, in.err, "run it again and it goes on from there")
	require.Contains(t, in.err, "only administrators import")
	require.Contains(t, in.out, "imported            0\n")
}
