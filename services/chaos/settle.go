//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
)

const (
	settleEvery = time.Second
	// grace is how late a due thing may be when nothing is broken.
	grace = 5 * time.Second
)

// late are the due things that are not done, by what they are: each query shows rows that were due before $1.
func late() map[string]string {
	return map[string]string{
		"asks without a due time": `SELECT ask_id::text || ' of ' || member_id FROM threads.ask_recipients
			WHERE due_pending AND update_time < $1`,
		"overdue asks not announced": `SELECT ask_id::text || ' of ' || member_id || ' due ' || due_time FROM threads.ask_recipients
			WHERE state = 'OPEN' AND NOT overdue_told AND NOT due_pending AND due_time < $1`,
		"handoffs not routed": `SELECT handoff_id::text || ' since ' || route_since FROM tasks.handoffs WHERE route_since < $1`,
		"handoffs not expired": `SELECT handoff_id::text || ' at ' || expire_time FROM tasks.handoffs
			WHERE state = 'OFFERED' AND expire_time < $1`,
		"deliveries not made": `SELECT notification_id::text || ' ' || channel || ' ' || decision || ' at ' || deliver_time
			FROM notifications.deliveries
			WHERE state = 'PENDING' AND decide_at IS NULL AND decision IN ('NOW', 'DEFERRED') AND deliver_time < $1`,
		"deliveries not decided": `SELECT notification_id::text || ' ' || channel || ' at ' || decide_at
			FROM notifications.deliveries WHERE state = 'PENDING' AND decide_at < $1`,
		"reminders not given": `SELECT source || ' of ' || member_id || ' at ' || remind_time FROM notifications.waits
			WHERE waiting AND NOT reminded AND remind_time < $1`,
		"snoozes not ended": `SELECT notification_id::text || ' at ' || snooze_time FROM notifications.notifications
			WHERE snooze_time < $1`,
		"digests not sent": `SELECT digest_id::text || ' of ' || recipient_id || ' at ' || deliver_time FROM notifications.digests
			WHERE state = 'PENDING' AND deliver_time < $1`,
		"digests not planned": `SELECT recipient_id::text || ' at ' || plan_at FROM notifications.digest_plans WHERE plan_at < $1`,
	}
}

// settle waits until everything runs, everything committed is published, everything published is followed, and everything due
// is done. It returns what was not within the limit.
func settle(ctx context.Context, r *rig, within time.Duration) (unsettled []string, err error) {
	db, err := r.openDatabase(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	nc, js, err := r.connect()
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	limit, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := r.awaitReady(limit); err != nil {
		return []string{"not everything comes back: " + err.Error()}, context.Cause(ctx)
	}
	for {
		unsettled, err = r.unsettled(limit, db)
		if err == nil && len(unsettled) == 0 {
			if _, unsettled, err = followed(limit, js); err == nil && len(unsettled) == 0 {
				return nil, nil
			}
		}
		if clock.Sleep(limit, settleEvery) != nil {
			if err != nil {
				unsettled = append(unsettled, err.Error())
			}
			return unsettled, context.Cause(ctx)
		}
	}
}

// unsettled is what should have been published or done by now.
func (r *rig) unsettled(ctx context.Context, db *pgx.Conn) ([]string, error) {
	var found []string
	before := clock.Machine().Now().Add(-grace)
	for _, service := range owners() {
		rows, err := texts(ctx, db, `SELECT event_id::text || ' ' || subject || ' ' || aggregate || ' ' || version
			FROM `+service+`.outbox WHERE stored_at < $1`, before)
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			found = append(found, fmt.Sprintf("the outbox of %s holds %d rows back: %s", service, len(rows), some(rows)))
		}
	}
	for what, query := range late() {
		rows, err := texts(ctx, db, query, before)
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			found = append(found, fmt.Sprintf("%d %s: %s", len(rows), what, some(rows)))
		}
	}
	return found, nil
}

// followed waits until every durable consumer has followed all that stood in the stream at the call, each by itself: new events
// come all the time. behind are those that have not when ctx ends.
func followed(ctx context.Context, js jetstream.JetStream) (asked time.Time, behind []string, err error) {
	asked = clock.Machine().Now()
	stream, err := js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return asked, nil, err
	}
	last, done := stream.CachedInfo().State.LastSeq, map[string]bool{}
	for {
		behind = nil
		consumers := stream.ListConsumers(ctx)
		for info := range consumers.Info() {
			if info.Config.Durable == "" || done[info.Name] {
				continue
			}
			if info.NumPending == 0 && info.NumAckPending == 0 || info.AckFloor.Stream >= last {
				done[info.Name] = true
				continue
			}
			behind = append(behind, fmt.Sprintf("consumer %s has %d events before it and %d unacknowledged, and is done up to %d of %d",
				info.Name, info.NumPending, info.NumAckPending, info.AckFloor.Stream, last))
		}
		if err = consumers.Err(); err == nil && len(behind) == 0 {
			return asked, nil, nil
		}
		if clock.Sleep(ctx, settleEvery/4) != nil {
			return asked, behind, err
		}
	}
}

// texts are the rows of a query of one text.
func texts(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, query string, args ...any,
) ([]string, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, errors.Join(err, fmt.Errorf("in %s", query))
	}
	return found, nil
}

// some is the first few of many.
func some(all []string) string {
	const shown = 5
	if len(all) > shown {
		return strings.Join(all[:shown], ", ") + ", ..."
	}
	return strings.Join(all, ", ")
}
