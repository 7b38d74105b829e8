package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// The types of the events that the story waits for.
const (
	threadEvent = "meridian.threads.v1."
	taskEvent   = "meridian.tasks.v1."
)

// offer is the first scene: nothing reaches Ben in his night.
func (s *story) offer(ctx context.Context) error {
	if err := s.moveTo(ctx, s.tuesday); err != nil {
		return err
	}
	told, err := s.ana.availability.ResolveExpectation(ctx, &availabilityv1.ResolveExpectationRequest{Parent: s.workspace, Members: []string{s.ben.member}})
	if err != nil {
		return err
	}
	s.sayf("Ana asks first what to expect:\n   API     %s", told.GetExpectations()[0].GetExplanation())
	nine := s.tuesday.Add(6 * time.Hour)
	if reached := told.GetExpectations()[0].GetReachedTime().AsTime(); !reached.Equal(nine) {
		return fmt.Errorf("expected Ben to be reached at %s, not %s", s.ben.local(nine), s.ben.local(reached))
	}
	message, err := s.ana.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: s.thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body: "Which replica is safe to promote: *east-2* or *west-1*?",
			Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_REPLY, Members: []string{s.ben.member}}},
		},
	})
	if err != nil {
		return err
	}
	s.question = message.GetName()
	s.sayf("Ana asks Ben a question:\n   API     %s carries %s", s.short(s.question), s.short(message.GetAsks()[0].GetName()))
	task, err := s.ana.tasks.CreateTask(ctx, &tasksv1.CreateTaskRequest{
		Parent: s.workspace, Task: &tasksv1.Task{Project: s.project, Title: "Cut the payments traffic over", Holder: s.ana.member}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	s.task = task.GetName()
	handoff, err := s.handOff(ctx, s.ana, &tasksv1.HandOffRequest{Recipient: s.ben.member, Note: &tasksv1.HandoffNote{
		Done: "The new cluster serves 10% of the reads.", NextSteps: "Promote the replica, then raise the share to 50%.", Questions: []string{"Do we need to warm the caches first?"},
	}})
	if err != nil {
		return err
	}
	s.sayf("and offers him the baton of %s:\n   API     %s is %s", task.GetKey(), s.short(handoff.GetName()), handoff.GetState())
	for _, e := range [][2]string{
		{threadEvent + "MessagePosted", s.question}, {threadEvent + "AskOpened", message.GetAsks()[0].GetName()}, {taskEvent + "HandoffOffered", handoff.GetName()},
	} {
		if err := s.saw(ctx, e[0], e[1]); err != nil {
			return err
		}
	}
	if _, err := s.clock.Now(ctx); err != nil {
		return err
	}
	s.sayf("Nothing reaches Ben; it stands in his inbox with the reason:")
	return s.held(ctx, s.ben, nine)
}

// held shows what waits in a person's inbox, and that none of it was sent.
func (s *story) held(ctx context.Context, p *person, until time.Time) error {
	found, err := s.unread(ctx, p)
	if err != nil {
		return err
	}
	if err := check(len(found) > 0, "something in %s's inbox", p.name); err != nil {
		return err
	}
	for _, n := range found {
		s.sayf("   inbox   %s, %s: %s", n.GetReason(), n.GetUrgency(), n.GetSummary())
		for _, d := range n.GetDeliveries() {
			s.sayf("           %s %s: %s", d.GetChannel(), d.GetDecision(), d.GetExplanation())
			if d.GetState() == notificationsv1.Delivery_SENT || d.GetDeliverTime() != nil && d.GetDeliverTime().AsTime().Before(until) {
				return fmt.Errorf("expected nothing to be sent to %s before %s", p.name, p.local(until))
			}
		}
	}
	return nil
}

func (s *story) unread(ctx context.Context, p *person) ([]*notificationsv1.Notification, error) {
	page, err := p.inbox.ListNotifications(ctx, &notificationsv1.ListNotificationsRequest{Parent: s.workspace, Filter: "state = UNREAD", PageSize: 50})
	return page.GetNotifications(), err
}

// handOff offers the story's task.
func (s *story) handOff(ctx context.Context, giver *person, req *tasksv1.HandOffRequest) (*tasksv1.Handoff, error) {
	req.Name, req.RequestId = s.task, uuid.NewString()
	return giver.handoffs.HandOff(ctx, req)
}

// short is a name without its workspace.
func (s *story) short(name string) string { return strings.TrimPrefix(name, s.workspace+"/") }

// morning is the second scene: the digest, the answer, the acceptance.
func (s *story) morning(ctx context.Context) error {
	nine := s.tuesday.Add(6 * time.Hour)
	if err := s.moveTo(ctx, nine.Add(10*time.Minute)); err != nil {
		return err
	}
	if err := s.showDigest(ctx, s.ben, nine); err != nil {
		return err
	}
	reply, err := s.ben.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: s.thread, Message: &threadsv1.Message{Body: "*east-2*: it is level with the primary.", ReplyTo: s.question}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	open, err := s.ben.asks.ListAsks(ctx, &threadsv1.ListAsksRequest{Parent: s.workspace, Filter: `message = "` + s.question + `"`})
	if err != nil {
		return err
	}
	ask := open.GetAsks()[0]
	s.sayf("Ben answers:\n   API     %s; %s is %s", s.short(reply.GetName()), s.short(ask.GetName()), ask.GetState())
	if err := check(ask.GetState() == threadsv1.Ask_SETTLED, "the ask to be settled by the reply"); err != nil {
		return err
	}
	if err := s.saw(ctx, threadEvent+"AskAnswered", ask.GetName()); err != nil {
		return err
	}
	if err := s.accept(ctx); err != nil {
		return err
	}
	return s.heard(ctx, s.ana, nine.Add(10*time.Minute), notificationsv1.Notification_ANSWERED, notificationsv1.Notification_ACCEPTED)
}

// showDigest shows the digest that came at the start of a person's day, what waits on them first.
func (s *story) showDigest(ctx context.Context, p *person, start time.Time) error {
	page, err := p.inbox.ListDigests(ctx, &notificationsv1.ListDigestsRequest{Parent: s.workspace, PageSize: 10})
	if err != nil {
		return err
	}
	for _, d := range page.GetDigests() {
		sent := d.GetSendTime().AsTime()
		if d.GetState() != notificationsv1.Digest_SENT || sent.Before(start) {
			continue
		}
		if err := check(!sent.After(start.Add(10*time.Minute)), "the digest between %s and ten past, not at %s", p.local(start), p.local(sent)); err != nil {
			return err
		}
		whole, err := p.inbox.GetDigest(ctx, &notificationsv1.GetDigestRequest{Name: d.GetName()})
		if err != nil {
			return err
		}
		s.sayf("%s's digest came at %s:\n%s", p.name, p.local(sent), indent(whole.GetText()))
		return nil
	}
	return fmt.Errorf("expected a digest for %s after %s", p.name, p.local(start))
}

func indent(text string) string {
	return "   | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n   | ")
}

