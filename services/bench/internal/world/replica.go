package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/meridianhq/meridian/services/bench/internal/load"
)

// startWithin bounds the start of a service's own program.
const startWithin = time.Minute

// StartThreads starts one more replica of the threads service by its own program, threadsd, which stands beside this one,
// and returns its process and its address when it is ready. It stops with the world.
func (w *World) StartThreads(ctx context.Context) (pid int, addr string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", fmt.Errorf("find this program: %w", err)
	}
	addr, admin, err := freeAddresses(ctx)
	if err != nil {
		return 0, "", err
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(self), "threadsd")) //nolint:noctx,gosec // stop ends it in order; it stands beside this program
	cmd.Env = slices.Concat(os.Environ(), w.traced(), w.replicaSettings(addr, admin))
	cmd.Stderr = os.Stderr
	// The signal comes at the end of the thread that starts it, which Go keeps for as long as the process lives.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return 0, "", fmt.Errorf("start threadsd: %w", err)
	}
	w.Keep(func() error { return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) })
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return cmd.Process.Pid, addr, load.Await(ctx, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		return ready(ctx, admin), ctx.Err()
	})
}

// replicaSettings are the variables that tell the program what the one process is told.
func (w *World) replicaSettings(addr, admin string) []string {
	cfg := w.At.Threads
	return []string{
		"MERIDIAN_GRPC_ADDR=" + addr, "MERIDIAN_ADMIN_ADDR=" + admin, "MERIDIAN_LOG_LEVEL=warn",
		"MERIDIAN_DATABASE_URL=" + cfg.DatabaseURL, "MERIDIAN_DATABASE_OWNER_URL=" + cfg.DatabaseOwnerURL,
		"MERIDIAN_NATS_URL=" + cfg.NATSURL, "MERIDIAN_NATS_USER=" + cfg.NATSUser, "MERIDIAN_NATS_PASSWORD=" + cfg.NATSPassword,
		"MERIDIAN_DIRECTORY_ADDR=" + cfg.DirectoryAddr, "MERIDIAN_AVAILABILITY_ADDR=" + cfg.AvailabilityAddr,
		"MERIDIAN_IDENTITY_KEY=" + cfg.IdentityKey, "MERIDIAN_SERVICE_KEYS=" + cfg.ServiceKeys, "MERIDIAN_EVENT_HOST=" + cfg.EventHost,
	}
}

// freeAddresses are two addresses on loopback that nobody listens on.
func freeAddresses(ctx context.Context) (first, second string, err error) {
	var lc net.ListenConfig
	for _, addr := range []*string{&first, &second} {
		listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer listener.Close() //nolint:errcheck,gocritic // closed to be taken, once both are known
		*addr = listener.Addr().String()
	}
	return first, second, nil
}

// ready asks an operators' port.
func ready(ctx context.Context, admin string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
