// Package overload keeps a process within what it can do: a bounded number of calls are in work, a bounded number wait
// for that, and the others are refused before they have touched anything.
//
// It promises, whatever comes and in whichever order:
//
//   - never more calls are in work than Limits.InWork, never more wait than Limits.Queued, and none waits longer than
//     Limits.Patience; where a workspace's queue has stood for a tenth of that, a fiftieth of it. So memory is bounded,
//     a burst finds a place to wait in, and a queue that would only make everybody late does not stay;
//   - no workspace keeps another from its share. One workspace leaves an eighth of the room in work to the others,
//     however much it wants; two leave a fifteenth; and so on. Who has to wait is served in turns, one call of each
//     workspace. When the queue is full, the workspace with the most calls in it gives the newest of them up, so a
//     workspace is refused only what it wants beyond an equal share of the queue;
//   - within a workspace the oldest call is served first.
//
// The share in work is a threshold that moves with the room left, as switches share their buffers (Choudhury and Hahne,
// 1998); giving up out of the longest queue is that of fair queueing (RFC 8290); the shorter wait in a standing queue is
// CoDel's thought (RFC 8289), as servers use it (Maurer, Fail at Scale, 2015). What is refused fails Exhausted with OVERLOADED
// and the time to come back, spread so that callers do not come back all at once.
package overload

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// share is how many times the room left a workspace may have in work.
	share = 7
	// standing is the part of the patience for which a queue may stand, and impatience by how much it shortens the wait then.
	standing, impatience = 10, 50
	// returnAfter is what callers are told to wait, between the half and the whole and a half of it.
	returnAfter = time.Second
)

// Limits bound what a gate lets in. The tags have the flags of a process and their help; the zero value of a field is its
// default.
type Limits struct {
	// InWork is how many calls may be in work at once; 0 means 96.
	InWork int `name:"max-in-work" env:"MERIDIAN_MAX_IN_WORK" help:"Calls in work at once; one workspace has an eighth less. 0: 96, at the gateway 1024 for each service behind it."`
	// Queued is how many may wait for that; 0 means 256.
	Queued int `name:"max-queued" env:"MERIDIAN_MAX_QUEUED" help:"Calls that may wait for that, workspaces in turns; what does not fit is refused. 0: 256."`
	// Patience is how long one may wait; 0 means 5 s.
	Patience time.Duration `name:"max-wait" env:"MERIDIAN_MAX_WAIT" help:"How long a call may wait before it is refused after all. 0: 5s."`
}

func (l Limits) orDefaults() Limits {
	if l.InWork == 0 {
		l.InWork = 96
	}
	if l.Queued == 0 {
		l.Queued = 256
	}
	if l.Patience == 0 {
		l.Patience = 5 * time.Second
	}
	return l
}

// Most is how many calls may be here at once, in work and waiting.
func (l Limits) Most() int {
	l = l.orDefaults()
	return l.InWork + l.Queued
}

// Gate lets calls in. It may be used by many goroutines. Make it with New.
type Gate struct {
	limits  Limits
	machine clock.Clock

	mu     sync.Mutex
	inWork int
	queued int
	// flows are the workspaces with calls in work or waiting.
	flows map[uuid.UUID]*flow
	// turns are the flows with calls waiting, the one whose turn is next first. None of them may have one more in work
	// than it has: whoever makes room hands it out.
	turns []*flow
	// The calls refused so far, at once and after they had waited.
	refusedFull, refusedWaited int64
}

// flow is what one workspace has here.
type flow struct {
	workspace uuid.UUID
	inWork    int
	waiting   []*waiter // the oldest first
	standing  time.Time // since when there is always one
}

// waiter is a call that waits.
type waiter struct {
	patience time.Duration
	decided  chan bool // gets whether it was let in, once
}

// New makes a gate.
func New(limits Limits) *Gate {
	return &Gate{limits: limits.orDefaults(), machine: clock.Machine(), flows: make(map[uuid.UUID]*flow)}
}

// Enter lets a call of the workspace in, perhaps after a wait; Leave must follow. It fails Exhausted with OVERLOADED,
// or with ctx's error when that ends first; then Leave must not follow. Calls of no workspace share the zero one.
func (g *Gate) Enter(ctx context.Context, workspace uuid.UUID) error {
	w, err := g.arrive(workspace)
	if w == nil || err != nil {
		return err
	}
	patience := time.NewTimer(w.patience)
	defer patience.Stop()
	select {
	case in := <-w.decided:
		if !in {
			return refusal(workspace)
		}
		return nil
	case <-ctx.Done():
		return g.giveUp(workspace, w, ctx.Err())
	case <-patience.C:
		return g.giveUp(workspace, w, nil)
	}
}

