// Package load generates load as honest clients do: a closed loop, in which every client waits for its answer, where
// throughput is measured; an open loop, whose requests are due at times fixed ahead and are late from then on whatever
// the answers take, where latency is claimed. A call that fails fails the measurement.
package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Call is one request of the client with this number.
type Call func(ctx context.Context, client int, random *rand.Rand) error

// Sample is what a load came to.
type Sample struct {
	// Took is how long each call took; in an open loop from when it was due.
	Took []time.Duration
	// Start is when the first began, Elapsed how long all took.
	Start   time.Time
	Elapsed time.Duration
}

// Closed has each client call one after the other for the given time, once at least. A client that fails stops; when all have ended, the
// error counts the failures and tells the first.
func Closed(ctx context.Context, clients int, d time.Duration, call Call) (Sample, error) {
	machine := clock.Machine()
	start := machine.Now()
	end := start.Add(d)
	took := make([][]time.Duration, clients)
	var failures failed
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			random := randomOf(client)
			for at := machine.Now(); ; {
				if err := call(ctx, client, random); err != nil {
					failures.add(err)
					return
				}
				now := machine.Now()
				took[client] = append(took[client], now.Sub(at))
				if at = now; !at.Before(end) {
					return
				}
			}
		})
	}
	all.Wait()
	sample := Sample{Start: start, Elapsed: machine.Now().Sub(start)}
	for _, each := range took {
		sample.Took = append(sample.Took, each...)
	}
	return sample, failures.error(len(sample.Took))
}

// Open sends calls at a rate a second for the given time, by as many clients, in turns.
func Open(ctx context.Context, clients, rate int, d time.Duration, call Call) (Sample, error) {
	machine := clock.Machine()
	total := int(d.Seconds() * float64(rate))
	took := make([]time.Duration, total)
	var failures failed
	group := &errgroup.Group{}
	start := machine.Now()
	for i := range total {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if err := clock.Sleep(ctx, due.Sub(machine.Now())); err != nil {
			return Sample{}, err
		}
		group.Go(func() error {
			err := call(WithDue(ctx, due), i%clients, randomOf(i))
			if err != nil {
				failures.add(err)
			}
			took[i] = machine.Now().Sub(due)
			return nil
		})
	}
	_ = group.Wait() // failures has what failed
	return Sample{Took: took, Start: start, Elapsed: machine.Now().Sub(start)}, failures.error(total)
}

type dueKey struct{}

// WithDue puts into the context when a call was due.
func WithDue(ctx context.Context, due time.Time) context.Context {
	return context.WithValue(ctx, dueKey{}, due)
}

// Due is when an open loop's call was due.
func Due(ctx context.Context) time.Time {
	due, _ := ctx.Value(dueKey{}).(time.Time)
	return due
}

// randomOf gives a client the same numbers in every run.
func randomOf(client int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(client), 1)) //nolint:gosec // the same choices in every run
}

// failed counts failures.
type failed struct {
	count atomic.Int64
	first atomic.Pointer[error]
}

func (f *failed) add(err error) {
	f.count.Add(1)
	f.first.CompareAndSwap(nil, &err)
}

func (f *failed) error(done int) error {
	first := f.first.Load()
	if first == nil {
		return nil
	}
	return fmt.Errorf("%d calls failed beside %d that did not; the first: %w", f.count.Load(), done, *first)
}

// Await asks over and over, with a pause, until done says so or fails or ctx ends.
func Await(ctx context.Context, pause time.Duration, done func(context.Context) (bool, error)) error {
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		if err := clock.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
