package part

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/proc"
)

const (
	// times is how many times the capacity is asked for.
	times = 3
	// quietRate is how many messages a second the workspace beside posts.
	quietRate = 50
	// quietMembers and quietThreads are its people and their threads.
	quietMembers = 8
	quietThreads = 50
)

// poster is a workspace that posts: its members as the contexts of their calls, and its threads.
type poster struct {
	signed  []context.Context
	threads []string
}

// answers are what came of an open loop in which calls may be refused.
type answers struct {
	mu      sync.Mutex
	took    []time.Duration // of the accepted ones
	refused int
}

// Overload measures what becomes of three times as much as can be done: one workspace asks for that, in an open loop, and
// another posts a little beside it. The threads service is a process of its own, so that the memory is its.
func (b *Bench) Overload(ctx context.Context) (figure.Part, error) {
	part := figure.Part{Name: "overload", About: fmt.Sprintf("%d times the capacity from one workspace, %d a second from another (open loops)", times, quietRate)}
	service, addr, err := b.world.StartThreads(ctx)
	if err != nil {
		return part, err
	}
	conns, err := b.world.Connect(addr, connections)
	if err != nil {
		return part, err
	}
	beside, err := b.besides(ctx)
	if err != nil {
		return part, err
	}
	capacity := figure.Side{Name: "the capacity: closed loop"}
	noisy, quiet := figure.Side{Name: "accepted of three times as much"}, figure.Side{Name: "the workspace beside"}
	var refused []float64
	quietRefused := 0
	full := b.postsTo(conns, service, b.cfg.Clients, b.cfg.Threads)
	if _, err := b.run(ctx, full, b.cfg.Warm); err != nil {
		return part, fmt.Errorf("warm up: %w", err)
	}
	if err := proc.ForgetPeak(service); err != nil {
		return part, err
	}
	before, _, err := proc.Memory(service)
	if err != nil {
		return part, err
	}
	for range b.cfg.Rounds {
		able, err := b.run(ctx, full, b.cfg.Time)
		if err != nil {
			return part, err
		}
		accepted, served, err := b.flood(ctx, conns, beside, int(able.PerSecond*times))
		if err != nil {
			return part, err
		}
		capacity.Rounds = append(capacity.Rounds, able)
		noisy.Rounds, quiet.Rounds = append(noisy.Rounds, accepted.round(b.cfg.Time)), append(quiet.Rounds, served.round(b.cfg.Time))
		refused = append(refused, float64(accepted.refused)/b.cfg.Time.Seconds())
		quietRefused += served.refused
		if _, err := b.world.Settle(ctx); err != nil {
			return part, err
		}
	}
	_, peak, err := proc.Memory(service)
	if err != nil {
		return part, err
	}
	part.Sides = []figure.Side{capacity, noisy, quiet}
	part.Notes = []string{
		fmt.Sprintf("refused: %.0f a second of the flood, %d of all from the workspace beside", figure.SpreadOf(refused).Median, quietRefused),
		fmt.Sprintf("memory of the service: %.0f MB before, %.0f MB at most", megabytes(before), megabytes(peak)),
	}
	part.Rows = []figure.Row{
		figure.Against("accepted at three times the capacity", "/s", noisy, capacity, figure.Rate, figure.AtLeast, 0.5, 0.8),
		figure.Against("p99 of what is accepted", "ms", noisy, capacity, figure.P99, figure.AtMost, 5, 2),
		figure.Against("p99 in the workspace beside", "ms", quiet, capacity, figure.P99, figure.AtMost, 5, 2),
		figure.Absolute("refused in the workspace beside", "calls", figure.SpreadOf([]float64{float64(quietRefused)}), figure.Under, 0, 0),
		figure.Absolute("memory of the service, at most", "MB", once(peak), figure.Under, 100, 50),
	}
	return part, nil
}

// besides makes the workspace that posts a little.
func (b *Bench) besides(ctx context.Context) (poster, error) {
	people, err := b.world.Found(ctx, quietMembers)
	if err != nil {
		return poster{}, err
	}
	threads, err := people.NewThreads(ctx, quietThreads)
	if err != nil {
		return poster{}, err
	}
	signed, err := people.SignIn(ctx)
	return poster{signed: signed, threads: threads}, err
}

// flood sends both loads at once and returns what came of each.
func (b *Bench) flood(ctx context.Context, conns []*grpc.ClientConn, beside poster, rate int) (noisy, quiet *answers, err error) {
	signed, err := b.people.SignIn(ctx)
	if err != nil {
		return nil, nil, err
	}
	noisy, quiet = &answers{}, &answers{}
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() {
		errs[0] = b.pour(ctx, conns, poster{signed: signed, threads: b.threads}, rate, noisy)
	})
	both.Go(func() { errs[1] = b.pour(ctx, conns, beside, quietRate, quiet) })
	both.Wait()
	return noisy, quiet, errors.Join(errs[0], errs[1])
}

// pour posts at a rate, whatever the answers take. A refusal for overload is an answer; anything else that fails is not.
func (b *Bench) pour(ctx context.Context, conns []*grpc.ClientConn, who poster, rate int, into *answers) error {
	machine := clock.Machine()
	_, err := load.Open(ctx, len(who.signed), rate, b.cfg.Time, func(ctx context.Context, client int, random *rand.Rand) error {
		err := b.post(who.signed[client], conns[random.IntN(len(conns))], who.threads[random.IntN(len(who.threads))], random)
		took := machine.Now().Sub(load.Due(ctx))
		into.mu.Lock()
		defer into.mu.Unlock()
		switch {
		case err == nil:
			into.took = append(into.took, took)
		case overloaded(err):
			into.refused++
		default:
			return err
		}
		return nil
	})
	return err
}

// overloaded says whether a call was refused for overload.
func overloaded(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && fault.From(rpcclient.Fault(err)).RetryAfter > 0
}

func (a *answers) round(d time.Duration) figure.Round {
	return figure.Round{
		Done: len(a.took), PerSecond: float64(len(a.took)) / d.Seconds(),
		P50: figure.Milliseconds(figure.Percentile(a.took, 50)), P99: figure.Milliseconds(figure.Percentile(a.took, 99)),
	}
}
