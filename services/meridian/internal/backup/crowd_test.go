package backup

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// crowd is people who work: one who posts, each message an ask of the other.
type crowd struct {
	site                                *site
	workspace, thread, token, askedName string
	durable                             string // of an integrator

	mu     sync.Mutex
	posted map[string]time.Time // by the body, when the answer had come
	lost   map[string]bool      // those that a restore took back
	failed []error
	stop   chan struct{}
	work   sync.WaitGroup
}

func newCrowd(s *site) *crowd {
	s.t.Helper()
	t := s.t
	token, err := s.running.OwnerToken()
	require.NoError(t, err)
	c := &crowd{site: s, token: token, posted: map[string]time.Time{}, lost: map[string]bool{}}
	own := s.as(token)
	have, err := directoryv1.NewWorkspaceServiceClient(s.conn).ListWorkspaces(own, &directoryv1.ListWorkspacesRequest{})
	require.NoError(t, err)
	c.workspace = have.GetWorkspaces()[0].GetName()
	members := directoryv1.NewMemberServiceClient(s.conn)
	invited, err := members.InviteMember(own, &directoryv1.InviteMemberRequest{
		Parent: c.workspace, Email: "ben@example.com", Role: directoryv1.Member_MEMBER,
	})
	require.NoError(t, err)
	accepted, err := members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{
		Code: invited.GetCode(), DisplayName: "Ben", TimeZone: "Etc/UTC",
	})
	require.NoError(t, err)
	c.askedName = accepted.GetMember().GetName()
	space, err := directoryv1.NewSpaceServiceClient(s.conn).CreateSpace(own, &directoryv1.CreateSpaceRequest{
		Parent: c.workspace, Space: &directoryv1.Space{DisplayName: "All", Visibility: directoryv1.Space_OPEN},
	})
	require.NoError(t, err)
	thread, err := threadsv1.NewThreadServiceClient(s.conn).CreateThread(own, &threadsv1.CreateThreadRequest{
		Parent: c.workspace, Thread: &threadsv1.Thread{Space: space.GetName(), Title: "Restore"},
	})
	require.NoError(t, err)
	c.thread = thread.GetName()
	followed, err := directoryv1.NewEventSubscriptionServiceClient(s.conn).CreateEventSubscription(own, &directoryv1.CreateEventSubscriptionRequest{
		Parent: c.workspace, RequestId: uuid.NewString(), EventSubscription: &directoryv1.EventSubscription{
			DisplayName: "Integrator", Filters: []string{"threads.>"},
		},
	})
	require.NoError(t, err)
	c.durable = followed.GetEventSubscription().GetConsumer()
	return c
}

// begin has clients post one message after the other; end ends that.
func (c *crowd) begin(phase string) {
	c.stop = make(chan struct{})
	for i := range 2 {
		c.work.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-c.stop:
					return
				default:
				}
				c.post(fmt.Sprintf("%s, client %d, message %d", phase, i, n))
			}
		})
	}
}

// load posts at least so many messages.
func (c *crowd) load(phase string, n int) {
	c.begin(phase)
	c.more(n)
	c.end()
}

func (c *crowd) end() {
	c.site.t.Helper()
	close(c.stop)
	c.work.Wait()
	require.NoError(c.site.t, errors.Join(c.failed...))
}

func (c *crowd) post(body string) {
	_, err := threadsv1.NewMessageServiceClient(c.site.conn).CreateMessage(c.site.as(c.token), &threadsv1.CreateMessageRequest{
		Parent: c.thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body: body, Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_ACKNOWLEDGE, Members: []string{c.askedName}}},
		},
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = append(c.failed, fmt.Errorf("%s: %w", body, err))
		return
	}
	c.posted[body] = clock.Machine().Now()
}

// more waits until so many further messages are posted.
func (c *crowd) more(n int) {
	c.site.t.Helper()
	count := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.posted) + len(c.failed)
	}
	wanted := count() + n
	require.Eventually(c.site.t, func() bool { return count() >= wanted }, patience, 5*time.Millisecond, "the load does not go on")
}