// Leave ends a call that was let in.
func (g *Gate) Leave(workspace uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.flows[workspace]
	g.inWork--
	f.inWork--
	g.forget(f)
	g.handOut()
}

// arrive lets a call in, which then has no waiter, queues it, or refuses it.
func (g *Gate) arrive(workspace uuid.UUID) (*waiter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.flows[workspace]
	if f == nil {
		f = &flow{workspace: workspace}
		g.flows[workspace] = f
	}
	if len(f.waiting) == 0 && g.mayWork(f) {
		g.begin(f)
		return nil, nil //nolint:nilnil // no waiter: it need not wait
	}
	if g.queued >= g.limits.Queued && !g.makeRoom(f) {
		g.forget(f)
		g.refusedFull++
		return nil, refusal(workspace)
	}
	w, now := &waiter{patience: g.limits.Patience, decided: make(chan bool, 1)}, g.machine.Now()
	if len(f.waiting) == 0 {
		g.turns = append(g.turns, f)
		f.standing = now
	}
	if now.Sub(f.standing) > g.limits.Patience/standing {
		w.patience /= impatience
	}
	f.waiting = append(f.waiting, w)
	g.queued++
	return w, nil
}

// mayWork says whether a flow may have one more in work.
func (g *Gate) mayWork(f *flow) bool {
	return f.inWork < share*(g.limits.InWork-g.inWork)
}

func (g *Gate) begin(f *flow) {
	g.inWork++
	f.inWork++
}

// makeRoom lets the flow with the most waiting give the newest of them up for a call of f, unless f has as many itself.
func (g *Gate) makeRoom(f *flow) bool {
	longest := f
	for _, other := range g.turns {
		if len(other.waiting) > len(longest.waiting) {
			longest = other
		}
	}
	if len(longest.waiting) <= len(f.waiting)+1 {
		return false
	}
	newest := longest.waiting[len(longest.waiting)-1]
	longest.waiting = longest.waiting[:len(longest.waiting)-1]
	g.queued--
	g.refusedFull++
	newest.decided <- false
	return true
}

// handOut lets in who may now work, in turns.
func (g *Gate) handOut() {
	for {
		next := slices.IndexFunc(g.turns, g.mayWork)
		if next < 0 {
			return
		}
		f := g.turns[next]
		g.turns = slices.Delete(g.turns, next, next+1)
		oldest := f.waiting[0]
		f.waiting = slices.Delete(f.waiting, 0, 1)
		if len(f.waiting) > 0 {
			g.turns = append(g.turns, f)
		}
		g.queued--
		g.begin(f)
		oldest.decided <- true
	}
}

// giveUp ends a wait: with why, or for the lack of patience where that is nil. A call that was let in meanwhile and
// whose caller is still there goes on.
func (g *Gate) giveUp(workspace uuid.UUID, w *waiter, why error) error {
	g.mu.Lock()
	f := g.flows[workspace]
	if f != nil {
		if at := slices.Index(f.waiting, w); at >= 0 {
			f.waiting = slices.Delete(f.waiting, at, at+1)
			g.queued--
			if len(f.waiting) == 0 {
				at := slices.Index(g.turns, f)
				g.turns = slices.Delete(g.turns, at, at+1)
			}
			g.forget(f)
			if why == nil {
				g.refusedWaited++
				why = refusal(workspace)
			}
			g.mu.Unlock()
			return why
		}
	}
	g.mu.Unlock()
	// It is decided: what was sent is there.
	in := <-w.decided
	switch {
	case !in:
		return refusal(workspace)
	case why != nil:
		g.Leave(workspace)
		return why
	default:
		return nil
	}
}

// forget drops a flow that has nothing here.
func (g *Gate) forget(f *flow) {
	if f.inWork == 0 && len(f.waiting) == 0 {
		delete(g.flows, f.workspace)
	}
}

// refusal is what a call gets that is not let in.
func refusal(workspace uuid.UUID) error {
	after := returnAfter/2 + rand.N(returnAfter) //nolint:gosec // no secret hangs on the spread
	f := fault.New(fault.Exhausted, fault.ReasonOverloaded, "the server has as much to do as it can; come back later").WithRetryAfter(after)
	if workspace != uuid.Nil {
		f = f.With("subject", "workspaces/"+workspace.String())
	}
	return f
}

// Counts is what a gate holds and has refused.
type Counts struct {
	// InWork and Queued are the calls there now.
	InWork, Queued int
	// RefusedFull were refused because the queue was full, RefusedWaited because they had waited long enough.
	RefusedFull, RefusedWaited int64
}

// Counts returns what the gate holds now and what it has refused so far.
func (g *Gate) Counts() Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Counts{InWork: g.inWork, Queued: g.queued, RefusedFull: g.refusedFull, RefusedWaited: g.refusedWaited}
}
