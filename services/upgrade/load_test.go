package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// crowd is people who work: one who posts, each message an ask of the other, over both ways in, and hands tasks on to them.
type crowd struct {
	t                          *testing.T
	town                       *town
	workspace, thread, project string
	token, asked               string // the poster's API token, and that of who is asked
	posterName, askedName      string
	threads, tasks             *grpc.ClientConn
	signed, signedAsked        context.Context // the poster's and that of who is asked, for gRPC
	stop                       chan struct{}
	working                    sync.WaitGroup
	overGRPC, overHTTP, batons atomic.Int64

	mu     sync.Mutex
	posted map[string]bool // the bodies of acknowledged messages
	passed []string        // the tasks that were handed on and done
	failed []string
}

// newCrowd makes a workspace with two people and a thread.
func newCrowd(t *testing.T, w *town) *crowd {
	t.Helper()
	c := &crowd{t: t, town: w, stop: make(chan struct{}), posted: map[string]bool{}}
	operator := dial(t, w.target("directory"), rpcclient.Config{Identity: w.identity("meridian")})
	made, err := directoryv1.NewWorkspaceServiceClient(operator).CreateWorkspace(t.Context(), &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Town"}, OwnerEmail: "ada@example.com", RequestId: uuid.NewString(),
	})
	require.NoError(t, err)
	c.workspace, c.token, c.posterName = made.GetWorkspace().GetName(), made.GetSecret(), made.GetOwner().GetName()
	directory := dial(t, w.target("directory"), rpcclient.Config{})
	c.signed = c.signIn(directory, c.token)
	members := directoryv1.NewMemberServiceClient(directory)
	invited, err := members.InviteMember(c.signed, &directoryv1.InviteMemberRequest{
		Parent: c.workspace, Email: "ben@example.com", Role: directoryv1.Member_MEMBER,
	})
	require.NoError(t, err)
	accepted, err := members.AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{
		Code: invited.GetCode(), DisplayName: "Ben", TimeZone: "Etc/UTC",
	})
	require.NoError(t, err)
	c.askedName, c.asked = accepted.GetMember().GetName(), accepted.GetSecret()
	c.signedAsked = c.signIn(directory, c.asked)
	space, err := directoryv1.NewSpaceServiceClient(directory).CreateSpace(c.signed, &directoryv1.CreateSpaceRequest{
		Parent: c.workspace, Space: &directoryv1.Space{DisplayName: "All", Visibility: directoryv1.Space_OPEN},
	})
	require.NoError(t, err)
	c.threads = dial(t, w.target("threads"), rpcclient.Config{})
	thread, err := threadsv1.NewThreadServiceClient(c.threads).CreateThread(c.signed, &threadsv1.CreateThreadRequest{
		Parent: c.workspace, Thread: &threadsv1.Thread{Space: space.GetName(), Title: "Upgrade"},
	})
	require.NoError(t, err)
	c.thread = thread.GetName()
	c.tasks = dial(t, w.target("tasks"), rpcclient.Config{})
	project, err := tasksv1.NewProjectServiceClient(c.tasks).CreateProject(c.signed, &tasksv1.CreateProjectRequest{
		Parent: c.workspace, Project: &tasksv1.Project{Space: space.GetName(), Key: "UP", DisplayName: "Upgrade"},
	})
	require.NoError(t, err)
	c.project = project.GetName()
	return c
}

func dial(t *testing.T, target string, cfg rpcclient.Config) *grpc.ClientConn {
	t.Helper()
	conn, err := rpcclient.Dial(target, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func (c *crowd) signIn(directory *grpc.ClientConn, token string) context.Context {
	exchanged, err := directoryv1.NewTokenServiceClient(directory).ExchangeToken(c.t.Context(), &directoryv1.ExchangeTokenRequest{Token: token})
	require.NoError(c.t, err)
	return auth.WithToken(c.t.Context(), exchanged.GetAccessToken())
}

// work begins the load: clients that post one message after the other, and one task handed on after the other, until the end.
func (c *crowd) work() {
	for i := range 2 {
		c.working.Go(func() { c.repeat("gRPC", i, &c.overGRPC, c.postGRPC) })
		c.working.Go(func() { c.repeat("HTTP", i, &c.overHTTP, c.postHTTP) })
	}
	c.working.Go(c.relay)
}

// over says whether the load has ended.
func (c *crowd) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func (c *crowd) repeat(way string, client int, count *atomic.Int64, post func(body string) error) {
	for n := 0; !c.over(); n++ {
		body := fmt.Sprintf("%s %d: message %d", way, client, n)
		err := post(body)
		c.mu.Lock()
		if err == nil {
			c.posted[body] = true
		} else {
			c.failed = append(c.failed, fmt.Sprintf("%s: %v", body, err))
		}
		c.mu.Unlock()
		count.Add(1)
	}
}

// postGRPC leaves retries to the connection, as services do among each other.
func (c *crowd) postGRPC(body string) error {
	ctx, cancel := context.WithTimeout(c.signed, 10*time.Second)
	defer cancel()
	_, err := threadsv1.NewMessageServiceClient(c.threads).CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: c.thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body: body, Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_ACKNOWLEDGE, Members: []string{c.askedName}}},
		},
	})
	return err
}

