package projection

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

var errDown = errors.New("connection refused")

type bundle struct {
	db        *pgtest.DB
	broker    *natstest.Server
	js        jetstream.JetStream
	machine   *clock.Manual
	directory *directory
	model     *model
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{
		db: newDB(t), broker: natstest.New(t), model: newModel(uuid.New(), 2),
		machine: clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)),
	}
	b.js = b.broker.JS(t)
	b.model.events = nil // the beginning is in the snapshot only
	b.directory = &directory{models: []*model{b.model}}
	return b
}

func (b *bundle) new(t *testing.T) *Projection {
	t.Helper()
	p := New(Config{
		Service: "threads", DB: b.db.App, Owner: b.db.Owner, JS: b.broker.JS(t), Client: b.directory,
		Log: slog.New(slog.DiscardHandler), Machine: b.machine,
	})
	p.every = 100 * time.Millisecond
	return p
}

// start starts a projection that the test's end stops.
func (b *bundle) start(t *testing.T) *Projection {
	t.Helper()
	p := b.new(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, p.Start(ctx))
	t.Cleanup(func() { b.stop(t, p) })
	return p
}

func (b *bundle) stop(t *testing.T, p *Projection) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, p.Stop(ctx))
}

// publish brings the model's new events to the stream, as the directory's relay would.
func (b *bundle) publish(t *testing.T) {
	t.Helper()
	b.publishAs(t, func(*nats.Msg) {})
}

// publishAs is publish with every message changed on its way.
func (b *bundle) publishAs(t *testing.T, change func(*nats.Msg)) {
	t.Helper()
	for _, event := range b.model.events {
		msg, err := eventbus.Encode(t.Context(), "test", "directory", b.machine.Now(), "services/directory", event)
		require.NoError(t, err)
		out := &nats.Msg{Subject: msg.Subject, Data: msg.Payload, Header: nats.Header{}}
		for name, value := range msg.Headers {
			out.Header[name] = []string{value}
		}
		change(out)
		_, err = b.js.PublishMsg(t.Context(), out)
		require.NoError(t, err)
	}
	b.model.events = nil
}

func (b *bundle) requireRights(t *testing.T) {
	t.Helper()
	requireRights(t, b.db.App.For(b.model.workspace), b.model)
}

func idle(t *testing.T, p *Projection) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, p.Router().Idle(ctx))
}

func TestStartFillsAndThenFollows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.grant(0, 0, directoryv1.SpaceAccess_READER)
	b.publish(t)
	p := b.start(t)
	require.NoError(t, p.Current(t.Context()))
	b.requireRights(t)

	b.model.grant(0, 0, directoryv1.SpaceAccess_NONE)
	b.model.grant(1, 1, directoryv1.SpaceAccess_WRITER)
	b.publish(t)
	idle(t, p)
	b.requireRights(t)
	require.Equal(t, auth.NoRight, right(t, b.db.App.For(b.model.workspace), b.model, 0, 0), "revoked is gone")
	snapshots, _ := b.directory.counts()
	require.Equal(t, 1, snapshots)
}

// What changes while the snapshot is paged is not lost: it comes as an event after the sequence noted before.
func TestChangesDuringTheSnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pages := 0
	b.directory.onPage = func() {
		pages++
		if pages > 3 {
			return
		}
		b.directory.with(func() {
			b.model.grant(pages%2, pages%2, directoryv1.SpaceAccess_Role(1+pages))
			b.model.setMember(pages%2, directoryv1.Member_Role(pages), directoryv1.Member_ACTIVE)
		})
		b.publish(t)
	}
	p := b.start(t)
	idle(t, p)
	b.requireRights(t)
}

func TestARestartGoesOnWithoutASnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	b.model.grant(0, 0, directoryv1.SpaceAccess_READER)
	b.publish(t)
	idle(t, p)
	b.stop(t, p)

	b.directory.fails(errDown)
	b.model.grant(0, 0, directoryv1.SpaceAccess_WRITER)
	b.publish(t)
	p = b.start(t)
	idle(t, p)
	b.requireRights(t)
	require.NoError(t, p.Current(t.Context()))
}

func TestReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.start(t), b.start(t)
	for i := range 20 {
		b.model.grant(i%2, i%4, directoryv1.SpaceAccess_Role(1+i%4))
	}
	b.publish(t)
	idle(t, one)
	idle(t, two)
	b.requireRights(t)
	require.NoError(t, two.Current(t.Context()))
}

// Where events are missing for good the tables are filled anew: the stream was made again, has dropped what was not
// read, or the database is older than what the consumer has acknowledged.
func TestALostStartIsFilledAgain(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, b *bundle){
		"stream made again": func(t *testing.T, b *bundle) {
			t.Helper()
			require.NoError(t, b.js.DeleteStream(t.Context(), eventbus.Stream))
			require.NoError(t, eventbus.EnsureStream(t.Context(), b.js, eventbus.StreamConfig{}))
			b.model.events = nil
		},
		"stream has moved on": func(t *testing.T, b *bundle) {
			t.Helper()
			b.publish(t)
			stream, err := b.js.Stream(t.Context(), eventbus.Stream)
			require.NoError(t, err)
			require.NoError(t, stream.Purge(t.Context()))
		},
		"database restored": func(t *testing.T, b *bundle) {
			t.Helper()
			b.publish(t)
			p := b.start(t)
			idle(t, p)
			b.stop(t, p)
			_, err := b.db.Owner.Pool().Exec(t.Context(),
				`WITH a AS (DELETE FROM space_grants) UPDATE projection_state SET sequence = 1`)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.model.grant(1, 1, directoryv1.SpaceAccess_WRITER)
			b.publish(t)
			b.stop(t, b.start(t))
			before, _ := b.directory.counts()
			b.model.grant(0, 0, directoryv1.SpaceAccess_READER)
			b.model.grant(0, 0, directoryv1.SpaceAccess_WRITER)
			lose(t, b)

			p := b.start(t)
			idle(t, p)
			b.requireRights(t)
			after, _ := b.directory.counts()
			require.Equal(t, before+1, after)
			b.model.grant(0, 0, directoryv1.SpaceAccess_NONE)
			b.publish(t)
			idle(t, p)
			b.requireRights(t)
		})
	}
}

// A service that never knew any right does not start without the directory, and starts when it is there.
func TestTheFirstStartWaitsForTheDirectory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.directory.fails(errDown)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.new(t).Start(ctx), context.DeadlineExceeded)

	p := b.new(t)
	started := make(chan error, 1)
	go func() { started <- p.Start(context.Background()) }()
	b.directory.fails(nil)
	require.NoError(t, <-started)
	t.Cleanup(func() { b.stop(t, p) })
	b.requireRights(t)
	require.NoError(t, b.new(t).Stop(t.Context()), "what was never started is stopped")
}

// An event of one workspace that speaks of another is no row anywhere, but a dead letter, and the next is handled.
func TestAnEventCannotReachAnotherWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	stranger := newModel(uuid.New(), 1)
	b.model.touchSpace(0, &directoryv1.SpaceAccessChanged{Changes: []*directoryv1.SpaceAccessChange{{
		Space: stranger.name("spaces", 0), Principal: stranger.name("members", 0), Role: directoryv1.SpaceAccess_MANAGER,
	}}})
	b.model.grant(0, 0, directoryv1.SpaceAccess_READER)
	b.publish(t)
	idle(t, p)
	b.requireRights(t)
	require.Empty(t, tables(t, b.db.Owner.For(stranger.workspace), stranger.workspace))
	require.Equal(t, 1, b.letters(t))
}

