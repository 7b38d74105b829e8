package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/meridianhq/meridian/pkg/clock"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// The sizes of a message's body and of its event, in bytes.
const (
	bodySize  = 500
	eventSize = 600
)

// round is one side of one round.
type round struct {
	// PerSecond counts what was done, over all of the time until the relay had published the last.
	PerSecond float64 `json:"per_second"`
	// Latencies are of each call, sorted.
	P50, P99 time.Duration
}

// posts are the rounds of both sides.
type posts struct {
	Limit, Ours []round
}

// measurePosts runs the limit and Meridian in turns.
func (r *rig) measurePosts(ctx context.Context) (posts, error) {
	var measured posts
	for range r.cfg.Rounds {
		limit, err := r.load(ctx, r.plain, nil)
		if err != nil {
			return measured, fmt.Errorf("the limit: %w", err)
		}
		signed, err := r.signedIn(ctx)
		if err != nil {
			return measured, err
		}
		ours, err := r.load(signed, r.post, r.stack.Threads().Relay.Drained)
		if err != nil {
			return measured, fmt.Errorf("posting: %w", err)
		}
		measured.Limit, measured.Ours = append(measured.Limit, limit), append(measured.Ours, ours)
	}
	return measured, nil
}

// load runs one call after another on every client for the round's time, then what is left to finish.
func (r *rig) load(ctx context.Context, call func(ctx context.Context, client, thread int) error, finish func(context.Context) error) (round, error) {
	machine := clock.Machine()
	start := machine.Now()
	end := start.Add(r.cfg.Time)
	var done atomic.Int64
	took := make([][]time.Duration, r.cfg.Clients)
	group, gctx := errgroup.WithContext(ctx)
	for client := range r.cfg.Clients {
		group.Go(func() error {
			source := rand.New(rand.NewPCG(uint64(client), 1)) //nolint:gosec // the same threads in every run
			for at := machine.Now(); at.Before(end); {
				if err := call(gctx, client, source.IntN(len(r.threads))); err != nil {
					return err
				}
				now := machine.Now()
				took[client] = append(took[client], now.Sub(at))
				at = now
				done.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return round{}, err
	}
	if finish != nil {
		if err := finish(ctx); err != nil {
			return round{}, err
		}
	}
	elapsed := machine.Now().Sub(start)
	var all []time.Duration
	for _, t := range took {
		all = append(all, t...)
	}
	return round{PerSecond: float64(done.Load()) / elapsed.Seconds(), P50: percentile(all, 50), P99: percentile(all, 99)}, nil
}

// plain is the limit: BEGIN, three statements and COMMIT with pgx.
func (r *rig) plain(ctx context.Context, _, thread int) error {
	const ws = "00000000-0000-7000-8000-000000000001"
	return pgx.BeginFunc(ctx, r.limit, func(tx pgx.Tx) error {
		var sequence int64
		err := tx.QueryRow(ctx, `UPDATE bench.threads SET last_sequence = last_sequence + 1 WHERE workspace = $1 AND id = $2
			RETURNING last_sequence`, ws, thread).Scan(&sequence)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO bench.messages VALUES ($1, $2, $3, $4, $5, $6)`,
			ws, thread, sequence, ws, strings.Repeat("x", bodySize), clock.Machine().Now())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO bench.outbox (aggregate, payload) VALUES ($1, $2)`, fmt.Sprint(thread), make([]byte, eventSize))
		return err
	})
}

// post is Meridian: one message over gRPC to the threads service, with a request_id as clients send it.
func (r *rig) post(ctx context.Context, client, thread int) error {
	_, err := threadsv1.NewMessageServiceClient(r.conns[client%len(r.conns)]).CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: r.threads[thread], RequestId: uuid.NewString(),
		Message: &threadsv1.Message{Body: strings.Repeat("x", bodySize)},
	})
	return err
}

func (p posts) report(cfg settings) string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "\nPosting a message, %d clients, %d threads, %d rounds of %s (the relay drained within the time)\n",
		cfg.Clients, cfg.Threads, cfg.Rounds, cfg.Time)
	fmt.Fprintf(out, "  %-46s %10s %21s %10s %10s\n", "", "per second", "spread", "p50", "p99")
	line := func(name string, rounds []round) {
		rates := make([]float64, len(rounds))
		var p50, p99 []float64
		for i, r := range rounds {
			rates[i] = r.PerSecond
			p50, p99 = append(p50, float64(r.P50)), append(p99, float64(r.P99))
		}
		low, high := bounds(rates)
		fmt.Fprintf(out, "  %-46s %10.0f %9.0f to %8.0f %10s %10s\n", name, median(rates), low, high,
			time.Duration(median(p50)).Round(10*time.Microsecond), time.Duration(median(p99)).Round(10*time.Microsecond))
	}
	line("limit: pgx, BEGIN, three statements, COMMIT", p.Limit)
	line("CreateMessage over gRPC", p.Ours)
	ratios := make([]float64, len(p.Ours))
	for i := range p.Ours {
		ratios[i] = p.Ours[i].PerSecond / p.Limit[i].PerSecond
	}
	low, high := bounds(ratios)
	fmt.Fprintf(out, "  ratio to the limit: %.2f (%.2f to %.2f)\n", median(ratios), low, high)
	return out.String()
}
