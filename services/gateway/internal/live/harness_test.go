package live

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/natstest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

// world is a workspace with an open and a private space, a hub, and the broker behind it.
type world struct {
	t           *testing.T
	nats        *natstest.Server
	js          jetstream.JetStream
	hub         *Hub
	directory   *fakeDirectory
	sessions    *fakeSessions
	revocations *auth.Revocations

	workspace     uuid.UUID
	open, private string
	member, other auth.Caller // other is the one in the private space
	guest         auth.Caller
	version       int64
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{
		t: t, nats: natstest.New(t), workspace: uuid.Must(uuid.NewV7()),
		directory: &fakeDirectory{}, sessions: &fakeSessions{revoked: map[uuid.UUID]bool{}},
		revocations: auth.NewRevocations(clock.Machine()), version: 100,
	}
	w.js = w.nats.JS(t)
	w.open, w.private = w.space(), w.space()
	w.member, w.other, w.guest = w.caller(auth.Member), w.caller(auth.Member), w.caller(auth.Guest)
	w.directory.add(
		memberRowOf(w.member, directoryv1.Member_ACTIVE, 1), memberRowOf(w.other, directoryv1.Member_ACTIVE, 1),
		memberRowOf(w.guest, directoryv1.Member_ACTIVE, 1),
		spaceRowOf(w.open, directoryv1.Space_OPEN, 1), spaceRowOf(w.private, directoryv1.Space_PRIVATE, 1),
		accessRowOf(w.private, w.other.Principal(), directoryv1.SpaceAccess_READER, 2),
	)
	w.hub = w.newHub(change...)
	return w
}

// newHub makes and runs one more hub over the same stream, as another replica would.
func (w *world) newHub(change ...func(*Config)) *Hub {
	w.t.Helper()
	cfg := Config{
		JS: w.nats.JS(w.t), Directory: w.directory, Sessions: w.sessions, Revocations: w.revocations,
		Machine: clock.Machine(), Log: slog.New(slog.DiscardHandler), TokenKey: bytes.Repeat([]byte{7}, 32),
		Heartbeat: 50 * time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	hub := New(cfg)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = hub.Run(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	return hub
}

// beside is another workspace at the same hub, with members and spaces of its own.
func (w *world) beside() *world {
	other := *w
	other.workspace = uuid.Must(uuid.NewV7())
	other.open = other.space()
	other.member = other.caller(auth.Member)
	w.directory.add(memberRowOf(other.member, directoryv1.Member_ACTIVE, 1),
		spaceRowOf(other.open, directoryv1.Space_OPEN, 1))
	return &other
}

func (w *world) space() string {
	return "workspaces/" + w.workspace.String() + "/spaces/" + uuid.Must(uuid.NewV7()).String()
}

func (w *world) caller(role auth.Role) auth.Caller {
	return auth.Caller{
		Workspace: w.workspace, Member: uuid.Must(uuid.NewV7()), Role: role, Scopes: []string{auth.ScopeAll},
		Session: uuid.Must(uuid.NewV7()), Expires: clock.Machine().Now().Add(10 * time.Minute),
	}
}

// post makes the event of a message in a space.
func (w *world) post(space string) proto.Message {
	w.version++
	thread := "workspaces/" + w.workspace.String() + "/threads/" + uuid.Must(uuid.NewV7()).String()
	return &threadsv1.MessagePosted{
		Message: &threadsv1.Message{Name: thread + "/messages/1", Body: "over to you"},
		Thread:  thread, Space: space, ThreadVersion: w.version,
	}
}

// readState makes the event of a member's read pointer, which is for that member alone.
func (w *world) readState(c auth.Caller) proto.Message {
	w.version++
	thread := "workspaces/" + w.workspace.String() + "/threads/" + uuid.Must(uuid.NewV7()).String()
	return &threadsv1.ReadStateChanged{
		ReadState: &threadsv1.ReadState{Name: thread + "/readState", Version: w.version},
		Member:    c.Principal(), Aggregate: thread + "/readStates/" + c.Member.String(),
	}
}

// publish puts events into the stream and returns the sequence of the last.
func (w *world) publish(service string, events ...proto.Message) uint64 {
	w.t.Helper()
	var last uint64
	for _, event := range events {
		ack, err := w.js.PublishMsg(w.t.Context(), w.encode(service, event))
		require.NoError(w.t, err)
		last = ack.Sequence
	}
	return last
}

func (w *world) encode(service string, event proto.Message) *nats.Msg {
	w.t.Helper()
	out, err := eventbus.Encode(w.t.Context(), "meridian.test", service, clock.System().Now(), w.member.Principal(), event)
	require.NoError(w.t, err)
	msg := nats.NewMsg(out.Subject)
	msg.Data = out.Payload
	for name, value := range out.Headers {
		msg.Header[name] = []string{value}
	}
	return msg
}

// stream is one watcher's client.
type stream struct {
	t       *testing.T
	updates chan update
	ended   chan error
	cancel  context.CancelFunc
	release chan struct{} // closed: the client reads
}

func (w *world) watch(hub *Hub, caller auth.Caller, change ...func(*gatewayv1.WatchEventsRequest)) *stream {
	return w.watchAs(hub, edge.Session{Caller: caller, Access: "access"}, change...)
}

func (w *world) watchAs(hub *Hub, session edge.Session, change ...func(*gatewayv1.WatchEventsRequest)) *stream {
	w.t.Helper()
	request := &gatewayv1.WatchEventsRequest{Parent: "workspaces/" + w.workspace.String()}
	for _, f := range change {
		f(request)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	s := &stream{
		t: w.t, updates: make(chan update, 1<<16), ended: make(chan error, 1), cancel: cancel,
		release: make(chan struct{}),
	}
	close(s.release)
	release := &s.release
	go func() {
		s.ended <- hub.watch(ctx, session, request, func(u update) error {
			select {
			case <-*release:
			case <-ctx.Done():
				return ctx.Err()
			}
			s.updates <- u
			return nil
		})
	}()
	w.t.Cleanup(cancel)
	return s
}

const patience = 10 * time.Second

// started waits until the stream is live, and returns its first token.
func (s *stream) started() string {
	s.t.Helper()
	return s.next(func(u update) bool { return u.event == nil }).token
}

// event returns the next event.
func (s *stream) event() update {
	s.t.Helper()
	return s.next(func(u update) bool { return u.event != nil })
}

func (s *stream) next(wanted func(update) bool) update {
	s.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case u := <-s.updates:
			if wanted(u) {
				return u
			}
		case err := <-s.ended:
			require.NoError(s.t, err, "the stream ended")
		case <-timeout:
			require.Fail(s.t, "nothing came")
		}
	}
}

// until collects the sequences of events up to one.
func (s *stream) until(last uint64) []uint64 {
	s.t.Helper()
	var got []uint64
	for {
		u := s.event()
		got = append(got, u.event.sequence)
		if u.event.sequence >= last {
			return got
		}
	}
}

// end waits for the end and returns its fault.
func (s *stream) end() *fault.Error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		f, ok := errors.AsType[*fault.Error](err)
		require.True(s.t, ok, "no fault: %v", err)
		return f
	case <-time.After(patience):
		require.Fail(s.t, "the stream goes on")
		return nil
	}
}

