package availability

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/postgres"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/store"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
)

// standIn has somebody act for another in approvals.
func (w *world) standIn(delegate, of person) *availabilityv1.Delegation {
	w.t.Helper()
	d, err := w.delegate(of, of.name(), &availabilityv1.Delegation{
		Delegate: delegate.name(), Kinds: []availabilityv1.Delegation_Kind{availabilityv1.Delegation_APPROVALS},
	})
	require.NoError(w.t, err)
	return d
}

// requests are the events of requests that wait in the outbox.
func (w *world) requests() []*availabilityv1.TimeOffRequested {
	w.t.Helper()
	var all []*availabilityv1.TimeOffRequested
	for _, e := range w.unpublished() {
		if one, ok := e.payload.(*availabilityv1.TimeOffRequested); ok {
			all = append(all, one)
		}
	}
	return all
}

// A request names who acts for the manager when it is asked for: the last of a chain, if they are there, and never who asks.
func TestARequestNamesWhoActsForTheManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia, dan, eve := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Dan", "UTC"), w.member(ws, auth.Member, "Eve", "UTC")
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	named := func() string {
		t.Helper()
		before := len(w.requests())
		w.off(ben, "2026-12-14", "2026-12-15")
		all := w.requests()
		require.Len(t, all, before+1)
		return all[before].GetDelegate()
	}
	require.Empty(t, named(), "there is no manager")
	w.managed(ben, mia)
	require.Empty(t, named())
	w.standIn(dan, mia)
	require.Equal(t, dan.name(), named())
	onward := w.standIn(eve, dan)
	require.Equal(t, eve.name(), named())
	sick, err := w.timeOffs.CreateTimeOff(eve.ctx, &availabilityv1.CreateTimeOffRequest{Parent: eve.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-01"), EndDate: day("2026-12-01"),
	}})
	require.NoError(t, err)
	require.Empty(t, named(), "she is away")
	_, err = w.timeOffs.CancelTimeOff(eve.ctx, &availabilityv1.CancelTimeOffRequest{Name: sick.GetName()})
	require.NoError(t, err)
	_, err = w.delegations.DeleteDelegation(dan.ctx, &availabilityv1.DeleteDelegationRequest{Name: onward.GetName()})
	require.NoError(t, err)
	w.standIn(ben, dan)
	require.Empty(t, named(), "he does not decide on his own")
}

// A request stands for who acts for the manager as for the manager, while they do.
func TestSourcesForWhoActs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia, dan, other := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Dan", "UTC"), w.member(ws, auth.Member, "Other", "UTC")
	w.managed(ben, mia)
	w.managed(dan, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	asked, own := w.off(ben, "2026-12-07", "2026-12-11").GetName(), w.off(dan, "2026-12-07", "2026-12-11").GetName()
	require.Equal(t, gone(), w.check(asked, dan)[0].String())
	acts := w.standIn(dan, mia)
	states := w.check(asked, dan, mia, other)
	require.True(t, states[0].GetWaiting())
	require.True(t, states[1].GetWaiting())
	require.Equal(t, gone(), states[2].String())
	require.False(t, w.check(own, dan)[0].GetWaiting(), "not his own")
	w.managed(ben, other)
	require.Equal(t, gone(), w.check(asked, dan)[0].String(), "he acts for another")
	w.managed(ben, mia)
	_, err := w.timeOffs.DeclineTimeOff(dan.ctx, &availabilityv1.DeclineTimeOffRequest{Name: asked, Reason: "release week"})
	require.NoError(t, err)
	states = w.check(asked, dan, mia)
	require.Equal(t, "declined", states[0].GetSettledReason())
	require.Equal(t, "declined", states[1].GetSettledReason())
	_, err = w.delegations.DeleteDelegation(mia.ctx, &availabilityv1.DeleteDelegationRequest{Name: acts.GetName()})
	require.NoError(t, err)
	require.Equal(t, gone(), w.check(asked, dan)[0].String())
	w.standIn(other, mia)
	require.Equal(t, "declined", w.check(asked, other)[0].GetSettledReason())
	w.exec(`UPDATE members SET role = 1 WHERE member_id = $1`, other.Member)
	require.Equal(t, gone(), w.check(asked, other)[0].String(), "a guest decides on nothing")
}

// reports has somebody report to another in the projection, and tells of it.
func (w *world) reports(js jetstream.JetStream, member, manager person, version int64) {
	w.t.Helper()
	w.exec(`UPDATE members SET manager_id = $2, version = $3 WHERE member_id = $1`, member.Member, manager.Member, version)
	w.tellManager(js, member, manager, version)
}

// tellManager tells whom somebody reports to.
func (w *world) tellManager(js jetstream.JetStream, member, manager person, version int64) {
	w.t.Helper()
	m := profile(member.Caller, "America/Chicago", version)
	if manager.ctx != nil {
		m.Manager = manager.name()
	}
	tell(w.t, js, &directoryv1.MemberUpdated{Member: m})
}

