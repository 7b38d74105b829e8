package bare

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// pgbenchJobs is how many threads pgbench drives its clients with.
const pgbenchJobs = 2

var (
	rate      = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	failed    = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`)
	processed = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
)

// Pgbench runs the one statement with Postgres' own load generator.
type Pgbench struct {
	// Programs is the folder it is in, DatabaseURL where to, Folder where its script goes.
	Programs, DatabaseURL, Folder string
	// Clients at once, on threads 1 to Threads.
	Clients, Threads int
}

// Run runs it for d, at least a second, and returns how many transactions it did and how many a second.
func (p Pgbench) Run(ctx context.Context, d time.Duration) (done int, perSecond float64, err error) {
	target, err := url.Parse(p.DatabaseURL)
	if err != nil {
		return 0, 0, errors.New("the database's URL is not readable")
	}
	password, _ := target.User.Password()
	script := filepath.Join(p.Folder, fmt.Sprintf("post-%d.sql", p.Threads))
	if err := os.WriteFile(script, []byte(p.script()), 0o600); err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.Programs, "pgbench"), //nolint:gosec // the server's own program
		"--no-vacuum", "--protocol=prepared", "--file="+script,
		"--client="+strconv.Itoa(p.Clients), "--jobs="+strconv.Itoa(min(pgbenchJobs, p.Clients)),
		"--time="+strconv.Itoa(max(1, int(d.Seconds()))),
		"--host="+target.Hostname(), "--port="+target.Port(), "--username="+target.User.Username(), strings.TrimPrefix(target.Path, "/"))
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	return parsePgbench(string(out))
}

func parsePgbench(out string) (done int, perSecond float64, err error) {
	tps, all, bad := rate.FindStringSubmatch(out), processed.FindStringSubmatch(out), failed.FindStringSubmatch(out)
	switch {
	case len(bad) > 1 && bad[1] != "0":
		return 0, 0, fmt.Errorf("pgbench: %s transactions failed", bad[1])
	case len(all) > 1 && all[1] == "0": // then it says no rate
		return 0, 0, nil
	case tps == nil || all == nil:
		return 0, 0, fmt.Errorf("pgbench says no rate:\n%s", out)
	}
	if done, err = strconv.Atoi(all[1]); err != nil {
		return 0, 0, err
	}
	perSecond, err = strconv.ParseFloat(tps[1], 64)
	return done, perSecond, err
}

// script is the statement with its values written out.
func (p Pgbench) script() string {
	values := strings.NewReplacer("bench.outbox", "bench.unread",
		"$1", "'"+Workspace+"'", "$2", ":thread", "$3", "'"+Workspace+"'",
		"$4", "'"+strings.Repeat("x", BodySize)+"'", "$5", "'"+strings.Repeat("x", EventSize)+"'",
	)
	return fmt.Sprintf("\\set thread random(1, %d)\n%s;\n", p.Threads, strings.ReplaceAll(values.Replace(statement), "\n", " "))
}
