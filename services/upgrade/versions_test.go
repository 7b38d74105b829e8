package upgrade

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build builds the services' binaries into a new folder: as they are or, with an overlay, as they were.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	binaries := t.TempDir()
	args := append([]string{"build", "-buildvcs=false", "-o", binaries + string(filepath.Separator)}, flags...)
	for _, service := range services {
		args = append(args, "../"+service+"/cmd/"+service+"d")
	}
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binaries
}

// git runs a command at the top of the repository; its error says what it said.
func git(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = filepath.Join("..", "..")
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return said.String(), err
	}
	return string(out), nil
}

// fromVariable names the commit that the test upgrades from, such as that of a release. It is no setting of the services.
const fromVariable = "UPGRADE_FROM"

// previous is the flag that makes the compiler see the version before this one, the parent of a clean checkout or the commit
// under one with changes, or the one that was asked for: what differs is laid over this tree, so that all that does not is taken
// from the build cache. It skips the test where there is no such version.
func previous(t *testing.T) string {
	t.Helper()
	changes, err := git(t, "status", "--porcelain")
	if err != nil {
		t.Skipf("there is no previous version: this is no checkout of a repository: %s", changes)
	}
	commit := "HEAD"
	if changes == "" {
		commit = "HEAD^"
	}
	if from := os.Getenv(fromVariable); from != "" {
		commit = from
	}
	if _, err := git(t, "rev-parse", "--verify", "--quiet", commit+"^{commit}"); err != nil {
		t.Skipf("there is no previous version: the checkout does not hold %s (a shallow clone, or the first commit)", commit)
	}
	must := func(args ...string) string {
		out, err := git(t, args...)
		require.NoError(t, err, out)
		return out
	}
	top, folder := strings.TrimSpace(must("rev-parse", "--show-toplevel")), t.TempDir()
	replaced := map[string]string{} // by what stood there; nothing where it is new
	for _, path := range strings.Fields(must("ls-files", "--others", "--exclude-standard")) {
		replaced[filepath.Join(top, path)] = ""
	}
	differing := strings.Fields(must("diff", "--name-status", "--no-renames", commit))
	for i := 0; i+1 < len(differing); i += 2 {
		status, path := differing[i], differing[i+1]
		if status == "A" {
			replaced[filepath.Join(top, path)] = ""
			continue
		}
		file := filepath.Join(folder, strconv.Itoa(i))
		require.NoError(t, os.WriteFile(file, []byte(must("show", commit+":"+path)), 0o600))
		replaced[filepath.Join(top, path)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	file := filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	return "-overlay=" + file
}
