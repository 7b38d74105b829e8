package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// shared is what the tests of this process have in common: one stack for the stories that do not stop it, and the
// built binary for those that do.
type shared struct {
	folder string

	stackOnce sync.Once
	stack     *stack.Stack
	stackErr  error

	buildOnce sync.Once
	buildErr  error
}

var common shared

func TestMain(m *testing.M) {
	code := 1
	folder, err := os.MkdirTemp("", "meridian-e2e-")
	if err == nil {
		// The cluster's own user passes through it.
		err = os.Chmod(folder, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(code)
	}
	common.folder = folder
	code = m.Run()
	if common.stack != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		if err := common.stack.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the shared stack:", err)
			code = 1
		}
		cancel()
	}
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// running is a stack in this process.
type running struct {
	*stack.Stack
	token string
}

// start returns the stack that the stories of this process share; it runs until the last is over.
func start(t *testing.T) *running {
	t.Helper()
	common.stackOnce.Do(func() {
		common.stack, common.stackErr = stack.Start(context.Background(), configOn(filepath.Join(common.folder, "shared")))
	})
	require.NoError(t, common.stackErr)
	token, err := common.stack.OwnerToken()
	require.NoError(t, err)
	return &running{Stack: common.stack, token: token}
}

// configOn is a stack on free ports, without rate limits.
func configOn(data string) stack.Config {
	const free = "127.0.0.1:0"
	return stack.Config{
		HTTPAddr: free, GRPCAddr: free, NATSAddr: free, Data: data, Unlimited: true, Reflection: true,
		Workspace: "Stories", OwnerEmail: "owner@example.com", OwnerName: "Owner",
	}
}

// grpc is a new connection to the gateway's gRPC port, without a token.
func (r *running) grpc(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ownerToken is the token of the first workspace's owner.
func (r *running) ownerToken() string { return r.token }

// newWorkspace makes another workspace and returns its owner's token.
func (r *running) newWorkspace(t *testing.T) string {
	t.Helper()
	made, err := directoryv1.NewWorkspaceServiceClient(r.Self()).CreateWorkspace(t.Context(), &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Another " + uuid.NewString()[:8]}, OwnerEmail: "owner@example.org", RequestId: uuid.NewString(),
	})
	require.NoError(t, err)
	return made.GetSecret()
}

// http is the address of the gateway's HTTP.
func (r *running) http() string { return "http://" + r.HTTPAddr() }

// binary is the built command.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(common.folder, "meridian")
	common.buildOnce.Do(func() {
		build := exec.Command("go", "build", "-o", path, "../meridian")
		out, err := build.CombinedOutput()
		if err != nil {
			common.buildErr = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	require.NoError(t, common.buildErr)
	return path
}

// result is what a command printed and its exit code.
type result struct {
	out, err string
	code     int
}

// cli runs a command of the binary against a server, as the bearer of a token.
func cli(t *testing.T, server, token string, args ...string) result {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary(t), args...)
	command.Env = append(os.Environ(), "MERIDIAN_SERVER="+server, "MERIDIAN_TOKEN="+token, "MERIDIAN_DATA="+t.TempDir())
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{out: out.String(), err: errs.String(), code: command.ProcessState.ExitCode()}
}

// mustCLI is a command that must succeed; its JSON goes to into where that is not nil.
func mustCLI(t *testing.T, server, token string, into any, args ...string) result {
	t.Helper()
	if into != nil {
		args = append(args, "--json")
	}
	r := cli(t, server, token, args...)
	require.Zero(t, r.code, "%v: %s%s", args, r.out, r.err)
	if into != nil {
		require.NoError(t, json.Unmarshal([]byte(r.out), into), r.out)
	}
	return r
}

// process is `meridian up` as a process of its own, to be killed.
type process struct {
	cmd                     *exec.Cmd
	data, http, grpc, admin string
	out                     *said
	ended                   chan struct{}
}

// said is what a process prints, to be read while it does.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String is all that was printed so far.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// up runs the binary on a data folder and returns when it is ready.
func up(t *testing.T, data string) *process {
	t.Helper()
	p := launch(t, data)
	p.awaitReady(t)
	return p
}

// upWithDevClock is up with a clock that is moved by hand.
func upWithDevClock(t *testing.T, data string) *process {
	t.Helper()
	p := launchAt(t, data, freeAddr(t), freeAddr(t), "--dev-clock")
	p.awaitReady(t)
	return p
}

// launch runs the binary on a data folder and does not wait for it.
func launch(t *testing.T, data string) *process {
	t.Helper()
	return launchAt(t, data, freeAddr(t), freeAddr(t))
}

// launchAt is launch at given addresses.
func launchAt(t *testing.T, data, http, grpc string, flags ...string) *process {
	t.Helper()
	admin := freeAddr(t)
	p := &process{data: data, http: "http://" + http, grpc: grpc, admin: "http://" + admin, out: &said{}, ended: make(chan struct{})}
	args := []string{"up", "--data", data, "--http-addr", http, "--grpc-addr", grpc, "--nats-addr", freeAddr(t), "--admin-addr", admin}
	p.cmd = exec.Command(binary(t), append(args, flags...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// awaitReady waits until the gateway answers.
func (p *process) awaitReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-p.ended:
			return true
		default:
		}
		response, err := http.Get(p.http + "/openapi.json")
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, response.Body)
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK && p.token() != ""
	}, 2*time.Minute, 20*time.Millisecond)
	select {
	case <-p.ended:
		require.Fail(t, "meridian up ended", p.out.String())
	default:
	}
}

func (p *process) token() string {
	text, err := os.ReadFile(filepath.Join(p.data, stack.OwnerTokenFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// kill ends the process as a power cut would, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends the process as an operator would.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(40 * time.Second):
		require.Fail(t, "meridian up did not stop", p.out.String())
	}
	require.Zero(t, p.cmd.ProcessState.ExitCode(), p.out.String())
}

// dataFolder is a folder that the cluster's own user can pass to.
func dataFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp(common.folder, "data-") //nolint:usetesting // nobody else may pass through t.TempDir's
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	return filepath.Join(folder, "meridian")
}
