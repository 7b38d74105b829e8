// Package groupcommit commits together what has arrived together.
//
// While one group of a key is on its way to the database, what arrives for the same key meanwhile waits and forms the
// next one: a lone request waits for nobody, and a crowd shares the round trips and the commit. It is the group commit of
// databases (DeWitt et al., Implementation Techniques for Main Memory Database Systems, SIGMOD 1984), one level up.
//
// It promises, for a Run that is one transaction:
//
//   - Of each key at most one group is on its way in this process, so the groups of a key are in a serial order; between
//     processes the database's locks see to that. Within a group Run gives its items an order. Hence the whole equals
//     some serial order of single calls, if a group equals one of its items.
//   - An item is in at most one group, and its caller gets that group's outcome for it and no other's. One that is given
//     up while it waits is in none: nothing was done.
//   - No two items of a group have the same request: of twins the later one waits for the group after, which sees what
//     the earlier one has committed.
//   - A key is a workspace's, and a group holds one connection: whoever posts without end takes turns with the others.
//
// The order within a key is the order of arrival but for twins. No goroutine is started: the first of a group runs it for
// all, and then the first of those that wait runs the next. How many may wait is bounded by how many calls a server lets
// in.
package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/meridianhq/meridian/pkg/replay"
)

// ErrAlone is the outcome of an item that a group cannot do: its caller should try it by itself. Nothing was done.
var ErrAlone = errors.New("groupcommit: to be done alone")

// Limit is how long a group may take. Run's context then ends, whatever deadlines its items have.
const Limit = 5 * time.Second

// DefaultMost is how many items a group takes at most where nothing else is said.
const DefaultMost = 64

// Outcome is what became of one item: a result, or an error that concerns it alone.
type Outcome[R any] struct {
	Result R
	Err    error
}

// Run does the items of a group in one transaction and returns an outcome for each, in their order. With an error nothing
// of the group may have been committed, or it must be unknown whether it was; every item gets that error then. The
// context has the values of the first item's whose trace is sampled, else of the first, and ends after Limit; it does not
// end with any caller's.
type Run[K comparable, T, R any] func(ctx context.Context, key K, items []T) ([]Outcome[R], error)

// Config is what a Committer needs.
type Config[K comparable, T, R any] struct {
	// Run is required.
	Run Run[K, T, R]
	// Most is how many items a group takes at most; 0 means DefaultMost.
	Most int
	// Sizes is told how many items each group had; nil for nobody.
	Sizes func(items int)
}

// Committer gathers items into groups. It is safe for concurrent use.
type Committer[K comparable, T, R any] struct {
	cfg Config[K, T, R]

	mu sync.Mutex
	// busy are the keys of which a group is on its way, with the items that wait for the next one.
	busy map[K][]*item[T, R]
}

// item is one call of Do.
type item[T, R any] struct {
	ctx     context.Context //nolint:containedctx // of the call that waits in Do
	value   T
	request request
	// turn is told once: what became of the item, or to lead the next group.
	turn chan turn[R]
}

type turn[R any] struct {
	lead    bool
	outcome Outcome[R]
}

// request is what twins have in common; the zero value is no request, which has no twin.
type request struct {
	principal, method string
	id                uuid.UUID
}

// New makes a Committer.
func New[K comparable, T, R any](cfg Config[K, T, R]) *Committer[K, T, R] {
	if cfg.Most == 0 {
		cfg.Most = DefaultMost
	}
	return &Committer[K, T, R]{cfg: cfg, busy: make(map[K][]*item[T, R])}
}

// Do does one item, together with what else arrives for the key, and returns what became of it. Where ctx ends while the
// item waits it returns the cause, and nothing was done; once its group is on its way, Do stays until that has ended.
func (c *Committer[K, T, R]) Do(ctx context.Context, key K, value T) (R, error) {
	i := &item[T, R]{ctx: ctx, value: value, request: requestOf(ctx), turn: make(chan turn[R], 1)}
	if c.enter(key, i) {
		return c.lead(key, i)
	}
	select {
	case t := <-i.turn:
		return c.take(key, i, t)
	case <-ctx.Done():
	}
	if c.leave(key, i) {
		var none R
		return none, context.Cause(ctx)
	}
	return c.take(key, i, <-i.turn)
}

