package eventbus

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever comes, is taken, is done or fails in whatever order: each event is taken to its end once, those of an aggregate
// in their order and never two at once, a batch is of one kind and the only one of it, and nothing that could be handled
// is left lying.
func TestTheQueueKeepsItsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const most = 4
		q := newQueue(most)
		var hand [][]item
		put, done := map[string][]uint64{}, map[string][]uint64{}
		busy := func(aggregate string) bool {
			for _, batch := range hand {
				for _, it := range batch {
					if it.aggregate == aggregate {
						return true
					}
				}
			}
			return false
		}
		take := func() {
			batch := q.take()
			require.NotEmpty(t, batch)
			require.LessOrEqual(t, len(batch), most)
			if batch[0].kind == (kind{}) {
				require.Len(t, batch, 1)
			}
			last := uint64(0)
			for _, it := range batch {
				require.Equal(t, batch[0].kind, it.kind)
				require.False(t, busy(it.aggregate))
				require.Greater(t, it.at.Sequence.Stream, last)
				last = it.at.Sequence.Stream
			}
			for _, other := range hand {
				require.False(t, batch[0].kind != (kind{}) && other[0].kind == batch[0].kind)
			}
			hand = append(hand, batch)
		}
		finish := func(again bool) {
			i := rapid.IntRange(0, len(hand)-1).Draw(t, "which")
			batch := hand[i]
			hand = append(hand[:i:i], hand[i+1:]...)
			if again = again && len(batch) > 1; !again {
				for _, it := range batch {
					done[it.aggregate] = append(done[it.aggregate], it.at.Sequence.Stream)
				}
			}
			q.done(batch, again)
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
				case len(hand) > 0:
					finish(rapid.Bool().Draw(t, "again"))
				}
			}
		}
		q.close()
		for len(q.due) > 0 || len(hand) > 0 {
			if len(q.due) > 0 {
				take()
				continue
			}
			finish(rapid.Bool().Draw(t, "again"))
		}
		require.Nil(t, q.take())
		require.Equal(t, put, done)
		require.Empty(t, q.lanes)
		require.Empty(t, q.lines)
	})
}
