package threads

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store"
	"github.com/meridianhq/meridian/services/threads/internal/wire"
)

// counter counts the statements of a pool, without those that begin, end and scope a transaction.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) note(sql string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sql != "begin" && sql != "commit" && !strings.Contains(sql, "set_config") {
		c.n++
	}
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	c.note(data.SQL)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (c *counter) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	c.note(data.SQL)
}

func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// A post locks its thread, takes the sequence, and writes the message, the author's pointer in two statements and the
// event, and nothing else: what it does not have costs it nothing.
func TestWhatAPostCosts(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	statements := &counter{}
	pool, err := postgres.Open(t.Context(), c.db.AppURL, postgres.Options{Tracer: statements})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	use := app.New(app.Deps{
		Store: store.New(pool, c.db.Owner, c.box, wire.Encoder("meridian.test")), Access: c.directory, Clock: c.clock,
		WorkingTime: c.hours, Pending: func() {},
	})
	ctx := auth.WithNeed(auth.NewContext(t.Context(), c.ada.Caller), auth.Writer)
	post := func(cmd app.CreateMessage) int {
		t.Helper()
		cmd.Thread, cmd.Body = uuid.MustParse(domain.LastID(c.thread)), "hello"
		statements.n = 0
		_, err := use.CreateMessage(ctx, cmd)
		require.NoError(t, err)
		return statements.n
	}
	ask := func(w window.Window) []domain.AskDraft {
		return []domain.AskDraft{{Kind: domain.AskReply, Members: []uuid.UUID{c.bob.Member}, Window: w}}
	}
	require.Equal(t, 5, post(app.CreateMessage{}))
	require.Equal(t, 5, post(app.CreateMessage{Urgency: domain.High}))
	require.Equal(t, 6, post(app.CreateMessage{ReplyTo: 1}), "a reply that answers nothing: its locks come first")
	require.Equal(t, 6, post(app.CreateMessage{Urgency: domain.Urgent, UrgentReason: "fire"}), "alone, and the permission")
	require.Equal(t, 8, post(app.CreateMessage{Asks: ask(window.Days(1))}), "who may be asked, the ask and its people")
	require.Equal(t, 9, post(app.CreateMessage{Asks: ask(window.Window{})}), "and the default window")
}