func (b *bundle) letters(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, b.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM dead_letters`).Scan(&n))
	return n
}

// What the consumer was not told of is not marked as read, however far the stream is.
func TestTheMarkIsTheConsumersOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	b.model.grant(0, 0, directoryv1.SpaceAccess_READER)
	b.publish(t)
	idle(t, p)
	_, err := b.js.Publish(t.Context(), "evt."+b.model.workspace.String()+".others.thing.happened", nil)
	require.NoError(t, err)
	require.True(t, p.confirm(t.Context()))
	at, err := p.router.Position(t.Context())
	require.NoError(t, err)
	have, filled, err := p.state(t.Context())
	require.NoError(t, err)
	require.True(t, filled)
	require.Equal(t, uint64(1), have.sequence)
	require.Equal(t, at.Done, have.sequence)

	b.stop(t, p)
	b.stop(t, b.start(t))
	snapshots, _ := b.directory.counts()
	require.Equal(t, 1, snapshots, "and the next start goes on from there")
}

func TestConfirmAsksOnceASecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	ws, member, space := b.model.workspace, b.model.id("members", 0), b.model.id("spaces", 0)
	b.directory.with(func() { b.model.grant(0, 0, directoryv1.SpaceAccess_WRITER) }) // its event is still on its way
	require.Equal(t, auth.NoRight, right(t, b.db.App.For(ws), b.model, 0, 0))

	ctx := auth.WithToken(t.Context(), "the caller's")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := p.Confirm(ctx, ws, member, space); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, auth.Writer, right(t, b.db.App.For(ws), b.model, 0, 0))
	_, resolves := b.directory.counts()
	require.Equal(t, 1, resolves)
	require.Empty(t, b.directory.tokens, "asked by the service, not by the caller")

	require.NoError(t, p.Confirm(ctx, ws, member, b.model.id("spaces", 1)))
	_, resolves = b.directory.counts()
	require.Equal(t, 2, resolves, "another question")
	b.machine.Advance(time.Second)
	require.NoError(t, p.Confirm(ctx, ws, member, space))
	_, resolves = b.directory.counts()
	require.Equal(t, 3, resolves)
}

func TestConfirmWithoutTheDirectory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	ws, member, space := b.model.workspace, b.model.id("members", 0), b.model.id("spaces", 0)
	b.directory.fails(errDown)
	require.NoError(t, p.Confirm(t.Context(), ws, member, space), "tables that are current may refuse")

	b.broker.Stop(t)
	b.machine.Advance(staleAfter)
	err := p.Confirm(t.Context(), ws, member, space)
	require.True(t, fault.Is(err, fault.Unavailable))
	require.ErrorIs(t, err, errDown)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	b.machine.Advance(time.Second)
	require.ErrorIs(t, p.Confirm(gone, ws, member, space), context.Canceled)
}

// Tables that were not confirmed for ten minutes are not decided from: the directory is asked, or nobody.
func TestCurrent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.start(t)
	caller := auth.NewContext(t.Context(), auth.Caller{Workspace: b.model.workspace, Member: b.model.id("members", 0)})
	require.NoError(t, p.Current(t.Context()))

	b.broker.Stop(t)
	b.machine.Advance(staleAfter - time.Second)
	require.NoError(t, p.Current(t.Context()))
	b.machine.Advance(time.Second)
	require.True(t, fault.Is(p.Current(t.Context()), fault.Unavailable), "nobody calls, so nothing can be asked for")

	b.directory.with(func() { b.model.grant(0, 0, directoryv1.SpaceAccess_WRITER) })
	for range 3 {
		require.NoError(t, p.Current(caller))
	}
	b.requireRights(t)
	snapshots, _ := b.directory.counts()
	require.Equal(t, 2, snapshots, "the first one and one for the three")

	b.directory.fails(errDown)
	b.machine.Advance(time.Second)
	require.True(t, fault.Is(p.Current(caller), fault.Unavailable))

	b.directory.fails(nil)
	b.broker.Start(t)
	require.Eventually(t, func() bool { return p.Current(context.Background()) == nil }, 30*time.Second, 10*time.Millisecond,
		"confirmed again by itself")
}

func TestThrottleForgets(t *testing.T) {
	t.Parallel()
	machine := clock.NewManual(time.Unix(0, 0))
	th := newThrottle[int](machine, time.Second)
	none := func(context.Context) error { return nil }
	for i := range maxTurns {
		require.NoError(t, th.do(t.Context(), i, none))
	}
	machine.Advance(askEvery)
	require.NoError(t, th.do(t.Context(), -1, none))
	require.Len(t, th.turns, 1)
	for i := range 2 * maxTurns {
		require.NoError(t, th.do(t.Context(), i, none))
	}
	require.LessOrEqual(t, len(th.turns), maxTurns, "bounded also when nothing is over yet")
}