// postHTTP does what any client over HTTP does: the same request again, at the next address, when it was told that nobody is
// there now or was told nothing.
func (c *crowd) postHTTP(body string) error {
	request, err := json.Marshal(map[string]any{
		"body": body, "asks": []map[string]any{{"kind": "ACKNOWLEDGE", "members": []string{c.askedName}}},
	})
	if err != nil {
		return err
	}
	key, last := uuid.NewString(), error(nil)
	for try := range 40 {
		if try > 0 && clock.Sleep(c.t.Context(), 100*time.Millisecond) != nil {
			break
		}
		code, answer, err := c.send(c.town.http(c.town.hosts[try%len(c.town.hosts)])+"/v1/"+c.thread+"/messages", key, request)
		switch {
		case err != nil:
			last = err
		case code == http.StatusOK:
			return nil
		case code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests:
			last = fmt.Errorf("%d: %s", code, answer)
		default:
			return fmt.Errorf("%d: %s", code, answer)
		}
	}
	return last
}

func (c *crowd) send(to, key string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// progress waits until every way in has brought some more.
func (c *crowd) progress() {
	c.t.Helper()
	overGRPC, overHTTP, batons := c.overGRPC.Load()+5, c.overHTTP.Load()+5, c.batons.Load()+2
	require.Eventually(c.t, func() bool {
		return c.overGRPC.Load() >= overGRPC && c.overHTTP.Load() >= overHTTP && c.batons.Load() >= batons
	}, patience, 5*time.Millisecond, "the load does not go on")
}

// end ends the load and requires that no request failed, that every acknowledged message is there once, that its event is
// in the stream once, and that it had its effect once; and the same of every task.
func (c *crowd) end() {
	c.t.Helper()
	close(c.stop)
	c.working.Wait()
	require.Empty(c.t, c.failed)
	c.t.Logf("%d messages over gRPC, %d over HTTP, %d tasks", c.overGRPC.Load(), c.overHTTP.Load(), len(c.passed))

	there := map[string]string{}
	for token := ""; ; {
		page, err := threadsv1.NewMessageServiceClient(c.threads).ListMessages(c.signed, &threadsv1.ListMessagesRequest{
			Parent: c.thread, PageSize: 200, PageToken: token,
		})
		require.NoError(c.t, err)
		for _, m := range page.GetMessages() {
			require.NotContains(c.t, there, m.GetBody(), "posted twice")
			there[m.GetBody()] = m.GetName()
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Len(c.t, there, len(c.posted))
	for body := range c.posted {
		require.Contains(c.t, there, body)
	}
	c.requireEvents(threadsv1.MessagePostedSubject("*"), len(there))
	c.requireTold(c.asked, "ASKED", len(there))
	c.requireBatons()
}

// requireEvents requires the events of n things in the stream, each once.
func (c *crowd) requireEvents(filter string, n int) {
	c.t.Helper()
	conn, err := c.town.broker.Connect()
	require.NoError(c.t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(c.t, err)
	events, err := js.OrderedConsumer(c.t.Context(), "EVENTS", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter},
	})
	require.NoError(c.t, err)
	seen := map[string]bool{}
	for len(seen) < n {
		msg, err := events.Next(jetstream.FetchMaxWait(patience))
		require.NoError(c.t, err, "%d of %d events", len(seen), n)
		subject := msg.Headers()["ce-subject"][0] // the thing's name
		require.False(c.t, seen[subject], "two events of %s", subject)
		seen[subject] = true
	}
}

// requireTold requires that somebody has n notifications of a reason, each of another source.
func (c *crowd) requireTold(token, reason string, n int) {
	c.t.Helper()
	signed := c.signIn(dial(c.t, c.town.target("directory"), rpcclient.Config{}), token)
	inbox := notificationsv1.NewInboxServiceClient(dial(c.t, c.town.target("notifications"), rpcclient.Config{}))
	count := func() int {
		sources := map[string]bool{}
		for token := ""; ; {
			page, err := inbox.ListNotifications(signed, &notificationsv1.ListNotificationsRequest{
				Parent: c.workspace, PageSize: 200, PageToken: token, Filter: "reason = " + reason,
			})
			require.NoError(c.t, err)
			for _, each := range page.GetNotifications() {
				require.False(c.t, sources[each.GetSource()], "two notifications of %s", each.GetSource())
				sources[each.GetSource()] = true
			}
			if token = page.GetNextPageToken(); token == "" {
				return len(sources)
			}
		}
	}
	require.Eventually(c.t, func() bool { return count() == n }, patience, 100*time.Millisecond, "not %d are told: %s", n, reason)
}
