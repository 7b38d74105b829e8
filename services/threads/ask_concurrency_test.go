package threads

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// race runs all at once and returns how many succeeded; the others must be refused because the ask was settled.
func race(t *testing.T, calls ...func() error) (won int) {
	t.Helper()
	var mu sync.Mutex
	start := make(chan struct{})
	var group errgroup.Group
	for _, call := range calls {
		group.Go(func() error {
			<-start
			err := call()
			if err != nil && status.Code(err) != codes.FailedPrecondition {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
			return nil
		})
	}
	close(start)
	require.NoError(t, group.Wait())
	return won
}

// gapless requires that the events of an ask are versions 1 to its present one, in their order.
func (c *crowd) gapless(ask string) {
	c.t.Helper()
	var version int64
	for _, e := range c.unpublished() {
		if e.aggregate == ask {
			version++
			require.Equal(c.t, version, e.version)
		}
	}
	require.Equal(c.t, c.getAsk(c.ada, ask).GetVersion(), version)
}

func drop(_ *threadsv1.Ask, err error) error { return err }

// Whoever is first, one thing happens to an ask, and its events tell just that.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	team := c.team(c.ws, "crew", c.bob, c.carl, c.dora)
	const rounds = 15
	for range rounds {
		// Two of a team.
		ask := c.ask(c.ada, c.thread, teamAsk(threadsv1.Ask_APPROVE, c.ws, team, false)).GetName()
		require.Equal(t, 1, race(t,
			func() error { return drop(c.answerAsk(c.bob, ask, "by bob")) },
			func() error { return drop(c.answerAsk(c.carl, ask, "by carl")) },
		))
		got := c.getAsk(c.ada, ask)
		for _, r := range got.GetRecipients() {
			require.Equal(t, got.GetRecipients()[0].GetAnsweredBy(), r.GetAnsweredBy())
		}
		require.EqualValues(t, 2, got.GetVersion())
		c.gapless(ask)

		// Answered or withdrawn.
		ask = c.ask(c.ada, c.thread, askOf(threadsv1.Ask_APPROVE, c.bob)).GetName()
		require.Equal(t, 1, race(t,
			func() error { return drop(c.answerAsk(c.bob, ask, "")) },
			func() error { return drop(c.withdrawAsk(c.ada, ask)) },
		))
		c.gapless(ask)

		// Handed on or answered.
		ask = c.ask(c.ada, c.thread, askOf(threadsv1.Ask_APPROVE, c.bob)).GetName()
		require.Equal(t, 1, race(t,
			func() error { return drop(c.answerAsk(c.bob, ask, "")) },
			func() error { return drop(c.reassignAsk(c.bob, ask, c.carl)) },
		))
		require.Contains(t, []string{"SETTLED: bob ANSWERED", "OPEN: bob REASSIGNED, carl OPEN"}, c.standing(c.getAsk(c.ada, ask)))
		c.gapless(ask)

		// Replied to or declined: the reply is posted in any case.
		reply := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob))
		won := race(t,
			func() error { return drop(c.declineAsk(c.bob, reply.GetName(), "no")) },
			func() error {
				_, err := c.messages.CreateMessage(c.bob.ctx, &threadsv1.CreateMessageRequest{
					Parent: c.thread, Message: &threadsv1.Message{Body: "yes", ReplyTo: reply.GetMessage()},
				})
				return err
			},
		)
		want := map[int]string{1: "SETTLED: bob ANSWERED", 2: "SETTLED: bob DECLINED"}[won]
		require.Equal(t, want, c.standing(c.getAsk(c.ada, reply.GetName())))
		require.EqualValues(t, 2, c.getAsk(c.ada, reply.GetName()).GetVersion())
		c.gapless(reply.GetName())

		// Deleted or replied to.
		deleted := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl))
		require.Positive(t, race(t,
			func() error {
				_, err := c.messages.DeleteMessage(c.ada.ctx, &threadsv1.DeleteMessageRequest{Name: deleted.GetMessage()})
				return err
			},
			func() error { return drop(c.answerAsk(c.carl, deleted.GetName(), "")) },
			func() error {
				_, err := c.messages.CreateMessage(c.bob.ctx, &threadsv1.CreateMessageRequest{
					Parent: c.thread, Message: &threadsv1.Message{Body: "yes", ReplyTo: deleted.GetMessage()},
				})
				return err
			},
		))
		require.NotEqual(t, threadsv1.Ask_OPEN, c.getAsk(c.ada, deleted.GetName()).GetState())
		c.gapless(deleted.GetName())
	}
}

// With the workers running, changes of working time coming in and the clock moving, everything anybody does to the same
// asks leaves them whole: versions without gaps, and in the end nobody waited for.
func TestAsksUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	team := c.team(c.ws, "crew", c.bob, c.carl, c.dora)
	people := []person{c.bob, c.carl, c.dora}
	var asks []*threadsv1.Ask
	for range 12 {
		m, err := c.tryAsk(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl), teamAsk(threadsv1.Ask_REPLY, c.ws, team, false),
			teamAsk(threadsv1.Ask_REPLY, c.ws, team, true))
		require.NoError(t, err)
		asks = append(asks, m.GetAsks()...)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error {
		for i := 0; ctx.Err() == nil; i++ {
			p := people[i%3]
			c.hours.set(func(a *availability) { a.delay[p.Member] = time.Duration(i%7) * time.Hour })
			c.onWorkingTime(p.Member, c.ws, time.Time{}, time.Time{})
			c.clock.Advance(time.Minute)
		}
		return nil
	})
	for n, p := range people {
		group.Go(func() error {
			defer func() {
				if n == 0 {
					stop()
				}
			}()
			for i, ask := range asks {
				var err error
				switch (i + n) % 4 {
				case 0:
					_, err = c.answerAsk(p, ask.GetName(), "")
				case 1:
					_, err = c.declineAsk(p, ask.GetName(), "no")
				case 2:
					_, err = c.reassignAsk(p, ask.GetName(), people[(n+1)%3])
				case 3:
					_, err = c.messages.CreateMessage(p.ctx, &threadsv1.CreateMessageRequest{
						Parent: c.thread, Message: &threadsv1.Message{Body: "yes", ReplyTo: ask.GetMessage()}, RequestId: uuid.NewString(),
					})
				}
				if code := status.Code(err); code != codes.OK && code != codes.FailedPrecondition && code != codes.PermissionDenied {
					return fmt.Errorf("%s: %w", p.handle, err)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	stop()
	for _, p := range people {
		for _, ask := range asks {
			if _, err := c.declineAsk(p, ask.GetName(), "no"); err != nil {
				require.Contains(t, []codes.Code{codes.FailedPrecondition, codes.PermissionDenied}, status.Code(err))
			}
		}
	}
	settle()
	for _, ask := range asks {
		got := c.getAsk(c.ada, ask.GetName())
		require.Equal(t, threadsv1.Ask_SETTLED, got.GetState(), c.standing(got))
		c.gapless(ask.GetName())
	}
	var pending int
	require.NoError(t, c.db.Owner.Pool().QueryRow(t.Context(), `SELECT count(*) FROM ask_recipients WHERE due_pending`).Scan(&pending))
	require.Zero(t, pending, "nothing is due of anybody")
}