// What waits when a member gets another manager waits for that one from then on, and is told of again.
func TestRequestsFollowTheManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js, settle := w.follow()
	ws, ana, ben := w.team()
	mia, dan, eve := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Dan", "UTC"), w.member(ws, auth.Member, "Eve", "UTC")
	w.managed(ben, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	w.standIn(eve, dan)
	over := w.off(ben, "2026-12-03", "2026-12-03")
	_, err := w.timeOffs.ApproveTimeOff(mia.ctx, &availabilityv1.ApproveTimeOffRequest{Name: over.GetName()})
	require.NoError(t, err)
	first, second := w.off(ben, "2026-12-14", "2026-12-15"), w.off(ben, "2026-12-17", "2026-12-17")
	before := len(w.requests())
	since := func() []*availabilityv1.TimeOffRequested {
		settle()
		all := w.requests()[before:]
		before += len(all)
		return all
	}

	w.reports(js, ben, mia, 2)
	require.Empty(t, since(), "she is asked already")
	w.reports(js, ben, dan, 3)
	told := since()
	require.Len(t, told, 2)
	for i, off := range []*availabilityv1.TimeOff{first, second} {
		require.Equal(t, off.GetName(), told[i].GetTimeOff().GetName())
		require.Equal(t, availabilityv1.TimeOff_REQUESTED, told[i].GetTimeOff().GetState())
		require.Equal(t, off.GetEtag(), told[i].GetTimeOff().GetEtag())
		require.Equal(t, dan.name(), told[i].GetManager())
		require.Equal(t, eve.name(), told[i].GetDelegate())
	}
	require.Equal(t, stamp("2026-12-14T06:00:00Z").AsTime(), told[0].GetStartTime().AsTime())
	require.Equal(t, told[0].GetVersion()+1, told[1].GetVersion())

	// What is told late changes nothing, and what the projection has not heard of yet holds.
	w.tellManager(js, ben, mia, 2)
	require.Empty(t, since())
	w.tellManager(js, ben, eve, 4)
	told = since()
	require.Len(t, told, 2)
	require.Equal(t, eve.name(), told[0].GetManager())
	require.Empty(t, told[0].GetDelegate())
	w.reports(js, ben, person{}, 5)
	told = since()
	require.Len(t, told, 2)
	require.Empty(t, told[0].GetManager(), "administrators decide")
	_, err = w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: first.GetName(), Etag: first.GetEtag()})
	require.NoError(t, err)
	w.reports(js, ben, mia, 6)
	told = since()
	require.Len(t, told, 1)
	require.Equal(t, second.GetName(), told[0].GetTimeOff().GetName())
}

// What waits for a manager who has left, or is back, is told of again: others decide then, and nothing waits for nobody.
func TestRequestsAreToldOfAgainWhenTheManagerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js, settle := w.follow()
	ws, ana, ben := w.team()
	mia, dan, kim := w.member(ws, auth.Member, "Mia", "UTC"), w.member(ws, auth.Member, "Dan", "UTC"), w.member(ws, auth.Member, "Kim", "UTC")
	w.managed(ben, mia)
	w.managed(kim, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	decided := w.off(ben, "2026-12-03", "2026-12-03")
	_, err := w.timeOffs.ApproveTimeOff(ana.ctx, &availabilityv1.ApproveTimeOffRequest{Name: decided.GetName()})
	require.NoError(t, err)
	first, second := w.off(ben, "2026-12-14", "2026-12-15"), w.off(kim, "2026-12-17", "2026-12-17")
	w.off(mia, "2026-12-18", "2026-12-18")
	before := len(w.requests())
	since := func() []string {
		settle()
		var names []string
		for _, one := range w.requests()[before:] {
			require.Equal(t, mia.name(), one.GetManager())
			names = append(names, one.GetTimeOff().GetName())
		}
		before += len(names)
		return names
	}
	w.moves(js, dan, directoryv1.Member_DEACTIVATED, 2)
	require.Empty(t, since())
	w.moves(js, mia, directoryv1.Member_DEACTIVATED, 2)
	require.ElementsMatch(t, []string{first.GetName(), second.GetName()}, since())
	w.moves(js, mia, directoryv1.Member_DEACTIVATED, 2)
	require.Empty(t, since(), "once")
	// She was back, and left again before that was heard of: whoever was told meanwhile asked her.
	w.exec(`UPDATE members SET version = 4 WHERE member_id = $1`, mia.Member)
	tell(t, js, &directoryv1.MemberActivated{Member: profile(mia.Caller, "UTC", 3)})
	require.ElementsMatch(t, []string{first.GetName(), second.GetName()}, since())
	_, err = w.timeOffs.DeclineTimeOff(ana.ctx, &availabilityv1.DeclineTimeOffRequest{Name: second.GetName(), Reason: "the release"})
	require.NoError(t, err)
	w.moves(js, mia, directoryv1.Member_ACTIVE, 5)
	require.Equal(t, []string{first.GetName()}, since())
}

// However many requests wait for a manager who leaves, what lies over their member's hours is read once.
func TestManyRequestsAreToldOfAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	mia := w.member(ws, auth.Member, "Mia", "UTC")
	w.managed(ben, mia)
	w.approvals(ana, availabilityv1.TimeOff_VACATION)
	for range 5 {
		w.off(ben, "2026-12-14", "2026-12-15")
	}
	traced := &pgtest.Statements{}
	pool, err := postgres.Open(t.Context(), w.db.AppURL, postgres.Options{Tracer: traced})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	a := app.New(store.New(pool, w.db.Owner, w.box, wire.Encoder("meridian.test")), w.directory, w.clock, app.Imports{})
	require.NoError(t, a.OnPresence(t.Context(), app.Presence{Workspace: ws, Member: mia.Member, Version: 2}))
	require.Len(t, w.requests(), 10)
	var read int
	for _, one := range traced.Take() {
		if strings.Contains(one.SQL, "name: TimeOffsBetween ") {
			read++
		}
	}
	require.Equal(t, 2, read, "Mia's, for who acts for her, and Ben's")
}
