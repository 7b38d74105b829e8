package availability

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// approvals has kinds need an approval.
func (w *world) approvals(by person, kinds ...availabilityv1.TimeOff_Kind) *availabilityv1.TimeOffPolicy {
	w.t.Helper()
	policy, err := w.timeOffs.UpdateTimeOffPolicy(by.ctx, &availabilityv1.UpdateTimeOffPolicyRequest{
		TimeOffPolicy: &availabilityv1.TimeOffPolicy{Name: domain.TimeOffPolicyName(by.Workspace), ApprovalKinds: kinds},
		UpdateMask:    &fieldmaskpb.FieldMask{Paths: []string{"approval_kinds"}},
	})
	require.NoError(w.t, err)
	return policy
}

// managed has somebody report to another.
func (w *world) managed(member, manager person) {
	w.t.Helper()
	w.exec(`UPDATE members SET manager_id = $2 WHERE member_id = $1`, member.Member, manager.Member)
}

func TestTimeOffThatNeedsAnApprovalCountsFromItOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia := w.member(ws, auth.Member, "Mia", "UTC")
	w.managed(ben, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)

	asked := w.off(ben, "2026-12-02", "2026-12-03")
	require.Equal(t, availabilityv1.TimeOff_REQUESTED, asked.GetState())
	week := func() []string { return w.timeline(ana, ben.name(), "2026-12-02T15:00:00Z", "2026-12-03T23:00:00Z") }
	require.NotContains(t, strings.Join(week(), " "), "TIME_OFF")

	// It waits for the manager, who sees why.
	waiting, err := w.timeOffs.ListTimeOffRequests(mia.ctx, &availabilityv1.ListTimeOffRequestsRequest{Parent: domain.WorkspaceName(ws)})
	require.NoError(t, err)
	require.Len(t, waiting.GetTimeOffs(), 1)
	require.True(t, proto.Equal(asked, waiting.GetTimeOffs()[0]))
	seen, err := w.timeOffs.GetTimeOff(mia.ctx, &availabilityv1.GetTimeOffRequest{Name: asked.GetName()})
	require.NoError(t, err)
	require.Equal(t, "to the sea", seen.GetNote())

	w.clock.Advance(31 * time.Hour) // Wednesday, 16:00 UTC: an hour of the day off is over
	req := &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName(), Etag: asked.GetEtag(), RequestId: uuid.NewString(), ValidateOnly: true}
	foreseen, err := w.timeOffs.ApproveTimeOff(mia.ctx, req)
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_APPROVED, foreseen.GetState())
	require.Equal(t, stamp("2026-12-02T16:00:00Z").AsTime(), foreseen.GetPreview().GetChanges()[0].GetStartTime().AsTime())
	_, err = w.timeOffs.DeclineTimeOff(mia.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked.GetName(), Reason: "no", ValidateOnly: true})
	require.NoError(t, err)
	require.NotContains(t, strings.Join(week(), " "), "TIME_OFF", "nothing was done")
	req.ValidateOnly = false
	approved, err := w.timeOffs.ApproveTimeOff(mia.ctx, req)
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_APPROVED, approved.GetState())
	require.Equal(t, mia.name(), approved.GetDecidedBy())
	require.Equal(t, []string{
		"2026-12-02T15:00:00Z 2026-12-02T16:00:00Z WORKING", "2026-12-02T16:00:00Z 2026-12-02T23:00:00Z TIME_OFF",
		"2026-12-02T23:00:00Z 2026-12-03T15:00:00Z OFF", "2026-12-03T15:00:00Z 2026-12-03T23:00:00Z TIME_OFF",
	}, week())
	for _, again := range []*availabilityv1.ApproveTimeOffRequest{req, {Name: asked.GetName()}} {
		same, err := w.timeOffs.ApproveTimeOff(mia.ctx, again)
		require.NoError(t, err)
		require.True(t, proto.Equal(approved, same))
	}
	_, err = w.timeOffs.DeclineTimeOff(mia.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked.GetName(), Reason: "no"})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTimeOffDecided)
	waiting, err = w.timeOffs.ListTimeOffRequests(mia.ctx, &availabilityv1.ListTimeOffRequestsRequest{Parent: domain.WorkspaceName(ws)})
	require.NoError(t, err)
	require.Empty(t, waiting.GetTimeOffs())

	// What was taken back after it was approved has been time off.
	w.clock.Advance(time.Hour)
	_, err = w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: asked.GetName()})
	require.NoError(t, err)
	require.Equal(t, "2026-12-02T16:00:00Z 2026-12-02T17:00:00Z TIME_OFF", week()[1])

	events := w.unpublished()
	kinds := make([]string, len(events))
	for i, e := range events {
		kinds[i] = string(e.payload.ProtoReflect().Descriptor().Name())
	}
	require.Equal(t, []string{
		"TimeOffPolicyChanged", "TimeOffRequested", "TimeOffApproved", "WorkingTimeChanged", "TimeOffCancelled", "WorkingTimeChanged",
	}, kinds)
	require.True(t, proto.Equal(&availabilityv1.TimeOffRequested{
		TimeOff: asked, Member: ben.name(), Manager: mia.name(), Version: 1, StartTime: stamp("2026-12-02T06:00:00Z"),
	}, events[1].payload))
	require.True(t, proto.Equal(&availabilityv1.WorkingTimeChanged{
		Member: ben.name(), StartTime: stamp("2026-12-02T16:00:00Z"), EndTime: stamp("2026-12-04T06:00:00Z"), Version: 3,
	}, events[3].payload))
}

