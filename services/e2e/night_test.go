package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/clock"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// assertion is what require needs within an Eventually.
type assertion = assert.CollectT //nolint:forbidigo // require.EventuallyWithT takes it

// newNight starts a stack on the Monday before, and makes its people.
func newNight(t *testing.T, change ...func(*stack.Config)) *night {
	t.Helper()
	mails := newMailbox(t)
	cfg := configOn(dataFolder(t))
	cfg.Clock = clock.NewManual(startOfNight())
	cfg.MailURL, cfg.MailFrom = "smtp://"+mails.addr, "Meridian <meridian@example.com>"
	for _, f := range change {
		f(&cfg)
	}
	s, err := stack.Start(deadline(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(deadline(t))) })
	token, err := s.OwnerToken()
	require.NoError(t, err)
	n := &night{stack: &running{Stack: s, token: token}, mails: mails}
	n.relay = &relay{
		t: t, conn: dialGRPC(t, s.GRPCAddr()), owner: token,
		move: func(to time.Time) {
			_, err := s.Clock().Set(deadline(t), to)
			require.NoError(t, err)
		},
		settle: func() {
			_, err := s.Clock().Show(deadline(t))
			require.NoError(t, err)
		},
	}
	n.gather()
	return n
}

// TestTheNight is the story: a question and a baton go from London to Chicago to Kolkata and back.
func TestTheNight(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.move(tuesday)

	told, err := availabilityv1.NewAvailabilityServiceClient(n.conn).ResolveExpectation(as(t.Context(), n.ana.token), &availabilityv1.ResolveExpectationRequest{
		Parent: n.workspace, Members: []string{n.ben.member},
	})
	require.NoError(t, err)
	require.True(t, told.GetExpectations()[0].GetReachedTime().AsTime().Equal(bensNine))
	question := n.ask(n.ana, n.ben, n.thread, "Which replica is safe to promote?")
	task := n.task(n.ana, "Cut the payments traffic over")
	offer := n.handOff(n.ana, &tasksv1.HandOffRequest{Name: task.GetName(), Recipient: n.ben.member})
	n.settle()
	for _, reason := range []notificationsv1.Notification_Reason{notificationsv1.Notification_ASKED, notificationsv1.Notification_OFFERED} {
		got := n.notified(n.ben, reason)
		inApp, email := delivery(t, got, notificationsv1.Channel_IN_APP), delivery(t, got, notificationsv1.Channel_EMAIL)
		require.Equal(t, notificationsv1.Delivery_DEFERRED, inApp.GetDecision())
		require.True(t, inApp.GetDeliverTime().AsTime().Equal(bensNine), inApp.GetDeliverTime().AsTime())
		require.Equal(t, notificationsv1.Delivery_DIGEST, email.GetDecision())
	}
	n.move(bensNine.Add(-time.Second))
	require.Empty(t, n.mails.to(n.ben.email), "nothing reaches him in his night")
	require.Empty(t, n.sentDigests(n.ben))

	n.move(bensNine.Add(10 * time.Minute))
	n.digestOfTheMorning(question, offer)
	n.answersAndAccepts(question, offer)
	n.backToBen(task)
	n.undisturbed(n.ben, office(9, 17))
	n.undisturbed(n.chitra, office(9, 17))
	n.undisturbed(n.ana, office(9, 17))
}

// digestOfTheMorning: it came between nine and ten past, lists both, asks first, once.
func (n *night) digestOfTheMorning(question *threadsv1.Message, offer *tasksv1.Handoff) {
	n.t.Helper()
	digests := n.sentDigests(n.ben)
	require.Len(n.t, digests, 1)
	sent := digests[0].GetSendTime().AsTime()
	require.False(n.t, sent.Before(bensNine) || sent.After(bensNine.Add(10*time.Minute)), sent)
	require.Equal(n.t, "2026-12-01", digests[0].GetLocalDate())
	var sources []string
	for _, name := range digests[0].GetNotifications() {
		for _, one := range n.inbox(n.ben) {
			if one.GetName() == name {
				sources = append(sources, one.GetSource())
			}
		}
	}
	require.Equal(n.t, []string{question.GetAsks()[0].GetName(), offer.GetName()}, sources, "asks first")
	letters := n.mails.to(n.ben.email)
	require.Len(n.t, letters, 1)
	for _, text := range []string{letters[0].text, letters[0].html} {
		asked, offered := strings.Index(text, "Which replica is safe to promote?"), strings.Index(text, "Cut the payments traffic over")
		require.True(n.t, asked >= 0 && offered > asked, letters[0].body)
	}
	require.NotEmpty(n.t, letters[0].header.Get("List-Unsubscribe"))
}

