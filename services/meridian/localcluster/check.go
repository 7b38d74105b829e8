//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

// archive is the mail that is imported.
const archive = "services/meridian/internal/mailbox/testdata/notmuch-list.mbox"

// check uses the running cluster as its users do, and says what it saw.
func (k *cluster) check(ctx context.Context, factsFile string) error {
	if len(k.certificates) > 0 {
		if err := k.knock(ctx); err != nil {
			return fmt.Errorf("mutual TLS: %w", err)
		}
	}
	if err := k.importTwice(ctx); err != nil {
		return fmt.Errorf("the import: %w", err)
	}
	if err := k.replaceUnderLoad(ctx); err != nil {
		return fmt.Errorf("the rolling restart: %w", err)
	}
	if err := k.night(ctx); err != nil {
		return fmt.Errorf("the night: %w", err)
	}
	return k.walkAccess(ctx, factsFile)
}

// workspace makes one, as an operator does with the command line, and returns its name and a connection of its owner's.
func (k *cluster) workspace(ctx context.Context, name string) (workspace string, owner *restconn.Conn, token string, err error) {
	f := k.facts()
	out, err := k.meridian(ctx, "", append([]string{
		"workspace", "create", name, "--owner-email", "owner@example.com",
		"--directory-addr", f.Directory, "--identity-key", "@" + f.OperatorKey, "--json",
	}, f.tlsFlags()...)...)
	if err != nil {
		return "", nil, "", err
	}
	var made struct {
		Workspace struct {
			Name string `json:"name"`
		} `json:"workspace"`
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return "", nil, "", err
	}
	owner, err = restconn.New(f.HTTP, made.Secret)
	return made.Workspace.Name, owner, made.Secret, err
}

// meridian runs the command line as the bearer of a token.
func (k *cluster) meridian(ctx context.Context, token string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, filepath.Join(k.place.bin, "meridian"), args...) //nolint:gosec // our own binary
	command.Env = append(os.Environ(), "MERIDIAN_SERVER="+k.facts().HTTP, "MERIDIAN_TOKEN="+token)
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("meridian %s: %w: %s", args[0], err, said.String())
	}
	return out, nil
}

// importTwice brings the mail archive in, and again without a double.
func (k *cluster) importTwice(ctx context.Context) error {
	_, owner, token, err := k.workspace(ctx, "Archive")
	if err != nil {
		return err
	}
	count := 0
	for range 2 {
		if _, err := k.meridian(ctx, token, "import", "mbox", archive, "--space", "Archive", "--create-space"); err != nil {
			return err
		}
		messages, err := k.messages(ctx, owner)
		if err != nil {
			return err
		}
		if len(messages) == 0 || count != 0 && len(messages) != count {
			return fmt.Errorf("%d messages after %d", len(messages), count)
		}
		count = len(messages)
	}
	k.log.InfoContext(ctx, "the mail archive is imported, and again without a double", "messages", count)
	return nil
}

// messages are the bodies of all messages that a member may read, by their names.
func (k *cluster) messages(ctx context.Context, as grpc.ClientConnInterface) (map[string]string, error) {
	found := map[string]string{}
	spaces, err := directoryv1.NewWorkspaceServiceClient(as).ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{})
	if err != nil {
		return nil, err
	}
	for next := ""; ; {
		threads, err := threadsv1.NewThreadServiceClient(as).ListThreads(ctx, &threadsv1.ListThreadsRequest{
			Parent: spaces.GetWorkspaces()[0].GetName(), PageSize: 100, PageToken: next,
		})
		if err != nil {
			return nil, err
		}
		for _, t := range threads.GetThreads() {
			if err := k.messagesOf(ctx, as, t.GetName(), found); err != nil {
				return nil, err
			}
		}
		if next = threads.GetNextPageToken(); next == "" {
			return found, nil
		}
	}
}

