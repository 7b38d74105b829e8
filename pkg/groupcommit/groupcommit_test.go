package groupcommit_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/groupcommit"
	"github.com/meridianhq/meridian/pkg/replay"
)

// bank is a database that groups are committed to: each item adds to an account of its key, and is told the balance then.
type bank struct {
	mu       sync.Mutex
	under    map[string]bool
	balances map[string]int
	log      map[string][]deposit
	groups   [][]int
	overlaps int
	twins    int
}

type deposit struct {
	id, amount, balance int
	request             uuid.UUID
}

var errAmount = errors.New("no amount")

func newBank() *bank {
	return &bank{under: map[string]bool{}, balances: map[string]int{}, log: map[string][]deposit{}}
}

// run refuses what has no amount, alone, and fails for the whole group where one of it is below zero.
func (b *bank) run(_ context.Context, key string, items []deposit) ([]groupcommit.Outcome[int], error) {
	b.begin(key, items)
	runtime.Gosched()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.under[key] = false }()
	if slices.ContainsFunc(items, func(d deposit) bool { return d.amount < 0 }) {
		return nil, groupcommit.ErrAlone
	}
	outcomes := make([]groupcommit.Outcome[int], len(items))
	for i, d := range items {
		if d.amount == 0 {
			outcomes[i].Err = errAmount
			continue
		}
		b.balances[key] += d.amount
		d.balance = b.balances[key]
		b.log[key] = append(b.log[key], d)
		outcomes[i].Result = d.balance
	}
	return outcomes, nil
}

func (b *bank) begin(key string, items []deposit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under[key] {
		b.overlaps++
	}
	b.under[key] = true
	group := make([]int, len(items))
	seen := map[uuid.UUID]bool{}
	for i, d := range items {
		group[i] = d.id
		if d.request != uuid.Nil && seen[d.request] {
			b.twins++
		}
		seen[d.request] = true
	}
	b.groups = append(b.groups, group)
}

func withRequest(ctx context.Context, id uuid.UUID) context.Context {
	if id == uuid.Nil {
		return ctx
	}
	return replay.NewContext(ctx, replay.Key{Principal: "p", Method: "m", RequestID: id})
}

// Whatever arrives at once, in whatever order and with whatever among it: what each is told is what it would be told in the
// order in which they were committed one by one.
func TestEqualsASerialOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBank()
		most := rapid.IntRange(1, 9).Draw(t, "most")
		c := groupcommit.New(groupcommit.Config[string, deposit, int]{Run: b.run, Most: most})
		requests := []uuid.UUID{uuid.New(), uuid.New(), {}, {}, {}}
		items := make([]deposit, rapid.IntRange(1, 40).Draw(t, "items"))
		keys, stays := make([]string, len(items)), make([]bool, len(items))
		for i := range items {
			items[i] = deposit{
				id: i, amount: rapid.IntRange(0, 9).Draw(t, "amount"),
				request: rapid.SampledFrom(requests).Draw(t, "request"),
			}
			if rapid.IntRange(0, 30).Draw(t, "bad") == 0 {
				items[i].amount = -1
			}
			keys[i] = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
			stays[i] = rapid.IntRange(0, 9).Draw(t, "gone") > 0
		}
		results, errs := make([]int, len(items)), make([]error, len(items))
		var crew sync.WaitGroup
		for i, item := range items {
			crew.Go(func() {
				ctx, cancel := context.WithCancel(withRequest(context.Background(), item.request))
				defer cancel()
				if !stays[i] {
					cancel()
				}
				results[i], errs[i] = c.Do(ctx, keys[i], item)
			})
		}
		crew.Wait()
		require.Zero(t, b.overlaps, "two groups of a key at once")
		require.Zero(t, b.twins, "twins in a group")
		times := map[int]int{}
		for _, group := range b.groups {
			require.LessOrEqual(t, len(group), most)
			for _, id := range group {
				times[id]++
			}
		}
		at := map[int]int{}
		for key, log := range b.log {
			balance := 0
			for _, d := range log {
				balance += d.amount
				require.Equal(t, balance, d.balance, key)
				at[d.id] = d.balance
			}
		}
		for i, item := range items {
			_, committed := at[i]
			require.LessOrEqual(t, times[i], 1, "in at most one group")
			switch {
			case errs[i] == nil:
				require.True(t, committed)
				require.Equal(t, at[i], results[i])
			case errors.Is(errs[i], context.Canceled):
				require.False(t, stays[i])
				require.Zero(t, times[i], "nothing was done for who left")
			case errors.Is(errs[i], errAmount):
				require.Zero(t, item.amount)
			default:
				require.ErrorIs(t, errs[i], groupcommit.ErrAlone)
				require.False(t, committed)
			}
		}
	})
}