// answersAndAccepts: the ask closes, the leg changes, and Ana hears at once, for her day is still on.
func (n *night) answersAndAccepts(question *threadsv1.Message, offer *tasksv1.Handoff) {
	n.t.Helper()
	now := bensNine.Add(10 * time.Minute)
	_, err := threadsv1.NewMessageServiceClient(n.conn).CreateMessage(as(n.t.Context(), n.ben.token), &threadsv1.CreateMessageRequest{
		Parent: n.thread, Message: &threadsv1.Message{Body: "The one in the east.", ReplyTo: question.GetName()},
	})
	require.NoError(n.t, err)
	ask, err := threadsv1.NewAskServiceClient(n.conn).GetAsk(as(n.t.Context(), n.ben.token), &threadsv1.GetAskRequest{Name: question.GetAsks()[0].GetName()})
	require.NoError(n.t, err)
	require.Equal(n.t, threadsv1.Ask_SETTLED, ask.GetState())
	n.settle()
	answered := delivery(n.t, n.notified(n.ana, notificationsv1.Notification_ANSWERED), notificationsv1.Channel_IN_APP)
	require.True(n.t, answered.GetSendTime().AsTime().Equal(now), answered)

	_, err = tasksv1.NewHandoffServiceClient(n.conn).AcceptHandoff(as(n.t.Context(), n.ben.token), &tasksv1.AcceptHandoffRequest{Name: offer.GetName()})
	require.NoError(n.t, err)
	legs, err := tasksv1.NewTaskServiceClient(n.conn).ListLegs(as(n.t.Context(), n.ben.token), &tasksv1.ListLegsRequest{Parent: offer.GetTask()})
	require.NoError(n.t, err)
	require.Len(n.t, legs.GetLegs(), 2)
	require.Equal(n.t, []string{n.ana.member, n.ben.member}, []string{legs.GetLegs()[0].GetHolder(), legs.GetLegs()[1].GetHolder()})
	require.True(n.t, legs.GetLegs()[0].GetEndTime().AsTime().Equal(now) && legs.GetLegs()[1].GetStartTime().AsTime().Equal(now))
	n.settle()
	accepted := delivery(n.t, n.notified(n.ana, notificationsv1.Notification_ACCEPTED), notificationsv1.Channel_IN_APP)
	require.True(n.t, accepted.GetSendTime().AsTime().Equal(now), accepted)
	for _, one := range n.inbox(n.ben) {
		require.False(n.t, one.GetWaiting(), "nothing waits on Ben any more: %s", one)
	}
}

