//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// act is one kind of write.
type act string

const (
	posting     act = "post"
	answering   act = "answer"
	refusing    act = "decline ask"
	creating    act = "create task"
	claiming    act = "claim"
	offering    act = "offer"
	accepting   act = "accept"
	declining   act = "decline"
	withdrawing act = "withdraw"
	scheduling  act = "schedule"
)

// outcome is what a member knows of a write.
type outcome string

const (
	// acknowledged: it is done, and must stay so.
	acknowledged outcome = "acknowledged"
	// refused: nothing was done, and the answer said so.
	refused outcome = "refused"
	// unknown: no attempt was answered within the member's patience. It is done or not, but never twice.
	unknown outcome = "unknown"
)

// entry is one write in the ledger.
type entry struct {
	Act     act
	Member  string
	Request string
	// Resource is what was acted on, or made where that was acknowledged.
	Resource string
	// Parent is where it was to be made; empty for what acts on a resource.
	Parent string
	// Mark is a text of this write alone, by which it is found whatever its outcome.
	Mark    string
	Outcome outcome
	Answer  string
	Tries   int
	// Asks is how many it asked, Urgent whether it did so at once.
	Asks   int
	Urgent bool
	Begun  time.Time
	Ended  time.Time
}

// String is the entry as a finding shows it.
func (e entry) String() string {
	return fmt.Sprintf("%s of %s by %s (mark %q, request %s, %d tries from %s to %s): %s %s", e.Act, e.Resource, e.Member, e.Mark,
		e.Request, e.Tries, e.Begun.Format(clockTime), e.Ended.Format(clockTime), e.Outcome, e.Answer)
}

// clockTime is how instants of a run are shown.
const clockTime = "15:04:05.000"

// ledger is what all members keep. It is safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	entries []entry
	// wrong are answers that no fault excuses, with how often they came.
	wrong map[string]int
	// mended is when the last fault was taken away; set once the members begin nothing more.
	mended time.Time
}

func (l *ledger) add(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *ledger) all() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]entry(nil), l.entries...)
}

// save writes the ledger into a file, a line of JSON for each entry.
func (l *ledger) save(path string) error {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	for _, e := range l.all() {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return os.WriteFile(path, text.Bytes(), 0o600)
}

// blame notes an answer that should not have been given.
func (l *ledger) blame(answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrong == nil {
		l.wrong = map[string]int{}
	}
	l.wrong[answer]++
}

func (l *ledger) blamed() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	copied := map[string]int{}
	for answer, times := range l.wrong {
		copied[answer] = times
	}
	return copied
}

// count is how many writes came to an outcome.
func (l *ledger) count(o outcome) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int
	for _, e := range l.entries {
		if e.Outcome == o {
			n++
		}
	}
	return n
}