func (k *cluster) messagesOf(ctx context.Context, as grpc.ClientConnInterface, thread string, found map[string]string) error {
	for next := ""; ; {
		page, err := threadsv1.NewMessageServiceClient(as).ListMessages(ctx, &threadsv1.ListMessagesRequest{Parent: thread, PageSize: 200, PageToken: next})
		if err != nil {
			return err
		}
		for _, m := range page.GetMessages() {
			found[m.GetName()] = m.GetBody()
		}
		if next = page.GetNextPageToken(); next == "" {
			return nil
		}
	}
}

// replaceUnderLoad replaces every replica, and the CA of their certificates, while clients post over HTTP and gRPC, which try again as any client does. No
// request fails, and nothing acknowledged is missing or there twice.
func (k *cluster) replaceUnderLoad(ctx context.Context) error {
	workspace, owner, token, err := k.workspace(ctx, "Load")
	if err != nil {
		return err
	}
	space, err := directoryv1.NewSpaceServiceClient(owner).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{
		Parent: workspace, Space: &directoryv1.Space{DisplayName: "All", Visibility: directoryv1.Space_OPEN}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	thread, err := threadsv1.NewThreadServiceClient(owner).CreateThread(ctx, &threadsv1.CreateThreadRequest{
		Parent: workspace, Thread: &threadsv1.Thread{Space: space.GetName(), Title: "Load"}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	overGRPC, err := rpcclient.Dial(k.command.GRPC, rpcclient.Config{})
	if err != nil {
		return err
	}
	defer overGRPC.Close() //nolint:errcheck // the load is over
	var (
		crew   sync.WaitGroup
		over   atomic.Bool
		posted atomic.Int64
		mu     sync.Mutex
		failed []error
	)
	for i, conn := range []grpc.ClientConnInterface{owner, owner, bearer{overGRPC, token}, bearer{overGRPC, token}} {
		crew.Go(func() {
			for n := 0; !over.Load(); n++ {
				_, err := threadsv1.NewMessageServiceClient(conn).CreateMessage(ctx, &threadsv1.CreateMessageRequest{
					Parent: thread.GetName(), RequestId: uuid.NewString(), Message: &threadsv1.Message{Body: fmt.Sprintf("client %d, message %d", i, n)},
				})
				if err == nil {
					posted.Add(1)
					continue
				}
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
				_ = clock.Sleep(ctx, restPause)
			}
		})
	}
	steps, err := k.replaceIssuer(ctx)
	if err == nil {
		err = k.replaceAll(ctx, steps...)
	}
	over.Store(true)
	crew.Wait()
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d requests failed, the first with %w", len(failed), int64(len(failed))+posted.Load(), failed[0])
	}
	there := map[string]string{}
	if err := k.messagesOf(ctx, owner, thread.GetName(), there); err != nil {
		return err
	}
	bodies := map[string]bool{}
	for _, body := range there {
		bodies[body] = true
	}
	if int64(len(there)) != posted.Load() || len(bodies) != len(there) {
		return fmt.Errorf("%d messages were acknowledged, %d are there, of %d bodies", posted.Load(), len(there), len(bodies))
	}
	k.log.InfoContext(ctx, "every replica and the CA were replaced under load, and no request failed", "messages", posted.Load())
	return nil
}

// walkAccess has the access walk of the stories call every method as everyone, here.
func (k *cluster) walkAccess(ctx context.Context, factsFile string) error {
	command := exec.CommandContext(ctx, "go", "test", "-count=1", "-run", "^TestAccessWalk$", "./services/e2e")
	command.Env = append(os.Environ(), "MERIDIAN_TEST_CLUSTER="+factsFile)
	if out, err := command.CombinedOutput(); err != nil {
		const most = 4000
		return fmt.Errorf("the access walk: %w: %s", err, out[max(0, len(out)-most):])
	}
	k.log.InfoContext(ctx, "the access walk passes: every method as everyone")
	return nil
}
