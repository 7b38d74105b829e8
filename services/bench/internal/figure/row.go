package figure

import (
	"fmt"
	"strings"
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
	// Must is needed, Aim is hoped for.
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
	fmt.Fprintf(out, "\n%-50s %-34s %11s %11s %7s %15s  %-8s %-8s %s\n", "figure", "limit", "limit", "ours", "ratio", "spread", "must", "aim", "met")
	var missed int
	for _, p := range parts {
		for _, r := range p.Rows {
			fmt.Fprintln(out, r.line())
			if !r.Met {
				missed++
			}
		}
	}
	if missed > 0 {
		fmt.Fprintf(out, "%d rows miss what they must keep\n", missed)
	}
	return out.String()
}

func (r Row) line() string {
	limit, ratio, spread := "-", "-", r.Ours
	if r.Limit != "" {
		limit, ratio, spread = amount(r.LimitIs.Median), fmt.Sprintf("%.2f", r.Ratio.Median), r.Ratio
	}
	sign := "≥"
	if r.Goal == AtMost || r.Goal == Under {
		sign = "≤"
	}
	met := "no"
	switch {
	case r.Aimed:
		met = "yes, aim"
	case r.Met:
		met = "yes"
	}
	return fmt.Sprintf("%-50s %-34s %11s %11s %7s %15s  %-8s %-8s %s", r.Figure+", "+r.Unit, r.Limit, limit, amount(r.Ours.Median), ratio,
		amount(spread.Low)+" to "+amount(spread.High), sign+" "+amount(r.Must), sign+" "+amount(r.Aim), met)
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
