package eventbus

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever comes, is taken, is done, fails or takes too long in whatever order: each event is taken to its end once, those
// of an aggregate in their order and never two at once, a batch is of one kind and the only one of it but for those that
// were passed, and nothing that could be handled is left lying.
func TestTheQueueKeepsItsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const most = 4
		q := newQueue(most, time.Hour, 2*time.Hour)
		var later []func()
		q.after = func(_ time.Duration, do func()) { later = append(later, do) }
		var hand []batch
		put, done := map[string][]uint64{}, map[string][]uint64{}
		// resting are the lines of which a batch is in hand that was not passed: of each the turn.
		resting := map[*line]int{}
		busy := func(aggregate string) bool {
			return slices.ContainsFunc(hand, func(b batch) bool {
				return slices.ContainsFunc(b.items, func(it item) bool { return it.aggregate == aggregate })
			})
		}
		take := func() {
			b := q.take()
			require.NotEmpty(t, b.items)
			require.LessOrEqual(t, len(b.items), most)
			if b.items[0].kind == (kind{}) {
				require.Len(t, b.items, 1)
			} else {
				require.NotContains(t, resting, b.of)
				resting[b.of] = b.turn
				wake := later[len(later)-1]
				later[len(later)-1] = func() {
					if resting[b.of] == b.turn {
						delete(resting, b.of)
					}
					wake()
				}
			}
			last := uint64(0)
			for _, it := range b.items {
				require.Equal(t, b.items[0].kind, it.kind)
				require.False(t, busy(it.aggregate))
				require.Greater(t, it.at.Sequence.Stream, last)
				last = it.at.Sequence.Stream
			}
			hand = append(hand, b)
		}
		finish := func(again bool) {
			i := rapid.IntRange(0, len(hand)-1).Draw(t, "which")
			b := hand[i]
			hand = append(hand[:i:i], hand[i+1:]...)
			if again = again && len(b.items) > 1; !again {
				for _, it := range b.items {
					done[it.aggregate] = append(done[it.aggregate], it.at.Sequence.Stream)
				}
			}
			timers := len(later)
			q.done(b, again)
			if resting[b.of] != b.turn {
				require.Len(t, later, timers, "it rests for another's sake, or not at all")
				return
			}
			delete(resting, b.of)
			rests := b.items[0].kind != (kind{}) && !again && len(b.items) < most && !q.closed && !b.of.mixed
			require.Equal(t, rests, len(later) > timers, "it rests after one that was not full")
		}
		pass := func() {
			i := rapid.IntRange(0, len(later)-1).Draw(t, "timer")
			do := later[i]
			later = append(later[:i:i], later[i+1:]...)
			do()
		}
		for sequence := range uint64(rapid.IntRange(1, 40).Draw(t, "events")) {
			it := item{
				at: &nats.MsgMetadata{}, aggregate: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "aggregate")),
				kind: rapid.SampledFrom([]kind{{}, {"posted", "one"}, {"posted", "two"}, {"edited", "one"}}).Draw(t, "kind"),
			}
			it.at.Sequence.Stream = sequence + 1
			put[it.aggregate] = append(put[it.aggregate], sequence+1)
			q.put(it)
			for range rapid.IntRange(0, 2).Draw(t, "steps") {
				switch {
				case len(q.due) > 0 && rapid.Bool().Draw(t, "take"):
					take()
				case len(later) > 0 && rapid.Bool().Draw(t, "pass"):
					pass()
				case len(hand) > 0:
					finish(rapid.Bool().Draw(t, "again"))
				}
			}
		}
		q.close()
		for len(q.due) > 0 || len(hand) > 0 || len(later) > 0 {
			switch {
			case len(q.due) > 0:
				take()
			case len(later) > 0:
				pass()
			default:
				finish(rapid.Bool().Draw(t, "again"))
			}
		}
		require.Empty(t, q.take().items)
		require.Equal(t, put, done)
		require.Empty(t, q.lanes)
		require.Empty(t, q.lines)
	})
}

// An event that comes a moment after another of its kind waits for the pace; those of an aggregate that takes turns between
// kinds do not, however often.
func TestThePaceHoldsUpNoAggregateOfManyKinds(t *testing.T) {
	t.Parallel()
	q := newQueue(4, time.Hour, 2*time.Hour)
	var timers []func()
	q.after = func(_ time.Duration, do func()) { timers = append(timers, do) }
	sequence := uint64(0)
	put := func(aggregate string, k kind) {
		sequence++
		it := item{at: &nats.MsgMetadata{}, aggregate: aggregate, kind: k}
		it.at.Sequence.Stream = sequence
		q.put(it)
	}
	posted := kind{"posted", "one"}
	put("a", posted)
	q.done(q.take(), false)
	put("b", posted)
	require.Empty(t, q.due, "it waits for the pace")
	for _, wake := range timers {
		wake()
	}
	q.done(q.take(), false)

	const turns = 5
	put("c", posted)
	require.Empty(t, q.due)
	for range turns {
		put("c", kind{})
		put("c", posted)
	}
	for range 2 * turns {
		require.NotEmpty(t, q.due)
		b := q.take()
		require.Len(t, b.items, 1)
		q.done(b, false)
	}
	require.Empty(t, q.due, "nothing is behind the last one")
	for _, wake := range timers {
		wake()
	}
	q.done(q.take(), false)
	require.Empty(t, q.lanes)
}