// backToBen: AUTO skips Dai, Chitra lets it lie, nobody is left, and Ben has a HIGH notice in his morning.
func (n *night) backToBen(task *tasksv1.Task) {
	n.t.Helper()
	n.move(bensFive.Add(-5 * time.Minute))
	offer := n.handOff(n.ben, &tasksv1.HandOffRequest{Name: task.GetName(), AutoTeam: n.team})
	n.settle()
	offer = n.handoff(n.ben, offer.GetName())
	require.Equal(n.t, n.chitra.member, offer.GetRecipient(), "Dai is skipped")
	chitrasNine := time.Date(2026, 12, 2, 3, 30, 0, 0, time.UTC)
	require.True(n.t, offer.GetExpireTime().AsTime().Equal(chitrasNine.Add(4*time.Hour)), offer.GetExpireTime().AsTime())
	n.move(chitrasNine.Add(-time.Second))
	require.Empty(n.t, n.mails.to(n.chitra.email))
	n.move(chitrasNine)
	offered := delivery(n.t, n.notified(n.chitra, notificationsv1.Notification_OFFERED), notificationsv1.Channel_IN_APP)
	require.True(n.t, offered.GetSendTime().AsTime().Equal(chitrasNine), offered)
	require.Empty(n.t, n.inbox(n.dai))

	n.move(chitrasNine.Add(4 * time.Hour))
	offer = n.handoff(n.ben, offer.GetName())
	require.Equal(n.t, tasksv1.Handoff_EXPIRED, offer.GetState())
	require.True(n.t, offer.GetReturned())
	morning := bensNine.Add(24 * time.Hour)
	returned := n.notified(n.ben, notificationsv1.Notification_RETURNED)
	require.Equal(n.t, notificationsv1.Notification_HIGH, returned.GetUrgency())
	for _, channel := range []notificationsv1.Channel_Kind{notificationsv1.Channel_IN_APP, notificationsv1.Channel_EMAIL} {
		held := delivery(n.t, returned, channel)
		require.Equal(n.t, notificationsv1.Delivery_PENDING, held.GetState())
		require.True(n.t, held.GetDeliverTime().AsTime().Equal(morning), held)
	}
	n.move(morning)
	for _, channel := range []notificationsv1.Channel_Kind{notificationsv1.Channel_IN_APP, notificationsv1.Channel_EMAIL} {
		sent := delivery(n.t, n.notified(n.ben, notificationsv1.Notification_RETURNED), channel)
		require.Equal(n.t, notificationsv1.Delivery_SENT, sent.GetState(), sent)
		require.True(n.t, sent.GetSendTime().AsTime().Equal(morning), sent)
	}
	got, err := tasksv1.NewTaskServiceClient(n.conn).GetTask(as(n.t.Context(), n.ben.token), &tasksv1.GetTaskRequest{Name: task.GetName()})
	require.NoError(n.t, err)
	require.Equal(n.t, n.ben.member, got.GetHolder())
}

// TestADueTimeRunsOverTheChangeOfClocks: Friday, 13 March 2027, before Chicago's spring.
func TestADueTimeRunsOverTheChangeOfClocks(t *testing.T) {
	t.Parallel()
	friday := time.Date(2027, 3, 12, 20, 0, 0, 0, time.UTC) // 14:00 in Chicago, standard time
	n := newNight(t, func(cfg *stack.Config) { cfg.Clock = clock.NewManual(friday) })
	message, err := threadsv1.NewMessageServiceClient(n.conn).CreateMessage(as(t.Context(), n.ana.token), &threadsv1.CreateMessageRequest{
		Parent: n.thread, Message: &threadsv1.Message{Body: "May I switch it off?", Asks: []*threadsv1.Ask{{
			Kind: threadsv1.Ask_APPROVE, Members: []string{n.ben.member},
			Window: &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(8 * time.Hour)}},
		}}},
	})
	require.NoError(t, err)
	n.settle()
	ask, err := threadsv1.NewAskServiceClient(n.conn).GetAsk(as(t.Context(), n.ana.token), &threadsv1.GetAskRequest{Name: message.GetAsks()[0].GetName()})
	require.NoError(t, err)
	due := ask.GetRecipients()[0].GetDueTime().AsTime()
	require.True(t, due.Equal(time.Date(2027, 3, 15, 19, 0, 0, 0, time.UTC)), "14:00 in Chicago, daylight time: %s", due)
}

// TestUrgentGetsThroughAtNight: at once, with its reason on record; without the role it is refused.
func TestUrgentGetsThroughAtNight(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.move(tuesday)
	urgent := &threadsv1.CreateMessageRequest{Parent: n.thread, Message: &threadsv1.Message{
		Body: "Payments fail. Can you roll back?", Urgency: notificationsv1.Notification_URGENT, UrgentReason: "All customers are affected",
		Asks: []*threadsv1.Ask{{Kind: threadsv1.Ask_ACKNOWLEDGE, Members: []string{n.ben.member}}},
	}}
	message, err := threadsv1.NewMessageServiceClient(n.conn).CreateMessage(as(t.Context(), n.ana.token), urgent)
	require.NoError(t, err)
	n.settle()
	got := n.notified(n.ben, notificationsv1.Notification_ASKED)
	require.Equal(t, "All customers are affected", got.GetUrgentReason())
	for _, channel := range []notificationsv1.Channel_Kind{notificationsv1.Channel_IN_APP, notificationsv1.Channel_EMAIL} {
		require.True(t, delivery(t, got, channel).GetSendTime().AsTime().Equal(tuesday), got)
	}
	letters := n.mails.to(n.ben.email)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].text, "All customers are affected")
	audit, err := directoryv1.NewAuditServiceClient(n.conn).ListAuditEvents(as(t.Context(), n.owner), &directoryv1.ListAuditEventsRequest{Parent: n.workspace, PageSize: 100})
	require.NoError(t, err)
	recorded := 0
	for _, e := range audit.GetAuditEvents() {
		if e.GetAction() == "urgent.used" {
			require.Contains(t, e.String(), message.GetName())
			require.Contains(t, e.String(), "All customers are affected")
			recorded++
		}
	}
	require.Equal(t, 1, recorded)
}

