package tasks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

func TestHandOffToAMember(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben := o.joins("Ben")
	task := o.held(o.ana)
	full := &tasksv1.HandoffNote{
		Done: "Drained.", NextSteps: "Fit the seal.", Blockers: "No seal.", Links: []string{"https://example.org"}, Questions: []string{"Which one?"},
	}
	h, err := o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{Name: task.GetName(), Recipient: ben.name(), Note: full, Etag: task.GetEtag()})
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_OFFERED, h.GetState())
	require.Equal(t, tasksv1.Handoff_MEMBER, h.GetRoute())
	require.Equal(t, o.ana.name(), h.GetGiver())
	require.Equal(t, ben.name(), h.GetRecipient())
	require.Equal(t, "OPS-1", h.GetTaskKey())
	require.Equal(t, "Replace the pump", h.GetTaskTitle())
	require.Equal(t, full.String(), h.GetNote().String())
	require.Equal(t, 4*time.Hour, h.GetWindow().GetWorkingTime().AsDuration())
	require.Nil(t, h.GetExpireTime(), "it follows by itself")

	o.settle()
	h = o.handoff(ben, h.GetName())
	require.Equal(t, epoch.Add(4*time.Hour), h.GetExpireTime().AsTime())
	require.Equal(t, epoch.Add(3*time.Hour), h.GetRemindTime().AsTime())
	require.Equal(t, o.ana.name(), o.task(ben, task.GetName()).GetHolder(), "the giver holds it until it is accepted")

	o.clock.Advance(time.Hour)
	taken, err := o.accept(ben, h.GetName())
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_ACCEPTED, taken.GetState())
	require.Equal(t, ben.name(), taken.GetResponder())
	require.Equal(t, epoch.Add(time.Hour), taken.GetEndTime().AsTime())
	require.Equal(t, taken.String(), o.handoff(ben, h.GetName()).String())
	require.Equal(t, []string{
		"TaskCreated", "RelayLegStarted", "HandoffOffered", "HandoffUpdated", "HandoffAccepted", "RelayLegEnded", "RelayLegStarted",
	}, o.of(task.GetName()))
	got := o.task(ben, task.GetName())
	require.Equal(t, ben.name(), got.GetHolder())
	require.Empty(t, got.GetOpenHandoff())
	require.NotEqual(t, task.GetEtag(), got.GetEtag())
	legs := o.legs(ben, task.GetName())
	require.Len(t, legs, 2)
	require.Equal(t, tasksv1.Leg_HANDED_OFF, legs[0].GetEndReason())
	require.Equal(t, legs[0].GetEndTime().AsTime(), legs[1].GetStartTime().AsTime())
	require.Equal(t, h.GetName(), legs[1].GetHandoff())

	for _, call := range []func() (*tasksv1.Handoff, error){
		func() (*tasksv1.Handoff, error) { return o.accept(ben, h.GetName()) },
		func() (*tasksv1.Handoff, error) { return o.decline(ben, h.GetName()) },
		func() (*tasksv1.Handoff, error) { return o.withdraw(o.ana, h.GetName()) },
	} {
		_, err := call()
		told := metadata(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)
		require.Equal(t, "ACCEPTED", told["state"])
		require.Equal(t, ben.name(), told["holder"])
		require.Equal(t, "Ben", told["display_name"])
	}
}

