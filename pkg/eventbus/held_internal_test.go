package eventbus

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// An event that was given back is taken when it comes again, however soon that is, and stays in hand when the worker that gave it
// back is done. Were it left for the one in hand, it would come only when AckWait is over.
func TestWhatIsGivenBackMayComeAgainAtOnce(t *testing.T) {
	t.Parallel()
	conn, err := nats.Connect("nats://127.0.0.1:1", nats.RetryOnFailedConnect(true)) // what is answered goes nowhere
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	r := NewRouter(RouterConfig{})
	r.conn = conn
	for _, giveBack := range []func(item){r.nak, func(it item) { r.nakAfter(it, time.Nanosecond) }} {
		first, again := item{msg: nats.NewMsg("evt"), at: &nats.MsgMetadata{}}, nats.NewMsg("evt")
		first.msg.Reply = "reply"
		require.True(t, r.held.add(0, first.msg))
		require.False(t, r.held.add(0, again))
		giveBack(first)
		require.True(t, r.held.add(0, again))
		r.held.remove([]item{first})
		require.Equal(t, []*nats.Msg{again}, r.held.all())
		r.held.remove([]item{{msg: again, at: first.at}})
	}
}