// accept is Ben taking the baton: the leg changes.
func (s *story) accept(ctx context.Context) error {
	task, err := s.ben.tasks.GetTask(ctx, &tasksv1.GetTaskRequest{Name: s.task})
	if err != nil {
		return err
	}
	handoff, err := s.ben.handoffs.AcceptHandoff(ctx, &tasksv1.AcceptHandoffRequest{Name: task.GetOpenHandoff(), RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	legs, err := s.ben.tasks.ListLegs(ctx, &tasksv1.ListLegsRequest{Parent: s.task})
	if err != nil {
		return err
	}
	s.sayf("and takes the baton:\n   API     %s is %s", s.short(handoff.GetName()), handoff.GetState())
	for _, leg := range legs.GetLegs() {
		s.sayf("           leg %s: %s", leg.GetName()[strings.LastIndexByte(leg.GetName(), '/')+1:], s.who(leg.GetHolder()))
	}
	last := legs.GetLegs()[len(legs.GetLegs())-1]
	if err := check(last.GetHolder() == s.ben.member && last.GetEndTime() == nil, "Ben's leg to go on"); err != nil {
		return err
	}
	if err := s.saw(ctx, taskEvent+"HandoffAccepted", handoff.GetName()); err != nil {
		return err
	}
	_, err = s.clock.Now(ctx)
	return err
}

// heard shows that a person was told at once, for their day is still on.
func (s *story) heard(ctx context.Context, p *person, at time.Time, reasons ...notificationsv1.Notification_Reason) error {
	found, err := s.unread(ctx, p)
	if err != nil {
		return err
	}
	s.sayf("%s hears at once, for it is %s there:", p.name, p.local(at))
	for _, reason := range reasons {
		sent := false
		for _, n := range found {
			if n.GetReason() != reason {
				continue
			}
			s.sayf("   inbox   %s: %s", n.GetReason(), n.GetSummary())
			for _, d := range n.GetDeliveries() {
				sent = sent || d.GetChannel() == notificationsv1.Channel_IN_APP && d.GetSendTime() != nil && d.GetSendTime().AsTime().Equal(at)
			}
		}
		// A second signal about the same thing within a quarter of an hour would come with the first.
		if err := check(sent, "%s to be told %s in-app at %s", p.name, reason, p.local(at)); err != nil {
			return err
		}
	}
	return nil
}

// relay is the third scene: to the best of the team, and back.
func (s *story) relay(ctx context.Context) error {
	five := s.tuesday.Add(14 * time.Hour) // 17:00 in Chicago
	if err := s.moveTo(ctx, five.Add(-5*time.Minute)); err != nil {
		return err
	}
	handoff, err := s.handOff(ctx, s.ben, &tasksv1.HandOffRequest{AutoTeam: s.team, Note: &tasksv1.HandoffNote{
		Done: "east-2 is promoted; half of the reads are on it.", NextSteps: "Watch the error rate, then raise to 100%.",
	}})
	if err != nil {
		return err
	}
	if _, err := s.clock.Now(ctx); err != nil {
		return err
	}
	if handoff, err = s.ben.handoffs.GetHandoff(ctx, &tasksv1.GetHandoffRequest{Name: handoff.GetName()}); err != nil {
		return err
	}
	s.sayf("Ben offers the baton to the team; Dai is on leave, so it goes to %s, until %s:\n   API     %s is %s", s.who(handoff.GetRecipient()),
		s.chitra.local(handoff.GetExpireTime().AsTime()), s.short(handoff.GetName()), handoff.GetState())
	if err := check(handoff.GetRecipient() == s.chitra.member, "Chitra to be the candidate"); err != nil {
		return err
	}
	if err := s.saw(ctx, taskEvent+"HandoffUpdated", handoff.GetName()); err != nil {
		return err
	}
	chitrasNine := s.tuesday.Add(18*time.Hour + 30*time.Minute)
	if err := s.held(ctx, s.chitra, chitrasNine); err != nil {
		return err
	}
	if err := s.moveTo(ctx, chitrasNine.Add(10*time.Minute)); err != nil {
		return err
	}
	if err := s.showDigest(ctx, s.chitra, chitrasNine); err != nil {
		return err
	}
	expiry := chitrasNine.Add(4 * time.Hour)
	if err := check(handoff.GetExpireTime().AsTime().Equal(expiry), "the offer to expire at %s", s.chitra.local(expiry)); err != nil {
		return err
	}
	return s.returned(ctx, handoff.GetName(), expiry)
}

// returned is the end of the third scene: nobody is left, and Ben is told in his morning.
func (s *story) returned(ctx context.Context, name string, expiry time.Time) error {
	if err := s.moveTo(ctx, expiry); err != nil {
		return err
	}
	handoff, err := s.ben.handoffs.GetHandoff(ctx, &tasksv1.GetHandoffRequest{Name: name})
	if err != nil {
		return err
	}
	s.sayf("Chitra let it lie. Nobody of the team is left, so the baton goes back to Ben:\n   API     %s is %s, returned: %t", s.short(name), handoff.GetState(), handoff.GetReturned())
	if err := check(handoff.GetState() == tasksv1.Handoff_EXPIRED && handoff.GetReturned(), "the offer to have expired and returned"); err != nil {
		return err
	}
	for _, kind := range []string{"HandoffExpired", "HandoffRerouted"} {
		if err := s.saw(ctx, taskEvent+kind, name); err != nil {
			return err
		}
	}
	morning := s.tuesday.Add(30 * time.Hour) // 09:00 in Chicago, the next day
	if err := s.moveTo(ctx, morning); err != nil {
		return err
	}
	found, err := s.unread(ctx, s.ben)
	if err != nil {
		return err
	}
	for _, n := range found {
		if n.GetReason() != notificationsv1.Notification_RETURNED {
			continue
		}
		s.sayf("Ben is told in his morning:\n   inbox   %s, %s: %s", n.GetReason(), n.GetUrgency(), n.GetSummary())
		for _, d := range n.GetDeliveries() {
			s.sayf("           %s %s: %s", d.GetChannel(), d.GetState(), d.GetExplanation())
			if d.GetSendTime() != nil && !d.GetSendTime().AsTime().Equal(morning) {
				return fmt.Errorf("expected the notice at %s, not %s", s.ben.local(morning), s.ben.local(d.GetSendTime().AsTime()))
			}
		}
		return check(n.GetUrgency() == notificationsv1.Notification_HIGH, "the notice to be HIGH")
	}
	return fmt.Errorf("expected Ben to be told that the baton is back")
}

// change is the fourth scene: a due time that runs over a change of the clocks.
func (s *story) change(ctx context.Context) error {
	now, err := s.clock.Now(ctx)
	if err != nil {
		return err
	}
	change := nextChange(now, s.ben.place)
	friday := s.ben.place.DateAt(change)
	for friday.Weekday() != time.Friday {
		friday--
	}
	two := s.ben.place.Instant(friday, 14*60)
	s.sayf("The clock runs on to it, stopping at every morning's digests on the way; this takes a moment.")
	if err := s.moveTo(ctx, two); err != nil {
		return err
	}
	window := &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(8 * time.Hour)}}
	message, err := s.ana.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: s.thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body: "May I switch the old cluster off?",
			Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_APPROVE, Members: []string{s.ben.member}, Window: window}},
		},
	})
	if err != nil {
		return err
	}
	if _, err := s.clock.Now(ctx); err != nil {
		return err
	}
	ask, err := s.ana.asks.GetAsk(ctx, &threadsv1.GetAskRequest{Name: message.GetAsks()[0].GetName()})
	if err != nil {
		return err
	}
	// Three hours are left on Friday, so five remain for Monday: 14:00 by Ben's clock, whatever his clock did on Sunday.
	monday := s.ben.place.Instant(friday+3, 14*60)
	due := ask.GetRecipients()[0].GetDueTime().AsTime()
	s.sayf("Ana asks for an approval within 8 of Ben's working hours. His clocks change on %s.\n   API     due %s in Chicago, %s UTC: %s after the question",
		s.ben.place.Local(change).Format("Mon 2 Jan 15:04 MST"), s.ben.local(due), due.UTC().Format("15:04"), due.Sub(two))
	if err := check(due.Equal(monday), "the due time at %s, not %s", s.ben.local(monday), s.ben.local(due)); err != nil {
		return err
	}
	return s.saw(ctx, threadEvent+"AskDueChanged", ask.GetName())
}