// gate is a Run that tells when a group begins and waits to be let on.
type gate struct {
	begun chan []int
	on    chan struct{}
}

func newGate() *gate { return &gate{begun: make(chan []int), on: make(chan struct{})} }

func (g *gate) run(_ context.Context, _ string, items []int) ([]groupcommit.Outcome[int], error) {
	g.begun <- items
	<-g.on
	outcomes := make([]groupcommit.Outcome[int], len(items))
	for i, item := range items {
		outcomes[i].Result = item
	}
	return outcomes, nil
}

// calls starts calls of Do behind one that is under way.
type calls struct {
	t    *testing.T
	c    *groupcommit.Committer[string, int, int]
	crew sync.WaitGroup
}

// start returns once the call waits.
func (c *calls) start(ctx context.Context, key string, item int) {
	c.t.Helper()
	waiting := c.c.Waiting(key)
	c.crew.Go(func() {
		got, err := c.c.Do(ctx, key, item)
		if err == nil && got != item {
			c.t.Errorf("%d was told %d", item, got)
		}
	})
	for c.c.Waiting(key) == waiting {
		runtime.Gosched()
	}
}

func TestALoneOneWaitsForNobodyAndACrowdShares(t *testing.T) {
	t.Parallel()
	g := newGate()
	c := &calls{t: t, c: groupcommit.New(groupcommit.Config[string, int, int]{Run: g.run})}
	c.crew.Go(func() { _, _ = c.c.Do(t.Context(), "a", 1) })
	require.Equal(t, []int{1}, <-g.begun)
	for i := 2; i <= 5; i++ {
		c.start(t.Context(), "a", i)
	}
	c.crew.Go(func() { _, _ = c.c.Do(t.Context(), "b", 9) })
	require.Equal(t, []int{9}, <-g.begun, "another key does not wait")
	g.on <- struct{}{}
	g.on <- struct{}{}
	require.Equal(t, []int{2, 3, 4, 5}, <-g.begun)
	g.on <- struct{}{}
	c.crew.Wait()
}

func TestTwinsGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	g := newGate()
	c := &calls{t: t, c: groupcommit.New(groupcommit.Config[string, int, int]{Run: g.run})}
	c.crew.Go(func() { _, _ = c.c.Do(t.Context(), "a", 1) })
	<-g.begun
	same := withRequest(t.Context(), uuid.New())
	c.start(same, "a", 2)
	c.start(same, "a", 3)
	c.start(t.Context(), "a", 4)
	g.on <- struct{}{}
	require.Equal(t, []int{2, 4}, <-g.begun)
	g.on <- struct{}{}
	require.Equal(t, []int{3}, <-g.begun)
	g.on <- struct{}{}
	c.crew.Wait()
}

func TestWhoLeavesIsInNoGroup(t *testing.T) {
	t.Parallel()
	g := newGate()
	c := groupcommit.New(groupcommit.Config[string, int, int]{Run: g.run})
	var crew sync.WaitGroup
	crew.Go(func() { _, _ = c.Do(t.Context(), "a", 1) })
	<-g.begun
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	crew.Go(func() {
		for c.Waiting("a") == 0 {
			runtime.Gosched()
		}
		cancel(gone)
	})
	_, err := c.Do(ctx, "a", 2)
	require.ErrorIs(t, err, gone)
	g.on <- struct{}{}
	crew.Wait()
	require.Zero(t, c.Waiting("a"))
}