// TestTheNightOutlivesAKill: the server is killed in Ben's night and started again, and his morning comes all the same.
func TestTheNightOutlivesAKill(t *testing.T) {
	t.Parallel()
	mails := newMailbox(t)
	data := dataFolder(t)
	require.NoError(t, os.MkdirAll(data, 0o711))
	require.NoError(t, os.WriteFile(filepath.Join(data, "dev-clock"), []byte(startOfNight().Format(time.RFC3339)+"\n"), 0o600))
	start := func() *process {
		p := launchAt(t, data, freeAddr(t), freeAddr(t), "--dev-clock", "--mail-url", "smtp://"+mails.addr, "--mail-from", "meridian@example.com")
		p.awaitReady(t)
		return p
	}
	p := start()
	r := &relay{t: t, conn: dialGRPC(t, p.grpc), owner: p.token()}
	r.settle = func() { p.clock(t, "show") }
	r.move = func(to time.Time) { p.clock(t, "set", to.Format(time.RFC3339)) }
	r.gather()
	r.move(tuesday)
	r.ask(r.ana, r.ben, r.thread, "Which replica is safe to promote?")
	task := r.task(r.ana, "Cut the payments traffic over")
	r.handOff(r.ana, &tasksv1.HandOffRequest{Name: task.GetName(), Recipient: r.ben.member, RequestId: uuid.NewString()})
	p.kill() // between the commit and all that follows it

	p = start()
	r.conn = dialGRPC(t, p.grpc)
	r.move(tuesday.Add(2 * time.Hour))
	p.kill()
	p = start()
	r.conn = dialGRPC(t, p.grpc)
	r.move(bensNine.Add(-time.Second))
	require.Empty(t, mails.to(r.ben.email))
	require.Empty(t, r.sentDigests(r.ben))
	r.move(bensNine.Add(10 * time.Minute))
	require.Len(t, r.sentDigests(r.ben), 1)
	require.Len(t, mails.to(r.ben.email), 1)
	require.Len(t, r.inbox(r.ben), 2, "each once")
	r.undisturbed(r.ben, office(9, 17))
	p.stop(t)
}

// TestBensScheduleChangesInTheNight: what is held follows, in both directions.
func TestBensScheduleChangesInTheNight(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]int{"earlier": 7, "later": 11} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.move(tuesday)
			n.ask(n.ana, n.ben, n.thread, "Which replica is safe to promote?")
			n.settle()
			n.hours(n.ben, int32(from), int32(from)+8)
			start := bensNine.Add(time.Duration(from-9) * time.Hour)
			n.move(start.Add(-time.Second))
			require.Empty(t, n.mails.to(n.ben.email))
			n.move(start)
			sent := delivery(t, n.notified(n.ben, notificationsv1.Notification_ASKED), notificationsv1.Channel_IN_APP)
			require.True(t, sent.GetSendTime().AsTime().Equal(start), sent)
			n.move(start.Add(10 * time.Minute))
			digests := n.sentDigests(n.ben)
			require.Len(t, digests, 1)
			require.False(t, digests[0].GetSendTime().AsTime().Before(start))
			n.move(start.Add(9 * time.Hour))
			require.Len(t, n.sentDigests(n.ben), 1, "one a day")
			n.undisturbed(n.ben, office(from, from+8))
			ask, err := threadsv1.NewAskServiceClient(n.conn).ListAsks(as(t.Context(), n.ben.token), &threadsv1.ListAsksRequest{Parent: n.workspace, Filter: `recipient = "me"`})
			require.NoError(t, err)
			require.Equal(t, from, ask.GetAsks()[0].GetRecipients()[0].GetDueTime().AsTime().In(n.ben.place).Add(-8*time.Hour).Hour(), "the due time follows: the end of his third day")
		})
	}
}

