package notifications

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

const (
	low, normal  = notificationsv1.Notification_LOW, notificationsv1.Notification_NORMAL
	high, urgent = notificationsv1.Notification_HIGH, notificationsv1.Notification_URGENT
)

// thread is a thread of a space in which the test plays the service that owns it.
type thread struct {
	w         *world
	ws, space uuid.UUID
	name      string
	messages  int64
}

func (w *world) thread(ws, space uuid.UUID) *thread {
	return &thread{w: w, ws: ws, space: space, name: domain.WorkspaceName(ws) + "/threads/" + uuid.Must(uuid.NewV7()).String()}
}

func (t *thread) message(author person, urgency notificationsv1.Notification_Urgency, body string, mentions ...string) *threadsv1.Message {
	t.messages++
	m := &threadsv1.Message{
		Name: t.name + "/messages/" + strconv.FormatInt(t.messages, 10), Author: author.name(), Body: body, Mentions: mentions, Urgency: urgency,
	}
	if urgency == urgent {
		m.UrgentReason = "the pager is silent"
	}
	return m
}

// post publishes a message that mentions people.
func (t *thread) post(author person, m *threadsv1.Message) *threadsv1.Message {
	t.w.publish("threads", author.name(), &threadsv1.MessagePosted{
		Message: m, Thread: t.name, Space: domain.SpaceName(t.ws, t.space), ThreadVersion: t.w.version(t.name), ThreadTitle: "The night",
	})
	return m
}

// mention posts a message that mentions people.
func (t *thread) mention(author person, urgency notificationsv1.Notification_Urgency, mentions ...string) *threadsv1.Message {
	return t.post(author, t.message(author, urgency, "Please **look** at `this`", mentions...))
}

// ask is an ask of a thread's message, as its owner knows it.
type ask struct {
	*threadsv1.Ask
	t *thread
}

func (t *thread) ask(asker person, urgency notificationsv1.Notification_Urgency, asked ...person) *ask {
	m := t.message(asker, urgency, "x")
	id := uuid.Must(uuid.NewV7())
	a := &threadsv1.Ask{
		Name: domain.WorkspaceName(t.ws) + "/asks/" + id.String(), Uid: id.String(), Message: m.GetName(), Thread: t.name,
		Asker: asker.name(), Kind: threadsv1.Ask_REPLY, Urgency: urgency, State: threadsv1.Ask_OPEN,
	}
	for _, p := range asked {
		a.Members = append(a.Members, p.name())
		a.Recipients = append(a.Recipients, &threadsv1.AskRecipient{Member: p.name(), State: threadsv1.AskRecipient_OPEN})
	}
	return &ask{Ask: a, t: t}
}

func (a *ask) of(p person) *threadsv1.AskRecipient {
	for _, r := range a.GetRecipients() {
		if r.GetMember() == p.name() {
			return r
		}
	}
	return nil
}

func (a *ask) next() *threadsv1.Ask {
	a.Version = a.t.w.version(a.GetName())
	return a.Ask
}

func (a *ask) space() string { return domain.SpaceName(a.t.ws, a.t.space) }

func (a *ask) opened() *threadsv1.AskOpened {
	return &threadsv1.AskOpened{
		Ask: a.next(), Space: a.space(), ThreadTitle: "The night", Excerpt: "Can you *take* this?", UrgentReason: urgentReason(a.GetUrgency()),
	}
}

func urgentReason(u notificationsv1.Notification_Urgency) string {
	if u == urgent {
		return "the pager is silent"
	}
	return ""
}

func (a *ask) open() *ask {
	a.t.w.publish("threads", a.GetAsker(), a.opened())
	return a
}

// due publishes that the due times of some of those asked became known.
func (a *ask) due(due, remind time.Time, of ...person) {
	a.t.w.publish("threads", "services/threads", a.dueChanged(due, remind, of...))
}

func (a *ask) dueChanged(due, remind time.Time, of ...person) *threadsv1.AskDueChanged {
	e := &threadsv1.AskDueChanged{Space: a.space(), ThreadTitle: "The night"}
	for _, p := range of {
		a.of(p).DueTime, a.of(p).RemindTime = timestamppb.New(due), nil
		if !remind.IsZero() {
			a.of(p).RemindTime = timestamppb.New(remind)
		}
		e.Members = append(e.Members, p.name())
	}
	e.Ask = a.next()
	return e
}

func (a *ask) answer(by person, message, comment string, settled ...person) {
	e := &threadsv1.AskAnswered{Space: a.space(), ThreadTitle: "The night", Member: by.name()}
	for _, p := range append([]person{by}, settled...) {
		if r := a.of(p); r != nil {
			r.State, r.AnswerMessage, r.Comment, r.AnsweredBy = threadsv1.AskRecipient_ANSWERED, message, comment, by.name()
		}
		e.SettledMembers = append(e.SettledMembers, p.name())
	}
	e.Ask = a.next()
	a.t.w.publish("threads", by.name(), e)
}

