package e2e

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestTheCommandLineDoesADaysWork(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run := func(into any, args ...string) result { return mustCLI(t, h.http(), h.owner.token, into, args...) }

	require.Contains(t, run(nil, "spaces", "create", "Kitchen", "--private").out, h.workspace+"/spaces/")
	require.Contains(t, run(nil, "spaces", "grant", "Kitchen", "me", "MANAGER").out, "MANAGER")
	require.Regexp(t, `PRIVATE\s+Kitchen`, run(nil, "spaces").out)

	thread := strings.TrimSpace(run(nil, "threads", "new", "--space", "Kitchen", "--title", "Recipes", "Who has the rhubarb recipe?").out)
	run(nil, "threads", "post", thread, "It is in the drawer", "--reply-to", "1")
	shown := run(nil, "threads", "show", thread).out
	require.Contains(t, shown, "Recipes\nOPEN, 2 messages\n")
	require.Contains(t, shown, ", to 1\nIt is in the drawer\n")
	require.Contains(t, run(nil, "threads", "resolve", thread, "--outcome", "Found").out, "RESOLVED")
	require.Regexp(t, `RESOLVED\s+2\s+\S+ \S+\s+Kitchen\s+Recipes`, run(nil, "threads", "--space", "Kitchen", "--state", "RESOLVED").out)
	require.Eventually(t, func() bool {
		return strings.Contains(run(nil, "search", "rhubarb", "--author", "me").out, "1 found")
	}, 10*time.Second, 100*time.Millisecond)

	var invited struct {
		Code   string
		Member struct{ Name string }
	}
	run(&invited, "members", "invite", "ada@example.com", "--name", "Ada", "--role", "GUEST")
	require.NotEmpty(t, invited.Code)
	require.Regexp(t, `@ada\s+INVITED\s+GUEST\s+Ada\s+ada@example.com`, run(nil, "members", "--state", "INVITED").out)
	require.Contains(t, run(nil, "members", "deactivate", "ada@example.com").out, "DEACTIVATED")

	var made struct {
		Secret   string
		APIToken struct{ Name string } `json:"apiToken"`
	}
	run(&made, "token", "create", "Reader", "--scope", "threads.read", "--expires", "24h")
	require.Equal(t, 3, cli(t, h.http(), made.Secret, "members", "list").code, "its scope is threads.read")
	run(nil, "token", "revoke", made.APIToken.Name)
	require.Regexp(t, `revoked\s.*Reader`, run(nil, "token", "list").out)
	require.Eventually(t, func() bool { return cli(t, h.http(), made.Secret, "threads", "list").code == 3 }, 5*time.Second, 50*time.Millisecond)

	wrong := cli(t, h.http(), h.owner.token, "threads", "list", "--space", h.workspace+"/spaces/nonsense")
	require.Equal(t, 2, wrong.code)
	require.Contains(t, wrong.err, "field filter")
	require.Empty(t, wrong.out)
}

func TestTailGoesOnThroughKill9OfTheServer(t *testing.T) {
	t.Parallel()
	data := dataFolder(t)
	p := up(t, data)
	mustCLI(t, p.http, p.token(), nil, "spaces", "create", "General")
	thread := strings.TrimSpace(mustCLI(t, p.http, p.token(), nil, "threads", "new", "--space", "General", "--title", "Tail", "one").out)

	tail := exec.CommandContext(t.Context(), binary(t), "events", "tail", "--json", "--type", "meridian.threads.v1.MessagePosted", "--since", "10m", "--count", "3", "--server", p.http, "--token", p.token())
	out, err := tail.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, tail.Start())
	lines := bufio.NewScanner(out)
	next := func() string {
		require.True(t, lines.Scan(), "the tail ended")
		var e struct{ Subject string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		return e.Subject
	}
	require.Equal(t, thread+"/messages/1", next())
	p.kill()
	p = launchAt(t, data, strings.TrimPrefix(p.http, "http://"), p.grpc)
	p.awaitReady(t)
	for _, body := range []string{"two", "three"} {
		mustCLI(t, p.http, p.token(), nil, "threads", "post", thread, body)
	}
	require.Equal(t, thread+"/messages/2", next())
	require.Equal(t, thread+"/messages/3", next())
	require.NoError(t, tail.Wait())
	p.stop(t)
}

func TestAPersonWhoMayNotImportIsToldSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	who := h.join(t, directoryv1.Member_MEMBER)
	space := h.space(t, directoryv1.Space_OPEN)
	refused := cli(t, h.http(), who.token, "import", "mbox", archive, "--space", space)
	require.Equal(t, 3, refused.code)
	require.Contains(t, refused.err, "PERMISSION_DENIED")
}
