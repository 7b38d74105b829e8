package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

func resumeAt(token string) func(*gatewayv1.WatchEventsRequest) {
	return func(r *gatewayv1.WatchEventsRequest) { r.ResumeToken = token }
}

func TestWatchersGetWhatTheyMayRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member, other, guest := w.watch(w.hub, w.member), w.watch(w.hub, w.other), w.watch(w.hub, w.guest)
	for _, s := range []*stream{member, other, guest} {
		s.started()
	}
	team := &directoryv1.TeamCreated{Team: &directoryv1.Team{
		Name: "workspaces/" + w.workspace.String() + "/teams/" + uuid.Must(uuid.NewV7()).String(), Version: 1,
	}}
	guestChanged := &directoryv1.MemberUpdated{Member: memberOf(w.guest, directoryv1.Member_ACTIVE, 2)}
	opened := w.publish("threads", w.post(w.open))
	hidden := w.publish("threads", w.post(w.private))
	teams := w.publish("directory", team)
	personal := w.publish("threads", w.readState(w.other))
	self := w.publish("directory", guestChanged)

	require.Equal(t, []uint64{opened, teams, self}, member.until(self))
	require.Equal(t, []uint64{opened, hidden, teams, personal, self}, other.until(self))
	require.Equal(t, []uint64{self}, guest.until(self), "a guest gets only what is about them")
}

func TestServicesEventsAreNobodys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	w.publish("directory", &directoryv1.TokenCreated{ApiToken: &directoryv1.ApiToken{
		Name: w.member.Principal() + "/apiTokens/" + uuid.Must(uuid.NewV7()).String(), Version: 1,
	}})
	last := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{last}, s.until(last))
}

func TestARevocationHoldsForEveryLaterEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.other)
	s.started()
	before := w.publish("threads", w.post(w.private))
	w.directory.add(accessRowOf(w.private, w.other.Principal(), directoryv1.SpaceAccess_NONE, 3))
	w.publish("directory", accessChanged(w.private, w.other.Principal(), directoryv1.SpaceAccess_NONE, 3))
	w.publish("threads", w.post(w.private), w.post(w.private))
	last := w.publish("threads", w.post(w.open))
	// Before the revocation is dealt out the first may go either way: the right is asked at delivery.
	got := s.until(last)
	require.Equal(t, last, got[len(got)-1])
	require.Subset(t, []uint64{before, last}, got)

	// The past is judged by the rights of now.
	replay := w.watch(w.hub, w.other, func(r *gatewayv1.WatchEventsRequest) {
		r.Since = timestamppb.New(clock.Machine().Now().Add(-time.Hour))
	})
	require.Equal(t, []uint64{last}, replay.until(last))
}

func TestAGrantOnItsWayIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	fresh := w.space()
	w.directory.add(spaceRowOf(fresh, directoryv1.Space_OPEN, 1))
	last := w.publish("threads", w.post(fresh)) // space.created comes later than the message in it
	require.Equal(t, []uint64{last}, s.until(last))

	w.directory.fail(errors.New("away"))
	unknown := w.space()
	w.publish("threads", w.post(unknown))
	ended := s.end()
	require.Equal(t, fault.Unavailable, ended.Kind)
	require.NotEmpty(t, ended.Metadata["resume_token"])

	w.directory.fail(nil)
	w.directory.add(spaceRowOf(unknown, directoryv1.Space_OPEN, 1))
	again := w.watch(w.hub, w.member, resumeAt(ended.Metadata["resume_token"]))
	require.Equal(t, []uint64{last + 1}, again.until(last+1), "nothing is lost")
}

func TestResumeHasNoGapAndNoDoubleWhilePublishing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replica := w.newHub()
	const events = 3000
	first := w.watch(w.hub, w.member)
	first.started()
	messages := make([]proto.Message, 0, events)
	for i := range events {
		messages = append(messages, w.post([]string{w.open, w.private}[min(i%10, 1)]))
	}
	var published sync.WaitGroup
	published.Go(func() { w.publish("threads", messages...) })
	var want, got []uint64
	for i := range events {
		if i%10 == 0 {
			want = append(want, uint64(i)+1)
		}
	}
	s, hubs := first, []*Hub{w.hub, replica}
	for turn := 0; len(got) < len(want); turn++ {
		var token string
		for range min(17, len(want)-len(got)) {
			u := s.event()
			got, token = append(got, u.event.sequence), u.token
		}
		s.cancel()
		s = w.watch(hubs[turn%2], w.member, resumeAt(token))
	}
	published.Wait()
	require.Equal(t, want, got)
}

func TestATokenIsGoodForItsArgumentsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.watch(w.hub, w.member).started()
	invalid := func(f *fault.Error) {
		t.Helper()
		require.Equal(t, fault.Invalid, f.Kind)
		require.Equal(t, fault.ReasonResumeTokenInvalid, f.Reason)
		require.Equal(t, "resume_token", f.Fields[0].Path)
	}
	invalid(w.watch(w.hub, w.member, resumeAt(token), func(r *gatewayv1.WatchEventsRequest) {
		r.Types = []string{"meridian.threads.*"}
	}).end())
	forged := []byte(token)
	forged[10] ^= 1
	invalid(w.watch(w.hub, w.member, resumeAt(string(forged))).end())
	invalid(w.watch(w.hub, w.member, resumeAt("nonsense")).end())
	stranger := newHubSigner(t, w)
	invalid(w.watch(w.hub, w.member, resumeAt(stranger)).end())

	state, err := w.hub.reader.state(t.Context())
	require.NoError(t, err)
	f, err := newFilter(w.workspace, nil, nil)
	require.NoError(t, err)
	beyond := w.hub.signer.sign(place{sequence: state.last + 1, created: state.created, filter: f.hash()})
	invalid(w.watch(w.hub, w.member, resumeAt(beyond)).end())
}

// newHubSigner is a token of a hub with another key.
func newHubSigner(t *testing.T, w *world) string {
	t.Helper()
	state, err := w.hub.reader.state(t.Context())
	require.NoError(t, err)
	f, err := newFilter(w.workspace, nil, nil)
	require.NoError(t, err)
	return signer{key: slices.Repeat([]byte{8}, 32)}.sign(place{created: state.created, filter: f.hash()})
}

func TestATokenTooOldComesWithTheEarliest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.watch(w.hub, w.member).started()
	w.publish("threads", w.post(w.open), w.post(w.open))
	kept := w.publish("threads", w.post(w.open))
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 1))
	require.NoError(t, stream.DeleteMsg(t.Context(), 2))

	ended := w.watch(w.hub, w.member, resumeAt(token)).end()
	require.Equal(t, fault.OutOfRange, ended.Kind)
	require.Equal(t, fault.ReasonResumeTokenTooOld, ended.Reason)
	again := w.watch(w.hub, w.member, resumeAt(ended.Metadata["earliest_resume_token"]))
	require.Equal(t, []uint64{kept}, again.until(kept))
}

func TestSinceBeginsAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	since := func(at time.Time) func(*gatewayv1.WatchEventsRequest) {
		return func(r *gatewayv1.WatchEventsRequest) { r.Since = timestamppb.New(at) }
	}
	w.publish("threads", w.post(w.open))
	middle := clock.Machine().Now()
	second := w.publish("threads", w.post(w.open))

	s := w.watch(w.hub, w.member, since(middle))
	u := s.event()
	require.Equal(t, second, u.event.sequence)
	third := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{third}, s.until(third))
	require.Equal(t, []uint64{third}, w.watch(w.hub, w.member, resumeAt(u.token)).until(third))

	future := w.watch(w.hub, w.member, since(middle.Add(time.Hour)))
	future.started()
	fourth := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{fourth}, future.until(fourth), "the future begins now")
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	typed := w.watch(w.hub, w.member, func(r *gatewayv1.WatchEventsRequest) {
		r.Types = []string{"meridian.threads.v1.MessagePosted"}
	})
	spaced := w.watch(w.hub, w.other, func(r *gatewayv1.WatchEventsRequest) { r.Spaces = []string{w.private} })
	typed.started()
	spaced.started()
	w.publish("directory", &directoryv1.SpaceUpdated{Space: spaceOf(w.open, directoryv1.Space_OPEN, 2)})
	private := w.publish("threads", w.post(w.private))
	last := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{last}, typed.until(last))
	require.Equal(t, []uint64{private}, spaced.until(private))

	bad := w.watch(w.hub, w.member, func(r *gatewayv1.WatchEventsRequest) { r.Types = []string{"meridian.Nothing"} }).end()
	require.Equal(t, "types", bad.Fields[0].Path)
	elsewhere := w.watch(w.hub, w.member, func(r *gatewayv1.WatchEventsRequest) {
		r.Spaces = []string{"workspaces/" + uuid.NewString() + "/spaces/" + uuid.NewString()}
	}).end()
	require.Equal(t, "spaces", elsewhere.Fields[0].Path)
}

func TestHeartbeatsCarryAUsableToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	hidden := w.publish("threads", w.post(w.private))
	var token string
	require.Eventually(t, func() bool {
		token = s.started()
		p, err := w.hub.signer.read(token)
		require.NoError(t, err)
		return p.sequence == hidden
	}, patience, time.Millisecond, "the heartbeat moves on past what was left out")
	last := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{last}, w.watch(w.hub, w.member, resumeAt(token)).until(last))
}

