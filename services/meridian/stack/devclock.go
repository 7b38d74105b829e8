package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// clockFile keeps the development clock's time in the data folder, so that a restart goes on where it stood.
	clockFile = "dev-clock"
	// settleWithin bounds the wait for what is under way at one step.
	settleWithin = time.Minute
	// mostClockBody is the longest request that moves the clock.
	mostClockBody = 4 << 10
)

// DevClock is the development clock: domain time that stands still and is moved forward by hand, from one due time of any
// service to the next. Before each step, and at the end, what was committed is published, followed and, where it was due,
// done: nothing is under way. Machine time is never moved.
type DevClock struct {
	manual *clock.Manual
	file   string // empty for a clock that is not kept

	moving   sync.Mutex // one move at a time
	services func() []*boot.Platform
}

// ClockTime is where the development clock stands.
type ClockTime struct {
	// Now is domain time.
	Now time.Time `json:"now"`
	// NextDue is when the next thing becomes due; absent when nothing is.
	NextDue *time.Time `json:"nextDue,omitempty"`
	// Steps are the due times that a move stopped at.
	Steps []time.Time `json:"steps,omitempty"`
}

// errKeptClock is said when a folder whose time was moved is started without the clock that moved it.
var errKeptClock = errors.New("this data folder's time was moved by hand: start it with --dev-clock, or use another folder")

// openClock takes domain time from the configuration: a given clock, the development clock with the time it was left at,
// or the system's.
func (s *Stack) openClock(context.Context) error {
	path := filepath.Join(s.config.Data, clockFile)
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own folder
	kept := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the development clock: %w", err)
	}
	if !s.config.DevClock {
		if kept {
			return errKeptClock
		}
		if manual, ok := s.config.Clock.(*clock.Manual); ok {
			s.devClock = &DevClock{manual: manual, services: s.Services}
		}
		return nil
	}
	start := clock.System().Now().Truncate(time.Second)
	if kept {
		if start, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text))); err != nil {
			return fmt.Errorf("the development clock's file %s is not readable: %w", path, err)
		}
	}
	s.devClock = &DevClock{manual: clock.NewManual(start), file: path, services: s.Services}
	s.config.Clock = s.devClock.manual
	return s.devClock.keep(start)
}

// keep writes the time down before it is told to anybody.
func (c *DevClock) keep(t time.Time) error {
	if c.file == "" {
		return nil
	}
	if err := writeFile(c.file, []byte(t.UTC().Format(time.RFC3339Nano)+"\n")); err != nil {
		return fmt.Errorf("keep the development clock: %w", err)
	}
	return nil
}

// Now is domain time.
func (c *DevClock) Now() time.Time { return c.manual.Now() }

// Show waits until nothing is under way and tells the time and what is due next.
func (c *DevClock) Show(ctx context.Context) (ClockTime, error) {
	c.moving.Lock()
	defer c.moving.Unlock()
	if err := c.settle(ctx); err != nil {
		return ClockTime{}, err
	}
	return c.show(ctx, nil)
}

func (c *DevClock) show(ctx context.Context, steps []time.Time) (ClockTime, error) {
	at := ClockTime{Now: c.manual.Now(), Steps: steps}
	next, some, err := c.next(ctx)
	if some {
		at.NextDue = &next
	}
	return at, err
}

// Next moves the clock to the next due time; where nothing is due it stays.
func (c *DevClock) Next(ctx context.Context) (ClockTime, error) {
	c.moving.Lock()
	defer c.moving.Unlock()
	if err := c.settle(ctx); err != nil {
		return ClockTime{}, err
	}
	next, some, err := c.next(ctx)
	if err != nil {
		return ClockTime{}, err
	}
	if !some {
		return c.show(ctx, nil)
	}
	return c.walk(ctx, next)
}

// Advance moves the clock by d, which must be positive.
func (c *DevClock) Advance(ctx context.Context, d time.Duration) (ClockTime, error) {
	if d <= 0 {
		return ClockTime{}, errors.New("the clock moves only forward")
	}
	c.moving.Lock()
	defer c.moving.Unlock()
	return c.walk(ctx, c.manual.Now().Add(d))
}

