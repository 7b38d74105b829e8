package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// entry is one event as it stands in the stream.
type entry struct {
	eventbus.Meta

	payload  proto.Message
	subject  string
	header   nats.Header
	sequence uint64
}

// audience is what the payload's option says, read from the descriptor and not from the code that is tried here.
func (e entry) audience() optionsv1.Event_Audience {
	option, _ := proto.GetExtension(e.payload.ProtoReflect().Descriptor().Options(), optionsv1.E_Event).(*optionsv1.Event)
	return option.GetAudience()
}

// ledger reads, as the platform, everything that the stream holds of one workspace: what came of requests, to compare
// with what was shown of it.
type ledger struct {
	stack    *running
	js       jetstream.JetStream
	subjects []string
	next     uint64
}

// ledger begins with what comes next.
func (r *running) ledger(t *testing.T, workspace string) *ledger {
	t.Helper()
	conn, err := r.Broker().Connect()
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	id := strings.TrimPrefix(workspace, "workspaces/")
	l := &ledger{stack: r, js: js, subjects: []string{"evt." + id + ".>", "own." + id + ".>"}, next: 1}
	l.new(t)
	return l
}

// new returns the events of every write that was answered since the last call, in the stream's order.
func (l *ledger) new(t *testing.T) []entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l.settle(ctx, t)
	consumer, err := l.js.CreateConsumer(ctx, eventbus.Stream, jetstream.ConsumerConfig{
		FilterSubjects: l.subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: l.next,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute, MemoryStorage: true,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.js.DeleteConsumer(ctx, eventbus.Stream, consumer.CachedInfo().Name)) }()
	var found []entry
	for left := int(consumer.CachedInfo().NumPending); left > 0; {
		batch, err := consumer.Fetch(min(left, 256), jetstream.FetchMaxWait(10*time.Second))
		require.NoError(t, err)
		for msg := range batch.Messages() {
			found = append(found, readEntry(t, msg))
			left--
		}
		require.NoError(t, batch.Error())
	}
	if len(found) > 0 {
		l.next = found[len(found)-1].sequence + 1
	}
	return found
}

// hops is how far an effect travels: a post, its ask's due time, the notification, its delivery.
const hops = 4

// settle waits until what was committed before the call is published, every service has followed it, and what came of that
// is followed too. It does not wait for what other stories do meanwhile.
func (l *ledger) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	services := l.stack.Services()
	for range hops {
		for _, service := range services {
			require.NoError(t, service.Published(ctx))
		}
		last, err := services[0].LastSequence(ctx)
		require.NoError(t, err)
		for _, service := range services {
			for _, consumer := range service.Consumers() {
				require.Eventually(t, func() bool {
					at, err := consumer.Position(ctx)
					return err == nil && (at.Done >= last || at.Lag == 0)
				}, 20*time.Second, 5*time.Millisecond, "%s follows its events", consumer.Durable())
			}
			require.NoError(t, service.Done(ctx))
		}
	}
	for _, service := range services {
		require.NoError(t, service.Published(ctx))
	}
}

func readEntry(t *testing.T, msg jetstream.Msg) entry {
	t.Helper()
	meta, payload, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
	require.NoError(t, err)
	at, err := msg.Metadata()
	require.NoError(t, err)
	return entry{Meta: meta, payload: payload, subject: msg.Subject(), header: msg.Headers(), sequence: at.Sequence.Stream}
}

// types are the entries' types, sorted: what happened, whatever order it came in.
func types(entries []entry) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Type)
	}
	slices.Sort(names)
	return names
}

// lines are the entries as failures show them.
func lines(entries []entry) []string {
	shown := make([]string, 0, len(entries))
	for _, e := range entries {
		shown = append(shown, e.Type+" "+e.Subject+" "+e.ID.String())
	}
	return shown
}
