package figure

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Result is a run of the benchmark: all it measured.
type Result struct {
	// Time is when it began, Machine what it ran on, Settings with what.
	Time     time.Time         `json:"time"`
	Machine  string            `json:"machine"`
	Settings map[string]string `json:"settings"`
	Parts    []Part            `json:"parts"`
}

// Save writes the result as JSON.
func (r Result) Save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// Open reads a result that Save wrote.
func Open(file string) (Result, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the file the caller named
	if err != nil {
		return Result{}, err
	}
	var r Result
	if err := json.Unmarshal(text, &r); err != nil {
		return Result{}, fmt.Errorf("%s is no result of the benchmark: %w", file, err)
	}
	return r, nil
}

// Compare says how each row and each side of the first result stands in the second. What only one of them has is left out.
func Compare(a, b Result) string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "A: %s, %s\nB: %s, %s\n", a.Time.Format(time.DateTime), a.Machine, b.Time.Format(time.DateTime), b.Machine)
	fmt.Fprintf(out, "\n%-54s %10s %10s %8s  %s\n", "row", "A", "B", "B / A", "met")
	for _, part := range a.Parts {
		for _, row := range part.Rows {
			if other, ok := b.row(row.Figure, row.Limit); ok {
				was, is := row.value(), other.value()
				fmt.Fprintf(out, "%-54s %10s %10s %8s  %s\n", row.title(), amount(was), amount(is), times(was, is), change(row.Met, other.Met))
			}
		}
	}
	fmt.Fprintf(out, "\n%-54s %10s %10s %8s   %-17s %-17s %s\n", "side, a second", "A", "B", "B / A", "p50 ms", "p99 ms", "CPU ms a call")
	for _, part := range a.Parts {
		for _, side := range part.Sides {
			other := b.part(part.Name).Side(side.Name)
			if len(other.Rounds) == 0 {
				continue
			}
			was, is := side.Of(Rate).Median, other.Of(Rate).Median
			fmt.Fprintf(out, "%-54s %10s %10s %8s   %-17s %-17s %s\n", part.Name+": "+side.Name, amount(was), amount(is), times(was, is),
				pair(side, other, P50), pair(side, other, P99), pair(side, other, CPU))
		}
	}
	return out.String()
}

func (r Result) part(name string) Part {
	for _, p := range r.Parts {
		if p.Name == name {
			return p
		}
	}
	return Part{}
}

func (r Result) row(figure, limit string) (Row, bool) {
	for _, p := range r.Parts {
		for _, row := range p.Rows {
			if row.Figure == figure && row.Limit == limit {
				return row, true
			}
		}
	}
	return Row{}, false
}

// value is what the row is judged by.
func (r Row) value() float64 {
	if r.Limit != "" {
		return r.Ratio.Median
	}
	return r.Ours.Median
}

func (r Row) title() string {
	if r.Limit != "" {
		return r.Figure + ", ratio"
	}
	return r.Figure + ", " + r.Unit
}

func times(was, is float64) string {
	if was == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", is/was)
}

func pair(a, b Side, figure func(Round) float64) string {
	return orNone(a.Of(figure).Median) + " → " + orNone(b.Of(figure).Median)
}

func change(was, is bool) string {
	switch {
	case was && is:
		return "yes"
	case is:
		return "now"
	case was:
		return "no more"
	}
	return "no"
}
