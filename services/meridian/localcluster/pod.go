//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// readyWithin bounds the start of a replica, and endWithin its stop: the chart's terminationGracePeriodSeconds.
	readyWithin, endWithin = 2 * time.Minute, 50 * time.Second
	// readyEvery is how often a starting replica is asked.
	readyEvery = 100 * time.Millisecond
)

// pod is one container of a pod as a process.
type pod struct {
	name   string
	addr   netip.Addr
	labels map[string]string
	cmd    *exec.Cmd
	log    string
	// remount writes the pod's files as the Secrets now are.
	remount func() error
	ended   chan struct{}
	// meant says that its end was asked for.
	meant atomic.Bool
}

// place is where a pod's files and logs go, and what it is given.
type place struct {
	folder, bin, names string
	secrets            map[string]map[string]string
}

// launch writes the pod's secrets and starts its container.
func (p place) launch(name string, addr netip.Addr, spec podSpec, c container, labels map[string]string) (*pod, error) {
	folder := filepath.Join(p.folder, "pods", name)
	if err := p.mount(folder, spec, c); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	made := &pod{
		name: name, addr: addr, labels: labels, log: filepath.Join(p.folder, "logs", name+".log"), ended: make(chan struct{}),
		remount: func() error { return p.mount(folder, spec, c) },
	}
	log, err := os.OpenFile(made.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	image, _, _ := strings.Cut(path.Base(c.Image), ":")
	made.cmd = exec.Command(filepath.Join(p.bin, image), c.Args...) //nolint:gosec,noctx // our own binary; it is ended by signals
	for _, each := range c.Env {
		made.cmd.Env = append(made.cmd.Env, each.Name+"="+p.here(each.Name, each.Value, folder, addr))
	}
	made.cmd.Stdout, made.cmd.Stderr = log, log
	// What a terminal sends to the whole group is not for the replicas: they are stopped in order.
	made.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := made.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = made.cmd.Wait() // its exit code is read below
		close(made.ended)
	}()
	return made, nil
}

// mount writes the Secrets' files that the container mounts, below the folder.
func (p place) mount(folder string, spec podSpec, c container) error {
	for _, m := range c.VolumeMounts {
		for _, v := range spec.Volumes {
			if v.Name != m.Name {
				continue
			}
			if err := p.project(filepath.Join(folder, m.MountPath), v); err != nil {
				return err
			}
		}
	}
	return nil
}

// project writes a volume's files into a folder.
func (p place) project(folder string, v volume) error {
	files := map[string]string{}
	for key, value := range p.secrets[v.Secret.Name] {
		files[key] = value
	}
	for _, source := range v.Projected.Sources {
		for _, item := range source.Secret.Items {
			value, ok := p.secrets[source.Secret.Name][item.Key]
			if !ok {
				return fmt.Errorf("there is no key %s in a Secret %s", item.Key, source.Secret.Name)
			}
			files[item.Path] = value
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no Secret %s", v.Secret.Name)
	}
	return publish(folder, files)
}

// publish puts files into a folder in the place of those there, all at the same time, as a kubelet does: they are links to what
// the link ..data leads to.
func publish(folder string, files map[string]string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	data, err := os.MkdirTemp(folder, "..")
	if err != nil {
		return err
	}
	for name, value := range files {
		file := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			return err
		}
		top, _, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..data", top), filepath.Join(folder, top)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := os.Symlink(filepath.Base(data), data+"_next"); err != nil {
		return err
	}
	return os.Rename(data+"_next", filepath.Join(folder, "..data"))
}

// here moves a setting's value to this machine.
func (p place) here(name, value, folder string, addr netip.Addr) string {
	switch {
	case strings.HasSuffix(name, "_ADDR") && strings.HasPrefix(value, ":"):
		return addr.String() + value
	case strings.HasPrefix(value, "dns:///"):
		return "dns://" + p.names + "/" + strings.TrimPrefix(value, "dns:///")
	case strings.HasPrefix(value, "@/"):
		return "@" + filepath.Join(folder, value[1:])
	case strings.HasPrefix(value, "/"):
		return filepath.Join(folder, value)
	}
	return value
}

// awaitReady waits until the pod serves.
func (p *pod) awaitReady(ctx context.Context, adminPort int) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	url := fmt.Sprintf("http://%s/readyz", net.JoinHostPort(p.addr.String(), fmt.Sprint(adminPort)))
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", p.name, p.said())
		default:
		}
		if clock.Sleep(ctx, readyEvery) != nil {
			return fmt.Errorf("%s is not ready: %s", p.name, p.said())
		}
	}
}

// finish waits for the end of a pod that ends by itself.
func (p *pod) finish(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		return ctx.Err()
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d: %s", p.name, code, p.said())
	}
	return nil
}

// stop ends the pod as a kubelet does. It fails when the pod did not end by itself, or not well.
func (p *pod) stop(ctx context.Context) error {
	p.meant.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it fails when the pod is over
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	err := p.finish(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s did not stop within %s", p.name, endWithin)
	}
	return err
}

// said is the end of what the pod said.
func (p *pod) said() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-most):]))
}