func TestHandOffRefuses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	o.grant(o.ws, private, o.ana.Member, auth.Writer)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	o.grant(o.ws, private, ben.Member, auth.Reader)
	o.grant(o.ws, private, chitra.Member, auth.Writer)
	task := o.newTask(o.ana, &tasksv1.Task{Project: o.newProject(o.ana, private, "SEC").GetName(), Holder: o.ana.name()}).GetName()
	handOff := func(p person, change func(r *tasksv1.HandOffRequest)) error {
		req := &tasksv1.HandOffRequest{Name: task, Recipient: chitra.name(), Note: note()}
		change(req)
		_, err := o.handoffs.HandOff(p.ctx, req)
		return err
	}
	readers := o.teamName(o.team(o.ws, "readers", ben, o.ana))
	for name, test := range map[string]struct {
		change func(r *tasksv1.HandOffRequest)
		field  string
		says   string
	}{
		"no next steps":    {func(r *tasksv1.HandOffRequest) { r.Note.NextSteps = " \n" }, "note.next_steps", "blank"},
		"nobody":           {func(r *tasksv1.HandOffRequest) { r.Recipient = "" }, "recipient", "exactly one"},
		"two":              {func(r *tasksv1.HandOffRequest) { r.Team = readers }, "recipient", "exactly one"},
		"the holder":       {func(r *tasksv1.HandOffRequest) { r.Recipient = o.ana.name() }, "recipient", "holds the task already"},
		"a reader":         {func(r *tasksv1.HandOffRequest) { r.Recipient = ben.name() }, "recipient", "Ben may not write in the space"},
		"an invited":       {func(r *tasksv1.HandOffRequest) { r.Recipient = o.memberIn(o.ws, auth.Member, "Ivo", "INVITED").name() }, "recipient", "Ivo is not an active member"},
		"a team of none":   {func(r *tasksv1.HandOffRequest) { r.Recipient, r.Team = "", readers }, "team", "nobody"},
		"an AUTO of none":  {func(r *tasksv1.HandOffRequest) { r.Recipient, r.AutoTeam = "", readers }, "auto_team", "nobody"},
		"no such team":     {func(r *tasksv1.HandOffRequest) { r.Recipient, r.AutoTeam = "", o.teamName(uuid.Must(uuid.NewV7())) }, "auto_team", "team of the workspace"},
		"an endless note":  {func(r *tasksv1.HandOffRequest) { r.Note.Links = lines(50) }, "note", "96 KiB"},
		"a blank question": {func(r *tasksv1.HandOffRequest) { r.Note.Questions = []string{" "} }, "note.questions[0]", "blank"},
	} {
		s := rpctest.FailedField(t, handOff(o.ana, test.change), fault.ReasonFieldInvalid, test.field)
		require.Contains(t, s.Message(), test.says, name)
	}
	none := func(*tasksv1.HandOffRequest) {}
	rpctest.Failed(t, handOff(o.joins("Stranger"), none), codes.NotFound, fault.ReasonResourceNotFound)
	rpctest.Failed(t, handOff(ben, none), codes.PermissionDenied, fault.ReasonPermissionDenied)
	rpctest.Failed(t, handOff(chitra, none), codes.PermissionDenied, domain.ReasonNotHolder)
	rpctest.Failed(t, handOff(o.ana, func(r *tasksv1.HandOffRequest) { r.Etag = `"9"` }), codes.Aborted, fault.ReasonEtagStale)
	require.NoError(t, handOff(o.ana, none))
	open := o.task(o.ana, task).GetOpenHandoff()
	require.Equal(t, open, metadata(t, handOff(o.ana, none), codes.FailedPrecondition, domain.ReasonOfferOpen)["handoff"])
}

func lines(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i, strings.Repeat("ü", 1990))
	}
	return all
}

// A manager may offer for a holder who is off; the giver is still the holder.
func TestAManagerHandsOffForTheHolder(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, boss := o.joins("Ben"), o.member(o.ws, auth.Admin, "Boss")
	task := o.held(o.ana).GetName()
	h := o.offer(boss, task, ben)
	require.Equal(t, o.ana.name(), h.GetGiver())
	_, err := o.withdraw(ben, h.GetName())
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotGiver)
	withdrawn, err := o.withdraw(o.ana, h.GetName())
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_WITHDRAWN, withdrawn.GetState())
	h = o.offer(boss, task, boss)
	_, err = o.accept(boss, h.GetName())
	require.NoError(t, err, "a manager may take it over so")
}

