package availability

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func (w *world) delegate(by person, parent string, d *availabilityv1.Delegation) (*availabilityv1.Delegation, error) {
	w.t.Helper()
	if len(d.GetKinds()) == 0 {
		d.Kinds = []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS}
	}
	return w.delegations.CreateDelegation(by.ctx, &availabilityv1.CreateDelegationRequest{Parent: parent, Delegation: d})
}

// acts is the outcome of who acts for a member in asks, and their name where there is one.
func (w *world) acts(by person, member, at string) string {
	w.t.Helper()
	return w.actsIn(by, member, at, availabilityv1.Delegation_ASKS)
}

func (w *world) actsIn(by person, member, at string, kind availabilityv1.Delegation_Kind) string {
	w.t.Helper()
	q := &availabilityv1.DelegateQuery{Member: member, Kind: kind}
	if at != "" {
		q.AtTime = stamp(at)
	}
	found, err := w.delegations.ResolveDelegates(by.ctx, &availabilityv1.ResolveDelegatesRequest{
		Parent: domain.WorkspaceName(by.Workspace), Queries: []*availabilityv1.DelegateQuery{q},
	})
	require.NoError(w.t, err)
	r := found.GetResolutions()[0]
	require.Equal(w.t, member, r.GetMember())
	if r.GetOutcome() == availabilityv1.DelegateResolution_FOUND {
		require.Equal(w.t, r.GetChain()[len(r.GetChain())-1], r.GetDelegate())
		return r.GetDelegate()
	}
	require.Empty(w.t, r.GetDelegate())
	return r.GetOutcome().String()
}

func TestADelegateActsWhileTheDelegationHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "Europe/Lisbon")
	made, err := w.delegate(ben, ben.name(), &availabilityv1.Delegation{
		Delegate: cleo.name(), StartTime: stamp("2026-12-02T00:00:00Z"), EndTime: stamp("2026-12-04T00:00:00Z"),
		Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS, availabilityv1.Delegation_HANDOFFS},
	})
	require.NoError(t, err)
	for at, want := range map[string]string{
		"2026-12-01T23:59:59Z": "NOBODY", "2026-12-02T00:00:00Z": cleo.name(), "2026-12-03T23:59:59Z": cleo.name(),
		"2026-12-04T00:00:00Z": "NOBODY",
	} {
		require.Equal(t, want, w.acts(ana, ben.name(), at), at)
		require.Equal(t, want, w.actsIn(ana, ben.name(), at, availabilityv1.Delegation_HANDOFFS), at)
		require.Equal(t, "NOBODY", w.actsIn(ana, ben.name(), at, availabilityv1.Delegation_DUTY), at)
		deadline, err := w.ask.ComputeDeadlines(ana.ctx, &availabilityv1.ComputeDeadlinesRequest{
			Parent: domain.WorkspaceName(ws), Queries: []*availabilityv1.DeadlineQuery{{
				Member: ben.name(), StartTime: stamp(at),
				Window: &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(time.Hour)}},
			}},
		})
		require.NoError(t, err)
		if want == "NOBODY" {
			want = ""
		}
		require.Equal(t, want, deadline.GetDeadlines()[0].GetDelegate(), at)
	}
	require.Equal(t, "NOBODY", w.acts(ana, cleo.name(), "2026-12-02T00:00:00Z"), "nobody acts for the delegate")

	w.clock.Advance(24 * time.Hour)
	expected, err := w.ask.ResolveExpectation(ana.ctx, &availabilityv1.ResolveExpectationRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{ben.name(), cleo.name()},
	})
	require.NoError(t, err)
	require.Equal(t, cleo.name(), expected.GetExpectations()[0].GetDelegate())
	require.Contains(t, expected.GetExpectations()[0].GetExplanation(), "Cleo acts for them.")
	require.Empty(t, expected.GetExpectations()[1].GetDelegate())

	// It ends when it is deleted; before that it stays as it was.
	req := &availabilityv1.DeleteDelegationRequest{Name: made.GetName(), Etag: made.GetEtag(), RequestId: uuid.NewString()}
	for range 2 {
		_, err = w.delegations.DeleteDelegation(ben.ctx, req)
		require.NoError(t, err)
	}
	require.Equal(t, "NOBODY", w.acts(ana, ben.name(), ""))
	require.Equal(t, cleo.name(), w.acts(ana, ben.name(), "2026-12-02T08:59:59Z"))
	_, err = w.delegations.GetDelegation(ben.ctx, &availabilityv1.GetDelegationRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.delegations.DeleteDelegation(ben.ctx, &availabilityv1.DeleteDelegationRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	ended := proto.CloneOf(made)
	ended.EndTime = stamp("2026-12-02T09:00:00Z")
	events := w.unpublished()
	require.Len(t, events, 2)
	require.True(t, proto.Equal(&availabilityv1.DelegationChanged{Delegation: made, Member: ben.name(), Version: 1}, events[0].payload))
	require.True(t, proto.Equal(&availabilityv1.DelegationChanged{Delegation: ended, Member: ben.name(), Version: 2}, events[1].payload))
}

// One that stands on a time off holds while that one counts.
func TestADelegationStandsOnATimeOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "Europe/Lisbon")
	off := w.off(ben, "2026-12-07", "2026-12-08") // in Chicago
	made, err := w.delegate(ana, ben.name(), &availabilityv1.Delegation{Delegate: cleo.name(), TimeOff: off.GetName()})
	require.NoError(t, err)
	require.Equal(t, off.GetName(), made.GetTimeOff())
	for at, want := range map[string]string{
		"2026-12-07T05:59:59Z": "NOBODY", "2026-12-07T06:00:00Z": cleo.name(), "2026-12-09T05:59:59Z": cleo.name(),
		"2026-12-09T06:00:00Z": "NOBODY",
	} {
		require.Equal(t, want, w.acts(ana, ben.name(), at), at)
	}
	_, err = w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: off.GetName()})
	require.NoError(t, err)
	require.Equal(t, "NOBODY", w.acts(ana, ben.name(), "2026-12-07T06:00:00Z"))
	_, err = w.delegate(ben, ben.name(), &availabilityv1.Delegation{Delegate: cleo.name(), TimeOff: off.GetName()})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "delegation.time_off")
}

