package eventbus

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Set is the dead letters' table, for the schema of each service that consumes.
func Set() postgres.Set {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		// The folder is embedded above: this cannot be.
		panic(err)
	}
	return postgres.Set{Name: "eventbus", FS: files}
}

// DeadLetter is an event that a consumer gave up on.
type DeadLetter struct {
	ID uuid.UUID `json:"id"`
	// Workspace is zero where the message does not say.
	Workspace uuid.UUID `json:"workspace"`
	Consumer  string    `json:"consumer"`
	// Stream is the message's sequence in the stream.
	Stream uint64 `json:"stream_sequence"`
	// Event and Type are as the message says.
	Event   string `json:"event_id"`
	Type    string `json:"type"`
	Subject string `json:"subject"`
	// Headers and Payload are the message's copy, which outlives the stream's retention.
	Headers nats.Header `json:"headers"`
	Payload []byte      `json:"payload,omitempty"`
	// Reason is the last fault's reason and Detail its text.
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Deliveries is how often the event was delivered.
	Deliveries uint64    `json:"deliveries"`
	Time       time.Time `json:"time"`
}

// letterbox is the dead letters' table.
type letterbox struct {
	db      *postgres.DB
	machine clock.Clock
}

// write keeps a message and ends the count of its faults; written again it only brings the reason up to date.
func (l *letterbox) write(ctx context.Context, consumer string, next item, reason error) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("eventbus: dead letter's id: %w", err)
	}
	msg := next.msg
	headers, err := json.Marshal(storable(msg.Header))
	if err != nil {
		return fmt.Errorf("eventbus: dead letter's headers: %w", err)
	}
	why := fault.From(reason)
	_, err = l.db.Pool().Exec(ctx, `
		WITH ended AS (
			DELETE FROM event_faults
			WHERE workspace_id = $1 AND consumer = $3 AND stream_sequence = $4 AND event_id = $5)
		INSERT INTO dead_letters (workspace_id, id, consumer, stream_sequence, event_id, event_type, subject,
			headers, payload, reason, detail, deliveries, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (consumer, stream_sequence, event_id) DO UPDATE
		SET reason = excluded.reason, detail = excluded.detail, deliveries = excluded.deliveries`,
		workspaceOf(msg.Subject), id, consumer, int64(next.at.Sequence.Stream),
		clean(msg.Header.Get(headerID)), clean(msg.Header.Get(headerType)), clean(msg.Subject), headers,
		nonNil(msg.Data), why.Reason, clean(why.Error()), int64(next.at.NumDelivered),
		l.machine.Now())
	if err != nil {
		return fmt.Errorf("eventbus: write dead letter: %w", err)
	}
	return nil
}

