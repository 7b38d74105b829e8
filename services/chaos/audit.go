//go:build unix

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
)

// event is an event where it first stands in the stream.
type event struct {
	eventbus.Meta

	payload  proto.Message
	sequence uint64
	stored   time.Time
	// times is how often it stands there.
	times int
}

// service is who published it.
func (e *event) service() string { return e.Source[strings.LastIndex(e.Source, "/")+1:] }

// String is the event as a finding shows it.
func (e *event) String() string {
	return fmt.Sprintf("%s %s version %d of %s (id %s, at %d in the stream, stored %s)", e.Type, e.Subject, e.Version, e.Aggregate,
		e.ID, e.sequence, e.stored.Format(clockTime))
}

// audit compares what was promised with what is there. The tables are read in one snapshot; the stream after everything that
// was committed before it is published.
type audit struct {
	rig        *rig
	front      *front
	ledger     *ledger
	workspaces []*workspace

	conn *pgx.Conn
	tx   pgx.Tx
	// idle is the instant before which all events have been followed by all consumers; zero when that did not come.
	idle   time.Time
	events []*event
	// mails are the files of the mails that were sent before the snapshot.
	mails []string

	findings []finding
}

// newAudit takes the snapshot and reads the stream.
func newAudit(ctx context.Context, r *rig, f *front, book *ledger, spaces []*workspace) (a *audit, err error) {
	a = &audit{rig: r, front: f, ledger: book, workspaces: spaces}
	nc, js, err := r.connect()
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if err := a.awaitFollowed(ctx, js); err != nil {
		return nil, err
	}
	if a.mails, err = r.mailsSent(); err != nil {
		return nil, err
	}
	if a.conn, err = r.openDatabase(ctx); err != nil {
		return nil, err
	}
	if a.tx, err = a.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		a.close()
		return nil, err
	}
	// The snapshot is taken by the first statement.
	if _, err = a.tx.Exec(ctx, "SELECT"); err == nil {
		err = a.readStream(ctx, js)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *audit) close() {
	if a.conn != nil {
		_ = a.conn.Close(context.WithoutCancel(context.Background()))
	}
}

// awaitFollowed waits until every consumer has followed all that stands in the stream now. When one does not, settle has said so
// already, and no effect is asked for.
func (a *audit) awaitFollowed(ctx context.Context, js jetstream.JetStream) error {
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	asked, behind, err := followed(limit, js)
	if err != nil {
		return err
	}
	if len(behind) == 0 {
		// The broker tells its consumers of an event a moment after it took it.
		a.idle = asked.Add(-time.Second)
	}
	return context.Cause(ctx)
}

// findf notes a finding. Those of one format are of one kind.
func (a *audit) findf(format string, args ...any) {
	a.findings = append(a.findings, finding{Kind: format, Text: fmt.Sprintf(format, args...)})
}

// each runs a query and hands over its rows one by one.
func each[T any](ctx context.Context, a *audit, query string, do func(T), args ...any) error {
	rows, err := a.tx.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%w in %s", err, query)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return fmt.Errorf("%w in %s", err, query)
	}
	for _, row := range found {
		do(row)
	}
	return nil
}

// one is a row of one text: most checks are queries of what must not be there.
type one struct{ Text string }

// none runs a query whose every row is a finding.
func (a *audit) none(ctx context.Context, what, query string, args ...any) error {
	return each(ctx, a, query, func(row one) { a.findf(what+": %s", row.Text) }, args...)
}

// run audits everything and returns the findings.
func (a *audit) run(ctx context.Context) ([]finding, error) {
	for _, check := range []func(context.Context) error{
		a.answers, a.order, a.tables, a.writes, a.effects, a.relay, a.times, a.dues, a.announced, a.leftovers,
	} {
		if err := check(ctx); err != nil {
			return a.findings, err
		}
	}
	return a.findings, nil
}

// answerLimit is how long after the last fault a member may still wait for an answer: everything comes back by itself, and soon.
const answerLimit = time.Minute

// answers are those that no fault excuses, and those that came too late.
func (a *audit) answers(context.Context) error {
	for _, e := range a.ledger.all() {
		if late := e.Ended.Sub(a.ledger.mended); late > answerLimit {
			a.findf("a write was not answered until %s after the last fault: %s", late.Round(time.Second), e)
		}
	}
	for answer, times := range a.ledger.blamed() {
		a.findf("a member was answered %d times: %s", times, answer)
	}
	return nil
}

// leftovers are what may never be left behind.
func (a *audit) leftovers(ctx context.Context) error {
	for _, service := range owners() {
		if err := a.none(ctx, "set aside by the relay of "+service,
			`SELECT event_id || ' ' || subject || ' ' || aggregate || ': ' || reason FROM `+service+`.outbox_failed`); err != nil {
			return err
		}
		if err := a.none(ctx, "dead letter of "+service,
			`SELECT consumer || ' ' || event_type || ' ' || event_id || ': ' || reason || ' ' || detail FROM `+service+`.dead_letters`); err != nil {
			return err
		}
	}
	return nil
}

// id is the UUID at the end of a name.
func id(name string) uuid.UUID {
	parsed, err := uuid.Parse(name[strings.LastIndex(name, "/")+1:])
	if err != nil {
		return uuid.Nil
	}
	return parsed
}
