package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/meridian/internal/sse"
)

// EventsCmd groups the commands about events.
type EventsCmd struct {
	Tail EventsTailCmd `cmd:"" default:"withargs" help:"Print events as they happen, and go on by itself after a disconnect."`
}

// EventsTailCmd prints events.
type EventsTailCmd struct {
	Types  []string `name:"type" help:"Only events of this type, such as meridian.threads.v1.MessagePosted or meridian.threads.*."`
	Spaces []string `name:"space" help:"Only events of this space (name, id or display name)."`
	Since  string   `help:"Begin with what happened since then: a time (RFC 3339) or how long ago (such as 2h)."`
	Resume string   `help:"Go on after this resume token."`
	Count  int      `help:"End after that many events; 0 never ends."`
}

// Run prints events until the count is reached or the command is interrupted.
func (c *EventsTailCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	tail, err := c.start(ctx, s)
	if err != nil {
		return err
	}
	return tail.run(ctx)
}

func (c *EventsTailCmd) start(ctx context.Context, s *session) (*tail, error) {
	query := url.Values{}
	for _, t := range c.Types {
		query.Add("types", t)
	}
	for _, given := range c.Spaces {
		space, err := s.space(ctx, given)
		if err != nil {
			return nil, err
		}
		query.Add("spaces", space)
	}
	if c.Since != "" {
		since, err := parseSince(c.Since, clock.Machine().Now())
		if err != nil {
			return nil, err
		}
		query.Set("since", since.Format(time.RFC3339Nano))
	}
	return &tail{session: s, query: query, token: c.Resume, left: c.Count}, nil
}

// parseSince reads a time, or how long ago it was.
func parseSince(given string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(given); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, given, time.Local); err == nil { //nolint:gosmopolitan // a person's own zone
			return t, nil
		}
	}
	return time.Time{}, status.Errorf(codes.InvalidArgument, "--since %q is neither a time such as 2026-01-31T08:00:00Z nor a duration such as 2h", given)
}

// tail is a stream of events over as many connections as it takes.
type tail struct {
	*session
	query url.Values
	token string
	left  int
	// failures counts the connections since the last sign of life.
	failures int
}

const maxPause = 10 * time.Second

func (t *tail) run(ctx context.Context) error {
	for ctx.Err() == nil {
		done, err := t.connection(ctx)
		if done {
			break
		}
		if ctx.Err() == nil && !passing(err) {
			return err
		}
		t.pause(ctx, err)
	}
	return nil
}

// pause waits before the next connection, longer with each that failed.
func (t *tail) pause(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	pause := min(250*time.Millisecond<<min(t.failures, 8), maxPause)
	t.failures++
	_, _ = fmt.Fprintf(t.streams.Err, "disconnected (%s), going on in %s\n", cell1(status.Convert(err).Message()), pause)
	_ = clock.Sleep(ctx, pause) // it ends early only with the command
}

// passing says that an error may be gone at the next attempt.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.OK, codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.DeadlineExceeded, codes.Canceled:
		return true
	default:
		return false
	}
}

// connection reads one connection to its end. done says that nothing more is wanted.
func (t *tail) connection(ctx context.Context) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query := t.query
	if t.token != "" {
		query = url.Values{"types": t.query["types"], "spaces": t.query["spaces"], "resumeToken": {t.token}}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.conn.Base()+"/v1/"+t.workspace+"/events:watch?"+query.Encode(), nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := t.conn.Do(request)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	messages := sse.NewReader(response.Body)
	for {
		m, err := messages.Next()
		if err != nil {
			return false, status.Errorf(codes.Unavailable, "the stream broke off: %v", err)
		}
		if done, err := t.message(m); done || err != nil {
			return done, err
		}
	}
}

func (t *tail) message(m sse.Message) (done bool, err error) {
	t.failures = 0
	switch m.Event {
	case "close":
		var s spb.Status
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(m.Data), &s); err != nil || s.GetCode() == 0 {
			return false, status.Error(codes.Unavailable, "the server closed the stream")
		}
		return false, status.ErrorProto(&s)
	case "heartbeat":
	default:
		if m.Data == "" {
			break
		}
		if err := t.show(m.Data); err != nil {
			return false, err
		}
		t.left--
	}
	if m.ID != "" {
		t.token = m.ID
	}
	return t.left == 0 && m.Event != "heartbeat" && m.Data != "", nil
}

// cloudEvent is what a line of the table needs of an event.
type cloudEvent struct {
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Time    time.Time       `json:"time"`
	Actor   string          `json:"actor"`
	Data    json.RawMessage `json:"data"`
}

func (t *tail) show(data string) error {
	if t.json {
		_, err := fmt.Fprintln(t.streams.Out, data)
		return err
	}
	var e cloudEvent
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return status.Errorf(codes.Internal, "an event that is no JSON: %v", err)
	}
	subject := strings.TrimPrefix(e.Subject, t.workspace+"/")
	_, err := fmt.Fprintf(t.streams.Out, "%s  %s  %s  by %s%s\n", e.Time.Local().Format("2006-01-02 15:04:05"), //nolint:gosmopolitan // the reader's own zone
		cell1(e.Type), cell1(subject), cell1(id(e.Actor)), gist(e.Data))
	return err
}

// gist is what a person would want to know of a payload: its title, name or text.
func gist(payload json.RawMessage) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil {
		return ""
	}
	for _, resource := range []string{"message", "thread", "space", "member", "team", "workspace"} {
		var inner map[string]any
		if json.NewDecoder(bytes.NewReader(fields[resource])).Decode(&inner) != nil {
			continue
		}
		for _, key := range []string{"title", "body", "displayName"} {
			if text, ok := inner[key].(string); ok && text != "" {
				return ": " + short(text, 60)
			}
		}
	}
	return ""
}