// What others see of a time off is the same whether its kind needs an approval or not, at any time: from it and the policy,
// which everybody sees, nobody learns the kind.
func TestOthersCannotGuessTheKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	free, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-02"), EndDate: day("2026-12-02"),
	}})
	require.NoError(t, err)
	asked, declined, cancelled := w.off(ben, "2026-12-03", "2026-12-03"), w.off(ben, "2026-12-04", "2026-12-04"), w.off(ben, "2026-12-07", "2026-12-07")
	listed := func(by person) []*availabilityv1.TimeOff {
		t.Helper()
		found, err := w.timeOffs.ListTimeOffs(by.ctx, &availabilityv1.ListTimeOffsRequest{Parent: ben.name()})
		require.NoError(t, err)
		return found.GetTimeOffs()
	}
	hidden := func(off *availabilityv1.TimeOff) {
		t.Helper()
		_, err := w.timeOffs.GetTimeOff(cleo.ctx, &availabilityv1.GetTimeOffRequest{Name: off.GetName()})
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	}
	require.Len(t, listed(ben), 4)
	require.Len(t, listed(ana), 4)
	require.Len(t, listed(cleo), 1)
	hidden(asked)
	w.clock.Advance(time.Hour)
	_, err = w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: declined.GetName(), Reason: "release week"})
	require.NoError(t, err)
	_, err = w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: cancelled.GetName()})
	require.NoError(t, err)
	hidden(declined)
	hidden(cancelled)
	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName()})
	require.NoError(t, err)
	seen := listed(cleo)
	require.Len(t, seen, 2)
	require.Equal(t, []string{asked.GetName(), free.GetName()}, []string{seen[0].GetName(), seen[1].GetName()})
	for _, off := range seen {
		require.True(t, proto.Equal(&availabilityv1.TimeOff{
			Name: off.GetName(), Uid: off.GetUid(), StartDate: off.GetStartDate(), EndDate: off.GetEndDate(),
			State: availabilityv1.TimeOff_APPROVED, CreateTime: timestamppb.New(epoch),
		}, off), "%v", off)
	}
	// A page of what others see is as long as it is asked to be.
	page, err := w.timeOffs.ListTimeOffs(cleo.ctx, &availabilityv1.ListTimeOffsRequest{Parent: ben.name(), PageSize: 1})
	require.NoError(t, err)
	require.Len(t, page.GetTimeOffs(), 1)
	require.NotEmpty(t, page.GetNextPageToken())
	page, err = w.timeOffs.ListTimeOffs(cleo.ctx, &availabilityv1.ListTimeOffsRequest{Parent: ben.name(), PageSize: 1, PageToken: page.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, page.GetTimeOffs(), 1)
	require.Empty(t, page.GetNextPageToken())
}

