//go:build unix

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is one thing that is done to the run, at its time.
type fault struct {
	// At is when it begins, from the start of the faults; For is how long it lasts.
	At, For time.Duration
	Kind    faultKind
	// Target is the process, Need what it is kept from; where the kind has any.
	Target, Need string
	// Delay is what each piece of data waits on a slow way.
	Delay time.Duration
}

type faultKind string

const (
	// killed: kill -9 of a replica, which is down for a while.
	killed faultKind = "kill"
	// paused: SIGSTOP of a replica or a node, and SIGCONT after longer than a lease.
	paused faultKind = "pause"
	// restarted and crashed: Postgres stops in order, or at once.
	restarted faultKind = "postgres restart"
	crashed   faultKind = "postgres crash"
	// nodeLost and brokerLost: kill -9 of one of the broker's nodes, or of all.
	nodeLost   faultKind = "node lost"
	brokerLost faultKind = "broker lost"
	// wayCut, wayHole, waySlow: the network between a replica and one thing that it needs.
	wayCut  faultKind = "cut"
	wayHole faultKind = "black hole"
	waySlow faultKind = "slow"
	// repeated: events that stand in the stream come again, as after a lost acknowledgement.
	repeated faultKind = "events again"
)

// String is the line that the plan is printed with.
func (f fault) String() string {
	said := fmt.Sprintf("%8s  %-16s", f.At.Round(time.Millisecond), f.Kind)
	if f.Target != "" {
		said += " " + f.Target
	}
	if f.Need != "" {
		said += " to " + f.Need
	}
	if f.For > 0 {
		said += " for " + f.For.Round(time.Millisecond).String()
	}
	if f.Delay > 0 {
		said += ", " + f.Delay.Round(time.Millisecond).String() + " each way"
	}
	return said
}

// span is from how long to how long a kind of fault lasts.
type span struct{ from, to time.Duration }

func (s span) any(r *rand.Rand) time.Duration {
	if s.to <= s.from {
		return s.from
	}
	return s.from + time.Duration(r.Int64N(int64(s.to-s.from)))
}

// chance is how often a kind comes, of all the chances together, and how long it lasts. The pauses are longer than the relay's
// lease of 10 s, and in a long run also than the 30 s of a claim and of an unacknowledged event.
type chance struct {
	kind  faultKind
	often int
	lasts span
	long  span
}

func chances() []chance {
	const s = time.Second
	return []chance{
		{killed, 30, span{0, 4 * s}, span{0, 6 * s}},
		{paused, 10, span{11 * s, 14 * s}, span{11 * s, 45 * s}},
		{restarted, 5, span{0, 2 * s}, span{0, 8 * s}},
		{crashed, 5, span{0, 2 * s}, span{0, 8 * s}},
		{nodeLost, 12, span{s, 6 * s}, span{s, 20 * s}},
		{brokerLost, 5, span{0, 4 * s}, span{0, 20 * s}},
		{wayCut, 12, span{s, 6 * s}, span{s, 20 * s}},
		{wayHole, 9, span{s, 8 * s}, span{s, 30 * s}},
		{waySlow, 7, span{2 * s, 8 * s}, span{2 * s, 30 * s}},
		{repeated, 5, span{}, span{}},
	}
}

const (
	// firstFault is after a moment of undisturbed work, lastFault so long before the end that it is felt.
	firstFault = 2 * time.Second
	lastFault  = 2 * time.Second
	// longRun is from how long on the long spans are taken.
	longRun = 45 * time.Second
)

// plan is what is done to a run. The same seed and duration make the same plan.
func plan(seed uint64, duration time.Duration, needs map[string][]string) []fault {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a seed that makes it again is what is wanted
	var (
		all   []fault
		total int
	)
	for _, c := range chances() {
		total += c.often
	}
	gap := span{300 * time.Millisecond, 4 * time.Second}
	for at := firstFault; at < duration-lastFault; at += gap.any(r) {
		f := fault{At: at}
		n := r.IntN(total)
		for _, c := range chances() {
			if n -= c.often; n < 0 {
				f.Kind, f.For = c.kind, c.lasts.any(r)
				if long := c.long.any(r); duration >= longRun {
					f.For = long
				}
				break
			}
		}
		all = append(all, aimed(f, r, needs))
	}
	// Whatever else comes, what most of the run told of is told again.
	return append(all, fault{At: duration - lastFault, Kind: repeated})
}

// aimed chooses what a fault is done to.
func aimed(f fault, r *rand.Rand, needs map[string][]string) fault {
	replicas := slices.Sorted(maps.Keys(needs))
	target := replicas[r.IntN(len(replicas))]
	need := needs[target][r.IntN(len(needs[target]))]
	node := fmt.Sprintf("nats-%d", 1+r.IntN(nodes))
	delay := span{20 * time.Millisecond, 400 * time.Millisecond}.any(r)
	switch f.Kind {
	case killed:
		f.Target = target
	case paused:
		f.Target = target
		if r.IntN(4) == 0 {
			f.Target = node
		}
	case wayCut, wayHole:
		f.Target, f.Need = target, need
	case waySlow:
		f.Target, f.Need, f.Delay = target, need, delay
	case nodeLost:
		f.Target = node
	case restarted, crashed, brokerLost, repeated:
	}
	return f
}

// allNeeds is what each replica needs, by its name.
func allNeeds() map[string][]string {
	all := map[string][]string{}
	for service, its := range needs() {
		whole := append([]string{broker}, its...)
		if service != "gateway" {
			whole = append(whole, postgres)
		}
		slices.Sort(whole)
		for i := range replicas {
			all[fmt.Sprintf("%s-%d", service, i+1)] = whole
		}
	}
	return all
}

func planText(faults []fault) string {
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = "  " + f.String()
	}
	return strings.Join(lines, "\n")
}
