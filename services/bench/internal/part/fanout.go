package part

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/clock"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
)

const (
	// crowd is how many people are asked, askedEach how many one ask may have at most.
	crowd     = 10_000
	askedEach = 500
	// fanWithin bounds the wait for the last inbox row.
	fanWithin = 5 * time.Minute
	// lookEvery is how often it is looked whether they are there: each look counts them.
	lookEvery = 50 * time.Millisecond
)

// FanOut measures how long 10,000 people who are asked at once wait for the row in their inbox, from when the first event
// stands in the stream: as many asks as it takes, each of a whole team. Beside it, one message that mentions all of them.
func (b *Bench) FanOut(ctx context.Context) (figure.Part, error) {
	part := figure.Part{Name: "fanout", About: fmt.Sprintf("%d people are told at once, until the last has a row in the inbox", crowd)}
	teams, mention, err := b.world.Crowd(ctx, b.people, crowd, askedEach)
	if err != nil {
		return part, err
	}
	var asked, mentioned []float64
	for round := range b.cfg.Rounds + 1 { // the first warms up
		took, err := b.fan(ctx, "asks", func(_ context.Context, thread int) (*threadsv1.Message, bool) {
			if thread == len(teams) {
				return nil, false
			}
			return &threadsv1.Message{Body: b.bodies[0], Asks: []*threadsv1.Ask{
				{Kind: threadsv1.Ask_ACKNOWLEDGE, Team: teams[thread], Everyone: true},
			}}, true
		}, threadsv1.AskOpenedSubject(b.people.WorkspaceID()))
		if err != nil {
			return part, fmt.Errorf("asks: %w", err)
		}
		askedTook := took.Seconds()
		took, err = b.fan(ctx, "a mention", func(_ context.Context, thread int) (*threadsv1.Message, bool) {
			return &threadsv1.Message{Body: mention + " " + b.bodies[0]}, thread == 0
		}, threadsv1.MessagePostedSubject(b.people.WorkspaceID()))
		if err != nil {
			return part, fmt.Errorf("a mention: %w", err)
		}
		if round == 0 {
			// What a server does by itself once a minute: it had no statistics of tables that were empty before.
			if _, err := b.world.DB.Exec(ctx, `ANALYZE`); err != nil {
				return part, fmt.Errorf("analyze: %w", err)
			}
			continue
		}
		asked, mentioned = append(asked, askedTook), append(mentioned, took.Seconds())
	}
	part.Rows = []figure.Row{
		figure.Absolute("an ask to 10,000 people, to all inbox rows", "s", figure.SpreadOf(asked), figure.Under, 2, 0.3),
		figure.Absolute("a mention of 10,000 people, to all inbox rows", "s", figure.SpreadOf(mentioned), figure.Under, 2, 0.3),
	}
	part.Notes = []string{fmt.Sprintf("the largest ask is of %d people, so these are %d asks at once", askedEach, len(teams))}
	return part, nil
}

// fan posts messages, one to a thread, by the owner, and returns how long it took from when the first event of a subject was
// in the stream until everybody had their notification.
func (b *Bench) fan(
	ctx context.Context, side string, message func(ctx context.Context, thread int) (*threadsv1.Message, bool), subject string,
) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, fanWithin)
	defer cancel()
	signed, err := b.people.SignIn(ctx)
	if err != nil {
		return 0, err
	}
	first, err := b.world.NextStored(ctx, subject)
	if err != nil {
		return 0, err
	}
	profiled := b.profiling(ctx, side, b.cfg.Time)
	defer func() { err = errors.Join(err, profiled()) }()
	var names []string
	for i := 0; ; i++ {
		m, more := message(ctx, i)
		if !more {
			break
		}
		posted, err := threadsv1.NewMessageServiceClient(b.ours[0]).CreateMessage(signed[0], &threadsv1.CreateMessageRequest{
			Parent: b.threads[i], RequestId: uuid.NewString(), Message: m,
		})
		if err != nil {
			return 0, err
		}
		names = append(names, posted.GetName())
	}
	var rows int
	err = load.Await(ctx, lookEvery, func(ctx context.Context) (bool, error) {
		err := b.world.DB.QueryRow(ctx, `SELECT count(*) FROM notifications.notifications WHERE workspace_id = $1 AND message = ANY ($2)`,
			b.people.WorkspaceID(), names).Scan(&rows)
		return rows == crowd, err
	})
	if err != nil {
		return 0, fmt.Errorf("%d of %d have a notification: %w", rows, crowd, err)
	}
	end := clock.Machine().Now()
	began, err := first(ctx)
	if err != nil {
		return 0, err
	}
	_, err = b.world.Settle(ctx)
	return end.Sub(began), err
}
