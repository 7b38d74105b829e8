package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// progress shows how far long work is, on a terminal only.
type progress struct {
	w     io.Writer
	on    bool
	last  time.Time
	stage string
}

func newProgress(w io.Writer) *progress { return &progress{w: w, on: isTerminal(w)} }

// show draws the bar, ten times a second at most.
func (p *progress) show(stage string, done, total int64) {
	if !p.on {
		return
	}
	now := clock.Machine().Now()
	if now.Sub(p.last) < 100*time.Millisecond && stage == p.stage && done < total {
		return
	}
	if p.stage != "" && stage != p.stage {
		_, _ = fmt.Fprintln(p.w)
	}
	p.last, p.stage = now, stage
	_, _ = fmt.Fprint(p.w, "\r", bar(stage, done, total))
}

// end leaves the bar and begins a new line.
func (p *progress) end() {
	if p.on && p.stage != "" {
		_, _ = fmt.Fprintln(p.w)
	}
}

func bar(stage string, done, total int64) string {
	const width = 30
	full, percent := int64(width), int64(100)
	if total > 0 {
		full, percent = min(done, total)*width/total, min(done, total)*100/total
	}
	return fmt.Sprintf("%-8s [%s%s] %3d%%", stage, strings.Repeat("=", int(full)), strings.Repeat(" ", width-int(full)), percent)
}
