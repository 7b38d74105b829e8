package live

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// sendGrace is how long an update that is being sent may take yet when its stream has ended: a client that reads then
// also gets the reason.
const sendGrace = time.Second

// sender calls a watcher's send from a goroutine of its own, so that a client that does not read holds up nothing but
// that.
type sender struct {
	updates chan update
	done    chan error
}

func newSender(send func(update) error) *sender {
	s := &sender{updates: make(chan update), done: make(chan error, 1)}
	go func() {
		for u := range s.updates {
			s.done <- recovered(send, u)
		}
	}()
	return s
}

// recovered calls send and makes an error of a panic, which nobody above this goroutine would catch.
func recovered(send func(update) error, u update) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while sending: %v\n%s", p, debug.Stack())
		}
	}()
	return send(u)
}

// close lets the goroutine end, with the call that is under way.
func (s *sender) close() { close(s.updates) }

// send gives the client an update and waits until it is on its way. After an error nothing more may be sent.
func (w *watcher) send(ctx context.Context, u update) error {
	w.sender.updates <- u // the goroutine waits for it
	timeout := time.NewTimer(w.hub.cfg.SendTimeout)
	defer timeout.Stop()
	select {
	case err := <-w.sender.done:
		return err
	case <-timeout.C:
		return tooSlow()
	case <-ctx.Done():
	}
	timeout.Reset(sendGrace)
	select {
	case err := <-w.sender.done:
		return err
	case <-timeout.C:
		return closed("the stream ended here; go on from the token")
	}
}