// A GUEST sees neither requests for time off nor rotations, and so acts for nobody there: not when they become one either.
func TestAGuestActsForNobodyInApprovalsAndDuty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	guest, cleo := w.member(ws, auth.Guest, "Gil", "UTC"), w.member(ws, auth.Member, "Cleo", "UTC")
	taken := []availabilityv1.Delegation_Kind{availabilityv1.Delegation_APPROVALS, availabilityv1.Delegation_DUTY}
	open := []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS, availabilityv1.Delegation_HANDOFFS}
	for _, kind := range taken {
		_, err := w.delegate(ben, ben.name(), &availabilityv1.Delegation{
			Delegate: guest.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS, kind},
		})
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "delegation.delegate")
	}
	_, err := w.delegate(ana, ana.name(), &availabilityv1.Delegation{Delegate: guest.name(), Kinds: open})
	require.NoError(t, err)
	_, err = w.delegate(ben, ben.name(), &availabilityv1.Delegation{Delegate: cleo.name(), Kinds: append(taken, open...)})
	require.NoError(t, err)
	w.exec(`UPDATE members SET role = 1 WHERE member_id = $1`, cleo.Member)
	for _, kind := range taken {
		require.Equal(t, "ABSENT", w.actsIn(ana, ben.name(), "", kind), kind)
	}
	for _, kind := range open {
		require.Equal(t, guest.name(), w.actsIn(ana, ana.name(), "", kind), kind)
		require.Equal(t, cleo.name(), w.actsIn(ana, ben.name(), "", kind), kind)
	}
}

func TestChainsAreFollowedFiveDeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	people := make([]person, 8)
	for i := range people {
		people[i] = w.member(ws, auth.Member, string(rune('a'+i)), "UTC")
	}
	for i := range 6 {
		_, err := w.delegate(people[i], people[i].name(), &availabilityv1.Delegation{Delegate: people[i+1].name()})
		require.NoError(t, err)
	}
	require.Equal(t, people[6].name(), w.acts(ana, people[1].name(), ""), "five deep")
	require.Equal(t, "TOO_LONG", w.acts(ana, people[0].name(), ""))

	// The last one is away, then has somebody, then has left.
	w.off(people[6], "2026-12-01", "2026-12-01")
	require.Equal(t, "ABSENT", w.acts(ana, people[1].name(), ""))
	require.Equal(t, people[6].name(), w.acts(ana, people[1].name(), "2026-12-02T09:00:00Z"))
	_, err := w.delegate(people[6], people[6].name(), &availabilityv1.Delegation{Delegate: people[7].name()})
	require.NoError(t, err)
	require.Equal(t, people[7].name(), w.acts(ana, people[2].name(), ""), "who is away is acted for")
	w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, people[7].Member)
	require.Equal(t, "ABSENT", w.acts(ana, people[2].name(), ""))

	// Two that were made at the same time may close a circle: it is answered as one.
	w.exec(`INSERT INTO delegations (workspace_id, member_id, delegation_id, delegate_id, kinds, start_time, create_time)
		VALUES ($1, $2, gen_random_uuid(), $3, '{ASKS}', $4, $4)`, ws, people[6].Member, people[5].Member, epoch.Add(time.Minute))
	require.Equal(t, "CIRCLE", w.acts(ana, people[5].name(), "2026-12-01T10:00:00Z"))
	require.Equal(t, "CIRCLE", w.acts(ana, people[4].name(), "2026-12-01T10:00:00Z"))
}