func TestDeclineAndWithdraw(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	task := o.held(o.ana).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	_, err := o.decline(chitra, h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	_, err = o.accept(o.ana, h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	_, err = o.handoffs.DeclineHandoff(ben.ctx, &tasksv1.DeclineHandoffRequest{Name: h, Reason: "  "})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "reason")
	declined, err := o.decline(ben, h)
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_DECLINED, declined.GetState())
	require.Equal(t, "No time.", declined.GetReason())
	require.Equal(t, ben.name(), declined.GetResponder())
	require.False(t, declined.GetReturned())
	_, err = o.accept(ben, h)
	require.Equal(t, "DECLINED", metadata(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)["state"])
	require.Equal(t, o.ana.name(), o.task(o.ana, task).GetHolder())
	require.Len(t, o.legs(o.ana, task), 1, "the leg goes on")

	h = o.offer(o.ana, task, ben).GetName()
	withdrawn, err := o.handoffs.WithdrawHandoff(o.ana.ctx, &tasksv1.WithdrawHandoffRequest{Name: h, Reason: "Did it myself."})
	require.NoError(t, err)
	require.Equal(t, "Did it myself.", withdrawn.GetReason())
	require.Empty(t, withdrawn.GetResponder())
	require.Equal(t, []string{"HandoffOffered", "HandoffDeclined", "HandoffOffered", "HandoffWithdrawn"}, o.since(task, 2))
}

// An offer to a team: the first to accept holds it, others are told who; when all have refused, it is refused.
func TestHandOffToATeam(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra, dai := o.joins("Ben"), o.joins("Chitra"), o.joins("Dai")
	o.rota.set(chitra, hours{from: 10, to: 18})
	o.rota.set(dai, hours{never: true})
	team := o.team(o.ws, "relay", o.ana, ben, chitra, dai)
	task := o.held(o.ana).GetName()
	h := o.offerTeam(o.ana, task, team).GetName()
	o.settle()
	got := o.handoff(ben, h)
	require.Equal(t, tasksv1.Handoff_TEAM, got.GetRoute())
	require.Empty(t, got.GetRecipient())
	require.Equal(t, epoch.Add(5*time.Hour), got.GetExpireTime().AsTime(), "the latest of those who can be reached: Chitra's")
	_, err := o.accept(o.ana, h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	_, err = o.accept(o.joins("Stranger"), h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)

	open, err := o.decline(chitra, h)
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_OFFERED, open.GetState())
	require.Equal(t, []string{chitra.name()}, open.GetDecliners())
	again, err := o.decline(chitra, h)
	require.NoError(t, err)
	require.Equal(t, open.String(), again.String(), "who has refused already changes nothing")
	_, err = o.accept(chitra, h)
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotRecipient)
	_, err = o.accept(ben, h)
	require.NoError(t, err)
	_, err = o.accept(dai, h)
	require.Equal(t, "Ben", metadata(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)["display_name"])
	require.Equal(t, []string{"HandoffOffered", "HandoffUpdated", "HandoffUpdated", "HandoffAccepted", "RelayLegEnded", "RelayLegStarted"}, o.since(task, 2))

	h = o.offerTeam(ben, task, team).GetName()
	for _, p := range []person{o.ana, chitra} {
		_, err := o.decline(p, h)
		require.NoError(t, err)
	}
	declined, err := o.decline(dai, h)
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_DECLINED, declined.GetState())
	require.Len(t, declined.GetDecliners(), 3)
	require.Equal(t, dai.name(), declined.GetResponder())
	require.Equal(t, ben.name(), o.task(ben, task).GetHolder())
}

