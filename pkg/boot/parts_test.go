package boot_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/lifecycle"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/rpctest/probe"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const patience = 20 * time.Second

// chores are what becomes due in the tests' service.
func chores() postgres.Set {
	return postgres.Set{Name: "chores", FS: fstest.MapFS{"00001_chores.sql": {Data: []byte(`-- +goose Up
CREATE TABLE chore (id uuid PRIMARY KEY, due_at timestamptz NOT NULL, leased_until timestamptz, done boolean NOT NULL DEFAULT false);
`)}}}
}

// house is a service that consumes and has work that becomes due.
type house struct {
	*boot.Platform
	clock  *clock.Manual
	broker *natstest.Server
	ws     uuid.UUID
	worker *due.Worker[uuid.UUID]
}

// newHouse makes one that is not started yet.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{
		clock: clock.NewManual(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)), broker: natstest.New(t),
		ws: uuid.Must(uuid.NewV7()),
	}
	db := pgtest.New(t, service, append(platformSets(), chores())...)
	var err error
	h.Platform, err = boot.New(t.Context(), service, boot.Config{
		GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", DatabaseURL: db.AppURL, DatabaseOwnerURL: db.OwnerURL,
		NATSURL: h.broker.URL, NATSUser: h.broker.Credentials.User, NATSPassword: h.broker.Credentials.Password,
	}, boot.Deps{Clock: h.clock}, boot.Options{Keys: rpctest.NewAuthority(t), Sets: []postgres.Set{chores()}})
	require.NoError(t, err)
	h.worker = &due.Worker[uuid.UUID]{Name: "chores", Clock: h.clock, Claim: h.claim, Do: h.do, Next: h.next}
	return h
}

func (h *house) start(t *testing.T) {
	t.Helper()
	require.NoError(t, h.Start(t.Context()))
	t.Cleanup(func() { stop(t, h.Platform) })
}

func (h *house) claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]uuid.UUID, error) {
	rows, _ := h.Owner.Pool().Query(ctx, `
		UPDATE chore SET leased_until = clock_timestamp() + $2
		WHERE id IN (
			SELECT id FROM chore
			WHERE NOT done AND due_at <= $1 AND (leased_until IS NULL OR leased_until < clock_timestamp())
			ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
		RETURNING id`, now, lease, limit)
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

func (h *house) do(ctx context.Context, id uuid.UUID) error {
	_, err := h.Owner.Pool().Exec(ctx, `UPDATE chore SET done = true WHERE id = $1`, id)
	return err
}

func (h *house) next(ctx context.Context) (time.Time, bool, error) {
	var at *time.Time
	err := h.Owner.Pool().QueryRow(ctx, `SELECT min(due_at) FROM chore WHERE NOT done`).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, false, err
	}
	return *at, true, nil
}

func (h *house) put(ctx context.Context, at time.Time) error {
	_, err := h.Owner.Pool().Exec(ctx, `INSERT INTO chore (id, due_at) VALUES ($1, $2)`, uuid.New(), at)
	h.worker.Wake()
	return err
}