func (a *ask) overdue(of ...person) {
	e := &threadsv1.AskOverdue{Space: a.space(), ThreadTitle: "The night"}
	for _, p := range of {
		a.of(p).State = threadsv1.AskRecipient_OVERDUE
		e.Members = append(e.Members, p.name())
	}
	e.Ask = a.next()
	a.t.w.publish("threads", "services/threads", e)
}

func (a *ask) withdraw(by person) {
	e := &threadsv1.AskWithdrawn{Space: a.space(), ThreadTitle: "The night"}
	for _, r := range a.GetRecipients() {
		r.State = threadsv1.AskRecipient_WITHDRAWN
		e.Members = append(e.Members, r.GetMember())
	}
	a.State = threadsv1.Ask_WITHDRAWN
	e.Ask = a.next()
	a.t.w.publish("threads", by.name(), e)
}

// baton is a handoff of a task, as its owner knows it.
type baton struct {
	*tasksv1.Handoff
	w         *world
	ws, space uuid.UUID
}

func (w *world) baton(ws, space uuid.UUID, giver person, route tasksv1.Handoff_Route) *baton {
	id, task := uuid.Must(uuid.NewV7()).String(), uuid.Must(uuid.NewV7()).String()
	return &baton{w: w, ws: ws, space: space, Handoff: &tasksv1.Handoff{
		Name: domain.WorkspaceName(ws) + "/handoffs/" + id, Uid: id, Task: domain.WorkspaceName(ws) + "/tasks/" + task,
		TaskKey: "OPS-17", TaskTitle: "Move the database", Giver: giver.name(), Route: route, State: tasksv1.Handoff_OFFERED,
		Note: &tasksv1.HandoffNote{NextSteps: "Switch the **replica** over"},
	}}
}

func (b *baton) next() *tasksv1.Handoff {
	b.Version = b.w.version(b.GetTask())
	return b.Handoff
}

func (b *baton) where() string { return domain.SpaceName(b.ws, b.space) }

func names(people []person) []string {
	var all []string
	for _, p := range people {
		all = append(all, p.name())
	}
	return all
}

func (b *baton) offer(to ...person) *baton {
	if b.GetRoute() == tasksv1.Handoff_MEMBER && len(to) == 1 {
		b.Recipient = to[0].name()
	}
	b.w.publish("tasks", b.GetGiver(), &tasksv1.HandoffOffered{Handoff: b.next(), Space: b.where(), Recipients: names(to)})
	return b
}

func (b *baton) update(routed bool, to ...person) {
	b.w.publish("tasks", "services/tasks", &tasksv1.HandoffUpdated{Handoff: b.next(), Space: b.where(), Recipients: names(to), Routed: routed})
}

func (b *baton) accept(by person) {
	b.State, b.Responder = tasksv1.Handoff_ACCEPTED, by.name()
	b.w.publish("tasks", by.name(), &tasksv1.HandoffAccepted{Handoff: b.next(), Space: b.where()})
}

func (b *baton) decline(by person, reason string) {
	b.State, b.Responder, b.Reason = tasksv1.Handoff_DECLINED, by.name(), reason
	b.w.publish("tasks", by.name(), &tasksv1.HandoffDeclined{Handoff: b.next(), Space: b.where()})
}

func (b *baton) expire() {
	b.State = tasksv1.Handoff_EXPIRED
	b.w.publish("tasks", "services/tasks", &tasksv1.HandoffExpired{Handoff: b.next(), Space: b.where()})
}

// workingTimeChanged publishes what availability publishes when somebody's hours change.
func (w *world) workingTimeChanged(p person) {
	version := w.version(p.name())
	w.publish("availability", p.name(), &availabilityv1.WorkingTimeChanged{
		Member: p.name(), StartTime: timestamppb.New(w.clock.Now()), Version: version,
	})
}

// rehours sets somebody's hours and says so.
func (w *world) rehours(p person, zone string, h hours) {
	w.office.set(p.Member, zone, h)
	w.workingTimeChanged(p)
}

// join publishes that somebody is active.
func (w *world) join(p person) {
	w.publish("directory", p.name(), &directoryv1.MemberActivated{Member: &directoryv1.Member{
		Name: p.name(), State: directoryv1.Member_ACTIVE, Version: w.version("member " + p.name()),
	}})
}

func clone[M proto.Message](m M) M { return proto.CloneOf(m) }

// pad writes the number of a member into an id.
func pad(i int) string { return fmt.Sprintf("%012d", i) }
