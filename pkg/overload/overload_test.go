package overload

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

// never is a patience that no test outlasts.
const never = time.Hour

func workspaces(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.UUID{15: byte(i + 1)}
	}
	return ids
}

// waiting is one call of the model that waits.
type waiting struct {
	workspace uuid.UUID
	w         *waiter
}

// world is a gate and what a test knows of its calls: arrivals, ends and departures in any order, one at a time.
type world struct {
	gate   *Gate
	inWork map[uuid.UUID]int
	queue  []waiting // the oldest first
}

// settle takes note of what was decided, and requires that each workspace's oldest came first.
func (m *world) settle(t require.TestingT) {
	var left []waiting
	still := map[uuid.UUID]bool{}
	for _, each := range m.queue {
		select {
		case in := <-each.w.decided:
			if in {
				require.False(t, still[each.workspace], "an older call of the workspace still waits")
				m.inWork[each.workspace]++
			}
		default:
			still[each.workspace] = true
			left = append(left, each)
		}
	}
	m.queue = left
}

// check requires what the package promises of every state.
func (m *world) check(t require.TestingT) {
	g := m.gate
	total, queued := 0, map[uuid.UUID]int{}
	for _, n := range m.inWork {
		total += n
	}
	for _, each := range m.queue {
		queued[each.workspace]++
	}
	counts := g.Counts()
	require.Equal(t, total, counts.InWork)
	require.Equal(t, len(m.queue), counts.Queued)
	require.LessOrEqual(t, counts.InWork, g.limits.InWork)
	require.LessOrEqual(t, counts.Queued, g.limits.Queued)
	require.Len(t, g.turns, len(queued), "a turn for each workspace that waits")
	for _, f := range g.turns {
		require.False(t, g.mayWork(f), "it waits although it may work")
	}
	for id, f := range g.flows {
		require.Equal(t, m.inWork[id], f.inWork)
		require.Len(t, f.waiting, queued[id])
		require.Positive(t, f.inWork+len(f.waiting), "nothing is kept of who is gone")
	}
}

func TestWhateverComesAndGoesThePromisesHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := workspaces(rapid.IntRange(1, 5).Draw(t, "workspaces"))
		m := &world{inWork: map[uuid.UUID]int{}, gate: New(Limits{
			InWork: rapid.IntRange(1, 20).Draw(t, "in work"), Queued: rapid.IntRange(1, 12).Draw(t, "queued"), Patience: never,
		})}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { m.settle(t); m.check(t) },
			"arrive": func(t *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(t, "workspace")
				before := map[uuid.UUID]int{}
				for _, each := range m.queue {
					before[each.workspace]++
				}
				w, err := m.gate.arrive(id)
				switch {
				case err != nil:
					require.True(t, fault.HasReason(err, fault.ReasonOverloaded))
					before[id]++
					require.Greater(t, before[id]*len(before), m.gate.limits.Queued, "it has not had its share of the queue")
				case w == nil:
					m.inWork[id]++
				default:
					m.queue = append(m.queue, waiting{id, w})
				}
			},
			"leave": func(t *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(t, "workspace")
				if m.inWork[id] == 0 {
					t.Skip("it has nothing in work")
				}
				m.inWork[id]--
				m.gate.Leave(id)
			},
			"give up": func(t *rapid.T) {
				if len(m.queue) == 0 {
					t.Skip("nothing waits")
				}
				at := rapid.IntRange(0, len(m.queue)-1).Draw(t, "which")
				gone := m.queue[at]
				m.queue = append(m.queue[:at:at], m.queue[at+1:]...)
				require.ErrorIs(t, m.gate.giveUp(gone.workspace, gone.w, context.Canceled), context.Canceled)
			},
		})
	})
}

// fill lets calls of the workspace in until one waits, and gives back the waiting one.
func fill(t *testing.T, g *Gate, workspace uuid.UUID) *waiter {
	t.Helper()
	for {
		w, err := g.arrive(workspace)
		require.NoError(t, err)
		if w != nil {
			return w
		}
	}
}

func TestOneWorkspaceLeavesRoomToOthers(t *testing.T) {
	t.Parallel()
	ids := workspaces(4)
	g := New(Limits{InWork: 128, Queued: 8, Patience: never})
	for _, flood := range []int{0, 1} {
		fill(t, g, ids[flood])
		w, err := g.arrive(ids[flood+2])
		require.NoError(t, err)
		require.Nil(t, w, "another's call is let in at once")
	}
	require.Equal(t, 112, g.flows[ids[0]].inWork)
}

func TestWhoWaitsIsServedInTurns(t *testing.T) {
	t.Parallel()
	ids := workspaces(3)
	g := New(Limits{InWork: 3, Queued: 100, Patience: never})
	for _, id := range ids {
		require.NoError(t, g.Enter(t.Context(), id))
	}
	var queue []waiting
	add := func(id uuid.UUID, n int) {
		for range n {
			w, err := g.arrive(id)
			require.NoError(t, err)
			queue = append(queue, waiting{id, w})
		}
	}
	add(ids[0], 10)
	add(ids[1], 2)
	add(ids[2], 1)
	var order []uuid.UUID
	last := ids[0]
	for n := len(queue); n > 0; n-- {
		g.Leave(last)
		for i, each := range queue {
			select {
			case in := <-each.w.decided:
				require.True(t, in)
				order, last = append(order, each.workspace), each.workspace
				queue = append(queue[:i:i], queue[i+1:]...)
			default:
				continue
			}
			break
		}
	}
	a, b, c := ids[0], ids[1], ids[2]
	require.Equal(t, []uuid.UUID{a, b, c, a, b, a, a, a, a, a, a, a, a}, order)
}

