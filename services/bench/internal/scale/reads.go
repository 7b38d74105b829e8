package scale

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"google.golang.org/grpc"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

const (
	// pageSize is how much is read at once; deepSize is that of pages far from the beginning, so that even the smallest world
	// has a thousand of them.
	pageSize = 50
	deepSize = 5
	deepPage = 1000
	// followed is how many threads the reader follows.
	followed = 1000
)

// read is one read that is measured; search says that it is held against a time instead of its own growth.
type read struct {
	name   string
	search bool
	call   load.Call
}

// reader is who reads in a world.
type reader struct {
	contents

	world *world.World
	// token is the reader's access token.
	token string
	// The connections to the services.
	directory, threads, notifications, tasks *grpc.ClientConn
	// deepToken leads to the page that lies deep.
	deepToken string
}

// newReader connects to the services and finds the page that lies deep.
func newReader(ctx context.Context, w *world.World, c contents) (*reader, error) {
	r := &reader{contents: c, world: w}
	for conn, addr := range map[**grpc.ClientConn]string{
		&r.directory: w.At.Services["directory"], &r.threads: w.At.Services["threads"],
		&r.notifications: w.At.Services["notifications"], &r.tasks: w.At.Services["tasks"],
	} {
		conns, err := w.Connect(addr, 1)
		if err != nil {
			return nil, err
		}
		*conn = conns[0]
	}
	if err := r.signIn(ctx); err != nil {
		return nil, err
	}
	err := r.walk(ctx)
	return r, err
}

// signIn exchanges the reader's token, which has to be done every few minutes.
func (r *reader) signIn(ctx context.Context) error {
	exchanged, err := directoryv1.NewTokenServiceClient(r.directory).ExchangeToken(ctx, &directoryv1.ExchangeTokenRequest{Token: r.Reader.APIToken})
	if err != nil {
		return fmt.Errorf("exchange the reader's token: %w", err)
	}
	r.token = exchanged.GetAccessToken()
	return nil
}

// walk goes page by page to the one that lies deep and keeps its token.
func (r *reader) walk(ctx context.Context) error {
	for range deepPage - 1 {
		page, err := r.page(ctx, r.Long, deepSize, r.deepToken)
		if err != nil {
			return err
		}
		if r.deepToken = page.GetNextPageToken(); r.deepToken == "" {
			return errors.New("the long thread ends before its thousandth page")
		}
	}
	return nil
}

func (r *reader) page(ctx context.Context, thread string, size int32, token string) (*threadsv1.ListMessagesResponse, error) {
	page, err := threadsv1.NewMessageServiceClient(r.threads).ListMessages(world.As(ctx, r.token), &threadsv1.ListMessagesRequest{
		Parent: thread, PageSize: size, OrderBy: "sequence desc", PageToken: token,
	})
	return page, full(err, len(page.GetMessages()), int(size))
}

// full fails a read that returned another number of things than it should.
func full(err error, have, want int) error {
	if err == nil && have != want {
		return fmt.Errorf("%d were read instead of %d", have, want)
	}
	return err
}

// reads are those that are measured.
func (r *reader) reads() []read {
	return []read{
		{"newest page of a thread", false, func(ctx context.Context, _ int, random *rand.Rand) error {
			_, err := r.page(ctx, r.Busy[random.IntN(len(r.Busy))], pageSize, "")
			return err
		}},
		{fmt.Sprintf("page %d of a thread", deepPage), false, func(ctx context.Context, _ int, _ *rand.Rand) error {
			_, err := r.page(ctx, r.Long, deepSize, r.deepToken)
			return err
		}},
		{"list of threads", false, r.listThreads},
		{fmt.Sprintf("unread counts in %d threads", followed), false, r.unread},
		{"inbox", false, r.listInbox},
		{"counts of an inbox", false, r.countInbox},
		{"tasks that I hold and that are active", false, r.listTasks(`holder = "me" AND state = "active"`)},
		{"tasks of a project that are active", false, r.listTasks(`project = "` + r.Projects[0] + `" AND category = "ACTIVE"`)},
		{"search of a rare word", true, r.search(rare, 3)},
		{"search of a middling word", true, r.search(middling, searchSize)},
		{"search of a frequent word", true, r.search(frequent, searchSize)},
		{"search of a common word", true, r.search(common, searchSize)},
		{"search of two words", true, r.search(middling+" "+common, searchSize)},
	}
}

func (r *reader) listThreads(ctx context.Context, _ int, _ *rand.Rand) error {
	page, err := threadsv1.NewThreadServiceClient(r.threads).ListThreads(world.As(ctx, r.token), &threadsv1.ListThreadsRequest{
		Parent: r.Workspace, PageSize: pageSize,
	})
	return full(err, len(page.GetThreads()), pageSize)
}

func (r *reader) unread(ctx context.Context, _ int, _ *rand.Rand) error {
	page, err := threadsv1.NewReadServiceClient(r.threads).ListReadStates(world.As(ctx, r.token), &threadsv1.ListReadStatesRequest{
		Parent: r.Workspace, PageSize: followed,
	})
	return full(err, len(page.GetReadStates()), followed)
}

func (r *reader) listInbox(ctx context.Context, _ int, _ *rand.Rand) error {
	page, err := notificationsv1.NewInboxServiceClient(r.notifications).ListNotifications(world.As(ctx, r.token), &notificationsv1.ListNotificationsRequest{
		Parent: r.Workspace, PageSize: pageSize,
	})
	return full(err, len(page.GetNotifications()), pageSize)
}

func (r *reader) countInbox(ctx context.Context, _ int, _ *rand.Rand) error {
	_, err := notificationsv1.NewInboxServiceClient(r.notifications).GetInboxCounts(world.As(ctx, r.token), &notificationsv1.GetInboxCountsRequest{
		Name: r.Workspace + "/inboxCounts",
	})
	return err
}

func (r *reader) listTasks(filter string) load.Call {
	return func(ctx context.Context, _ int, _ *rand.Rand) error {
		page, err := tasksv1.NewTaskServiceClient(r.tasks).ListTasks(world.As(ctx, r.token), &tasksv1.ListTasksRequest{
			Parent: r.Workspace, PageSize: taskSize, Filter: filter,
		})
		return full(err, len(page.GetTasks()), taskSize)
	}
}

const (
	// taskSize is a page of tasks: the smallest world has so many in a project that are active.
	taskSize = 10
	// searchSize is a page of hits.
	searchSize = 20
)

// search looks for words; there must be as many hits as are asked for.
func (r *reader) search(words string, hits int) load.Call {
	return func(ctx context.Context, _ int, _ *rand.Rand) error {
		page, err := threadsv1.NewSearchServiceClient(r.threads).SearchMessages(world.As(ctx, r.token), &threadsv1.SearchMessagesRequest{
			Parent: r.Workspace, Query: words, PageSize: searchSize,
		})
		return full(err, len(page.GetResults()), hits)
	}
}