func TestWhatIsNoDelegation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo, dan := w.member(ws, auth.Member, "Cleo", "UTC"), w.member(ws, auth.Member, "Dan", "UTC")
	gone := w.memberIn(ws, auth.Member, "Gone", "UTC", "DEACTIVATED")
	off, over := w.off(cleo, "2026-12-07", "2026-12-08"), w.off(ben, "2026-12-01", "2026-12-02")
	_, err := w.timeOffs.CancelTimeOff(ben.ctx, &availabilityv1.CancelTimeOffRequest{Name: over.GetName()})
	require.NoError(t, err)
	_, err = w.delegate(cleo, cleo.name(), &availabilityv1.Delegation{Delegate: dan.name(), StartTime: stamp("2026-12-10T00:00:00Z")})
	require.NoError(t, err)
	_, err = w.delegate(dan, dan.name(), &availabilityv1.Delegation{Delegate: ben.name(), EndTime: stamp("2026-12-20T00:00:00Z")})
	require.NoError(t, err)
	for field, cases := range map[string][]*availabilityv1.Delegation{
		"delegation.delegate": {
			{Delegate: ben.name()},
			{Delegate: gone.name()},
			{Delegate: domain.MemberName(ws, uuid.New())},
			{Delegate: domain.MemberName(uuid.New(), cleo.Member)},
			{Delegate: "workspaces/x"},
			{Delegate: cleo.name()},
			{Delegate: dan.name(), StartTime: stamp("2026-12-19T23:59:59Z")},
			{Delegate: cleo.name(), StartTime: stamp("2026-12-09T00:00:00Z"), EndTime: stamp("2026-12-10T00:00:01Z")},
		},
		"delegation.end_time": {
			{Delegate: cleo.name(), EndTime: stamp("2026-12-01T09:00:00Z")},
			{Delegate: cleo.name(), StartTime: stamp("2026-12-03T00:00:00Z"), EndTime: stamp("2026-12-03T00:00:00Z")},
			{Delegate: cleo.name(), StartTime: stamp("2026-11-03T00:00:00Z"), EndTime: stamp("2026-11-04T00:00:00Z")},
			{Delegate: cleo.name(), EndTime: stamp("2029-12-03T00:00:00Z")},
		},
		"delegation.start_time": {{Delegate: cleo.name(), StartTime: stamp("2029-12-03T00:00:00Z")}},
		"delegation.time_off": {
			{Delegate: cleo.name(), TimeOff: off.GetName()},
			{Delegate: cleo.name(), TimeOff: over.GetName()},
			{Delegate: cleo.name(), TimeOff: domain.TimeOffName(ws, ben.Member, uuid.New())},
			{Delegate: cleo.name(), TimeOff: domain.TimeOffName(ws, ben.Member, uuid.New()), EndTime: stamp("2026-12-04T00:00:00Z")},
		},
		"delegation.kinds[0]": {{Delegate: cleo.name(), Kinds: []availabilityv1.Delegation_Kind{0}}},
	} {
		for _, d := range cases {
			_, err := w.delegate(ben, ben.name(), d)
			rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
		}
	}
	// While they do not hold at once, or are for something else, there is no circle.
	for _, d := range []*availabilityv1.Delegation{
		{Delegate: cleo.name(), EndTime: stamp("2026-12-10T00:00:00Z")},
		{Delegate: dan.name(), StartTime: stamp("2026-12-20T00:00:00Z")},
		{Delegate: dan.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_DUTY}},
	} {
		_, err := w.delegate(ben, ben.name(), d)
		require.NoError(t, err)
	}
	// Another's are an administrator's to make, and everybody's to see.
	_, err = w.delegate(cleo, ben.name(), &availabilityv1.Delegation{Delegate: dan.name()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	made, err := w.delegate(ana, ben.name(), &availabilityv1.Delegation{Delegate: ana.name()})
	require.NoError(t, err)
	_, err = w.delegations.DeleteDelegation(cleo.ctx, &availabilityv1.DeleteDelegationRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.delegations.DeleteDelegation(ben.ctx, &availabilityv1.DeleteDelegationRequest{Name: made.GetName(), Etag: `"9"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	listed, err := w.delegations.ListDelegations(cleo.ctx, &availabilityv1.ListDelegationsRequest{Parent: ben.name(), PageSize: 3})
	require.NoError(t, err)
	require.Len(t, listed.GetDelegations(), 3)
	require.True(t, proto.Equal(made, listed.GetDelegations()[0]))
	listed, err = w.delegations.ListDelegations(cleo.ctx, &availabilityv1.ListDelegationsRequest{
		Parent: ben.name(), PageSize: 3, PageToken: listed.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Len(t, listed.GetDelegations(), 1)
	require.Empty(t, listed.GetNextPageToken())
	require.Equal(t, ana.name(), w.acts(cleo, ben.name(), "2026-12-02T00:00:00Z"), "the one made last holds")
}

func TestOfDelegationsAtOnceNoneClosesACircle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	ring := []person{ana, ben, w.member(ws, auth.Member, "Cleo", "UTC")}
	for day := range 20 {
		from := at("2026-12-02T00:00:00Z").AddDate(0, 0, day)
		errs := make([]error, len(ring))
		var all sync.WaitGroup
		for i := range ring {
			all.Go(func() {
				_, errs[i] = w.delegations.CreateDelegation(ring[i].ctx, &availabilityv1.CreateDelegationRequest{
					Parent: ring[i].name(), Delegation: &availabilityv1.Delegation{
						Delegate: ring[(i+1)%len(ring)].name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_ASKS},
						StartTime: timestamppb.New(from), EndTime: timestamppb.New(from.AddDate(0, 0, 1)),
					},
				})
			})
		}
		all.Wait()
		refused := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		require.Len(t, refused, 1)
		rpctest.FailedField(t, refused[0], fault.ReasonFieldInvalid, "delegation.delegate")
	}
}

func TestTheSameDelegationTwiceIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	req := &availabilityv1.CreateDelegationRequest{
		Parent: ben.name(), RequestId: uuid.NewString(),
		Delegation: &availabilityv1.Delegation{Delegate: ana.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_APPROVALS}},
	}
	req.ValidateOnly = true
	tried, err := w.delegations.CreateDelegation(ben.ctx, req)
	require.NoError(t, err)
	require.Empty(t, tried.GetName())
	require.Equal(t, ana.name(), tried.GetDelegate())
	require.Empty(t, w.unpublished(), "it was only tried")
	req.ValidateOnly = false
	made, err := w.delegations.CreateDelegation(ben.ctx, req)
	require.NoError(t, err)
	_, err = w.delegations.DeleteDelegation(ben.ctx, &availabilityv1.DeleteDelegationRequest{Name: made.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	again, err := w.delegations.CreateDelegation(ben.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(made, again))
	require.Len(t, w.unpublished(), 1)
}
