//go:build unix

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/clock"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

const (
	// shortestRest and longestRest are between two acts of a member.
	shortestRest = 100 * time.Millisecond
	longestRest  = 900 * time.Millisecond
	// hasty is of how many writes one is tried once only, so that its outcome may stay unknown.
	hasty = 6
	// mostUrgents is what a member may send in a run.
	mostUrgents = 2
)

// actor is a member at work.
type actor struct {
	*member

	front  *front
	ledger *ledger
}

// live acts until over ends. What was begun by then is brought to its outcome, for which ctx is.
func (a *actor) live(ctx, over context.Context) {
	for {
		rest := shortestRest + time.Duration(a.random.Int64N(int64(longestRest-shortestRest)))
		if clock.Sleep(over, rest) != nil {
			return
		}
		a.act(ctx)
	}
}

// act does one thing. What has nothing to be done to posts instead.
func (a *actor) act(ctx context.Context) {
	w := a.workspace
	switch n := a.random.IntN(100); {
	case n < 18:
		a.ask(ctx)
	case n < 32:
		a.on(ctx, w.take(w.asked, a.member), a.answer)
	case n < 44:
		a.createTask(ctx)
	case n < 52:
		a.on(ctx, w.pickFree(a.member), a.claim)
	case n < 64:
		a.on(ctx, w.take(w.held, a.member), a.offer)
	case n < 74:
		a.on(ctx, w.take(w.offered, a.member), a.respond)
	case n < 77:
		a.on(ctx, w.take(w.given, a.member), a.withdraw)
	case n < 80:
		a.changeHours(ctx)
	default:
		a.post(ctx, nil)
	}
}

func (a *actor) on(ctx context.Context, resource string, do func(context.Context, string)) {
	if resource == "" {
		a.post(ctx, nil)
		return
	}
	do(ctx, resource)
}

// write makes one write and keeps it in the ledger. The call puts what was made into the entry.
func (a *actor) write(ctx context.Context, e entry, call func(ctx context.Context, w way, e *entry) error) entry {
	e.Member, e.Begun = a.name, clock.Machine().Now()
	wrong := func(answer string) { a.ledger.blame(string(e.Act) + ": " + answer) }
	patient := patience
	if a.random.IntN(hasty) == 0 {
		patient = 0
	}
	v := a.front.retry(ctx, a.token, patient, wrong, func(ctx context.Context, w way) error { return call(ctx, w, &e) })
	e.Outcome, e.Tries, e.Ended = v.outcome, v.tries, clock.Machine().Now()
	if v.answer != nil {
		e.Answer = v.answer.Error()
	}
	a.ledger.add(e)
	return e
}

// begin is an entry with a request_id and a mark of its own.
func begin(kind act) entry {
	return entry{Act: kind, Request: uuid.NewString(), Mark: uuid.NewString()}
}

// post posts a message that may ask, in any thread.
func (a *actor) post(ctx context.Context, asks []*threadsv1.Ask) {
	w := a.workspace
	e := begin(posting)
	e.Parent, e.Asks = w.threads[a.random.IntN(len(w.threads))], len(asks)
	message := &threadsv1.Message{Body: "Message " + e.Mark, Asks: asks}
	if len(asks) > 0 && a.urgents < mostUrgents && a.random.IntN(3) == 0 {
		a.urgents++
		e.Urgent = true
		message.Urgency, message.UrgentReason = notificationsv1.Notification_URGENT, "Because of "+e.Mark
	}
	var made *threadsv1.Message
	e = a.write(ctx, e, func(ctx context.Context, w way, e *entry) (err error) {
		request := &threadsv1.CreateMessageRequest{Parent: e.Parent, Message: message, RequestId: e.Request}
		if a.rest {
			made, err = postREST(ctx, w.http, a.token, request)
		} else {
			made, err = threadsv1.NewMessageServiceClient(w.conn).CreateMessage(ctx, request)
		}
		e.Resource = made.GetName()
		return err
	})
	if e.Outcome != acknowledged {
		return
	}
	for _, ask := range made.GetAsks() {
		for _, one := range ask.GetMembers() {
			w.put(w.asked, one, ask.GetName())
		}
	}
}

// ask asks one or two for an answer within seconds of their working time.
func (a *actor) ask(ctx context.Context) {
	a.post(ctx, []*threadsv1.Ask{{
		Kind: threadsv1.Ask_REPLY, Members: a.workspace.others(a.member, 1+a.random.IntN(2)), Window: a.window(),
	}})
}

// window is a time to respond in.
func (a *actor) window() *availabilityv1.ResponseWindow {
	span := durationpb.New(time.Duration(10+a.random.IntN(60)) * time.Second)
	if a.random.IntN(4) == 0 {
		return &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_ElapsedTime{ElapsedTime: span}}
	}
	return &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: span}}
}

func (a *actor) answer(ctx context.Context, ask string) {
	kind := answering
	if a.random.IntN(5) == 0 {
		kind = refusing
	}
	e := begin(kind)
	e.Resource = ask
	a.write(ctx, e, func(ctx context.Context, w way, e *entry) (err error) {
		asks := threadsv1.NewAskServiceClient(w.conn)
		if kind == refusing {
			_, err = asks.DeclineAsk(ctx, &threadsv1.DeclineAskRequest{Name: ask, Reason: e.Mark, RequestId: e.Request})
			return err
		}
		_, err = asks.AnswerAsk(ctx, &threadsv1.AnswerAskRequest{Name: ask, Comment: e.Mark, RequestId: e.Request})
		return err
	})
}

// changeHours gives the member other hours from now on.
func (a *actor) changeHours(ctx context.Context) {
	changed := hours{on: 1 + a.random.IntN(2), off: 1 + a.random.IntN(2), shift: a.random.IntN(4)}
	e := begin(scheduling)
	e.Parent = a.name
	a.write(ctx, e, func(ctx context.Context, w way, e *entry) error {
		made, err := availabilityv1.NewScheduleServiceClient(w.conn).CreateWorkingSchedule(ctx, &availabilityv1.CreateWorkingScheduleRequest{
			Parent: a.name, RequestId: e.Request, WorkingSchedule: &availabilityv1.WorkingSchedule{
				TimeZone: "Etc/UTC", Windows: changed.windows(e.Begun),
			},
		})
		e.Resource = made.GetName()
		return err
	})
}

// taskTitle is unique and readable.
func taskTitle(mark string) string { return fmt.Sprintf("Task %s", mark) }
