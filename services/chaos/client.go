//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// tryLimit bounds one attempt.
	tryLimit = 6 * time.Second
	// patience is how long a member goes on trying one write.
	patience = 90 * time.Second
	// retryPause is between two attempts at first; it doubles up to longestRetry.
	retryPause   = 100 * time.Millisecond
	longestRetry = 2 * time.Second
)

// front is the API as clients see it: the gateways' addresses, of which each attempt takes one.
type front struct {
	conns []*grpc.ClientConn
	http  []string
}

func newFront(r *rig) (*front, error) {
	f := &front{}
	for _, addr := range r.httpAddrs {
		f.http = append(f.http, "http://"+addr)
	}
	for _, addr := range r.grpcAddrs["gateway"] {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
			// A client that waits longer and longer for a gateway would sit the faults out.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: retryPause, Multiplier: 1.5, MaxDelay: time.Second},
				MinConnectTimeout: time.Second,
			}))
		if err != nil {
			return f, errors.Join(err, f.close())
		}
		f.conns = append(f.conns, conn)
	}
	return f, nil
}

func (f *front) close() error {
	var errs []error
	for _, conn := range f.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// way is one attempt's.
type way struct {
	conn *grpc.ClientConn
	http string
}

// verdict is what came of a write.
type verdict struct {
	outcome outcome
	// answer is the last attempt's; nil where it was done.
	answer error
	tries  int
}

// retry makes a call again and again, with the same request_id, which the caller put into it, until it is answered or patience
// is over. Without patience there is one try.
func (f *front) retry(
	ctx context.Context, token string, patience time.Duration, wrong func(string), call func(ctx context.Context, w way) error,
) verdict {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause := retryPause
	for v := (verdict{outcome: unknown, tries: 1}); ; v.tries++ {
		v.answer = f.attempt(ctx, token, call)
		switch again, bad := judged(v.answer); {
		case v.answer == nil:
			v.outcome = acknowledged
			return v
		case bad:
			wrong(v.answer.Error())
			if !again {
				v.outcome = refused
				return v
			}
		case !again:
			v.outcome = refused
			return v
		}
		if clock.Sleep(ctx, time.Duration((0.5+rand.Float64())*float64(pause))) != nil { //nolint:gosec // spread, no secret
			return v
		}
		pause = min(2*pause, longestRetry)
	}
}

func (f *front) attempt(ctx context.Context, token string, call func(ctx context.Context, w way) error) error {
	// Not bound to ctx: what has been sent is waited for, so that its outcome is known more often.
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryLimit)
	defer cancel()
	if token != "" {
		trying = metadata.AppendToOutgoingContext(trying, "authorization", "Bearer "+token)
	}
	i := rand.IntN(len(f.conns)) //nolint:gosec // any will do
	return call(trying, way{conn: f.conns[i], http: f.http[i]})
}

// judged says what an answer is to an honest client: whether to try again, and whether no fault excuses it.
func judged(err error) (again, bad bool) {
	switch status.Code(err) {
	case codes.OK:
		return false, false
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
		return true, false
	case codes.FailedPrecondition, codes.Aborted, codes.PermissionDenied:
		return false, false
	case codes.Internal, codes.Unknown, codes.DataLoss:
		// Whatever is away, the answer is UNAVAILABLE; and after this one nobody knows what to do.
		return true, true
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.OutOfRange, codes.Unimplemented, codes.Unauthenticated:
		// What members send is right, and they may do it.
		return false, true
	default:
		return false, true
	}
}

// must makes a call until it succeeds, for setting up.
func (f *front) must(ctx context.Context, token string, call func(ctx context.Context, conn *grpc.ClientConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := f.attempt(ctx, token, func(ctx context.Context, w way) error { return call(ctx, w.conn) })
		if err == nil {
			return nil
		}
		if clock.Sleep(ctx, retryPause) != nil {
			return fmt.Errorf("set the run up: %w", err)
		}
	}
}
