package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newBody(data []byte) io.Reader { return bytes.NewReader(data) }

// cloudEvent is an event as live streams carry it.
type cloudEvent struct {
	ID, Type, Subject, Sequence, Actor string
	Data                               json.RawMessage
	// resume is the token that came with it.
	resume string
}

// stream is an open connection of live events.
type stream struct {
	events chan cloudEvent
	closed chan string
	cancel context.CancelFunc
	// began is closed with the first sign of life.
	began chan struct{}
}

// watch opens a stream of live events and returns when it is open.
func watch(t *testing.T, server, workspace, token, query string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/v1/"+workspace+"/events:watch?"+query, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		require.Fail(t, "watching was refused", "%d %s", response.StatusCode, body)
	}
	s := &stream{events: make(chan cloudEvent, 10000), closed: make(chan string, 1), cancel: cancel, began: make(chan struct{})}
	go s.read(response.Body)
	return s
}

func (s *stream) read(body io.ReadCloser) {
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 4<<20)
	fields := map[string]string{}
	first := true
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "" {
			fields[name] = strings.TrimPrefix(value, " ")
			continue
		}
		if first {
			close(s.began)
			first = false
		}
		switch fields["event"] {
		case "heartbeat", "":
		case "close":
			s.closed <- fields["data"]
		default:
			var e cloudEvent
			if json.Unmarshal([]byte(fields["data"]), &e) == nil {
				e.resume = fields["id"]
				s.events <- e
			}
		}
		clear(fields)
	}
	close(s.closed)
}

// next is the next event.
func (s *stream) next(t *testing.T) cloudEvent {
	t.Helper()
	select {
	case e := <-s.events:
		return e
	case why := <-s.closed:
		require.Fail(t, "the stream ended", why)
	case <-time.After(20 * time.Second):
		require.Fail(t, "no event came")
	}
	return cloudEvent{}
}
