package lifecycle_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/meridianhq/meridian/pkg/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what happens, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

// does returns a hook that notes the line and returns err.
func (d *diary) does(line string, err error) func(context.Context) error {
	return func(context.Context) error {
		d.note(line)
		return err
	}
}

func newGroup() *lifecycle.Group { return lifecycle.New(slog.New(slog.DiscardHandler)) }

func TestPartsStartInOrderAndStopInReverse(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	g.Add("a", d.does("start a", nil), d.does("stop a", nil))
	g.Add("b", nil, d.does("stop b", nil))
	g.Add("c", d.does("start c", nil), nil)
	g.Add("d", d.does("start d", nil), d.does("stop d", nil))

	require.NoError(t, g.Start(t.Context()))
	require.NoError(t, g.Stop(t.Context()))
	require.Equal(t, []string{"start a", "start c", "start d", "stop d", "stop b", "stop a"}, d.read())
}

func TestSecondStopDoesNothing(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	g.Add("a", nil, d.does("stop a", nil))
	require.NoError(t, g.Start(t.Context()))
	require.NoError(t, g.Stop(t.Context()))
	require.NoError(t, g.Stop(t.Context()))
	require.Equal(t, []string{"stop a"}, d.read())
}

func TestStopBeforeStartDoesNothing(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	g.Add("a", nil, d.does("stop a", nil))
	require.NoError(t, g.Stop(t.Context()))
	require.Empty(t, d.read())
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	g := newGroup()
	require.NoError(t, g.Start(t.Context()))
	require.ErrorIs(t, g.Start(t.Context()), lifecycle.ErrStarted)
}

func TestAFailedStartStopsWhatHadStarted(t *testing.T) {
	t.Parallel()
	g, d, broken := newGroup(), &diary{}, errors.New("no luck")
	g.Add("a", d.does("start a", nil), d.does("stop a", nil))
	g.Go("loop", func(ctx context.Context) error {
		<-ctx.Done()
		d.note("loop ended")
		return ctx.Err()
	})
	g.Add("b", d.does("start b", broken), d.does("stop b", nil))
	g.Add("c", d.does("start c", nil), d.does("stop c", nil))

	err := g.Start(t.Context())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "start b")
	require.Equal(t, []string{"start a", "start b", "loop ended", "stop a"}, d.read())
}

func TestStartHeedsItsContext(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	ctx, cancel := context.WithCancel(t.Context())
	g.Add("a", func(context.Context) error { cancel(); return nil }, d.does("stop a", nil))
	g.Add("b", d.does("start b", nil), nil)
	require.ErrorIs(t, g.Start(ctx), context.Canceled)
	require.Equal(t, []string{"stop a"}, d.read())
}

func TestEveryStopErrorIsReturnedAndNoneKeepsTheOthers(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	first, second := errors.New("first"), errors.New("second")
	g.Add("a", nil, d.does("stop a", first))
	g.Add("b", nil, d.does("stop b", second))
	require.NoError(t, g.Start(t.Context()))
	err := g.Stop(t.Context())
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, second)
	require.Equal(t, []string{"stop b", "stop a"}, d.read())
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	ctx, cancel := context.WithCancel(t.Context())
	g.Add("a", nil, d.does("stop a", nil))
	g.Go("loop", func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		d.note("loop ended")
		return ctx.Err()
	})
	require.NoError(t, g.Run(ctx))
	require.Equal(t, []string{"loop ended", "stop a"}, d.read())
}

func TestTheFirstFailureStopsAll(t *testing.T) {
	t.Parallel()
	g, d, broken := newGroup(), &diary{}, errors.New("broken pipe")
	g.Add("a", nil, d.does("stop a", nil))
	g.Go("well", func(ctx context.Context) error {
		<-ctx.Done()
		d.note("well ended")
		return nil
	})
	g.Go("ill", func(context.Context) error { return broken })
	err := g.Run(t.Context())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "ill: ")
	require.Equal(t, []string{"well ended", "stop a"}, d.read())
}

func TestALoopMayEndQuietly(t *testing.T) {
	t.Parallel()
	g := newGroup()
	ended := make(chan struct{})
	g.Go("once", func(context.Context) error { close(ended); return nil })
	require.NoError(t, g.Start(t.Context()))
	<-ended
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, g.Wait(over))
	require.NoError(t, g.Stop(t.Context()))
}

func TestALoopOutlivesTheContextOfStart(t *testing.T) {
	t.Parallel()
	g := newGroup()
	seen := make(chan context.Context, 1)
	g.Go("loop", func(ctx context.Context) error {
		seen <- ctx
		<-ctx.Done()
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, g.Start(ctx))
	cancel()
	require.NoError(t, (<-seen).Err())
	require.NoError(t, g.Stop(t.Context()))
}

func TestFailEndsTheGroupWithTheFirstError(t *testing.T) {
	t.Parallel()
	g, first := newGroup(), errors.New("first")
	require.NoError(t, g.Start(t.Context()))
	g.Fail(first)
	g.Fail(errors.New("second"))
	require.Equal(t, first, g.Wait(t.Context()))
	require.NoError(t, g.Stop(t.Context()))
}

func TestStoppingIsBoundedInTime(t *testing.T) {
	t.Parallel()
	g, d := newGroup(), &diary{}
	g.StopWithin(20 * time.Millisecond)
	release := make(chan struct{})
	stuck := make(chan struct{})
	g.Add("a", nil, func(ctx context.Context) error {
		d.note("stop a")
		return ctx.Err()
	})
	g.Add("stuck", nil, func(context.Context) error {
		defer close(stuck)
		<-release
		return nil
	})
	g.Go("deaf loop", func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	g.Add("last", func(context.Context) error { cancel(); return nil }, nil)

	err := g.Run(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "stop stuck: left behind")
	require.ErrorContains(t, err, "stop deaf loop")
	require.Equal(t, []string{"stop a"}, d.read())
	close(release)
	<-stuck
}
