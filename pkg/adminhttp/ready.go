package adminhttp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// checkTimeout is how long all checks of one /readyz together may take.
const checkTimeout = 2 * time.Second

// errSlow is the reason of a check that did not answer in time.
var errSlow = errors.New("no answer within " + checkTimeout.String())

// check is one thing that must hold for the process to take work.
type check struct {
	name string
	ask  func(ctx context.Context) error
}

// Ready adds a check under a name, such as `postgres`. The text of its error is shown to who asks, so it must hold
// no secret. It must heed its context.
func (s *Server) Ready(name string, ask func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks = append(s.checks, check{name: name, ask: ask})
}

// Drain makes /readyz say from now on that the process is leaving, so that no new work is sent to it.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	rep := s.Report(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !rep.OK() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// The client may have gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(rep)
}

const (
	statusOK       = "ok"
	statusFailing  = "failing"
	statusDraining = "draining"
)

// Readiness is what /readyz answers.
type Readiness struct {
	// Status is `ok`, `failing` or `draining`.
	Status string `json:"status"`
	// Checks tells each check's outcome by its name: `ok`, or why not.
	Checks map[string]string `json:"checks"`
}

// OK says whether the process may be sent work.
func (r Readiness) OK() bool { return r.Status == statusOK }

// Report asks every check at once and waits for all of them, two seconds at most.
func (s *Server) Report(ctx context.Context) Readiness {
	s.mu.Lock()
	checks, draining := slices.Clone(s.checks), s.draining
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { errs[i] = askWithin(ctx, c) })
	}
	all.Wait()

	r := Readiness{Status: statusOK, Checks: make(map[string]string, len(checks))}
	for i, c := range checks {
		r.Checks[c.name] = statusOK
		if errs[i] != nil {
			r.Checks[c.name] = errs[i].Error()
			r.Status = statusFailing
		}
	}
	if draining {
		r.Status = statusDraining
	}
	return r
}

// askWithin returns when the check answers or ctx ends, whichever is first.
func askWithin(ctx context.Context, c check) error {
	done := make(chan error, 1)
	go func() { done <- c.ask(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errSlow
	}
}