// Who has lost the right cannot take the baton, whatever was offered.
func TestAcceptingTakesTheRight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	o.grant(o.ws, private, o.ana.Member, auth.Writer)
	ben := o.joins("Ben")
	o.grant(o.ws, private, ben.Member, auth.Writer)
	task := o.newTask(o.ana, &tasksv1.Task{Project: o.newProject(o.ana, private, "SEC").GetName(), Holder: o.ana.name()}).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	o.grant(o.ws, private, ben.Member, auth.Reader)
	_, err := o.accept(ben, h)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	o.grant(o.ws, private, ben.Member, auth.NoRight)
	_, err = o.accept(ben, h)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

// From its expiry on an offer is expired for every read and every write, though nobody has written it down; and a new offer
// settles it first.
func TestExpiredIsExpiredBeforeTheJobSaysSo(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.held(o.ana).GetName()
	h, err := o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{
		Name: task, Recipient: ben.name(), Note: note(), Window: &availabilityv1.ResponseWindow{
			Window: &availabilityv1.ResponseWindow_ElapsedTime{ElapsedTime: durationpb.New(time.Hour)},
		},
	})
	require.NoError(t, err)
	refs, err := o.app.ClaimRouting(t.Context(), epoch, time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, refs, 1)
	require.NoError(t, o.app.RouteHandoff(t.Context(), refs[0]))
	require.Equal(t, epoch.Add(time.Hour), o.handoff(ben, h.GetName()).GetExpireTime().AsTime())

	o.clock.Advance(time.Hour - time.Microsecond)
	require.Equal(t, tasksv1.Handoff_OFFERED, o.handoff(ben, h.GetName()).GetState())
	o.clock.Advance(time.Microsecond)
	got := o.handoff(ben, h.GetName())
	require.Equal(t, tasksv1.Handoff_EXPIRED, got.GetState())
	require.Equal(t, got.GetExpireTime().AsTime(), got.GetEndTime().AsTime())
	require.True(t, got.GetReturned())
	require.Empty(t, o.task(ben, task).GetOpenHandoff())
	require.Empty(t, o.find(ben, `key = "OPS-1"`)[0].GetOpenHandoff())
	require.Len(t, o.listHandoffs(ben, `state = EXPIRED`, 0), 1)
	require.Empty(t, o.listHandoffs(ben, `state = OFFERED`, 0))
	for _, call := range []func() (*tasksv1.Handoff, error){
		func() (*tasksv1.Handoff, error) { return o.accept(ben, h.GetName()) },
		func() (*tasksv1.Handoff, error) { return o.decline(ben, h.GetName()) },
		func() (*tasksv1.Handoff, error) { return o.withdraw(o.ana, h.GetName()) },
	} {
		_, err := call()
		require.Equal(t, "EXPIRED", metadata(t, err, codes.FailedPrecondition, domain.ReasonHandoffSettled)["state"])
	}
	require.Equal(t, []string{"HandoffOffered", "HandoffUpdated"}, o.since(task, 2), "nobody has said it yet")

	o.offer(o.ana, task, ben)
	require.Equal(t, []string{"HandoffExpired", "HandoffOffered"}, o.since(task, 4))
	require.Equal(t, got.GetEndTime().AsTime(), o.handoff(ben, h.GetName()).GetEndTime().AsTime())
}

// What completes the task settles an offer that has expired; it was not withdrawn.
func TestCompletingSettlesWhatHasExpired(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.held(o.ana).GetName()
	h := o.offer(o.ana, task, ben).GetName()
	refs, err := o.app.ClaimRouting(t.Context(), epoch, time.Minute, 10)
	require.NoError(t, err)
	require.NoError(t, o.app.RouteHandoff(t.Context(), refs[0]))
	o.clock.Advance(24 * time.Hour)
	_, err = o.moveTo(o.ana, task, "done")
	require.NoError(t, err)
	require.Equal(t, tasksv1.Handoff_EXPIRED, o.handoff(ben, h).GetState())
	require.Equal(t, []string{"TaskUpdated", "TaskStateChanged", "HandoffExpired", "RelayLegEnded", "TaskCompleted"}, o.since(task, 4))
}

