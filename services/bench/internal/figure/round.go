package figure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Who a round's processor time is of.
const (
	Load     = "load"
	Meridian = "meridian"
	Bare     = "bare"
	Postgres = "postgres"
	NATS     = "nats"
)

// Round is one side of one round. Times are in milliseconds.
type Round struct {
	// Done is how much was done, and PerSecond how much a second, over all of the time until it was published.
	Done      int     `json:"done"`
	PerSecond float64 `json:"per_second"`
	// P50 and P99 are of each call; zero where the calls are not seen one by one.
	P50 float64 `json:"p50_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
	// CPU is the processor time a call, by whose it is, until all was published.
	CPU map[string]float64 `json:"cpu_ms,omitempty"`
	// Lag is how many events consumers had still to do then, LagSeconds how long that took them, and SettledCPU the
	// processor time a call with that too.
	Lag        uint64             `json:"lag,omitempty"`
	LagSeconds float64            `json:"lag_seconds,omitempty"`
	SettledCPU map[string]float64 `json:"settled_cpu_ms,omitempty"`
}

// Side is all rounds of one side.
type Side struct {
	Name   string  `json:"name"`
	Rounds []Round `json:"rounds"`
}

// Of is the spread of a figure of the side's rounds.
func (s Side) Of(figure func(Round) float64) Spread { return SpreadOf(s.each(figure)) }

func (s Side) each(figure func(Round) float64) []float64 {
	values := make([]float64, 0, len(s.Rounds))
	for _, r := range s.Rounds {
		values = append(values, figure(r))
	}
	return values
}

// Rate is how much a round did a second.
func Rate(r Round) float64 { return r.PerSecond }

// P50 is the median of a round's calls.
func P50(r Round) float64 { return r.P50 }

// P99 is what 99 in a hundred of a round's calls did not exceed.
func P99(r Round) float64 { return r.P99 }

// CPU is what a call took of the processors, without the load.
func CPU(r Round) float64 { return withoutLoad(r.CPU) }

// SettledCPU is CPU with what the consumers did afterwards.
func SettledCPU(r Round) float64 { return withoutLoad(r.SettledCPU) }

func withoutLoad(cpu map[string]float64) (total float64) {
	for who, time := range cpu {
		if who != Load {
			total += time
		}
	}
	return total
}

// Part is what one part of the benchmark measured.
type Part struct {
	Name string `json:"name"`
	// About says what was done, for a reader of the report.
	About string `json:"about"`
	Sides []Side `json:"sides"`
	// Notes are lines of text beside the figures.
	Notes []string `json:"notes,omitempty"`
	Rows  []Row    `json:"rows"`
}

// Side returns the named side; empty where there is none.
func (p Part) Side(name string) Side {
	for _, s := range p.Sides {
		if s.Name == name {
			return s
		}
	}
	return Side{Name: name}
}

// Report is the part as text.
func (p Part) Report() string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "\n%s: %s\n", p.Name, p.About)
	if len(p.Sides) > 0 {
		fmt.Fprintf(out, "  %-44s %9s %19s %8s %8s   %s\n", "", "a second", "spread", "p50 ms", "p99 ms", "CPU ms a call")
	}
	for _, s := range p.Sides {
		rate := s.Of(Rate)
		fmt.Fprintf(out, "  %-44s %9.0f %8.0f to %7.0f %8s %8s   %s\n", s.Name, rate.Median, rate.Low, rate.High,
			orNone(s.Of(P50).Median), orNone(s.Of(P99).Median), s.cost(func(r Round) map[string]float64 { return r.CPU }))
		lag := s.Of(func(r Round) float64 { return float64(r.Lag) })
		if lag.High > 0 {
			late := s.Of(func(r Round) float64 { return r.LagSeconds })
			fmt.Fprintf(out, "    consumers' lag at the end %.0f (%.0f to %.0f), done after %.2f s (%.2f to %.2f); CPU with that: %s\n",
				lag.Median, lag.Low, lag.High, late.Median, late.Low, late.High,
				s.cost(func(r Round) map[string]float64 { return r.SettledCPU }))
		}
	}
	for _, note := range p.Notes {
		fmt.Fprintf(out, "  %s\n", note)
	}
	return out.String()
}

func orNone(value float64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", value)
}

// cost is the median processor time of each group, such as "bare 0.09, postgres 0.17".
func (s Side) cost(of func(Round) map[string]float64) string {
	groups := map[string]bool{}
	for _, r := range s.Rounds {
		for who := range of(r) {
			groups[who] = true
		}
	}
	var parts []string
	var total float64
	for _, who := range slices.Sorted(maps.Keys(groups)) {
		median := s.Of(func(r Round) float64 { return of(r)[who] }).Median
		parts = append(parts, fmt.Sprintf("%s %.3f", who, median))
		if who != Load {
			total += median
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f without load (%s)", total, strings.Join(parts, ", "))
}