// Set moves the clock to t, which must not have passed.
func (c *DevClock) Set(ctx context.Context, t time.Time) (ClockTime, error) {
	c.moving.Lock()
	defer c.moving.Unlock()
	if now := c.manual.Now(); t.Before(now) {
		return ClockTime{}, fmt.Errorf("%s has passed: it is %s, and the clock moves only forward", t.UTC().Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return c.walk(ctx, t)
}

// walk goes from due time to due time until the target. When something stays under way for too long it stops there and
// says what.
func (c *DevClock) walk(ctx context.Context, target time.Time) (ClockTime, error) {
	var steps []time.Time
	for {
		if err := c.settle(ctx); err != nil {
			return ClockTime{}, fmt.Errorf("at %s: %w", c.manual.Now().Format(time.RFC3339), err)
		}
		next, some, err := c.next(ctx)
		if err != nil {
			return ClockTime{}, err
		}
		if !some || next.After(target) {
			break
		}
		if err := c.set(next); err != nil {
			return ClockTime{}, err
		}
		steps = append(steps, next)
	}
	if err := c.set(target); err != nil {
		return ClockTime{}, err
	}
	if err := c.settle(ctx); err != nil {
		return ClockTime{}, err
	}
	return c.show(ctx, steps)
}

func (c *DevClock) set(t time.Time) error {
	if err := c.keep(t); err != nil {
		return err
	}
	return c.manual.Set(t)
}

// next is the earliest due time of any service after now.
func (c *DevClock) next(ctx context.Context) (earliest time.Time, some bool, err error) {
	for _, service := range c.services() {
		at, ok, err := service.NextDue(ctx)
		if err != nil {
			return time.Time{}, false, err
		}
		if ok && (!some || at.Before(earliest)) {
			earliest, some = at, true
		}
	}
	return earliest, some, nil
}

// settle waits until nothing is under way: what one service does may be work for the others, so all are asked again until
// a round has added nothing to the stream.
func (c *DevClock) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	services := c.services()
	for {
		before, err := services[0].LastSequence(ctx)
		if err != nil {
			return err
		}
		for _, service := range services {
			if err := service.Settle(ctx); err != nil {
				return err
			}
		}
		for _, service := range services {
			if err := service.Published(ctx); err != nil {
				return err
			}
		}
		after, err := services[0].LastSequence(ctx)
		if err != nil {
			return err
		}
		if after == before {
			return nil
		}
	}
}

// handle mounts the clock on the operators' port: GET /clock shows it, POST /clock moves it.
func (c *DevClock) handle(mount func(pattern string, h http.Handler)) {
	mount("GET /clock", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := c.Show(r.Context())
		answerClock(w, http.StatusServiceUnavailable, at, err)
	}))
	mount("POST /clock", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		move, err := clockMove(http.MaxBytesReader(w, r.Body, mostClockBody))
		if err != nil {
			answerClock(w, http.StatusBadRequest, ClockTime{}, err)
			return
		}
		at, err := move(r.Context(), c)
		answerClock(w, http.StatusConflict, at, err)
	}))
}

// clockMove reads what a request asks for: exactly one of {"to": "2026-12-01T09:00:00Z"}, {"by": "8h"} and {"next": true}.
func clockMove(body io.Reader) (func(context.Context, *DevClock) (ClockTime, error), error) {
	var asked struct {
		To   *time.Time `json:"to"`
		By   string     `json:"by"`
		Next bool       `json:"next"`
	}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return nil, fmt.Errorf("the body must be JSON with one of to, by and next: %w", err)
	}
	switch {
	case asked.To != nil && asked.By == "" && !asked.Next:
		return func(ctx context.Context, c *DevClock) (ClockTime, error) { return c.Set(ctx, *asked.To) }, nil
	case asked.To == nil && asked.By != "" && !asked.Next:
		by, err := time.ParseDuration(asked.By)
		if err != nil {
			return nil, fmt.Errorf("by: must be a duration such as 8h or 90m: %w", err)
		}
		return func(ctx context.Context, c *DevClock) (ClockTime, error) { return c.Advance(ctx, by) }, nil
	case asked.To == nil && asked.By == "" && asked.Next:
		return func(ctx context.Context, c *DevClock) (ClockTime, error) { return c.Next(ctx) }, nil
	}
	return nil, errors.New("exactly one of to, by and next must be given")
}

func answerClock(w http.ResponseWriter, failed int, at ClockTime, err error) {
	w.Header().Set("Content-Type", "application/json")
	var answer any = at
	if err != nil {
		w.WriteHeader(failed)
		answer = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer) // the client has gone
}