// urgent is the fifth scene: the glass is broken, with its reason on record.
func (s *story) urgent(ctx context.Context) error {
	now, err := s.clock.Now(ctx)
	if err != nil {
		return err
	}
	night := s.ben.place.Instant(s.ben.place.DateAt(now)+3, 4*60)
	if err := s.moveTo(ctx, night); err != nil {
		return err
	}
	const reason = "Payments are failing for all customers"
	message, err := s.ana.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{
		Parent: s.thread, RequestId: uuid.NewString(), Message: &threadsv1.Message{
			Body:    "Payments fail since 08:50 London time. Can you roll back?",
			Urgency: notificationsv1.Notification_URGENT, UrgentReason: reason,
			Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_ACKNOWLEDGE, Members: []string{s.ben.member}}},
		},
	})
	if err != nil {
		return err
	}
	s.sayf("Ana breaks the glass: %q.\n   API     %s, URGENT", reason, s.short(message.GetName()))
	if err := s.saw(ctx, threadEvent+"AskOpened", message.GetAsks()[0].GetName()); err != nil {
		return err
	}
	if _, err := s.clock.Now(ctx); err != nil {
		return err
	}
	if err := s.woken(ctx, message.GetAsks()[0].GetName(), night); err != nil {
		return err
	}
	audit, err := directoryv1.NewAuditServiceClient(s.owner).ListAuditEvents(ctx, &directoryv1.ListAuditEventsRequest{Parent: s.workspace, PageSize: 50})
	if err != nil {
		return err
	}
	for _, e := range audit.GetAuditEvents() {
		if strings.Contains(e.String(), message.GetName()) && strings.Contains(e.String(), reason) {
			s.sayf("   audit   %s by %s: %q", e.GetAction(), s.who(e.GetActor()), reason)
			return nil
		}
	}
	return fmt.Errorf("expected the URGENT message in the audit, with its reason")
}

// woken shows that the urgent notification was sent at once.
func (s *story) woken(ctx context.Context, source string, at time.Time) error {
	page, err := s.ben.inbox.ListNotifications(ctx, &notificationsv1.ListNotificationsRequest{Parent: s.workspace, Filter: `source = "` + source + `"`})
	if err != nil {
		return err
	}
	for _, n := range page.GetNotifications() {
		for _, d := range n.GetDeliveries() {
			if d.GetSendTime() == nil {
				continue
			}
			s.sayf("Ben is woken at %s:\n   inbox   %s: %s\n           %s %s: %s", s.ben.local(d.GetSendTime().AsTime()), n.GetUrgency(), n.GetSummary(), d.GetChannel(), d.GetState(), d.GetExplanation())
			return check(d.GetSendTime().AsTime().Equal(at), "the message to be sent at once")
		}
	}
	return fmt.Errorf("expected the URGENT message to be sent at once")
}
