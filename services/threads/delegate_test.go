package threads

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// delegated has one act for others, as the availability service says it.
func (c *crowd) delegated(to person, of ...person) {
	c.hours.set(func(a *availability) {
		for _, p := range of {
			a.delegate[p.Member] = to.Member
		}
	})
}

func TestADelegateAnswersForAllForWhomTheyAct(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.delegated(c.dora, c.bob, c.carl)
	ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REVIEW, c.bob, c.carl))
	_, err := c.answerAsk(c.dora, ask.GetName(), "too early")
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
	settle := c.working()
	settle()
	got := c.getAsk(c.ada, ask.GetName())
	for _, r := range got.GetRecipients() {
		require.Equal(t, c.dora.name(), r.GetDelegate())
	}
	state, err := c.check(c.dora, ask.GetName())
	require.NoError(t, err)
	require.True(t, state.GetWaiting())
	require.Equal(t, epoch.Add(24*time.Hour), state.GetDueTime().AsTime())

	answered, err := c.answerAsk(c.dora, ask.GetName(), "I looked at it for both")
	require.NoError(t, err)
	require.Equal(t, "SETTLED: bob ANSWERED, carl ANSWERED", c.standing(answered))
	for _, r := range answered.GetRecipients() {
		require.Equal(t, c.dora.name(), r.GetAnsweredBy())
	}
	require.Equal(t, []string{"ThreadCreated", "MessagePosted", "AskOpened", "AskDueChanged", "AskAnswered"}, kinds(c.unpublished()), "once")
	state, err = c.check(c.dora, ask.GetName())
	require.NoError(t, err)
	require.False(t, state.GetWaiting())
	_, err = c.answerAsk(c.dora, ask.GetName(), "again")
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonAskSettled)
}

func TestADelegateRepliesDeclinesAndHandsOn(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	c.delegated(c.dora, c.bob)
	m, err := c.tryAsk(c.ada, c.thread, askOf(threadsv1.Ask_REPLY, c.bob, c.carl), askOf(threadsv1.Ask_REVIEW, c.bob), askOf(threadsv1.Ask_APPROVE, c.bob))
	require.NoError(t, err)
	settle()
	c.reply(c.dora, m.GetName(), "for bob: yes")
	asks := c.message(c.ada, m.GetName()).GetAsks()
	require.Equal(t, "OPEN: bob ANSWERED, carl OPEN", c.standing(asks[0]))
	declined, err := c.declineAsk(c.dora, asks[1].GetName(), "nobody can until Monday")
	require.NoError(t, err)
	require.Equal(t, "SETTLED: bob DECLINED", c.standing(declined))
	// Who acts for somebody may take over what they are asked.
	taken, err := c.reassignAsk(c.dora, asks[2].GetName(), c.dora)
	require.NoError(t, err)
	require.Equal(t, "OPEN: bob REASSIGNED, dora OPEN", c.standing(taken))
	_, err = c.reassignAsk(c.dora, asks[2].GetName(), c.dora)
	require.Error(t, err, "to themselves it cannot go on")
}

// Nobody is named who may not read the space: they could neither see the ask nor answer it.
func TestADelegateWhoMayNotReadTheSpaceDoesNotAct(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	ed := c.member(c.ws, auth.Member, "ed")
	c.delegated(c.dora, c.bob)
	c.delegated(c.carl, ed)
	private := c.space2(c.ada, c.bob, c.carl, ed)
	ask := c.ask(c.ada, c.begin(c.ada, private, "s").GetName(), askOf(threadsv1.Ask_REVIEW, c.bob, ed))
	settle()
	got := c.getAsk(c.ada, ask.GetName()).GetRecipients()
	require.Empty(t, got[0].GetDelegate())
	require.True(t, got[0].GetDueTime().IsValid())
	require.Equal(t, c.carl.name(), got[1].GetDelegate())
}

// Who asks does not answer, whoever they act for; and a delegate who is asked themselves answers both.
func TestADelegateWhoAsksOrIsAsked(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	settle := c.working()
	c.delegated(c.ada, c.bob)
	c.delegated(c.dora, c.carl)
	ask := c.ask(c.ada, c.thread, askOf(threadsv1.Ask_REVIEW, c.bob, c.carl, c.dora))
	settle()
	got := c.getAsk(c.ada, ask.GetName())
	require.Empty(t, got.GetRecipients()[0].GetDelegate())
	_, err := c.answerAsk(c.ada, ask.GetName(), "my own")
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotAsked)
	answered, err := c.answerAsk(c.dora, ask.GetName(), "done")
	require.NoError(t, err)
	require.Equal(t, "OPEN: bob OPEN, carl ANSWERED, dora ANSWERED", c.standing(answered))
}
