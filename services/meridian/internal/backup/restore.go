package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/directory"
)

// RestoreConfig is where to restore to.
type RestoreConfig struct {
	Config

	// Stream is how a stream is made in the place of one that was lost; one that stands stays as it is.
	Stream    eventbus.StreamConfig `embed:""`
	EventHost string                `name:"event-host" env:"MERIDIAN_EVENT_HOST" default:"meridian.localhost" help:"Host in the source of events: //HOST/workspaces/..."`
	To        time.Time             `name:"to" help:"The database was put back to this instant already, from a base backup and its log; the folder's dump is not used." format:"2006-01-02T15:04:05.999999999Z07:00" placeholder:"INSTANT"`
}

// Report is what a restore has done.
type Report struct {
	// StateTime is the instant whose state the data is in.
	StateTime time.Time `json:"state_time"`
	// KeptSequence is that of the last event that stands, zero where the stream was lost.
	KeptSequence uint64 `json:"kept_sequence"`
	// Gone events were taken back; Again counts those taken out of the stream that come again.
	Gone  int `json:"gone"`
	Again int `json:"again"`
	// LostFile is where the events stand that were taken out of the stream.
	LostFile string `json:"lost_file"`
}

const (
	// skew is how far before an instant the stream's own times are trusted: clocks may differ by as much.
	skew = time.Second
	// unknownVoid is how long before the state's instant events may be void where nobody knows which were lost: a write's time is
	// taken when it begins.
	unknownVoid = time.Minute
	// leaving is how long the sessions of services that have ended may stay, and leavingPoll how often is looked.
	leaving, leavingPoll = 5 * time.Second, 50 * time.Millisecond
)

// restore is one under way.
type restore struct {
	*place

	cfg      RestoreConfig
	folder   string
	manifest Manifest
	report   Report
	last     uint64 // the last sequence that was there when the restore began
	renewed  bool   // the stream was lost
}

// Restore puts a backup back: the database from its dump, unless an operator has put it back to an instant, and then the
// broker to what the database says. Services must not run. Broken off it is called again with the same arguments, and goes
// on. It refuses what it would spoil: a database that holds other data, and a restore that was done before.
func Restore(ctx context.Context, cfg RestoreConfig, folder string) (Report, error) {
	r := &restore{cfg: cfg, folder: folder}
	if err := r.prepare(ctx); err != nil {
		return r.report, err
	}
	defer r.close()
	for _, step := range []func(context.Context) error{
		r.alone, r.database, r.begin, r.free, r.broker, r.announce, r.done,
	} {
		if err := step(ctx); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

func (r *restore) prepare(ctx context.Context) (err error) {
	if err := r.cfg.Stream.Validate(); err != nil {
		return err
	}
	if r.manifest, err = readManifest(r.folder); err != nil {
		return err
	}
	r.report.StateTime = r.manifest.StateTime
	if !r.cfg.To.IsZero() {
		if r.cfg.To.Before(r.manifest.StateTime) {
			return fmt.Errorf("to: must not be before the backup in %s, which is of %s: name an earlier one", r.folder, r.manifest.StateTime.Format(time.RFC3339Nano))
		}
		r.report.StateTime = r.cfg.To
	}
	if r.place, err = r.cfg.open(ctx); err != nil {
		return err
	}
	var present time.Time
	err = r.db.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&present)
	if err == nil && r.cfg.To.After(present) {
		err = fmt.Errorf("to: must not be after the present, which is %s by the database's clock", present.UTC().Format(time.RFC3339Nano))
	}
	if err != nil {
		r.close()
	}
	return err
}

// alone makes sure that no service runs. One that has ended is there for a moment longer, to the database and to the broker.
func (p *place) alone(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, leaving)
	defer cancel()
	for {
		found, err := p.connected(ctx)
		if err != nil {
			return err
		}
		pulling, err := p.pulling(ctx)
		if err != nil {
			return err
		}
		if found = append(found, pulling...); len(found) == 0 {
			return nil
		}
		if clock.Sleep(limit, leavingPoll) != nil {
			return fmt.Errorf("services must be stopped first; connected are: %s", strings.Join(found, ", "))
		}
	}
}