// Waiting is how many items of the key wait for the next group.
func (c *Committer[K, T, R]) Waiting(key K) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.busy[key])
}

func requestOf(ctx context.Context) request {
	key, ok := replay.FromContext(ctx)
	if !ok {
		return request{}
	}
	return request{principal: key.Principal, method: key.Method, id: key.RequestID}
}

func (c *Committer[K, T, R]) take(key K, i *item[T, R], t turn[R]) (R, error) {
	if t.lead {
		return c.lead(key, i)
	}
	return t.outcome.Result, t.outcome.Err
}

// enter says whether the item is the first of a group that begins now; else it waits.
func (c *Committer[K, T, R]) enter(key K, i *item[T, R]) (leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting, busy := c.busy[key]
	if !busy {
		c.busy[key] = nil
		return true
	}
	c.busy[key] = append(waiting, i)
	return false
}

// leave takes an item that still waits out; false says that its turn has come.
func (c *Committer[K, T, R]) leave(key K, i *item[T, R]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.Index(c.busy[key], i)
	if at < 0 {
		return false
	}
	c.busy[key] = slices.Delete(c.busy[key], at, at+1)
	return true
}

// lead runs a group for all of its items, the first of which is the caller's.
func (c *Committer[K, T, R]) lead(key K, first *item[T, R]) (R, error) {
	group := c.gather(key, first)
	var outcomes []Outcome[R]
	err := errPanicked
	defer func() { // also where Run panics: the others must not wait for ever
		for at, i := range group[1:] {
			if err != nil {
				i.turn <- turn[R]{outcome: Outcome[R]{Err: err}}
				continue
			}
			i.turn <- turn[R]{outcome: outcomes[at+1]}
		}
		c.hand(key)
	}()
	outcomes, err = c.run(key, group)
	if err != nil {
		var none R
		return none, err
	}
	return outcomes[0].Result, outcomes[0].Err
}

var errPanicked = errors.New("groupcommit: the group panicked")

func (c *Committer[K, T, R]) run(key K, group []*item[T, R]) ([]Outcome[R], error) {
	values := make([]T, len(group))
	for at, i := range group {
		values[at] = i.value
	}
	under := group[max(0, slices.IndexFunc(group, (*item[T, R]).sampled))].ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(under), Limit)
	defer cancel()
	if c.cfg.Sizes != nil {
		c.cfg.Sizes(len(values))
	}
	outcomes, err := c.cfg.Run(ctx, key, values)
	if err == nil && len(outcomes) != len(values) {
		err = fmt.Errorf("groupcommit: %d outcomes of %d items", len(outcomes), len(values))
	}
	return outcomes, err
}

func (i *item[T, R]) sampled() bool { return trace.SpanContextFromContext(i.ctx).IsSampled() }

// gather takes what waits into the first one's group, and leaves twins of what is in it to wait.
func (c *Committer[K, T, R]) gather(key K, first *item[T, R]) []*item[T, R] {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.busy[key]
	group := make([]*item[T, R], 1, min(len(waiting)+1, c.cfg.Most))
	group[0] = first
	seen := make(map[request]bool, cap(group))
	in := func(r request) bool {
		if r == (request{}) {
			return false
		}
		twin := seen[r]
		seen[r] = true
		return twin
	}
	in(first.request)
	rest := waiting[:0]
	for _, i := range waiting {
		if len(group) == c.cfg.Most || in(i.request) {
			rest = append(rest, i)
			continue
		}
		group = append(group, i)
	}
	clear(waiting[len(rest):])
	c.busy[key] = rest
	return group
}

// hand has the first that waits lead the next group, or lets the key go.
func (c *Committer[K, T, R]) hand(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.busy[key]
	if len(waiting) == 0 {
		delete(c.busy, key)
		return
	}
	next := waiting[0]
	c.busy[key] = slices.Delete(waiting, 0, 1)
	next.turn <- turn[R]{lead: true}
}