func TestAClientThatDoesNotReadIsCutOffAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fast := w.watch(w.hub, w.member)
	fast.started()
	blocked, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		first := true
		ended <- w.hub.watch(t.Context(), edge.Session{Caller: w.other},
			&gatewayv1.WatchEventsRequest{Parent: "workspaces/" + w.workspace.String()}, func(u update) error {
				if u.event != nil && first {
					first = false
					close(blocked)
					<-release
				}
				return nil
			})
	}()
	require.Eventually(t, func() bool {
		w.publish("threads", w.post(w.open))
		select {
		case <-blocked:
			return true
		default:
			return false
		}
	}, patience, 10*time.Millisecond)
	var last uint64
	for range queueEvents + 10 {
		last = w.publish("threads", w.post(w.open))
	}
	got := fast.until(last)
	require.Equal(t, last, got[len(got)-1], "the other client has everything")
	close(release)
	f := fault.From(<-ended)
	require.Equal(t, gatewayv1.ErrorReason_WATCHER_TOO_SLOW.String(), f.Reason)
	rest := w.watch(w.hub, w.other, resumeAt(f.Metadata["resume_token"])).until(last)
	require.Equal(t, last, rest[len(rest)-1])
	require.True(t, slices.IsSorted(rest))
}

func TestSinceWithoutEventsBeginsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Heartbeat = time.Hour })
	w.publish("threads", w.post(w.open))
	s := w.watch(w.hub, w.member, func(r *gatewayv1.WatchEventsRequest) {
		r.Since = timestamppb.New(clock.Machine().Now().Add(time.Hour))
	})
	require.NotEmpty(t, s.started(), "a heartbeat with a token, before anything happens")
}

func TestTheBrokerComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	first := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{first}, s.until(first))
	w.nats.Stop(t)
	s.started() // heartbeats go on
	w.nats.Start(t)
	var last uint64
	require.Eventually(t, func() bool {
		ack, err := w.js.PublishMsg(t.Context(), w.encode("threads", w.post(w.open)))
		if err == nil {
			last = ack.Sequence
		}
		return err == nil
	}, patience, 20*time.Millisecond)
	got := s.until(last)
	for i, sequence := range got {
		require.Equal(t, first+uint64(i)+1, sequence, "no gap and no double")
	}
}

func TestAReplacedStreamEndsEveryWatcher(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	token := s.started()
	w.publish("threads", w.post(w.open))
	// The broker takes an account's folder away with its last stream, and may do so while the next one is made.
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "BESIDE", Subjects: []string{"beside"}})
	require.NoError(t, err)
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	require.NoError(t, w.js.DeleteStream(t.Context(), "EVENTS"))
	_, err = w.js.CreateStream(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, gatewayv1.ErrorReason_STREAM_CLOSED.String(), s.end().Reason)
	var again *fault.Error
	require.Eventually(t, func() bool {
		again = w.watch(w.hub, w.member, resumeAt(token)).end()
		return again.Kind != fault.Unavailable
	}, patience, 50*time.Millisecond)
	require.Equal(t, fault.ReasonResumeTokenTooOld, again.Reason)
}

func TestDrainEndsStreamsWithATokenAndLetsNoneBegin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	w.hub.Drain()
	f := s.end()
	require.Equal(t, gatewayv1.ErrorReason_STREAM_CLOSED.String(), f.Reason)
	require.NotEmpty(t, f.Metadata["resume_token"])
	require.Equal(t, fault.Unavailable, w.watch(w.hub, w.member).end().Kind)
}

func TestAnUnreadableMessageIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	msg := w.encode("threads", w.post(w.open))
	msg.Header["ce-type"] = []string{"meridian.threads.v1.FromTheFuture"}
	_, err := w.js.PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	last := w.publish("threads", w.post(w.open))
	require.Equal(t, []uint64{last}, s.until(last))
	require.Equal(t, []uint64{last}, w.watch(w.hub, w.member, func(r *gatewayv1.WatchEventsRequest) {
		r.Since = timestamppb.New(clock.Machine().Now().Add(-time.Hour))
	}).until(last))
}

func TestAWorkspaceIsForgottenWithItsLastWatcher(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.watch(w.hub, w.member)
	s.started()
	l, err := w.hub.current(context.Background())
	require.NoError(t, err)
	topics := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.topics)
	}
	require.Equal(t, 1, topics())
	s.cancel()
	s.end()
	require.Zero(t, topics())
}