// Who is to act while somebody is off tells others no more than the time off does: they hear of it when that is approved.
func TestOthersDoNotNoticeARequestByWhoIsToAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	standing := func() (*availabilityv1.TimeOff, *availabilityv1.Delegation) {
		t.Helper()
		off := w.off(ben, "2026-12-03", "2026-12-04")
		d, err := w.delegate(ben, ben.name(), &availabilityv1.Delegation{Delegate: cleo.name(), TimeOff: off.GetName()})
		require.NoError(t, err)
		return off, d
	}
	sees := func(by person, d *availabilityv1.Delegation) bool {
		t.Helper()
		found, err := w.delegations.ListDelegations(by.ctx, &availabilityv1.ListDelegationsRequest{Parent: ben.name()})
		require.NoError(t, err)
		listed := slices.ContainsFunc(found.GetDelegations(), func(o *availabilityv1.Delegation) bool { return proto.Equal(d, o) })
		got, err := w.delegations.GetDelegation(by.ctx, &availabilityv1.GetDelegationRequest{Name: d.GetName()})
		if err != nil {
			rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
		} else {
			require.True(t, proto.Equal(d, got))
		}
		require.Equal(t, listed, err == nil)
		return listed
	}
	told := func() (names []string) {
		for _, e := range w.unpublished() {
			if changed, ok := e.payload.(*availabilityv1.DelegationChanged); ok {
				names = append(names, changed.GetDelegation().GetName())
			}
		}
		return names
	}
	approved, shown := standing()
	declined, never := standing()
	_, ended := standing()
	for _, d := range []*availabilityv1.Delegation{shown, never, ended} {
		require.True(t, sees(ben, d))
		require.True(t, sees(ana, d), "who decides")
		require.False(t, sees(cleo, d), "not even who is to act")
	}
	_, err := w.delegations.DeleteDelegation(ben.ctx, &availabilityv1.DeleteDelegationRequest{Name: ended.GetName()})
	require.NoError(t, err)
	_, err = w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: declined.GetName(), Reason: "release week"})
	require.NoError(t, err)
	require.False(t, sees(cleo, never))
	require.Empty(t, told())

	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: approved.GetName()})
	require.NoError(t, err)
	require.True(t, sees(cleo, shown))
	require.Equal(t, []string{shown.GetName()}, told())
	_, err = w.delegations.DeleteDelegation(ben.ctx, &availabilityv1.DeleteDelegationRequest{Name: shown.GetName()})
	require.NoError(t, err)
	require.Equal(t, []string{shown.GetName(), shown.GetName()}, told())
}

func TestADeclinedRequestNeverCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	asked := w.off(ben, "2026-12-02", "2026-12-03")
	_, err := w.delegate(ben, ben.name(), &availabilityv1.Delegation{Delegate: cleo.name(), TimeOff: asked.GetName()})
	require.NoError(t, err)
	require.Equal(t, "NOBODY", w.acts(ana, ben.name(), "2026-12-02T12:00:00Z"), "it is not approved yet")
	for _, reason := range []string{"", " \n", strings.Repeat("x", 2001)} {
		_, err := w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked.GetName(), Reason: reason})
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "reason")
	}
	declined, err := w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked.GetName(), Reason: "release week"})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_DECLINED, declined.GetState())
	require.Equal(t, "release week", declined.GetDeclineReason())
	require.NotContains(t, strings.Join(w.timeline(ana, ben.name(), "2026-12-02T00:00:00Z", "2026-12-04T00:00:00Z"), " "), "TIME_OFF")
	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTimeOffDecided)
	_, err = w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: asked.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTimeOffDecided)
	_, err = w.timeOffs.GetTimeOff(cleo.ctx, &availabilityv1.GetTimeOffRequest{Name: asked.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Equal(t, "NOBODY", w.acts(ana, ben.name(), "2026-12-02T12:00:00Z"))
}

func TestARequestTakenBackOrTooLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	back := w.off(ben, "2026-12-02", "2026-12-03")
	cancelled, err := w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: back.GetName()})
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_CANCELLED, cancelled.GetState())
	require.NotContains(t, strings.Join(w.timeline(ana, ben.name(), "2026-12-01T09:00:00Z", "2026-12-04T00:00:00Z"), " "), "TIME_OFF")
	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: back.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTimeOffDecided)

	late := w.off(ben, "2026-12-02", "2026-12-02")
	w.clock.Advance(48 * time.Hour)
	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: late.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTimeOffPast)
	_, err = w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: late.GetName(), Reason: "nobody looked"})
	require.NoError(t, err)
}

func TestWhoDecidesOnTimeOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia, cleo := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Cleo", "UTC")
	w.managed(ben, mia)
	w.managed(cleo, cleo) // as nobody can be, and would not help
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	asked, other := w.off(ben, "2026-12-02", "2026-12-03"), w.off(cleo, "2026-12-02", "2026-12-03")
	for _, who := range []person{ben, cleo} {
		_, err := w.timeOffs.ApproveTimeOff(who.ctx, &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName()})
		rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotTheApprover)
	}
	for _, who := range []person{mia, cleo} {
		_, err := w.timeOffs.DeclineTimeOff(who.ctx, &availabilityv1.DeclineTimeOffRequest{Name: other.GetName(), Reason: "no"})
		rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotTheApprover)
	}
	_, err := w.timeOffs.ApproveTimeOff(mia.ctx, &availabilityv1.ApproveTimeOffRequest{Name: asked.GetName(), Etag: `"7"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	_, err = w.timeOffs.ApproveTimeOff(mia.ctx, &availabilityv1.ApproveTimeOffRequest{Name: domain.TimeOffName(ws, ben.Member, uuid.New())})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	for who, want := range map[*person]int{&ana: 2, &mia: 1, &ben: 0, &cleo: 0} {
		got, err := w.timeOffs.ListTimeOffRequests(who.ctx, &availabilityv1.ListTimeOffRequestsRequest{Parent: domain.WorkspaceName(ws)})
		require.NoError(t, err)
		require.Len(t, got.GetTimeOffs(), want)
	}
	first, err := w.timeOffs.ListTimeOffRequests(ana.ctx, &availabilityv1.ListTimeOffRequestsRequest{Parent: domain.WorkspaceName(ws), PageSize: 1})
	require.NoError(t, err)
	second, err := w.timeOffs.ListTimeOffRequests(ana.ctx, &availabilityv1.ListTimeOffRequestsRequest{
		Parent: domain.WorkspaceName(ws), PageSize: 1, PageToken: first.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.True(t, proto.Equal(other, first.GetTimeOffs()[0]))
	require.True(t, proto.Equal(asked, second.GetTimeOffs()[0]))
	require.Empty(t, second.GetNextPageToken())

	// What an administrator takes for somebody is approved, and so is what needs no approval.
	req := &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_VACATION, StartDate: day("2026-12-21"), EndDate: day("2026-12-22"),
	}}
	made, err := w.timeOffs.CreateTimeOff(ana.ctx, req)
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_APPROVED, made.GetState())
	require.Empty(t, made.GetDecidedBy())
	req.TimeOff.Kind = availabilityv1.TimeOff_SICK
	made, err = w.timeOffs.CreateTimeOff(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_APPROVED, made.GetState())
}

func TestTheTimeOffPolicyOfAWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	name := domain.TimeOffPolicyName(ws)
	get := func() *availabilityv1.TimeOffPolicy {
		policy, err := w.timeOffs.GetTimeOffPolicy(ben.ctx, &availabilityv1.GetTimeOffPolicyRequest{Name: name})
		require.NoError(t, err)
		return policy
	}
	require.Empty(t, get().GetApprovalKinds())
	set := w.approvals(ana, availabilityv1.TimeOff_VACATION, availabilityv1.TimeOff_PARENTAL)
	require.True(t, proto.Equal(set, get()))
	w.approvals(ana, availabilityv1.TimeOff_PARENTAL, availabilityv1.TimeOff_VACATION)
	require.True(t, proto.Equal(set, get()), "as it was")
	require.Len(t, w.unpublished(), 1)

	update := func(by person, mask string, kinds ...availabilityv1.TimeOff_Kind) error {
		req := &availabilityv1.UpdateTimeOffPolicyRequest{TimeOffPolicy: &availabilityv1.TimeOffPolicy{Name: name, Etag: set.GetEtag(), ApprovalKinds: kinds}}
		if mask != "" {
			req.UpdateMask = &fieldmaskpb.FieldMask{Paths: []string{mask}}
		}
		_, err := w.timeOffs.UpdateTimeOffPolicy(by.ctx, req)
		return err
	}
	rpctest.Failed(t, update(ben, "", availabilityv1.TimeOff_SICK), codes.PermissionDenied, fault.ReasonPermissionDenied)
	rpctest.FailedField(t, update(ana, "name"), fault.ReasonFieldInvalid, "update_mask.paths[0]")
	rpctest.FailedField(t, update(ana, "", 0), fault.ReasonFieldInvalid, "time_off_policy.approval_kinds[0]")
	require.NoError(t, update(ana, ""), "nothing is asked for")
	require.True(t, proto.Equal(set, get()))
	require.NoError(t, update(ana, "approval_kinds"))
	require.Empty(t, get().GetApprovalKinds())
	rpctest.Failed(t, update(ana, "approval_kinds"), codes.Aborted, fault.ReasonEtagStale)
}

// Who acts for the manager in approvals decides in their place, while they do, but never on their own request.
func TestWhoActsForTheManagerDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia, dan, eve := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Dan", "UTC"), w.member(ws, auth.Member, "Eve", "UTC")
	w.managed(ben, mia)
	w.managed(eve, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	asked, own := w.off(ben, "2026-12-14", "2026-12-15"), w.off(eve, "2026-12-16", "2026-12-17")
	waits := func(p person) []string {
		t.Helper()
		found, err := w.timeOffs.ListTimeOffRequests(p.ctx, &availabilityv1.ListTimeOffRequestsRequest{Parent: domain.WorkspaceName(ws)})
		require.NoError(t, err)
		var names []string
		for _, off := range found.GetTimeOffs() {
			names = append(names, off.GetName())
		}
		return names
	}
	approve := func(p person, off *availabilityv1.TimeOff) error {
		_, err := w.timeOffs.ApproveTimeOff(p.ctx, &availabilityv1.ApproveTimeOffRequest{Name: off.GetName()})
		return err
	}
	kinds := []availabilityv1.Delegation_Kind{availabilityv1.Delegation_APPROVALS}
	// An act in asks is none in approvals; and a chain leads to its last.
	_, err := w.delegate(mia, mia.name(), &availabilityv1.Delegation{Delegate: dan.name(), EndTime: stamp("2026-12-10T00:00:00Z")})
	require.NoError(t, err)
	rpctest.Failed(t, approve(dan, asked), codes.PermissionDenied, domain.ReasonNotTheApprover)
	_, err = w.delegate(mia, mia.name(), &availabilityv1.Delegation{Delegate: dan.name(), Kinds: kinds, EndTime: stamp("2026-12-10T00:00:00Z")})
	require.NoError(t, err)
	require.Equal(t, []string{own.GetName(), asked.GetName()}, waits(dan))
	onward, err := w.delegate(dan, dan.name(), &availabilityv1.Delegation{Delegate: eve.name(), Kinds: kinds})
	require.NoError(t, err)
	require.Empty(t, waits(dan))
	rpctest.Failed(t, approve(dan, asked), codes.PermissionDenied, domain.ReasonNotTheApprover)
	require.Equal(t, []string{asked.GetName()}, waits(eve), "without her own")
	rpctest.Failed(t, approve(eve, own), codes.PermissionDenied, domain.ReasonNotTheApprover)
	require.Equal(t, []string{own.GetName(), asked.GetName()}, waits(mia), "it stays the manager's as well")

	// She sees why, and decides.
	seen, err := w.timeOffs.GetTimeOff(eve.ctx, &availabilityv1.GetTimeOffRequest{Name: asked.GetName()})
	require.NoError(t, err)
	require.Equal(t, "to the sea", seen.GetNote())
	declined, err := w.timeOffs.DeclineTimeOff(eve.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked.GetName(), Reason: "release week"})
	require.NoError(t, err)
	require.Equal(t, eve.name(), declined.GetDecidedBy())
	// Who is away themselves does not; from the end on nobody does.
	_, err = w.delegations.DeleteDelegation(dan.ctx, &availabilityv1.DeleteDelegationRequest{Name: onward.GetName()})
	require.NoError(t, err)
	require.Equal(t, []string{own.GetName()}, waits(dan))
	_, err = w.timeOffs.CreateTimeOff(dan.ctx, &availabilityv1.CreateTimeOffRequest{Parent: dan.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-01"), EndDate: day("2026-12-01"),
	}})
	require.NoError(t, err)
	require.Empty(t, waits(dan))
	rpctest.Failed(t, approve(dan, own), codes.PermissionDenied, domain.ReasonNotTheApprover)
	w.clock.Advance(24 * time.Hour)
	require.Equal(t, []string{own.GetName()}, waits(dan))
	w.clock.Advance(8 * 24 * time.Hour)
	require.Empty(t, waits(dan))
	_, err = w.timeOffs.GetTimeOff(dan.ctx, &availabilityv1.GetTimeOffRequest{Name: own.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}