func (o *office) listHandoffs(p person, filter string, size int32) []*tasksv1.Handoff {
	o.t.Helper()
	var all []*tasksv1.Handoff
	req := &tasksv1.ListHandoffsRequest{Parent: o.parent, Filter: filter, PageSize: size}
	for {
		resp, err := o.handoffs.ListHandoffs(p.ctx, req)
		require.NoError(o.t, err, filter)
		all = append(all, resp.GetHandoffs()...)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return all
		}
	}
}

func TestListHandoffs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	private := o.world.space(o.ws, true)
	ben, chitra := o.joins("Ben"), o.joins("Chitra")
	for _, p := range []person{o.ana, ben} {
		o.grant(o.ws, private, p.Member, auth.Writer)
	}
	team := o.team(o.ws, "relay", o.ana, ben, chitra)
	secret := o.newProject(o.ana, private, "SEC").GetName()
	var tasks []string
	offer := func(task *tasksv1.Task, how func(name string) *tasksv1.Handoff) string {
		o.clock.Advance(time.Minute)
		name := o.newTask(o.ana, task).GetName()
		tasks = append(tasks, name)
		return how(name).GetName()
	}
	holder := o.ana.name()
	one := offer(&tasksv1.Task{Holder: holder}, func(n string) *tasksv1.Handoff { return o.offer(o.ana, n, ben) })
	two := offer(&tasksv1.Task{Holder: holder}, func(n string) *tasksv1.Handoff { return o.offerTeam(o.ana, n, team) })
	three := offer(&tasksv1.Task{Holder: holder, Project: secret}, func(n string) *tasksv1.Handoff { return o.offer(o.ana, n, ben) })
	four := offer(&tasksv1.Task{Holder: holder}, func(n string) *tasksv1.Handoff { return o.offerAuto(o.ana, n, team) })
	_, err := o.decline(ben, one)
	require.NoError(t, err)
	for _, test := range []struct {
		who    person
		filter string
		want   []string
	}{
		{o.ana, "", []string{four, three, two, one}},
		{chitra, "", []string{four, two, one}},
		{ben, `recipient = "me"`, []string{three, two, one}},
		{chitra, `recipient = "me"`, []string{two}},
		{o.ana, `recipient = "me"`, nil},
		{ben, fmt.Sprintf(`recipient = "me" AND state = OFFERED AND team = %q`, o.teamName(team)), []string{two}},
		{ben, `state = DECLINED`, []string{one}},
		{chitra, fmt.Sprintf(`giver = %q AND state = OFFERED`, holder), []string{four, two}},
		{o.ana, `giver = "me"`, []string{four, three, two, one}},
		{o.ana, fmt.Sprintf(`team = %q`, o.teamName(team)), []string{four, two}},
		{o.ana, fmt.Sprintf(`task = %q`, tasks[2]), []string{three}},
		{chitra, fmt.Sprintf(`task = %q`, tasks[2]), nil},
	} {
		for _, size := range []int32{0, 1, 2} {
			var got []string
			for _, h := range o.listHandoffs(test.who, test.filter, size) {
				got = append(got, h.GetName())
			}
			require.Equal(t, test.want, got, "%s: %s", test.who.handle, test.filter)
		}
	}
	for _, filter := range []string{`note = "x"`, `state = "NONE"`, `recipient != "me"`} {
		_, err := o.handoffs.ListHandoffs(o.ana.ctx, &tasksv1.ListHandoffsRequest{Parent: o.parent, Filter: filter})
		rpctest.FailedField(t, err, fault.ReasonFilterInvalid, "filter")
	}
	_, err = o.handoffs.ListHandoffs(o.ana.ctx, &tasksv1.ListHandoffsRequest{Parent: o.parent, Filter: `giver = ""`})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "filter")
}