// count is how many letters there are, by consumer.
func (l *letterbox) count(ctx context.Context) (map[string]int64, error) {
	rows, err := l.db.Pool().Query(ctx, `SELECT consumer, count(*) FROM dead_letters GROUP BY consumer`)
	if err != nil {
		return nil, fmt.Errorf("eventbus: count dead letters: %w", err)
	}
	counts := make(map[string]int64)
	var consumer string
	var letters int64
	_, err = pgx.ForEachRow(rows, []any{&consumer, &letters}, func() error {
		counts[consumer] = letters
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("eventbus: count dead letters: %w", err)
	}
	return counts, nil
}

// countFault notes that an event failed once more by its own fault, and says how often it has.
func (l *letterbox) countFault(ctx context.Context, consumer string, next item) (faults int, err error) {
	err = l.db.Pool().QueryRow(ctx, `
		INSERT INTO event_faults AS have (workspace_id, consumer, stream_sequence, event_id, faults)
		VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (workspace_id, consumer, stream_sequence, event_id) DO UPDATE SET faults = have.faults + 1
		RETURNING faults`, faultKey(consumer, next)...).Scan(&faults)
	if err != nil {
		return 0, fmt.Errorf("eventbus: count an event's fault: %w", err)
	}
	return faults, nil
}

func (l *letterbox) forgetFaults(ctx context.Context, consumer string, next item) error {
	_, err := l.db.Pool().Exec(ctx, `
		DELETE FROM event_faults
		WHERE workspace_id = $1 AND consumer = $2 AND stream_sequence = $3 AND event_id = $4`,
		faultKey(consumer, next)...)
	if err != nil {
		return fmt.Errorf("eventbus: forget an event's faults: %w", err)
	}
	return nil
}

func faultKey(consumer string, next item) []any {
	return []any{
		workspaceOf(next.msg.Subject), consumer, int64(next.at.Sequence.Stream),
		clean(next.msg.Header.Get(headerID)),
	}
}

const letterColumns = `id, workspace_id, consumer, stream_sequence, event_id, event_type, subject, headers, payload,
	reason, detail, deliveries, created_at`

// list reads the letters after the given id, oldest first, without their payloads.
func (l *letterbox) list(ctx context.Context, after uuid.UUID, limit int) ([]DeadLetter, error) {
	rows, err := l.db.Pool().Query(ctx, `SELECT `+letterColumns+` FROM dead_letters WHERE id > $1 ORDER BY id LIMIT $2`,
		after, limit)
	if err != nil {
		return nil, fmt.Errorf("eventbus: list dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, scanLetter)
	if err != nil {
		return nil, fmt.Errorf("eventbus: list dead letters: %w", err)
	}
	for i := range letters {
		letters[i].Payload = nil
	}
	return letters, nil
}

func (l *letterbox) read(ctx context.Context, id uuid.UUID) (DeadLetter, error) {
	rows, err := l.db.Pool().Query(ctx, `SELECT `+letterColumns+` FROM dead_letters WHERE id = $1`, id)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("eventbus: read dead letter: %w", err)
	}
	letter, err := pgx.CollectExactlyOneRow(rows, scanLetter)
	if errors.Is(err, pgx.ErrNoRows) {
		return DeadLetter{}, fault.NotFoundName("deadletters/" + id.String())
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("eventbus: read dead letter: %w", err)
	}
	return letter, nil
}

func (l *letterbox) remove(ctx context.Context, id uuid.UUID) error {
	if _, err := l.db.Pool().Exec(ctx, `DELETE FROM dead_letters WHERE id = $1`, id); err != nil {
		return fmt.Errorf("eventbus: remove dead letter: %w", err)
	}
	return nil
}

// failedAgain notes why a re-drive failed.
func (l *letterbox) failedAgain(ctx context.Context, id uuid.UUID, reason error) error {
	why := fault.From(reason)
	_, err := l.db.Pool().Exec(ctx,
		`UPDATE dead_letters SET reason = $2, detail = $3, deliveries = deliveries + 1 WHERE id = $1`,
		id, why.Reason, clean(why.Error()))
	if err != nil {
		return fmt.Errorf("eventbus: note failed re-drive: %w", err)
	}
	return nil
}

func scanLetter(row pgx.CollectableRow) (DeadLetter, error) {
	var letter DeadLetter
	var headers []byte
	var sequence, deliveries int64
	err := row.Scan(&letter.ID, &letter.Workspace, &letter.Consumer, &sequence, &letter.Event, &letter.Type,
		&letter.Subject, &headers, &letter.Payload, &letter.Reason, &letter.Detail, &deliveries, &letter.Time)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("scan dead letter: %w", err)
	}
	letter.Stream, letter.Deliveries = uint64(sequence), uint64(deliveries)
	letter.Time = letter.Time.UTC()
	if err := json.Unmarshal(headers, &letter.Headers); err != nil {
		return DeadLetter{}, fmt.Errorf("dead letter's headers: %w", err)
	}
	return letter, nil
}

// workspaceOf is the subject's second token, or zero.
func workspaceOf(subject string) uuid.UUID {
	parts := strings.Split(subject, ".")
	if len(parts) < 2 {
		return uuid.UUID{}
	}
	id, err := uuid.Parse(parts[1])
	if err != nil {
		return uuid.UUID{}
	}
	return id
}

// storable is the headers with what Postgres cannot keep in text replaced.
func storable(h nats.Header) nats.Header {
	kept := make(nats.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			kept[clean(name)] = append(kept[clean(name)], clean(value))
		}
	}
	return kept
}

// clean replaces what is no UTF-8, and U+0000, which Postgres keeps in no text.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func nonNil(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