// database loads the dump, where nothing stands in its place. The restore's note comes with it, so that a database which was
// loaded and not taken further is known from one that somebody uses.
func (r *restore) database(ctx context.Context) error {
	standing, err := texts(ctx, r.db, "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY ($1) ORDER BY 1",
		slices.Collect(maps.Keys(r.manifest.Migrations)))
	if err != nil {
		return err
	}
	switch begun, err := r.begun(ctx, standing); {
	case err != nil:
		return err
	case begun || !r.cfg.To.IsZero():
	case len(standing) > 0:
		return fmt.Errorf("the database must be empty, and holds the schemas %s: restore into a new one", strings.Join(standing, ", "))
	default:
		note, err := r.note(ctx)
		if err != nil {
			return err
		}
		if err := r.load(ctx, r.manifest, filepath.Join(r.folder, dumpFile), note); err != nil {
			return err
		}
	}
	if err := postgres.Check(ctx, r.schemaURL("directory"), directory.Sets()...); err != nil {
		return fmt.Errorf("the data is of an older version of Meridian: restore it with that one, %s, and upgrade then: %w", r.manifest.Version, err)
	}
	return nil
}

// reach is the last event that stands and the last there is; both zero where the stream is not the one of the backup.
func (r *restore) reach(ctx context.Context) (kept, last uint64, err error) {
	info, err := r.stream(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if !info.Created.Equal(r.manifest.StreamCreated) {
		if info.State.Msgs > 0 {
			return 0, 0, fmt.Errorf("the stream is not the one of the backup, and holds %d events: delete it first, if it is to be replaced", info.State.Msgs)
		}
		return 0, 0, nil
	}
	last, kept = info.State.LastSeq, r.manifest.StreamSequence
	if !r.cfg.To.IsZero() {
		if kept, err = r.lastBefore(ctx, r.cfg.To.Add(-skew), last); err != nil {
			return 0, 0, err
		}
	}
	if last < kept {
		return 0, 0, fmt.Errorf("the broker was put back to before the backup: the stream ends at %d, and the backup is of %d; delete the stream, and restore as if the broker was lost", last, kept)
	}
	return kept, last, nil
}

// broker makes the stream agree with the database.
func (r *restore) broker(ctx context.Context) error {
	if r.renewed {
		if err := r.renew(ctx, r.cfg.Stream, r.manifest.StreamSequence); err != nil {
			return err
		}
		return r.publish(ctx, filepath.Join(r.folder, recentFile))
	}
	if r.last > r.report.KeptSequence {
		// On disk before the first is deleted.
		gone, err := r.saveLost(ctx, reading{from: r.report.KeptSequence + 1, to: r.last}, r.report.LostFile)
		if err != nil {
			return err
		}
		if err := r.cut(ctx, gone); err != nil {
			return err
		}
	}
	if err := r.rewind(ctx, r.manifest.Durables, r.report.KeptSequence); err != nil {
		return err
	}
	return r.forgetIDs(ctx)
}

// announce tells every workspace.
func (r *restore) announce(ctx context.Context) error {
	lost, err := readLost(r.report.LostFile)
	if err != nil {
		return err
	}
	r.report.Gone, r.report.Again = lost.Gone, lost.Again
	void := r.report.StateTime
	if r.renewed {
		void = void.Add(-unknownVoid)
	}
	for workspace, at := range lost.voids {
		if void.Before(at) {
			lost.voids[workspace] = void
		}
	}
	db, err := postgres.Open(ctx, r.url, postgres.Options{Name: "meridian restore", Schema: "directory", MaxConns: 4})
	if err != nil {
		return err
	}
	defer db.Close()
	return directory.AnnounceRestore(ctx, db, r.js, directory.Restore{
		StateTime: r.report.StateTime, VoidTime: void, Voids: lost.voids, KeptSequence: r.report.KeptSequence, EventHost: r.cfg.EventHost,
	})
}
