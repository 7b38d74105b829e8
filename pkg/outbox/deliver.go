package outbox

import (
	"context"
	"errors"
	"time"
)

var (
	errReconnected = errors.New("outbox: the connection to the broker was made anew")
	errLeaseOld    = errors.New("outbox: the lease may have run out")
)

// publish sends the rows in waves and returns how many were acknowledged or set aside. An aggregate of which an event
// failed waits with its later ones; an error says that the broker is in trouble and the rest was not tried.
func (r *Relay) publish(ctx context.Context, rows []row) (done int, err error) {
	stopped := map[string]bool{}
	for _, wave := range waves(rows) {
		now := r.cfg.Machine.Now()
		if now.Sub(r.renewed) > r.cfg.Lease-leaseMargin {
			return done, errLeaseOld
		}
		wave = r.allowed(wave, stopped, now)
		if len(wave) == 0 {
			continue
		}
		acked, failed := r.publisher.send(ctx, wave)
		if r.nc.Stats().Reconnects != r.reconnects {
			// What was acknowledged by the server before may be lost with it: all begins with the oldest row.
			return done, errReconnected
		}
		r.kept.add(acked, r.cfg.Machine.Now())
		for _, id := range acked {
			delete(r.refused, id)
		}
		done += len(acked)
		r.metrics.published.Add(ctx, int64(len(acked)), r.metrics.service)
		for _, f := range failed {
			stopped[f.row.Aggregate] = true
			if !r.publisher.ownFault(ctx, f.err) {
				err = f.err
				continue
			}
			set, failErr := r.refuse(ctx, f)
			if failErr != nil {
				err = failErr
			}
			if set {
				done++
			}
		}
		if err != nil || ctx.Err() != nil {
			return done, err
		}
	}
	return done, nil
}

// allowed are the rows of a wave that no earlier event of their aggregate holds up.
func (r *Relay) allowed(wave []row, stopped map[string]bool, now time.Time) []row {
	if len(stopped) == 0 && len(r.refused) == 0 {
		return wave
	}
	kept := make([]row, 0, len(wave))
	for _, w := range wave {
		if refused, ok := r.refused[w.id]; ok && now.Before(refused.after) {
			stopped[w.Aggregate] = true
		}
		if !stopped[w.Aggregate] {
			kept = append(kept, w)
		}
	}
	return kept
}

// refuse counts a try of a row that cannot be published, and sets it aside when it was the last.
func (r *Relay) refuse(ctx context.Context, f failure) (setAside bool, err error) {
	refused := r.refused[f.row.id]
	if refused == nil {
		refused = &refusal{}
		r.refused[f.row.id] = refused
	}
	refused.tries++
	if refused.tries < maxTries {
		refused.after = r.cfg.Machine.Now().Add(min(firstPause<<(refused.tries-1), longestRetry))
		return false, nil
	}
	if err := r.table.fail(ctx, f.row.id, f.err.Error()); err != nil {
		return false, err
	}
	delete(r.refused, f.row.id)
	r.metrics.failed.Add(ctx, 1, r.metrics.service)
	r.cfg.Log.ErrorContext(ctx, "outbox: an event cannot be published and was set aside in outbox_failed",
		"service", r.cfg.Service, "event", f.row.ID, "subject", f.row.Subject, "aggregate", f.row.Aggregate, "error", f.err)
	return true, nil
}
