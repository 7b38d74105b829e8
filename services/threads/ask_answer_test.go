package threads

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func (w *world) answerAsk(p person, name, comment string) (*threadsv1.Ask, error) {
	return w.asks.AnswerAsk(p.ctx, &threadsv1.AnswerAskRequest{Name: name, Comment: comment})
}

func (w *world) declineAsk(p person, name, reason string) (*threadsv1.Ask, error) {
	return w.asks.DeclineAsk(p.ctx, &threadsv1.DeclineAskRequest{Name: name, Reason: reason})
}

func (w *world) reassignAsk(p person, name string, to person) (*threadsv1.Ask, error) {
	return w.asks.ReassignAsk(p.ctx, &threadsv1.ReassignAskRequest{Name: name, Member: to.name(), Comment: "You know more."})
}

func (w *world) withdrawAsk(p person, name string) (*threadsv1.Ask, error) {
	return w.asks.WithdrawAsk(p.ctx, &threadsv1.WithdrawAskRequest{Name: name, Reason: "Not needed."})
}

// A reply by one who is asked answers the REPLY asks of the message that wait for them, and nothing else does.
func TestAReplyAnswers(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	m, err := c.tryAsk(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl), askOf(threadsv1.Ask_REVIEW, c.bob), askOf(threadsv1.Ask_REPLY, c.bob))
	require.NoError(t, err)
	stand := func() (all []string) {
		for _, ask := range c.message(c.ada, m.GetName()).GetAsks() {
			all = append(all, c.standing(ask))
		}
		return all
	}
	open := []string{"OPEN: bob OPEN, carl OPEN", "OPEN: bob OPEN", "OPEN: bob OPEN"}
	c.post(c.bob, c.thread, "no reply to it")
	c.reply(c.dora, m.GetName(), "not asked")
	c.reply(c.ada, m.GetName(), "my own")
	require.Equal(t, open, stand())
	before := len(c.unpublished())
	c.clock.Advance(time.Minute)
	reply := c.reply(c.bob, m.GetName(), "yes")
	require.Equal(t, []string{"OPEN: bob ANSWERED, carl OPEN", "OPEN: bob OPEN", "SETTLED: bob ANSWERED"}, stand())
	require.Equal(t, []string{"MessagePosted", "AskAnswered", "AskAnswered"}, kinds(c.unpublished()[before:]))
	for _, i := range []int{0, 2} {
		ask := c.message(c.ada, m.GetName()).GetAsks()[i]
		r := ask.GetRecipients()[0]
		require.Equal(t, reply.GetName(), r.GetAnswerMessage())
		require.Equal(t, c.bob.name(), r.GetAnsweredBy())
		require.Equal(t, epoch.Add(time.Minute), r.GetUpdateTime().AsTime())
		require.EqualValues(t, 2, ask.GetVersion())
	}
	before = len(c.unpublished())
	c.reply(c.bob, m.GetName(), "again")
	c.reply(c.carl, reply.GetName(), "to the reply")
	require.Equal(t, []string{"MessagePosted", "MessagePosted"}, kinds(c.unpublished()[before:]), "once is enough")
	c.reply(c.carl, m.GetName(), "me too")
	require.Equal(t, "SETTLED: bob ANSWERED, carl ANSWERED", stand()[0])
}

