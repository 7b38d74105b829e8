package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

const (
	// growth is how much more a read may cost in the last world than in the first; searchMust how long, in milliseconds, 99 of
	// a hundred searches may take in the last.
	growth     = 1.5
	searchMust = 100
	// clients is how many read at once: one, so that what is measured is a read and not a queue.
	clients = 1
)

// Settings are how long and how often each read is measured, in which worlds, and where they are kept.
type Settings struct {
	Folder string
	Sizes  []int
	Rounds int
	Time   time.Duration
	// Progress hears what takes long.
	Progress io.Writer
}

// ParseSize reads a number of messages such as 10000, 10k or 5M.
func ParseSize(text string) (int, error) {
	factor := 1
	for suffix, times := range map[string]int{"k": 1000, "M": 1_000_000} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			text, factor = number, times
		}
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 10_000/factor {
		return 0, errors.New("a size is a number of messages such as 10k, 1M or 5M, and at least 10k")
	}
	return number * factor, nil
}

// Measure fills the worlds that are not filled yet, starts all of them and measures every read in all of them in turns.
func Measure(ctx context.Context, cfg Settings) (part figure.Part, err error) {
	part = figure.Part{Name: "scale", About: fmt.Sprintf("reads over gRPC by one client, in %d threads of a workspace with %d beside it", threads, beside)}
	readers, stop, err := openAll(ctx, cfg)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return part, err
	}
	for i, read := range readers[0].reads() {
		sides := make([]figure.Side, len(readers))
		for round := range cfg.Rounds + 1 { // the first warms up
			for at, r := range readers {
				measured, err := r.measure(ctx, r.reads()[i].call, cfg.Time)
				if err != nil {
					return part, fmt.Errorf("%s, %d messages: %w", read.name, r.Size, err)
				}
				sides[at].Name = fmt.Sprintf("%s, %s messages", read.name, short(r.Size))
				if round > 0 {
					sides[at].Rounds = append(sides[at].Rounds, measured)
				}
			}
		}
		part.Sides = append(part.Sides, sides...)
		part.Rows = append(part.Rows, rows(read, sides)...)
	}
	return part, nil
}

// openAll starts the worlds of all sizes; stop stops those that were started, also when one was not.
func openAll(ctx context.Context, cfg Settings) (readers []*reader, stop func() error, err error) {
	var worlds []*world.World
	stop = func() error {
		var errs []error
		for _, w := range worlds {
			errs = append(errs, w.Stop())
		}
		return errors.Join(errs...)
	}
	for _, size := range cfg.Sizes {
		w, r, err := open(ctx, cfg, size)
		if w != nil {
			worlds = append(worlds, w)
		}
		if err != nil {
			return nil, stop, fmt.Errorf("%d messages: %w", size, err)
		}
		readers = append(readers, r)
	}
	return readers, stop, nil
}

// rows judge a read by its growth, and a search by what it takes in the last world as well.
func rows(r read, sides []figure.Side) []figure.Row {
	first, last := sides[0], sides[len(sides)-1]
	if r.search {
		return []figure.Row{figure.Absolute(last.Name+", p99", "ms", last.Of(figure.P99), figure.Under, searchMust, searchMust)}
	}
	row := figure.Against(last.Name+", p50", "ms", last, first, figure.P50, figure.AtMost, growth, 1)
	row.Limit = "the same in the first world"
	return []figure.Row{row}
}

// open starts the world of a size, filled.
func open(ctx context.Context, cfg Settings, size int) (*world.World, *reader, error) {
	folder := filepath.Join(cfg.Folder, short(size))
	kept, filled, err := readContents(folder, size)
	if err != nil {
		return nil, nil, err
	}
	if !filled {
		if err := os.RemoveAll(folder); err != nil { // one that was filled in part
			return nil, nil, err
		}
	}
	w, err := world.Start(ctx, world.Config{Folder: folder})
	if err != nil {
		return nil, nil, err
	}
	if !filled {
		start := clock.Machine().Now()
		_, _ = fmt.Fprintf(cfg.Progress, "filling %s with %d messages\n", folder, size)
		if kept, err = fill(ctx, w, size); err != nil {
			return w, nil, fmt.Errorf("fill: %w", err)
		}
		_, _ = fmt.Fprintf(cfg.Progress, "filled in %s\n", clock.Machine().Now().Sub(start).Round(time.Second))
	}
	r, err := newReader(ctx, w, kept)
	return w, r, err
}

// measure is one round of a read.
func (r *reader) measure(ctx context.Context, call load.Call, d time.Duration) (figure.Round, error) {
	if err := r.signIn(ctx); err != nil {
		return figure.Round{}, err
	}
	before, err := r.world.Costs(figure.Meridian, r.world.MeridianPID())
	if err != nil {
		return figure.Round{}, err
	}
	sample, err := load.Closed(ctx, clients, d, call)
	if err != nil {
		return figure.Round{}, err
	}
	after, err := r.world.Costs(figure.Meridian, r.world.MeridianPID())
	return figure.Round{
		Done: len(sample.Took), PerSecond: float64(len(sample.Took)) / sample.Elapsed.Seconds(),
		P50: figure.Milliseconds(figure.Percentile(sample.Took, 50)), P99: figure.Milliseconds(figure.Percentile(sample.Took, 99)),
		CPU: after.Since(before, len(sample.Took)),
	}, err
}

// short writes a size as ParseSize reads it.
func short(size int) string {
	switch {
	case size%1_000_000 == 0:
		return fmt.Sprintf("%dM", size/1_000_000)
	case size%1000 == 0:
		return fmt.Sprintf("%dk", size/1000)
	}
	return strconv.Itoa(size)
}
