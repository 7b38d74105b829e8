package notifications

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/postgres"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store"
	"github.com/meridianhq/meridian/services/notifications/internal/wire"
)

// counted counts the statements of a pool.
type counted struct{ n atomic.Int64 }

func (c *counted) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (c *counted) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (c *counted) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (c *counted) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { c.n.Add(1) }
func (c *counted) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// statementsOf counts the statements that an event takes, in a workspace of its own where nobody was told of it.
func (w *world) statementsOf(opened *threadsv1.AskOpened) int64 {
	w.t.Helper()
	trace := &counted{}
	pool, err := postgres.Open(w.ctx, w.db.AppURL, postgres.Options{Tracer: trace})
	require.NoError(w.t, err)
	defer pool.Close()
	w.exec(`DELETE FROM sources`)
	w.exec(`DELETE FROM notifications WHERE source = $1`, opened.GetAsk().GetName())
	waits := make([]domain.Wait, 0, len(opened.GetAsk().GetRecipients()))
	for _, r := range opened.GetAsk().GetRecipients() {
		waits = append(waits, domain.Wait{Member: uuid.MustParse(domain.LastID(r.GetMember())), Waiting: true})
	}
	space := uuid.MustParse(domain.LastID(opened.GetSpace()))
	asker := uuid.MustParse(domain.LastID(opened.GetAsk().GetAsker()))
	ws := uuid.MustParse(strings.Split(opened.GetSpace(), "/")[1])
	counting := w.useCasesOver(store.New(pool, w.db.Owner, outbox.New(nil), wire.Encoder("meridian.test")))
	ctx := inbox.NewContext(w.ctx, inbox.Key{Consumer: "counting", EventID: uuid.New()})
	before := trace.n.Load()
	require.NoError(w.t, counting.OnAskOpened(ctx, domain.Asking{
		Happening: domain.Happening{
			Workspace: ws, Space: space, Source: opened.GetAsk().GetName(), Context: opened.GetAsk().GetThread(), Actor: asker, Time: epoch, Version: 9,
		},
		Asker: asker, Urgency: domain.Normal, Waits: waits,
	}))
	return trace.n.Load() - before
}
