//go:build unix

package main

import (
	"fmt"
	"strings"
	"time"
)

// finding is something that is not as it was promised.
type finding struct {
	// Kind is common to all that are alike.
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// findings are texts as findings of one kind.
func findings(kind string, texts []string) []finding {
	var all []finding
	for _, text := range texts {
		all = append(all, finding{Kind: kind, Text: kind + ": " + text})
	}
	return all
}

// result is what came of a seed.
type result struct {
	Seed     uint64            `json:"seed"`
	Duration time.Duration     `json:"duration"`
	Took     time.Duration     `json:"took"`
	Faults   map[faultKind]int `json:"faults"`
	// Phases are how long each part of the run took.
	Phases                         map[string]time.Duration `json:"phases"`
	Starts                         int                      `json:"starts"`
	Acknowledged, Refused, Unknown int
	Events                         int       `json:"events"`
	Findings                       []finding `json:"findings"`
	Folder                         string    `json:"folder,omitempty"`
}

// shownOfAKind is how many findings of one kind are shown. All are in the file of results.
const shownOfAKind = 3

// report says in words what came of the seed.
func (d result) report() string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "  %d writes acknowledged, %d refused, %d of unknown outcome; %d events; processes started %d times; took %s (%v)\n",
		d.Acknowledged, d.Refused, d.Unknown, d.Events, d.Starts, d.Took.Round(time.Second), d.Phases)
	if len(d.Findings) == 0 {
		return out.String() + "  nothing found\n"
	}
	kinds := map[string]int{}
	for _, f := range d.Findings {
		kinds[f.Kind]++
	}
	fmt.Fprintf(out, "  %d FINDINGS of %d kinds\n", len(d.Findings), len(kinds))
	shown := map[string]int{}
	for _, f := range d.Findings {
		switch shown[f.Kind]++; {
		case shown[f.Kind] <= shownOfAKind:
			fmt.Fprintln(out, "  -", f.Text)
		case shown[f.Kind] == shownOfAKind+1:
			fmt.Fprintf(out, "    ... and %d more of this kind\n", kinds[f.Kind]-shownOfAKind)
		}
	}
	return out.String()
}
