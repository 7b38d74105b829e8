//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// runCommand is the command's flags.
type runCommand struct {
	Seed     uint64        `default:"1" help:"The first seed."`
	Seeds    int           `default:"1" help:"How many seeds, one after the other, from the first on."`
	Duration time.Duration `default:"90s" help:"How long faults are made for a seed."`
	Short    bool          `help:"20 seconds of faults, as CI does it."`
	Members  int           `default:"24" help:"Members at work, over two workspaces."`
	Sabotage string        `enum:",relay,inbox,lease" default:"" help:"Break the relay, the inbox or the lease on purpose: it must be found." placeholder:"PART"`
	Settle   time.Duration `default:"5m" help:"How long after the faults everything may take to settle."`
	Keep     bool          `help:"Keep the folders of runs that found nothing too."`
	Results  string        `help:"Also append a line of JSON for each seed to this file." placeholder:"FILE"`
}

// shortDuration is how long faults are made in a short run.
const shortDuration = 20 * time.Second

// Run runs the seeds. It fails when one found anything; with sabotage when one found nothing.
func (c runCommand) Run(ctx context.Context) error {
	return c.run(ctx, os.Stdout)
}

func (c runCommand) run(ctx context.Context, out io.Writer) error {
	if c.Short {
		c.Duration = shortDuration
	}
	bin, err := os.MkdirTemp("", "meridian-chaos-bin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin) //nolint:errcheck // a temporary folder
	if err := build(ctx, bin, c.Sabotage != ""); err != nil {
		return err
	}
	var failed []string
	for i := range uint64(c.Seeds) {
		done, err := c.seed(ctx, c.Seed+i, bin, out)
		if err != nil {
			return fmt.Errorf("seed %d: %w", c.Seed+i, err)
		}
		if err := c.keep(done); err != nil {
			return err
		}
		if (len(done.Findings) > 0) != (c.Sabotage != "") {
			failed = append(failed, fmt.Sprint(done.Seed))
		}
	}
	switch {
	case len(failed) > 0 && c.Sabotage != "":
		return fmt.Errorf("the broken %s was not found with seed %s", c.Sabotage, strings.Join(failed, ", "))
	case len(failed) > 0:
		return fmt.Errorf("findings with seed %s", strings.Join(failed, ", "))
	}
	return nil
}

// keep appends a result to the file of results.
func (c runCommand) keep(done result) error {
	if c.Results == "" {
		return nil
	}
	line, err := json.Marshal(done)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Results, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// seed runs one seed. What it finds is in the result; an error says that the run itself could not be made.
func (c runCommand) seed(ctx context.Context, seed uint64, bin string, out io.Writer) (done result, err error) {
	faults := plan(seed, c.Duration, allNeeds())
	done = result{Seed: seed, Duration: c.Duration, Faults: map[faultKind]int{}, Phases: map[string]time.Duration{}}
	phase := clock.Machine().Now()
	over := func(name string) {
		now := clock.Machine().Now()
		done.Phases[name], phase = now.Sub(phase).Round(100*time.Millisecond), now
	}
	for _, f := range faults {
		done.Faults[f.Kind]++
	}
	if _, err := fmt.Fprintf(out, "\nseed %d, %s of faults:\n%s\n", seed, c.Duration, planText(faults)); err != nil {
		return done, err
	}
	folder, err := newFolder(seed)
	if err != nil {
		return done, err
	}
	began := clock.Machine().Now()
	r, err := newRig(ctx, folder, bin, c.Sabotage)
	over("start")
	if err == nil {
		err = c.trial(ctx, r, faults, &done, over)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*stopLimit)
	defer cancel()
	err = errors.Join(err, r.close(stopping))
	over("stop")
	done.Findings = append(done.Findings, findings("a process did what none may", r.troubles())...)
	done.Starts, done.Took = r.starts(), clock.Machine().Now().Sub(began)
	if err != nil {
		return done, fmt.Errorf("%w (its folder: %s)", err, folder)
	}
	text := done.report()
	if len(done.Findings) > 0 || c.Keep {
		done.Folder = folder
		text += "  logs and data: " + folder + "\n"
	} else if err := os.RemoveAll(folder); err != nil {
		return done, err
	}
	_, err = io.WriteString(out, text)
	return done, err
}

// newFolder is a folder that Postgres' own user may pass through.
func newFolder(seed uint64) (string, error) {
	base := ""
	if os.Geteuid() == 0 {
		base = "/tmp" // root's own may be closed to others
	}
	folder, err := os.MkdirTemp(base, fmt.Sprintf("meridian-chaos-%d-", seed))
	if err != nil {
		return "", err
	}
	const passable = 0o711
	return folder, os.Chmod(folder, passable)
}

// trial is the work, the faults, the settling and the audit.
func (c runCommand) trial(ctx context.Context, r *rig, faults []fault, done *result, over func(phase string)) error {
	f, err := newFront(r)
	if err != nil {
		return err
	}
	defer f.close() //nolint:errcheck // nothing is under way
	spaces, err := populate(ctx, r, f, c.Members, done.Seed)
	if err != nil {
		return err
	}
	over("populate")
	book := &ledger{}
	if err := work(ctx, r, f, spaces, book, faults, c.Duration); err != nil {
		return err
	}
	over("work")
	if err := book.save(filepath.Join(r.folder, "ledger.jsonl")); err != nil {
		return err
	}
	late, err := settle(ctx, r, c.Settle)
	over("settle")
	if err != nil {
		return err
	}
	a, err := newAudit(ctx, r, f, book, spaces)
	if err != nil {
		return err
	}
	defer a.close()
	found, err := a.run(ctx)
	over("audit")
	done.Acknowledged, done.Refused, done.Unknown = book.count(acknowledged), book.count(refused), book.count(unknown)
	done.Events, done.Findings = len(a.events), slices.Concat(findings("not settled", late), found)
	return err
}

// work has the members work while the faults are made, and returns when the outcome of everything they began is known or
// given up.
func work(ctx context.Context, r *rig, f *front, spaces []*workspace, book *ledger, faults []fault, duration time.Duration) error {
	over, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var working sync.WaitGroup
	for _, w := range spaces {
		for _, m := range w.members {
			a := &actor{member: m, front: f, ledger: book}
			working.Go(func() { a.live(ctx, over) })
		}
	}
	err := inflict(over, r, faults)
	<-over.Done()
	book.mended = clock.Machine().Now()
	working.Wait()
	return errors.Join(err, context.Cause(ctx))
}
