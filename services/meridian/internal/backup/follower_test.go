package backup

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
)

// follower believes what events tell it of messages: which there are.
type follower struct {
	crowd *crowd
	since time.Time
	stop  context.CancelFunc
	ended chan struct{}

	mu       sync.Mutex
	believes map[string]time.Time // the subjects of messages, and when their events happened
	token    string
	news     []string // the types of what came since it began
	restored *directoryv1.WorkspaceRestored
	failure  error
}

// follow begins where it was, or without a token at the instant it was told.
func (f *follower) follow() {
	ctx, stop := context.WithCancel(f.crowd.site.as(f.crowd.token))
	f.stop, f.ended, f.news, f.failure = stop, make(chan struct{}), nil, nil
	request := &gatewayv1.WatchEventsRequest{
		Parent: f.crowd.workspace, Types: []string{"meridian.threads.v1.MessagePosted", "meridian.directory.v1.WorkspaceRestored"},
		ResumeToken: f.token,
	}
	if f.token == "" {
		request.Since = timestamppb.New(f.since)
	}
	events, err := gatewayv1.NewEventServiceClient(f.crowd.site.conn).WatchEvents(ctx, request)
	require.NoError(f.crowd.site.t, err)
	go func() {
		defer close(f.ended)
		for {
			got, err := events.Recv()
			f.mu.Lock()
			if err == nil {
				err = f.take(got)
			}
			f.failure = err
			f.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

func (f *follower) take(got *gatewayv1.WatchEventsResponse) error {
	f.token = got.GetResumeToken()
	e := got.GetEvent()
	if e == nil {
		return nil
	}
	f.news = append(f.news, e.GetType())
	if e.GetType() == "meridian.threads.v1.MessagePosted" {
		f.believes[e.GetSubject()] = e.GetTime().AsTime()
		return nil
	}
	f.restored = &directoryv1.WorkspaceRestored{}
	return e.GetData().UnmarshalTo(f.restored)
}

// leave ends following.
func (f *follower) leave() {
	f.stop()
	<-f.ended
}

// leaveAfter loses what it followed.
func (f *follower) leaveAfter(loss func()) {
	loss()
	f.leave()
}

// returns follows where it was, and is told before anything else that what it saw may be void.
func (f *follower) returns() {
	f.restored = nil
	f.follow()
	require.Equal(f.crowd.site.t, "meridian.directory.v1.WorkspaceRestored", f.hears())
	f.heed()
}

// heed does what the event's documentation says: it forgets, and follows again from the instant.
func (f *follower) heed() {
	f.leave()
	f.since, f.token = f.restored.GetVoidTime().AsTime(), ""
	for subject, at := range f.believes {
		if !at.Before(f.since) {
			delete(f.believes, subject)
		}
	}
	f.follow()
}

// knows waits until the follower believes exactly what the tables say.
func (f *follower) knows(p *place) {
	t := f.crowd.site.t
	t.Helper()
	truth := count(t, p, `SELECT 'workspaces/' || workspace_id || '/threads/' || thread_id || '/messages/' || sequence FROM threads.messages`)
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.believes) >= len(truth)
	}, patience, 10*time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.believes, len(truth))
	for subject := range truth {
		require.Contains(t, f.believes, subject)
	}
}

// hears waits until a restore was told and returns what came first.
func (f *follower) hears() (first string) {
	t := f.crowd.site.t
	t.Helper()
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.restored != nil
	}, patience, 10*time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.news[0]
}

// refused waits for the end and says whether the token was too old.
func (f *follower) refused() bool {
	<-f.ended
	return status.Code(f.failure) == codes.OutOfRange
}