// TestTheDigestTellsNothingOfASpaceThatWasTakenAway: the right goes a minute before.
func TestTheDigestTellsNothingOfASpaceThatWasTakenAway(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	secret := n.newSpace(directoryv1.Space_PRIVATE)
	n.grant(secret, n.ana.member, directoryv1.SpaceAccess_WRITER)
	n.grant(secret, n.ben.member, directoryv1.SpaceAccess_WRITER)
	n.settle()
	hidden := n.newThread(secret, "Acquisition of Fabrikam")
	n.move(tuesday)
	n.ask(n.ana, n.ben, hidden, "Shall we bid for Fabrikam?")
	n.ask(n.ana, n.ben, n.thread, "Which replica is safe to promote?")
	n.move(bensNine.Add(-time.Minute))
	n.grant(secret, n.ben.member, directoryv1.SpaceAccess_NONE)
	n.move(bensNine.Add(10 * time.Minute))
	letters := n.mails.to(n.ben.email)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].text, "Which replica")
	require.NotContains(t, letters[0].body, "Fabrikam")
	require.NotContains(t, letters[0].text+letters[0].html, "Fabrikam")
	for _, one := range n.inbox(n.ben) {
		require.NotContains(t, one.String(), "Fabrikam")
	}
}

// TestAServiceIsAwayForAnHour: nothing is lost, nothing is sent at a wrong hour, and all of it catches up.
func TestAServiceIsAwayForAnHour(t *testing.T) {
	t.Parallel()
	for _, away := range []string{"availability", "threads"} {
		t.Run(away, func(t *testing.T) {
			t.Parallel()
			var line *wire
			n := newNight(t, func(cfg *stack.Config) {
				cfg.Way = func(service, addr string) string {
					if service != away {
						return addr
					}
					line = newWire(t, addr)
					return line.addr
				}
			})
			n.move(tuesday)
			n.ask(n.ana, n.ben, n.thread, "Asked before")
			n.settle()
			n.move(bensNine.Add(-30 * time.Minute))
			line.cut()
			if away == "availability" {
				// Posting works; the due time arrives later by itself.
				message := n.ask(n.ana, n.ben, n.thread, "Asked meanwhile")
				require.Nil(t, message.GetAsks()[0].GetDueTime())
			}
			n.move(bensNine.Add(30 * time.Minute))
			require.Empty(t, n.mails.to(n.ben.email), "what cannot be decided is held")
			line.mend()
			wanted := 1
			if away == "availability" {
				wanted = 2
			}
			require.EventuallyWithT(t, func(c *assertion) {
				letters := n.mails.to(n.ben.email)
				require.Len(c, letters, 1)
				require.Equal(c, wanted, strings.Count(letters[0].text, "Asked "))
			}, 2*time.Minute, 100*time.Millisecond)
			n.settle()
			n.undisturbed(n.ben, office(9, 17))
			asks, err := threadsv1.NewAskServiceClient(n.conn).ListAsks(as(t.Context(), n.ana.token), &threadsv1.ListAsksRequest{Parent: n.workspace})
			require.NoError(t, err)
			for _, ask := range asks.GetAsks() {
				require.NotNil(t, ask.GetDueTime(), ask.GetName())
			}
		})
	}
}

// TestTheDemoTellsItself: what a newcomer runs.
func TestTheDemoTellsItself(t *testing.T) {
	t.Parallel()
	p := upWithDevClock(t, dataFolder(t))
	told := cli(t, p.http, p.token(), "demo", "--admin", p.admin)
	require.Zero(t, told.code, "%s%s", told.out, told.err)
	for _, words := range []string{"Nothing reaches Ben", "digest came at", "is settled", "Dai is on leave, so it goes to Chitra", "returned: true", "audit", "That was the night"} {
		require.Contains(t, strings.ToLower(told.out), strings.ToLower(words))
	}
	p.stop(t)
}