func (h *house) done(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, h.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM chore WHERE done`).Scan(&n))
	return n
}

// commit writes the event to the outbox.
func (h *house) commit(t *testing.T, event proto.Message) {
	t.Helper()
	msg, err := eventbus.Encode(t.Context(), "meridian.test", "directory", h.clock.Now(), "services/directory", event)
	require.NoError(t, err)
	require.NoError(t, h.DB.InTx(t.Context(), h.ws, func(ctx context.Context, tx *postgres.Tx) error {
		return h.Outbox.Append(ctx, tx, msg)
	}))
}

func (h *house) updated(version int64) *directoryv1.WorkspaceUpdated {
	return &directoryv1.WorkspaceUpdated{Workspace: &directoryv1.Workspace{Name: "workspaces/" + h.ws.String(), Version: version}}
}

// router consumes changes of workspaces.
func (h *house) router(durable string, handle func(context.Context) error) *eventbus.Router {
	r := eventbus.NewRouter(eventbus.RouterConfig{Durable: durable, JS: h.JS, DB: h.Owner, Log: h.Log, Machine: h.Machine})
	eventbus.On(r, func(ctx context.Context, _ eventbus.Event[*directoryv1.WorkspaceUpdated]) error { return handle(ctx) })
	return r
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Settle waits for the outbox, for the consumers and then for what is due, also for what the consumers made so.
func TestSettleWaitsForAllThatIsUnderWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	entered, let := make(chan struct{}), make(chan struct{})
	h.Consume([]*eventbus.Router{h.router("boottest", func(ctx context.Context) error {
		close(entered)
		<-let
		return h.put(ctx, h.clock.Now())
	})})
	h.Work(h.worker)
	h.start(t)
	require.NoError(t, h.Settle(within(t)), "nothing is under way")

	h.commit(t, h.updated(2))
	settled := make(chan error, 1)
	go func() { settled <- h.Settle(within(t)) }()
	<-entered
	select {
	case err := <-settled:
		require.Fail(t, "settled while an event was in hand", err)
	default:
	}
	close(let)
	require.NoError(t, <-settled)
	require.Equal(t, 1, h.done(t))
}

func TestNextDueIsWhereTheClockIsToBeMovedTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Work(h.worker)
	h.start(t)
	_, some, err := h.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, some)
	start := h.clock.Now()
	for _, hours := range []int{3, 1, 2} {
		require.NoError(t, h.put(t.Context(), start.Add(time.Duration(hours)*time.Hour)))
	}
	for n := range 3 {
		next, some, err := h.NextDue(t.Context())
		require.NoError(t, err)
		require.True(t, some)
		require.True(t, next.Equal(start.Add(time.Duration(n+1)*time.Hour)))
		require.NoError(t, h.clock.Set(next))
		require.NoError(t, h.Settle(within(t)))
		require.Equal(t, n+1, h.done(t))
	}
	_, some, err = h.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, some)
}

// fixed is work that is due at one time.
type fixed struct {
	at  time.Time
	err error
}

func (f fixed) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (f fixed) Settled(context.Context) error { return f.err }
func (f fixed) Claimed() uint64               { return 0 }

func (f fixed) Measure(context.Context) (due.Measure, error) { return due.Measure{}, f.err }

func (f fixed) NextDue(context.Context) (time.Time, bool, error) { return f.at, !f.at.IsZero(), f.err }

// Of all workers' the earliest counts that time alone can bring; what is due already waits for something else.
func TestNextDueIsTheEarliestThatIsStillToCome(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		workers []boot.Worker
		want    time.Time
	}{
		"nobody":       {},
		"none":         {workers: []boot.Worker{fixed{}, fixed{}}},
		"the earliest": {workers: []boot.Worker{fixed{at: now.Add(3)}, fixed{at: now.Add(1)}, fixed{}, fixed{at: now.Add(2)}}, want: now.Add(1)},
		"not the past": {workers: []boot.Worker{fixed{at: now}, fixed{at: now.Add(-1)}, fixed{at: now.Add(2)}}, want: now.Add(2)},
		"only past":    {workers: []boot.Worker{fixed{at: now}}},
	} {
		p := &boot.Platform{Name: "tasks", Clock: clock.NewManual(now), Group: lifecycle.New(slog.New(slog.DiscardHandler))}
		p.Work(c.workers...)
		got, some, err := p.NextDue(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, !c.want.IsZero(), some, name)
		require.True(t, got.Equal(c.want), name)
		require.NoError(t, p.Settle(t.Context()), name)

		p.Work(fixed{err: broken})
		_, _, err = p.NextDue(t.Context())
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "tasks: ")
		err = p.Settle(t.Context())
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "tasks: what is due is not done")
	}
}

// What is not done within the time is named.
func TestSettleSaysWhatIsNotDone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Consume([]*eventbus.Router{h.router("boottest", func(context.Context) error { return errors.New("not today") })})
	h.start(t)
	require.NoError(t, h.Settle(within(t)))
	h.commit(t, h.updated(2))
	brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := h.Settle(brief)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "boottest is not idle", "an event that waits for another attempt is under way")

	h.broker.Stop(t)
	h.commit(t, h.updated(3))
	brief, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, h.Settle(brief), "boottest: the outbox is not empty")
	h.broker.Start(t)
}

// Operators reach the dead letters of the consumers that the service runs and of those that something else runs.
func TestDeadLettersOfEveryConsumerAreServed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var mended atomic.Bool
	handle := func(context.Context) error {
		if !mended.Load() {
			return fault.InvalidField("x", "must be otherwise")
		}
		return nil
	}
	mine, theirs := h.router("mine", handle), h.router("theirs", handle)
	h.Group.Go("something else", theirs.Run)
	h.Consume([]*eventbus.Router{mine}, theirs)
	h.start(t)
	h.commit(t, h.updated(2))
	require.NoError(t, h.Settle(within(t)), "both are followed")

	mended.Store(true)
	letters, err := eventbus.NewDeadLetters(h.Owner).List(t.Context(), uuid.Nil, 0)
	require.NoError(t, err)
	require.Len(t, letters, 2)
	list := h.admin(t, http.MethodGet, "/deadletters")
	for _, letter := range letters {
		require.Contains(t, list, letter.ID.String())
		require.Contains(t, []string{"mine", "theirs"}, letter.Consumer)
		require.Contains(t, h.admin(t, http.MethodPost, fmt.Sprintf("/deadletters/%s/redrive", letter.ID)), "redriven")
	}
	letters, err = eventbus.NewDeadLetters(h.Owner).List(t.Context(), uuid.Nil, 0)
	require.NoError(t, err)
	require.Empty(t, letters)
}

// admin asks the admin port and returns the answer's text, which is a success.
func (h *house) admin(t *testing.T, method, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.Admin.Addr()+path, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
	return string(text)
}

// A consumer that is wired wrongly ends its service instead of being silent.
func TestAConsumerWithoutHandlersEndsTheService(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Consume([]*eventbus.Router{eventbus.NewRouter(eventbus.RouterConfig{Durable: "idle", JS: h.JS, DB: h.Owner, Log: h.Log})})
	h.start(t)
	require.ErrorContains(t, h.Wait(within(t)), "has no handlers")
}

func TestDialCallsAsTheServiceItself(t *testing.T) {
	t.Parallel()
	a := rpctest.NewAuthority(t, "tasks")
	_, server := rpctest.Serve(t, a, rpcserver.Config{}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		probe.Register(r, "ProbeService", func(context.Context, probe.Call) error { return nil })
	})
	p, err := boot.New(t.Context(), "tasks", boot.Config{
		GRPCAddr: "127.0.0.1:0", IdentityKey: base64.StdEncoding.EncodeToString(a.Identity(t, "tasks").Key.Seed()),
	}, boot.Deps{NATS: natstest.New(t).Conn(t)}, boot.Options{Keys: a})
	require.NoError(t, err)
	defer p.Close()
	conn, err := p.Dial("probe-addr", server.Addr())
	require.NoError(t, err)
	_, err = probe.Invoke(t.Context(), conn, "CountThings", `{}`)
	require.NoError(t, err)
	_, err = probe.Invoke(t.Context(), conn, "SyncThings", fmt.Sprintf(`{"name":"workspaces/%s/things/%s"}`, uuid.New(), uuid.New()))
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	require.ErrorContains(t, err, "as the service tasks")

	away, err := p.Dial("away-addr", "127.0.0.1:1")
	require.NoError(t, err, "what is away may come later")
	_, err = p.Dial("none-addr", "")
	require.EqualError(t, err, "none-addr: must be given")
	_, err = p.Dial("wrong-addr", "x\x00://")
	require.ErrorContains(t, err, "wrong-addr: ")

	p.Close()
	for _, closed := range []*grpc.ClientConn{conn, away} {
		err := closed.Invoke(t.Context(), probe.Method("CountThings"), probe.Message("CountThingsRequest", ""), probe.Message("Thing", ""))
		require.Equal(t, codes.Canceled, status.Code(err), "closed with the platform: %v", err)
	}
}

// What was committed is in the stream when Published returns, and LastSequence counts it.
func TestPublishedIsInTheStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t)
	for n := range uint64(3) {
		last, err := h.LastSequence(t.Context())
		require.NoError(t, err)
		require.Equal(t, n, last)
		h.commit(t, h.updated(int64(n)+1))
		require.NoError(t, h.Published(within(t)))
	}
	h.broker.Stop(t)
	h.commit(t, h.updated(4))
	brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, h.Published(brief), "boottest: the outbox is not empty")
	_, err := h.LastSequence(brief)
	require.ErrorContains(t, err, "read the event stream")
	h.broker.Start(t)

	p := &boot.Platform{Name: "gateway"}
	require.NoError(t, p.Published(t.Context()), "without an outbox there is nothing to publish")
}
