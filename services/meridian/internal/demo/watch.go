package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
	"github.com/meridianhq/meridian/services/meridian/internal/sse"
)

// patience is how long an event may take to come.
const patience = 20 * time.Second

// Event is a fact as integrators see it.
type Event struct {
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Time    time.Time       `json:"time"`
	Actor   string          `json:"actor"`
	Data    json.RawMessage `json:"data"`
}

// watcher keeps the events of a workspace as the live stream brings them.
type watcher struct {
	mu      sync.Mutex
	events  []Event
	shown   int
	err     error
	changed chan struct{}
}

// watch begins to keep what the connection's member may see, from now on, until ctx ends.
func watch(ctx context.Context, conn *restconn.Conn, workspace string) (*watcher, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, conn.Base()+"/v1/"+workspace+"/events:watch", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := conn.Do(request) //nolint:bodyclose // the goroutine below closes it at the stream's end
	if err != nil {
		return nil, err
	}
	w := &watcher{changed: make(chan struct{})}
	go func() {
		defer func() { _ = response.Body.Close() }()
		messages := sse.NewReader(response.Body)
		for {
			m, err := messages.Next()
			if err == nil && m.Event == "close" {
				err = errors.New("the server closed the stream of events")
			}
			if w.take(m, err); err != nil {
				return
			}
		}
	}()
	return w, nil
}

func (w *watcher) take(m sse.Message, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var e Event
	switch {
	case err != nil:
		w.err = err
	case m.Event == "heartbeat" || json.Unmarshal([]byte(m.Data), &e) != nil:
		return
	default:
		w.events = append(w.events, e)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// await returns the first event not shown yet of a type about a subject, and takes those before it as shown.
func (w *watcher) await(ctx context.Context, kind, subject string) (Event, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		w.mu.Lock()
		for i, e := range w.events {
			if i >= w.shown && e.Type == kind && strings.HasPrefix(e.Subject, subject) {
				w.events = append(w.events[:i:i], w.events[i+1:]...)
				w.mu.Unlock()
				return e, nil
			}
		}
		changed, err := w.changed, w.err
		w.mu.Unlock()
		if err != nil {
			return Event{}, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("no %s about %s has come", kind, subject)
		}
	}
}
