package figure

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Goal is how a row's value is judged.
type Goal string

// The goals of rows.
const (
	// AtLeast and AtMost judge the ratio to the limit.
	AtLeast Goal = "ratio at least"
	AtMost  Goal = "ratio at most"
	// OverAll and Under judge our figure itself, which then has no limit beside it.
	OverAll Goal = "at least"
	Under   Goal = "at most"
)

// Row is a line of the table: our figure, the limit it is held against, and whether that is good enough.
type Row struct {
	Figure string `json:"figure"`
	// Limit names what the limit is; empty where ours stands by itself.
	Limit   string `json:"limit,omitempty"`
	LimitIs Spread `json:"limit_is"`
	Ours    Spread `json:"ours"`
	Unit    string `json:"unit"`
	// Ratio is ours divided by the limit, round by round.
	Ratio Spread `json:"ratio"`
	Goal  Goal   `json:"goal"`
	// Must is needed, zero for nothing; Aim is hoped for.
	Must float64 `json:"must"`
	Aim  float64 `json:"aim"`
	// Met says whether the median keeps Must, Aimed whether it keeps Aim.
	Met   bool `json:"met"`
	Aimed bool `json:"aimed"`
}

// Against is a row that judges the ratio of two sides' figures, round by round.
func Against(name, unit string, ours, limit Side, figure func(Round) float64, goal Goal, must, aim float64) Row {
	ratios := make([]float64, 0, len(ours.Rounds))
	for i, r := range ours.Rounds {
		if i < len(limit.Rounds) && figure(limit.Rounds[i]) > 0 {
			ratios = append(ratios, figure(r)/figure(limit.Rounds[i]))
		}
	}
	row := Row{
		Figure: name, Limit: limit.Name, LimitIs: limit.Of(figure), Ours: ours.Of(figure), Unit: unit,
		Ratio: SpreadOf(ratios), Goal: goal, Must: must, Aim: aim,
	}
	return row.judged(row.Ratio.Median, len(ratios) > 0)
}

// Absolute is a row that judges a figure by itself.
func Absolute(name, unit string, ours Spread, goal Goal, must, aim float64) Row {
	row := Row{Figure: name, Ours: ours, Unit: unit, Goal: goal, Must: must, Aim: aim}
	return row.judged(ours.Median, true)
}

func (r Row) judged(value float64, measured bool) Row {
	keeps := func(bound float64) bool {
		if r.Goal == AtLeast || r.Goal == OverAll {
			return value >= bound
		}
		return value <= bound
	}
	r.Met, r.Aimed = measured && keeps(r.Must), measured && keeps(r.Aim)
	return r
}

// Table is the rows of all parts, in their order.
func Table(parts []Part) string {
	out := &strings.Builder{}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\nfigure\tlimit\tlimit\tours\tratio\tspread\tmust\taim\tmet") // to memory
	var missed int
	for _, p := range parts {
		for _, r := range p.Rows {
			_, _ = fmt.Fprintln(table, strings.Join(r.cells(), "\t")) // to memory
			if !r.Met {
				missed++
			}
		}
	}
	_ = table.Flush() // to memory
	if missed > 0 {
		fmt.Fprintf(out, "%d rows miss what they must keep\n", missed)
	}
	return out.String()
}

// cells are the row's columns.
func (r Row) cells() []string {
	limit, ratio, spread := "-", "-", r.Ours
	if r.Limit != "" {
		limit, ratio, spread = amount(r.LimitIs.Median), amount(r.Ratio.Median), r.Ratio
	}
	sign := "≥ "
	if r.Goal == AtMost || r.Goal == Under {
		sign = "≤ "
	}
	must := "-"
	if r.Must > 0 {
		must = sign + amount(r.Must)
	}
	met := "no"
	switch {
	case r.Aimed:
		met = "yes, aim"
	case r.Must == 0:
		met = "-"
	case r.Met:
		met = "yes"
	}
	return []string{
		r.Figure + ", " + r.Unit, r.Limit, limit, amount(r.Ours.Median), ratio,
		amount(spread.Low) + " to " + amount(spread.High), must, sign + amount(r.Aim), met,
	}
}

// amount writes large numbers whole and small ones with what matters of them.
func amount(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
