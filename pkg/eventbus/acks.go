package eventbus

import (
	"strconv"
	"time"
)

// What a consumer answers to a delivery. None of it is waited for: where it is lost the event comes again, and the inbox
// stops it. An event that is given back is let go of first: it may be here again before its worker has turned to the next.

// ack says that the event is finished.
func (r *Router) ack(it item) { r.answer(it, "+ACK") }

// nak gives the event back, for whoever asks next.
func (r *Router) nak(it item) {
	r.held.remove([]item{it})
	r.answer(it, "-NAK")
}

// nakAfter gives it back, to come again after a while.
func (r *Router) nakAfter(it item, delay time.Duration) {
	r.held.remove([]item{it})
	r.answer(it, `-NAK {"delay": `+strconv.FormatInt(delay.Nanoseconds(), 10)+`}`)
}

// term says that the event is not to come again.
func (r *Router) term(it item, reason string) { r.answer(it, "+TERM "+reason) }

func (r *Router) answer(it item, text string) { _ = r.conn.Publish(it.msg.Reply, []byte(text)) }