func TestAPanicIsTheFirstOnesAlone(t *testing.T) {
	t.Parallel()
	g := newGate()
	c := &calls{t: t, c: groupcommit.New(groupcommit.Config[string, int, int]{
		Run: func(ctx context.Context, key string, items []int) ([]groupcommit.Outcome[int], error) {
			outcomes, err := g.run(ctx, key, items)
			if slices.Contains(items, 2) {
				panic("two")
			}
			return outcomes, err
		},
	})}
	c.crew.Go(func() { _, _ = c.c.Do(t.Context(), "a", 1) })
	<-g.begun
	panicked := make(chan any, 1)
	c.crew.Go(func() {
		defer func() { panicked <- recover() }()
		_, _ = c.c.Do(t.Context(), "a", 2)
	})
	for c.c.Waiting("a") == 0 {
		runtime.Gosched()
	}
	failed := make(chan error, 1)
	c.crew.Go(func() { _, err := c.c.Do(t.Context(), "a", 3); failed <- err })
	for c.c.Waiting("a") == 1 {
		runtime.Gosched()
	}
	g.on <- struct{}{}
	require.Equal(t, []int{2, 3}, <-g.begun)
	c.start(t.Context(), "a", 4)
	g.on <- struct{}{}
	require.Equal(t, "two", <-panicked)
	require.ErrorContains(t, <-failed, "panicked")
	require.Equal(t, []int{4}, <-g.begun, "the key goes on")
	g.on <- struct{}{}
	c.crew.Wait()
}

func TestTooFewOutcomesFailTheGroup(t *testing.T) {
	t.Parallel()
	c := groupcommit.New(groupcommit.Config[string, int, int]{
		Run: func(context.Context, string, []int) ([]groupcommit.Outcome[int], error) { return nil, nil },
	})
	_, err := c.Do(t.Context(), "a", 1)
	require.ErrorContains(t, err, "0 outcomes of 1 items")
}

func TestTheGroupOutlivesItsFirst(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := groupcommit.New(groupcommit.Config[string, int, int]{
		Run: func(run context.Context, _ string, items []int) ([]groupcommit.Outcome[int], error) {
			cancel()
			require.NoError(t, run.Err())
			deadline, ok := run.Deadline()
			require.True(t, ok)
			require.NotZero(t, deadline)
			return make([]groupcommit.Outcome[int], len(items)), nil
		},
	})
	_, err := c.Do(ctx, "a", 1)
	require.NoError(t, err, "what is done is told, though its caller has gone")
}

func TestSizesAreObserved(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	c := groupcommit.New(groupcommit.Config[string, deposit, int]{
		Run: newBank().run, Sizes: groupcommit.NewSizes(registry, "threads", "message"),
	})
	_, err := c.Do(t.Context(), "a", deposit{amount: 1})
	require.NoError(t, err)
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Equal(t, "meridian_group_size", families[0].GetName())
	require.EqualValues(t, 1, families[0].GetMetric()[0].GetHistogram().GetSampleCount())
}

func TestAGroupIsInASampledTrace(t *testing.T) {
	t.Parallel()
	under := make(chan trace.TraceID, 2)
	g := newGate()
	c := &calls{t: t, c: groupcommit.New(groupcommit.Config[string, int, int]{
		Run: func(ctx context.Context, key string, items []int) ([]groupcommit.Outcome[int], error) {
			under <- trace.SpanContextFromContext(ctx).TraceID()
			return g.run(ctx, key, items)
		},
	})}
	traced := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{7}, TraceFlags: trace.FlagsSampled})
	c.crew.Go(func() { _, _ = c.c.Do(t.Context(), "a", 1) })
	<-g.begun
	c.start(t.Context(), "a", 2)
	c.start(trace.ContextWithSpanContext(t.Context(), traced), "a", 3)
	g.on <- struct{}{}
	<-g.begun
	g.on <- struct{}{}
	c.crew.Wait()
	require.Zero(t, <-under)
	require.Equal(t, traced.TraceID(), <-under)
}
