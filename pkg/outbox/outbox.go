// Package outbox carries committed events to the stream.
//
// A use case appends its events in the transaction that changes its rows; a relay publishes what is committed, in
// order per aggregate, at least once, and deletes it when the broker has it safely. Everything about order rests on
// one rule: the aggregate's row is locked or version-updated before Append. Then a later event of the aggregate
// gets its id only after the earlier one's transaction has committed, so per aggregate the order of ids is the
// order of commits, and whoever sees an event's row sees all earlier ones of its aggregate.
package outbox

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the outbox's tables, for every service that publishes.
func Set() postgres.Set {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return postgres.Set{Name: "outbox", FS: dir}
}

// MaxSize is the most bytes that an event's payload and headers may have together. The stream takes 256 KiB.
const MaxSize = 200 << 10

// Message is an event as it will stand in the stream.
type Message struct {
	// ID is the event's ce-id, a UUIDv7; the broker drops a second message of the same id.
	ID uuid.UUID
	// Workspace is whose event it is; it must be the transaction's.
	Workspace uuid.UUID
	// Aggregate is the resource name within which order holds (ce-partitionkey).
	Aggregate string
	// Version is the aggregate's after the change (ce-sequence).
	Version int64
	// Subject is the NATS subject.
	Subject string
	// Headers are the message's, in exact case.
	Headers map[string]string
	// Payload is the encoded event.
	Payload []byte
}

func (m Message) size() int {
	n := len(m.Payload)
	for k, v := range m.Headers {
		n += len(k) + len(v)
	}
	return n
}

// Outbox appends events. It is safe for concurrent use.
type Outbox struct {
	wake func()
}

// New returns an Outbox that calls wake after each commit that appended something: the relay's Wake. It must not
// block. Nil leaves the events to the relay's poll.
func New(wake func()) *Outbox {
	if wake == nil {
		wake = func() {}
	}
	return &Outbox{wake: wake}
}

const insertOne = `
	INSERT INTO outbox (workspace_id, event_id, aggregate, version, subject, headers, payload)
	VALUES ($1, $2, $3, $4, $5, $6, $7)`

const insertMany = `
	INSERT INTO outbox (workspace_id, event_id, aggregate, version, subject, headers, payload)
	SELECT workspace_id, event_id, aggregate, version, subject, headers::jsonb, payload
	FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bytea[])
		WITH ORDINALITY AS m (workspace_id, event_id, aggregate, version, subject, headers, payload, place)
	ORDER BY place`

// Append adds the events to the transaction, in their order and in one statement.
//
// The aggregate's row must have been locked or version-updated in tx before: that alone makes the order of ids the
// order of commits. An event over MaxSize is fault Invalid TOO_LARGE, and the transaction should then fail.
func (o *Outbox) Append(ctx context.Context, tx *postgres.Tx, msgs ...Message) error {
	sql, args, err := o.insert(tx, msgs)
	if err != nil || sql == "" {
		return err
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("outbox: append: %w", err)
	}
	return nil
}

// Queue is Append as the next statement of a batch that the caller sends to tx. The statements that lock or update
// the aggregates' rows stand before it in the same batch, or were run already.
func (o *Outbox) Queue(tx *postgres.Tx, b *pgx.Batch, msgs ...Message) error {
	sql, args, err := o.insert(tx, msgs)
	if err != nil || sql == "" {
		return err
	}
	b.Queue(sql, args...)
	return nil
}

func (o *Outbox) insert(tx *postgres.Tx, msgs []Message) (string, []any, error) {
	for _, m := range msgs {
		if err := m.check(); err != nil {
			return "", nil, err
		}
	}
	if len(msgs) == 0 {
		return "", nil, nil
	}
	tx.AfterCommit(o.wake)
	if len(msgs) == 1 {
		m := msgs[0]
		return insertOne, []any{m.Workspace, m.ID, m.Aggregate, m.Version, m.Subject, headersOf(m), payloadOf(m)}, nil
	}
	n := len(msgs)
	workspaces, ids, versions := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]int64, n)
	aggregates, subjects, headers, payloads := make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	for i, m := range msgs {
		workspaces[i], ids[i], aggregates[i], versions[i] = m.Workspace, m.ID, m.Aggregate, m.Version
		subjects[i], headers[i], payloads[i] = m.Subject, headersOf(m), payloadOf(m)
	}
	return insertMany, []any{workspaces, ids, aggregates, versions, subjects, headers, payloads}, nil
}

func (m Message) check() error {
	switch {
	case m.ID == uuid.Nil, m.Workspace == uuid.Nil, m.Aggregate == "", m.Subject == "":
		return fmt.Errorf("outbox: an event without id, workspace, aggregate or subject: %q of %q", m.Subject, m.Aggregate)
	case m.size() > MaxSize:
		return fault.New(fault.Invalid, fault.ReasonTooLarge, "the change is too large to be published (%d bytes, at most %d)",
			m.size(), MaxSize)
	}
	return nil
}

// headersOf is the headers as JSON text.
func headersOf(m Message) string {
	if m.Headers == nil {
		return "{}"
	}
	text, err := json.Marshal(m.Headers)
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return string(text)
}

// payloadOf is the payload, where none is empty and not NULL.
func payloadOf(m Message) []byte {
	if m.Payload == nil {
		return []byte{}
	}
	return m.Payload
}
