package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// pageSize is how many rows a page of the snapshot has.
const pageSize = 1000

// kept is how much the tables keep, and counts up when a migration has them keep more: what was filled with less is filled
// again.
const kept = 3

// progress is up to where in which stream the tables have everything.
type progress struct {
	created  time.Time
	sequence uint64
}

// covers says whether events from there on bring the tables up to date: the stream is the same one and still has
// everything after, and the consumer has not gone past the tables, as it has when the database was restored from a
// copy.
func (s progress) covers(stream *jetstream.StreamInfo, read uint64) bool {
	return s.created.Equal(stream.Created.Truncate(time.Microsecond)) &&
		s.sequence+1 >= stream.State.FirstSeq && s.sequence <= stream.State.LastSeq && s.sequence >= read
}

// state reads the marker that the tables were filled, with all that they keep.
func (p *Projection) state(ctx context.Context) (progress, bool, error) {
	var s progress
	err := p.cfg.Owner.Pool().QueryRow(ctx, `SELECT stream_created, sequence FROM projection_state WHERE kept >= $1`, kept).
		Scan(&s.created, &s.sequence)
	switch {
	case postgres.IsNoRows(err):
		return progress{}, false, nil
	case err != nil:
		return progress{}, false, fmt.Errorf("projection: read its state: %w", err)
	}
	return s, true, nil
}

// mark writes up to where the tables have everything. It never goes back within a stream: another replica may have
// been further.
func (p *Projection) mark(ctx context.Context, s progress) error {
	_, err := p.cfg.Owner.Pool().Exec(ctx, `
		INSERT INTO projection_state AS have (stream_created, sequence, kept) VALUES ($1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET
			stream_created = excluded.stream_created, sequence = excluded.sequence, kept = excluded.kept
		WHERE have.stream_created <> excluded.stream_created OR have.sequence < excluded.sequence
			OR have.kept < excluded.kept`,
		s.created, int64(s.sequence), kept)
	if err != nil {
		return fmt.Errorf("projection: write its state: %w", err)
	}
	return nil
}

func (p *Projection) stream(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := p.cfg.JS.Stream(ctx, eventbus.Stream)
	if err != nil {
		return nil, fmt.Errorf("projection: read the stream: %w", err)
	}
	return stream.CachedInfo(), nil
}

// read is up to where the consumer has finished everything; 0 where there is no consumer yet.
func (p *Projection) read(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	at, err := p.router.Position(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, fmt.Errorf("projection: read the consumer: %w", err)
	}
	return at.Done, nil
}

// fill brings the tables to where events can go on, and tells the router from where.
func (p *Projection) fill(ctx context.Context) error {
	// A consumer of before follows what the tables now keep from here on: what changes after the snapshot must come.
	if err := p.router.Refresh(ctx); err != nil {
		return err
	}
	stream, err := p.stream(ctx)
	if err != nil {
		return err
	}
	read, err := p.read(ctx)
	if err != nil {
		return err
	}
	have, filled, err := p.state(ctx)
	if err != nil {
		return err
	}
	if !filled || !have.covers(stream, read) {
		// The sequence is noted before the first page, so what changes meanwhile comes as an event.
		have = progress{created: stream.Created.Truncate(time.Microsecond), sequence: stream.State.LastSeq}
		if err := p.snapshot(ctx, p.cfg.Owner, uuid.Nil); err != nil {
			return err
		}
		if err := p.reset(ctx, have, filled); err != nil {
			return err
		}
	}
	p.router.StartAt(have.sequence + 1)
	return nil
}

// reset marks a new beginning. When the stream went back behind what was marked (it was restored), so does the mark.
func (p *Projection) reset(ctx context.Context, s progress, filled bool) error {
	if filled {
		_, err := p.cfg.Owner.Pool().Exec(ctx, `DELETE FROM projection_state WHERE sequence > $1`, int64(s.sequence))
		if err != nil {
			return fmt.Errorf("projection: write its state: %w", err)
		}
	}
	return p.mark(ctx, s)
}

// snapshot pages what the directory knows, of one workspace or of all, into the tables.
func (p *Projection) snapshot(ctx context.Context, db *postgres.DB, workspace uuid.UUID) error {
	req := &directoryv1.SnapshotAccessRequest{PageSize: pageSize}
	if workspace != uuid.Nil {
		req.Workspace = "workspaces/" + workspace.String()
	}
	for {
		page, err := p.cfg.Client.SnapshotAccess(rpcclient.AsService(ctx), req)
		if err != nil {
			return fmt.Errorf("projection: page the snapshot: %w", err)
		}
		r := reader{workspace: workspace}
		r.access(page.GetRows())
		if r.err != nil {
			return fmt.Errorf("projection: read the snapshot: %w", r.err)
		}
		if err := apply(ctx, db, workspace, r.rows); err != nil {
			return err
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return nil
		}
	}
}

// check confirms, again and again, that the consumer is not behind.
func (p *Projection) check(ctx context.Context) {
	for {
		wait := p.every
		if !p.confirm(ctx) {
			wait = checkSoon
			if p.confirmed.Load() != 0 {
				wait = time.Second
			}
		}
		if clock.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// confirm asks the broker once how far the consumer has come, and says whether it is behind. What the broker has not
// told the consumer of yet it tells within moments, which the ten minutes bear; the mark does not count on it.
func (p *Projection) confirm(ctx context.Context) bool {
	asked := p.cfg.Machine.Now()
	stream, err := p.stream(ctx)
	if err != nil {
		return false
	}
	at, err := p.router.Position(ctx)
	if err != nil {
		return false
	}
	// What is finished is in the tables: as an event, or by the snapshot in the place of one that was given up.
	err = p.mark(ctx, progress{created: stream.Created.Truncate(time.Microsecond), sequence: at.Done})
	if err != nil {
		p.cfg.Log.WarnContext(ctx, "projection cannot mark its progress", "error", err)
	}
	if at.Lag > 0 {
		return false
	}
	p.confirmed.Store(asked.UnixNano())
	p.once.Do(func() { close(p.fresh) })
	return true
}

// buried pages everything of a workspace, or of all where the event does not say of which it is, in the place of an event of it that cannot be applied: what the event took
// away must not stay. Until that is done the event is unfinished and so the tables are not confirmed. It asks anew for
// every event, for a snapshot that was begun before does not know it.
func (p *Projection) buried(ctx context.Context, workspace uuid.UUID) error {
	if workspace == uuid.Nil {
		return p.snapshot(ctx, p.cfg.Owner, uuid.Nil)
	}
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	return p.snapshot(ctx, p.cfg.DB, workspace)
}
