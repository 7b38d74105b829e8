package outbox

import "time"

// retained are the rows that the broker has acknowledged and that still stand in the table, because a broker
// acknowledges before it syncs. They are skipped by reading and deleted when they are old enough.
//
// This is not a cursor: every id that is not in the set is read, so a row that commits late is found wherever its
// id stands.
type retained struct {
	ids   idSet
	queue []ackedRows
}

type ackedRows struct {
	ids []int64
	at  time.Time
}

func (r *retained) add(ids []int64, at time.Time) {
	if len(ids) == 0 {
		return
	}
	r.ids.add(ids...)
	r.queue = append(r.queue, ackedRows{ids: ids, at: at})
}

// due are the rows acknowledged at or before t, at most limit of them where a batch is not larger; they stay in
// until deleted is called.
func (r *retained) due(t time.Time, limit int) (ids []int64, batches int) {
	for _, batch := range r.queue {
		if batch.at.After(t) || (batches > 0 && len(ids)+len(batch.ids) > limit) {
			break
		}
		ids = append(ids, batch.ids...)
		batches++
	}
	return ids, batches
}

// deleted forgets the first batches: their rows are gone.
func (r *retained) deleted(batches int) {
	for _, batch := range r.queue[:batches] {
		r.ids.remove(batch.ids...)
	}
	r.queue = r.queue[batches:]
	if len(r.queue) == 0 {
		r.queue = nil // give the memory of a long queue back
	}
}

// oldest is when the oldest of the rows was acknowledged.
func (r *retained) oldest() (time.Time, bool) {
	if len(r.queue) == 0 {
		return time.Time{}, false
	}
	return r.queue[0].at, true
}

// forget lets all rows be read and published again.
func (r *retained) forget() { *r = retained{} }
