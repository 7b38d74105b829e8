package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/fault"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// retryMillis is how long a browser waits before it comes back.
const retryMillis = 3000

// Events is the HTTP side of a hub: server-sent events.
type Events struct {
	// Hub is what it serves.
	Hub *Hub
	// Status renders an error; Refuse answers with one before the stream has begun.
	Status func(ctx context.Context, err error) *status.Status
	Refuse func(w http.ResponseWriter, st *status.Status)
}

// ServeHTTP streams events to a request that carries a session, with the workspace as the path value `parent`.
func (s *Events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	session, ok := edge.FromContext(ctx)
	if !ok {
		s.Refuse(w, s.Status(ctx, fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the call needs a token")))
		return
	}
	request, err := watchRequest(r)
	if err != nil {
		s.Refuse(w, s.Status(ctx, err))
		return
	}
	out := &sseWriter{w: w, control: http.NewResponseController(w), now: s.Hub.cfg.Machine.Now, writing: make(chan struct{}, 1)}
	err = s.Hub.watch(ctx, session, request, out.update)
	out.cut()
	st := s.Status(ctx, err)
	if !out.begun {
		s.Refuse(w, st)
		return
	}
	if body, err := protojson.Marshal(st.Proto()); err == nil {
		out.extend()
		_ = out.message("close", "", body) // the client may be the one who left
	}
}

// watchRequest makes the request that gRPC would have got.
func watchRequest(r *http.Request) (*gatewayv1.WatchEventsRequest, error) {
	query := r.URL.Query()
	request := &gatewayv1.WatchEventsRequest{
		Parent:      r.PathValue("parent"),
		Types:       split(query["types"]),
		Spaces:      split(query["spaces"]),
		ResumeToken: query.Get("resumeToken") + query.Get("resume_token"),
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		request.ResumeToken = last // newer than the address that a browser began with
	}
	since := query.Get("since")
	if since == "" {
		return request, nil
	}
	at, err := time.Parse(time.RFC3339Nano, since)
	if err != nil {
		return nil, fault.InvalidField("since", "must be a time like 2026-01-31T09:00:00Z")
	}
	request.Since = timestamppb.New(at)
	return request, nil
}

// split takes lists as repeated parameters and with commas.
func split(values []string) []string {
	var all []string
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// errCut ends the writing of a stream that is over.
var errCut = errors.New("the stream is over")

// sseWriter writes the format of server-sent events, each message flushed at once.
type sseWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
	begun   bool

	writing chan struct{} // of one place, taken while an update is being written
	over    atomic.Bool
}

// extend gives the next message its time, where the server's connection has a deadline for writing.
func (s *sseWriter) extend() { _ = s.control.SetWriteDeadline(s.now().Add(SendTimeout)) }

// cut lets no further update be written and breaks off the one that is being written, if there is one: the request
// may not end before it. The connection is of no use then.
func (s *sseWriter) cut() {
	s.over.Store(true)
	select {
	case s.writing <- struct{}{}:
	default:
		_ = s.control.SetWriteDeadline(s.now().Add(-time.Second))
		s.writing <- struct{}{} // when the writing has returned
	}
	<-s.writing
}

func (s *sseWriter) update(u update) error {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	if s.over.Load() {
		return errCut
	}
	s.extend()
	if s.over.Load() {
		return errCut // once more, for cut's deadline may have been undone
	}
	if u.event == nil {
		return s.message("heartbeat", u.token, []byte("{}"))
	}
	body, err := u.event.json()
	if err != nil {
		return err
	}
	return s.message(u.event.meta.Type, u.token, body)
}

func (s *sseWriter) message(name, id string, data []byte) error {
	var text bytes.Buffer
	if !s.begun {
		s.begin()
		fmt.Fprintf(&text, "retry: %d\n", retryMillis)
	}
	if id != "" {
		fmt.Fprintf(&text, "id: %s\n", id)
	}
	fmt.Fprintf(&text, "event: %s\n", name)
	for line := range bytes.Lines(data) {
		fmt.Fprintf(&text, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	text.WriteByte('\n')
	if _, err := s.w.Write(text.Bytes()); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *sseWriter) begin() {
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
	s.begun = true
}