func TestAnswersAndDeclines(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_APPROVE, c.bob, c.carl))
	for _, p := range []person{c.ada, c.dora} {
		_, err := c.answerAsk(p, ask.GetName(), "")
		rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
		_, err = c.declineAsk(p, ask.GetName(), "no")
		rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
		_, err = c.reassignAsk(p, ask.GetName(), c.bob)
		rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
	}
	for _, blank := range []string{"", " \n"} {
		_, err := c.declineAsk(c.bob, ask.GetName(), blank)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "reason")
	}
	_, err := c.answerAsk(c.bob, ask.GetName(), strings.Repeat("x", 2001))
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "comment")
	_, err = c.asks.AnswerAsk(c.bob.ctx, &threadsv1.AnswerAskRequest{Name: ask.GetName(), Etag: `"9"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)

	got, err := c.asks.AnswerAsk(c.bob.ctx, &threadsv1.AnswerAskRequest{Name: ask.GetName(), Comment: "Fine.", Etag: ask.GetEtag()})
	require.NoError(t, err)
	require.Equal(t, "OPEN: bob ANSWERED, carl OPEN", c.standing(got))
	require.Equal(t, "Fine.", got.GetRecipients()[0].GetComment())
	require.Equal(t, `"2"`, got.GetEtag())
	require.True(t, proto.Equal(got, c.getAsk(c.dora, ask.GetName())))
	for _, again := range []func() (*threadsv1.Ask, error){
		func() (*threadsv1.Ask, error) { return c.answerAsk(c.bob, ask.GetName(), "") },
		func() (*threadsv1.Ask, error) { return c.declineAsk(c.bob, ask.GetName(), "no") },
		func() (*threadsv1.Ask, error) { return c.reassignAsk(c.bob, ask.GetName(), c.dora) },
	} {
		_, err := again()
		rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonAskSettled)
	}
	got, err = c.declineAsk(c.carl, ask.GetName(), "Too risky.")
	require.NoError(t, err)
	require.Equal(t, "SETTLED: bob ANSWERED, carl DECLINED", c.standing(got))
	require.Equal(t, "Too risky.", got.GetRecipients()[1].GetComment())
	_, err = c.withdrawAsk(c.ada, ask.GetName())
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonAskSettled)
	_, err = c.asks.GetAsk(c.ada.ctx, &threadsv1.GetAskRequest{Name: domain.AskName(c.ws, uuid.Must(uuid.NewV7()))})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

// The first of a team answers for all, unless everyone is to; those asked by name answer for themselves.
func TestTheFirstAnswersForTheTeam(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	team := c.team(c.ws, "crew", c.bob, c.carl, c.dora)
	ask := c.ask(c.ada, c.thread, teamAsk(threadsv1.Ask_REVIEW, c.ws, team, false))
	byHandle := func(got *threadsv1.Ask, p person) *threadsv1.AskRecipient {
		for _, r := range got.GetRecipients() {
			if r.GetMember() == p.name() {
				return r
			}
		}
		return nil
	}
	got, err := c.declineAsk(c.dora, ask.GetName(), "On leave.")
	require.NoError(t, err)
	require.Equal(t, threadsv1.Ask_OPEN, got.GetState())
	got, err = c.answerAsk(c.bob, ask.GetName(), "Looks good.")
	require.NoError(t, err)
	require.Equal(t, threadsv1.Ask_SETTLED, got.GetState())
	require.Equal(t, threadsv1.AskRecipient_DECLINED, byHandle(got, c.dora).GetState())
	require.Equal(t, threadsv1.AskRecipient_ANSWERED, byHandle(got, c.carl).GetState())
	require.Equal(t, c.bob.name(), byHandle(got, c.carl).GetAnsweredBy())
	_, err = c.answerAsk(c.carl, ask.GetName(), "")
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonAskSettled)

	both := teamAsk(threadsv1.Ask_REVIEW, c.ws, team, false)
	both.Members = []string{c.carl.name()}
	got, err = c.answerAsk(c.bob, c.ask(c.ada, c.thread, both).GetName(), "")
	require.NoError(t, err)
	require.Equal(t, threadsv1.AskRecipient_OPEN, byHandle(got, c.carl).GetState(), "asked by name")
	require.Equal(t, threadsv1.AskRecipient_ANSWERED, byHandle(got, c.dora).GetState())

	everyone := c.ask(c.ada, c.thread, teamAsk(threadsv1.Ask_REVIEW, c.ws, team, true))
	got, err = c.answerAsk(c.bob, everyone.GetName(), "")
	require.NoError(t, err)
	require.Equal(t, threadsv1.Ask_OPEN, got.GetState())
	require.Equal(t, threadsv1.AskRecipient_OPEN, byHandle(got, c.carl).GetState())

	// A place in the team is handed on as such: the newcomer answers for all.
	handed := c.ask(c.ada, c.thread, teamAsk(threadsv1.Ask_REVIEW, c.ws, team, false))
	eve := c.member(c.ws, auth.Member, "eve")
	_, err = c.reassignAsk(c.bob, handed.GetName(), eve)
	require.NoError(t, err)
	got, err = c.answerAsk(eve, handed.GetName(), "")
	require.NoError(t, err)
	require.Equal(t, threadsv1.Ask_SETTLED, got.GetState())
	require.Equal(t, eve.name(), byHandle(got, c.carl).GetAnsweredBy())
}

func TestReassign(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	private := c.space2(c.ada, c.bob)
	secret := c.ask(c.ada, c.begin(c.ada, private, "s").GetName(), askOf(threadsv1.Ask_REPLY, c.bob)).GetName()
	invited := c.memberIn(c.ws, auth.Member, "new", "INVITED")
	for _, to := range []person{c.carl, invited, c.bob, c.ada, {Caller: rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)}} {
		_, err := c.reassignAsk(c.bob, secret, to)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "member")
	}
	c.directory.answer = func() { c.grant(c.ws, private, c.carl.Member, auth.Reader) }
	_, err := c.reassignAsk(c.bob, secret, c.carl)
	require.NoError(t, err, "the directory knew better")

	ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName()
	settle()
	c.clock.Advance(time.Hour)
	got, err := c.reassignAsk(c.bob, ask, c.dora)
	require.NoError(t, err)
	require.Equal(t, "OPEN: bob REASSIGNED, carl OPEN, dora OPEN", c.standing(got))
	require.Equal(t, c.dora.name(), got.GetRecipients()[0].GetReassignedTo())
	require.Equal(t, "You know more.", got.GetRecipients()[0].GetComment())
	require.Equal(t, c.bob.name(), got.GetRecipients()[2].GetReassignedFrom())
	require.Nil(t, got.GetDueTime(), "the newcomer's is to be computed")
	settle()
	got = c.getAsk(c.ada, ask)
	require.Equal(t, epoch.Add(25*time.Hour), got.GetRecipients()[2].GetDueTime().AsTime(), "their window begins now")
	require.Equal(t, epoch.Add(24*time.Hour), got.GetRecipients()[1].GetDueTime().AsTime())
	require.Equal(t, epoch.Add(25*time.Hour), got.GetDueTime().AsTime(), "the latest")

	got, err = c.reassignAsk(c.dora, ask, c.carl)
	require.NoError(t, err)
	require.Equal(t, "OPEN: bob REASSIGNED, carl OPEN, dora REASSIGNED", c.standing(got), "asked already: it only ends")
	require.Empty(t, got.GetRecipients()[1].GetReassignedFrom())
	c.clock.Advance(time.Hour)
	got, err = c.reassignAsk(c.carl, ask, c.bob)
	require.NoError(t, err)
	require.Equal(t, "OPEN: bob OPEN, carl REASSIGNED, dora REASSIGNED", c.standing(got), "who had handed it on is asked again")
	settle()
	require.Equal(t, epoch.Add(26*time.Hour), c.getAsk(c.ada, ask).GetDueTime().AsTime())
	c.reply(c.bob, c.getAsk(c.ada, ask).GetMessage(), "done")
	require.Equal(t, "SETTLED: bob ANSWERED, carl REASSIGNED, dora REASSIGNED", c.standing(c.getAsk(c.ada, ask)))
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	boss := c.member(c.ws, auth.Admin, "boss")
	for _, by := range []person{c.ada, boss} {
		ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName()
		_, err := c.declineAsk(c.carl, ask, "no")
		require.NoError(t, err)
		_, err = c.withdrawAsk(c.bob, ask)
		rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
		got, err := c.withdrawAsk(by, ask)
		require.NoError(t, err)
		require.Equal(t, "WITHDRAWN: bob WITHDRAWN, carl DECLINED", c.standing(got))
		require.Equal(t, "Not needed.", got.GetWithdrawReason())
		_, err = c.answerAsk(c.bob, ask, "")
		rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonAskSettled)
		_, err = c.withdrawAsk(by, ask)
		rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonAskSettled)
		before := len(c.unpublished())
		c.reply(c.bob, got.GetMessage(), "too late")
		require.Equal(t, []string{"MessagePosted"}, kinds(c.unpublished()[before:]))
	}
}

// A message that is deleted takes its open asks with it; what was settled stays as it was.
func TestADeletedMessageAsksNothing(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	m, err := c.tryAsk(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl), askOf(threadsv1.Ask_REVIEW, c.bob))
	require.NoError(t, err)
	open, settled := m.GetAsks()[0].GetName(), m.GetAsks()[1].GetName()
	_, err = c.answerAsk(c.bob, settled, "")
	require.NoError(t, err)
	before := len(c.unpublished())
	gone, err := c.messages.DeleteMessage(c.ada.ctx, &threadsv1.DeleteMessageRequest{Name: m.GetName()})
	require.NoError(t, err)
	require.Empty(t, gone.GetAsks())
	require.Empty(t, c.message(c.bob, m.GetName()).GetAsks())
	require.Equal(t, []string{"MessageDeleted", "AskWithdrawn"}, kinds(c.unpublished()[before:]))
	require.Equal(t, "WITHDRAWN: bob WITHDRAWN, carl WITHDRAWN", c.standing(c.getAsk(c.bob, open)))
	require.Equal(t, "SETTLED: bob ANSWERED", c.standing(c.getAsk(c.bob, settled)))
}

// In an archived thread what is open can be settled, and nobody new is asked.
func TestAsksInAnArchivedThread(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	boss := c.member(c.ws, auth.Owner, "boss")
	var asks []string
	for range 3 {
		asks = append(asks, c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob)).GetName())
	}
	_, err := c.threads.ArchiveThread(boss.ctx, &threadsv1.ArchiveThreadRequest{Name: c.thread})
	require.NoError(t, err)
	_, err = c.tryAsk(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob))
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonThreadArchived)
	_, err = c.reassignAsk(c.bob, asks[0], c.carl)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonThreadArchived)
	_, err = c.answerAsk(c.bob, asks[0], "")
	require.NoError(t, err)
	_, err = c.declineAsk(c.bob, asks[1], "Too late.")
	require.NoError(t, err)
	_, err = c.withdrawAsk(c.ada, asks[2])
	require.NoError(t, err)
}

// askWrites are the writes on an ask as one who may do each, by name.
func (c *crowd) askWrites(ask, requestID string) map[string]func(ctx context.Context) (*threadsv1.Ask, error) {
	return map[string]func(ctx context.Context) (*threadsv1.Ask, error){
		"AnswerAsk": func(ctx context.Context) (*threadsv1.Ask, error) {
			return c.asks.AnswerAsk(ctx, &threadsv1.AnswerAskRequest{Name: ask, RequestId: requestID})
		},
		"DeclineAsk": func(ctx context.Context) (*threadsv1.Ask, error) {
			return c.asks.DeclineAsk(ctx, &threadsv1.DeclineAskRequest{Name: ask, Reason: "r", RequestId: requestID})
		},
		"ReassignAsk": func(ctx context.Context) (*threadsv1.Ask, error) {
			return c.asks.ReassignAsk(ctx, &threadsv1.ReassignAskRequest{Name: ask, Member: c.dora.name(), RequestId: requestID})
		},
		"WithdrawAsk": func(ctx context.Context) (*threadsv1.Ask, error) {
			return c.asks.WithdrawAsk(ctx, &threadsv1.WithdrawAskRequest{Name: ask, RequestId: requestID})
		},
	}
}

func (c *crowd) who(method string) person {
	if method == "WithdrawAsk" {
		return c.ada
	}
	return c.bob
}

// The same request many times at once does one thing; later it returns the ask as it then stands.
func TestAsksReplay(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	for method := range c.askWrites("", "") {
		ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REVIEW, c.bob, c.carl)).GetName()
		call := c.askWrites(ask, uuid.NewString())[method]
		before := len(c.unpublished())
		var group errgroup.Group
		for range 8 {
			group.Go(func() error { _, err := call(c.who(method).ctx); return err })
		}
		require.NoError(t, group.Wait(), method)
		require.Len(t, c.unpublished(), before+1, method)
		if method != "WithdrawAsk" {
			_, err := c.answerAsk(c.carl, ask, "")
			require.NoError(t, err)
		}
		again, err := call(c.who(method).ctx)
		require.NoError(t, err, method)
		require.True(t, proto.Equal(again, c.getAsk(c.ada, ask)), "as it now stands")
	}
	req := &threadsv1.CreateMessageRequest{RequestId: uuid.NewString(), Parent: c.thread, Message: &threadsv1.Message{
		Body: "once", Asks: []*threadsv1.Ask{askOf(threadsv1.Ask_REPLY, c.bob)},
	}}
	before := len(c.unpublished())
	answers := make([]string, 8)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() error {
			m, err := c.messages.CreateMessage(c.ada.ctx, req)
			if err == nil {
				answers[i] = m.GetAsks()[0].GetName()
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	for _, name := range answers {
		require.Equal(t, answers[0], name)
	}
	require.Equal(t, []string{"MessagePosted", "AskOpened"}, kinds(c.unpublished()[before:]))
	// Also when it would by now be refused: Bob has left.
	c.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, c.bob.Member)
	m, err := c.messages.CreateMessage(c.ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, answers[0], m.GetAsks()[0].GetName())
}

// Who loses the right loses the asks: they are not found, by none of the methods, from the moment on.
func TestAsksOfOneWhoLostTheRight(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	private := c.space2(c.ada, c.bob, c.carl)
	thread := c.begin(c.ada, private, "s").GetName()
	ask := c.ask(c.ada, thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl)).GetName()
	list := func(p person) int {
		resp, err := c.asks.ListAsks(p.ctx, &threadsv1.ListAsksRequest{Parent: domain.WorkspaceName(c.ws), Filter: "recipient = me"})
		require.NoError(t, err)
		return len(resp.GetAsks())
	}
	require.Equal(t, 1, list(c.bob))
	c.grant(c.ws, private, c.bob.Member, auth.NoRight)
	require.Zero(t, list(c.bob))
	require.Equal(t, 1, list(c.carl))
	for method, call := range c.askWrites(ask, "") {
		_, err := call(c.bob.ctx)
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
		require.NotEmpty(t, method)
	}
	_, err := c.asks.GetAsk(c.bob.ctx, &threadsv1.GetAskRequest{Name: ask})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	// A reader answers; to withdraw takes a writer.
	c.grant(c.ws, private, c.carl.Member, auth.Reader)
	_, err = c.withdrawAsk(c.carl, ask)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = c.answerAsk(c.carl, ask, "")
	require.NoError(t, err)

	// Nobody from another workspace finds it.
	eve := c.member(uuid.Must(uuid.NewV7()), auth.Owner, "eve")
	for _, call := range c.askWrites(ask, "") {
		_, err := call(eve.ctx)
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	}
}