// fakeDirectory answers from rows, all of them at once.
type fakeDirectory struct {
	mu   sync.Mutex
	rows []*directoryv1.AccessRow
	down error
	asks int
}

func (d *fakeDirectory) add(rows ...*directoryv1.AccessRow) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows = append(d.rows, rows...)
}

func (d *fakeDirectory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = err
}

func (d *fakeDirectory) Snapshot(_ context.Context, _ string, take func([]*directoryv1.AccessRow)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		return d.down
	}
	take(d.rows)
	return nil
}

func (d *fakeDirectory) Resolve(_ context.Context, _, _, _ string) ([]*directoryv1.AccessRow, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asks++
	return d.rows, d.down
}

// fakeSessions renews every session that was not revoked.
type fakeSessions struct {
	mu      sync.Mutex
	revoked map[uuid.UUID]bool
	renewed int
	session edge.Session // whose every token is
}

func (s *fakeSessions) Renew(_ context.Context, session edge.Session) (edge.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewed++
	if s.revoked[session.Caller.Session] {
		return edge.Session{}, fault.New(fault.Unauthenticated, fault.ReasonTokenRevoked, "revoked")
	}
	return session, nil
}

func (s *fakeSessions) Session(context.Context, string) (edge.Session, error) {
	return s.session, nil
}

func memberOf(c auth.Caller, state directoryv1.Member_State, version int64) *directoryv1.Member {
	return &directoryv1.Member{
		Name: c.Principal(), State: state, Role: directoryv1.Member_Role(c.Role), Version: version,
	}
}

func memberRowOf(c auth.Caller, state directoryv1.Member_State, version int64) *directoryv1.AccessRow {
	return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Member{Member: memberOf(c, state, version)}}
}

func spaceOf(name string, visibility directoryv1.Space_Visibility, version int64) *directoryv1.Space {
	return &directoryv1.Space{Name: name, Visibility: visibility, Version: version}
}

func spaceRowOf(name string, visibility directoryv1.Space_Visibility, version int64) *directoryv1.AccessRow {
	return &directoryv1.AccessRow{Row: &directoryv1.AccessRow_Space{Space: spaceOf(name, visibility, version)}}
}

func accessOf(space, principal string, role directoryv1.SpaceAccess_Role, version int64) *directoryv1.SpaceAccessChange {
	return &directoryv1.SpaceAccessChange{Space: space, Principal: principal, Role: role, Version: version}
}

func accessRowOf(space, principal string, role directoryv1.SpaceAccess_Role, version int64) *directoryv1.AccessRow {
	return &directoryv1.AccessRow{
		Row: &directoryv1.AccessRow_SpaceAccess{SpaceAccess: accessOf(space, principal, role, version)},
	}
}

// accessChanged is the event of one change of a private space's rights.
func accessChanged(space, principal string, role directoryv1.SpaceAccess_Role, version int64) proto.Message {
	return &directoryv1.SpaceAccessChanged{
		Space:   spaceOf(space, directoryv1.Space_PRIVATE, version),
		Changes: []*directoryv1.SpaceAccessChange{accessOf(space, principal, role, version)},
	}
}

func roleChanged(c auth.Caller, version int64) proto.Message {
	return &directoryv1.MemberUpdated{
		Member:        memberOf(c, directoryv1.Member_ACTIVE, version),
		ChangedFields: &fieldmaskpb.FieldMask{Paths: []string{"role"}},
	}
}