func TestTheLongestQueueGivesItsNewestUp(t *testing.T) {
	t.Parallel()
	ids := workspaces(2)
	g := New(Limits{InWork: 1, Queued: 3, Patience: never})
	require.NoError(t, g.Enter(t.Context(), ids[0]))
	var flood []*waiter
	for range 3 {
		w, err := g.arrive(ids[0])
		require.NoError(t, err)
		flood = append(flood, w)
	}
	_, err := g.arrive(ids[0])
	require.True(t, fault.HasReason(err, fault.ReasonOverloaded))
	refused := fault.From(err)
	require.Equal(t, fault.Exhausted, refused.Kind)
	require.Equal(t, "workspaces/"+ids[0].String(), refused.Metadata["subject"])
	require.GreaterOrEqual(t, refused.RetryAfter, returnAfter/2)
	require.Less(t, refused.RetryAfter, 2*returnAfter)

	_, err = g.arrive(ids[1])
	require.NoError(t, err)
	require.False(t, <-flood[2].decided, "the newest of the longest")
	require.True(t, fault.HasReason(g.giveUp(ids[0], again(flood[2]), nil), fault.ReasonOverloaded))
	_, err = g.arrive(ids[1])
	require.Error(t, err, "it has its share")
	require.Equal(t, Counts{InWork: 1, Queued: 3, RefusedFull: 3}, g.Counts())
}

// again puts a decision back that the test has read.
func again(w *waiter) *waiter {
	w.decided <- false
	return w
}

func TestAStandingQueueShortensTheWait(t *testing.T) {
	t.Parallel()
	id := workspaces(1)[0]
	g := New(Limits{InWork: 1, Queued: 10, Patience: 50 * time.Second})
	machine := clock.NewManual(clock.Machine().Now())
	g.machine = machine
	require.NoError(t, g.Enter(t.Context(), id))
	wait := func() time.Duration {
		w, err := g.arrive(id)
		require.NoError(t, err)
		return w.patience
	}
	require.Equal(t, 50*time.Second, wait())
	machine.Advance(5 * time.Second)
	require.Equal(t, 50*time.Second, wait())
	machine.Advance(time.Second)
	require.Equal(t, time.Second, wait(), "somebody has been waiting all the time")
	for range 3 {
		g.Leave(id)
	}
	require.Equal(t, 50*time.Second, wait(), "nobody waited any more")
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	id := workspaces(1)[0]
	g := New(Limits{InWork: 1, Queued: 1, Patience: time.Nanosecond})
	require.NoError(t, g.Enter(t.Context(), id))
	require.True(t, fault.HasReason(g.Enter(t.Context(), id), fault.ReasonOverloaded))
	require.Equal(t, Counts{InWork: 1, RefusedWaited: 1}, g.Counts())
	g.Leave(id)
	require.Empty(t, g.flows)
}

func TestWhoWasLetInAtTheLastMomentGoesOnUnlessTheCallerIsGone(t *testing.T) {
	t.Parallel()
	id := workspaces(1)[0]
	g := New(Limits{InWork: 1, Queued: 1, Patience: never})
	require.NoError(t, g.Enter(t.Context(), id))
	w, err := g.arrive(id)
	require.NoError(t, err)
	g.Leave(id)
	require.NoError(t, g.giveUp(id, w, nil), "let in before patience ended")
	require.Equal(t, 1, g.Counts().InWork)

	w, err = g.arrive(id)
	require.NoError(t, err)
	g.Leave(id)
	require.ErrorIs(t, g.giveUp(id, w, context.Canceled), context.Canceled)
	require.Zero(t, g.Counts(), "its place is free again")
}

func TestNeverMoreInWorkThanAllowedAndNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	const inWork = 7
	g := New(Limits{InWork: inWork, Queued: 20, Patience: never})
	ids := workspaces(4)
	var now, served atomic.Int64
	call := func(workspace uuid.UUID, leaves bool) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if leaves { // at whatever moment
			go cancel()
		}
		if g.Enter(ctx, workspace) != nil {
			return
		}
		defer g.Leave(workspace)
		if now.Add(1) > inWork {
			t.Error("more in work than allowed")
		}
		served.Add(1)
		now.Add(-1)
	}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for n := range 200 {
				call(ids[i%len(ids)], n%9 == 0)
			}
		})
	}
	all.Wait()
	require.Positive(t, served.Load())
	counts := g.Counts()
	require.Zero(t, counts.InWork)
	require.Zero(t, counts.Queued)
	require.Empty(t, g.flows)
	require.Empty(t, g.turns)
}
