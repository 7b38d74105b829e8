package jobs_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/jobs"
	"github.com/meridianhq/meridian/services/directory/internal/store"
	"github.com/meridianhq/meridian/services/directory/internal/wire"
)

// A process that ended between a durable and its subscription leaves a durable, which is swept at the next start, but
// not before its subscription could have been made. Those of subscriptions stay.
func TestDurablesWithoutASubscriptionAreSwept(t *testing.T) {
	t.Parallel()
	db, broker := newDatabase(t), natstest.New(t)
	js := broker.JS(t)
	consumers := brokeredge.NewConsumers(js)
	machine := clock.NewManual(clock.Machine().Now())
	use := app.New(app.Deps{
		Store: store.New(db.App, db.Owner, outbox.New(nil), wire.Encoder("meridian.test")),
		Clock: machine, Machine: machine, Origin: func(context.Context) string { return "" },
		Edge: wire.NewEdge(consumers, nil),
	})
	founded, err := use.CreateWorkspace(auth.NewContext(t.Context(), auth.Caller{Service: "meridian"}),
		app.NewWorkspace{
			Settings: domain.WorkspaceChange{DisplayName: new("Relay")}, OwnerEmail: "o@example.org",
		})
	require.NoError(t, err)
	ws := founded.Workspace.ID
	caller := auth.NewContext(t.Context(), auth.Caller{Workspace: ws, Member: founded.Owner.ID, Role: auth.Owner})
	kept, err := use.CreateSubscription(caller, ws, app.NewSubscription{DisplayName: "kept"})
	require.NoError(t, err)
	gone, err := use.CreateSubscription(caller, ws, app.NewSubscription{DisplayName: "gone"})
	require.NoError(t, err)
	_, err = use.DeleteSubscription(caller, ws, gone.ID, nil)
	require.NoError(t, err)
	orphan := uuid.Must(uuid.NewV7())
	require.NoError(t, consumers.Ensure(t.Context(), brokeredge.Consumer{
		Subscription: orphan, Workspace: ws, Filters: []string{"evt." + ws.String() + ".>"},
	}))
	_, err = js.CreateConsumer(t.Context(), eventbus.Stream, jetstream.ConsumerConfig{Durable: "threads"})
	require.NoError(t, err)

	machine.Advance(5 * time.Minute)
	require.NoError(t, use.SweepDurables(t.Context()))
	left, err := consumers.List(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []uuid.UUID{kept.ID, gone.ID, orphan}, left)

	machine.Advance(6 * time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- jobs.SweepDurables(use, slog.New(slog.DiscardHandler))(ctx) }()
	require.Eventually(t, func() bool {
		left, err := consumers.List(t.Context())
		return err == nil && len(left) == 1 && left[0] == kept.ID
	}, 10*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
	_, err = js.Consumer(t.Context(), eventbus.Stream, "threads")
	require.NoError(t, err, "a service's own is not the edge's")
}
