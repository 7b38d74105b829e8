package proc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// RoleCommand is the hidden command that runs this program in a role: `bench role NAME`.
const RoleCommand = "role"

// stopLimit is how long a role has to stop in order.
const stopLimit = 30 * time.Second

// Process is a role that runs.
type Process struct {
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start runs this program in a role, tells it what it is to do and waits for its answer: one line of JSON each way. The
// role ends when its standard input does, so it does not outlive this process.
func start(ctx context.Context, role string, config, answer any, env []string) (p *Process, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p = &Process{role: role, cmd: exec.Command(program, RoleCommand, role)} //nolint:noctx,gosec // Stop ends it in order; the program is this one
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt reaches only us
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the role %s: %w", role, err)
	}
	ended := context.AfterFunc(ctx, func() { _ = p.in.Close() })
	defer ended()
	if err := json.NewEncoder(p.in).Encode(config); err != nil {
		return nil, errors.Join(fmt.Errorf("tell the role %s: %w", role, err), p.Stop())
	}
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, answer)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the role %s did not answer: %w", role, err), p.Stop())
	}
	return p, nil
}

// Start runs a role until Stop and returns it with its answer, which it gives when it serves.
func Start[Answer any](ctx context.Context, role string, config any, env ...string) (*Process, Answer, error) {
	var answer Answer
	p, err := start(ctx, role, config, &answer, env)
	return p, answer, err
}

// Run runs a role to its end and returns its answer.
func Run[Answer any](ctx context.Context, role string, config any) (Answer, error) {
	p, answer, err := Start[Answer](ctx, role, config)
	if err != nil {
		return answer, err
	}
	return answer, p.Stop()
}

// PID is the role's process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop has the role stop in order and waits for its end. One that does not in half a minute is killed.
func (p *Process) Stop() error {
	_ = p.in.Close()
	kill := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_, _ = io.Copy(io.Discard, p.out)
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the role %s: %w", p.role, err)
	}
	return nil
}

// Play is a role's side: it reads what it is to do, does it, answers, and when stop is not nil serves until its standard
// input ends and then stops.
func Play[Config any](
	ctx context.Context, in io.Reader, out io.Writer,
	role func(ctx context.Context, config Config) (answer any, stop func(context.Context) error, err error),
) error {
	reader := bufio.NewReader(in)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	var config Config
	if err := json.Unmarshal(line, &config); err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, reader)
		cancel()
	}()
	answer, stop, err := role(ctx, config)
	if err != nil {
		return err
	}
	if stop == nil {
		return json.NewEncoder(out).Encode(answer)
	}
	err = json.NewEncoder(out).Encode(answer)
	if err == nil {
		<-ctx.Done()
	}
	ending, end := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer end()
	return errors.Join(err, stop(ending))
}
