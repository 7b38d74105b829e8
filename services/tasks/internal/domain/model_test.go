package domain_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// model is what a task's relay should be, kept as simply as it can be said; machine does everything to both.
type model struct {
	closed       bool
	holder, team string
	// offer is the newest offer, open or not; nil before the first.
	offer *modelOffer
	// legs are holder and whether it goes on.
	legs []modelLeg
	// superseded says that the giver has acted since the newest offer, so that an AUTO ends.
	superseded bool
}

type modelLeg struct {
	holder string
	open   bool
}

type modelOffer struct {
	route     domain.Route
	recipient string
	giver     string
	expires   time.Time
	declined  []string
	tried     []string
	state     domain.HandoffState // as it was last told
}

func (o *modelOffer) open(now time.Time) bool {
	return o != nil && o.state == domain.Offered && (o.expires.IsZero() || now.Before(o.expires))
}

// machine drives the domain and the model through the same story.
type machine struct {
	people []string
	ids    map[string]uuid.UUID
	team   []string
	teamID uuid.UUID
	flow   domain.Workflow
	relay  *domain.Relay
	last   domain.Handoff // the newest offer, as its row is
	now    time.Time
	model  model

	// What consumers have heard.
	version  int64
	accepted map[uuid.UUID]int
	legEnd   time.Time
}

func newMachine(t *rapid.T) *machine {
	m := &machine{
		people: []string{"ana", "ben", "chitra", "dai"}, team: []string{"ben", "chitra", "dai"}, ids: map[string]uuid.UUID{},
		teamID: id(), now: epoch, accepted: map[uuid.UUID]int{},
	}
	for _, p := range m.people {
		m.ids[p] = id()
	}
	r, p := begin(t, m.ids["ana"])
	m.relay, m.flow, m.version = r, p.Workflow, r.Task.Version
	m.model = model{holder: "ana", legs: []modelLeg{{"ana", true}}}
	return m
}

func (m *machine) who(t *rapid.T, label string) string {
	return rapid.SampledFrom(m.people).Draw(t, label)
}

func (m *machine) ofTeam(p string) bool { return slices.Contains(m.team, p) }

// receivers are who of the team can take the baton from a giver.
func (m *machine) receivers(giver string) []string {
	return slices.DeleteFunc(slices.Clone(m.team), func(p string) bool { return p == giver })
}

func (m *machine) idsOf(people []string) []uuid.UUID {
	var all []uuid.UUID
	for _, p := range people {
		all = append(all, m.ids[p])
	}
	return all
}

// step runs a rule on a relay as it would be read now. Where it fails nothing is kept; else the model's change is made too.
func (m *machine) step(t *rapid.T, want bool, rule func(r *domain.Relay) error, then func()) {
	r := kept(m.relay)
	r.Begin(m.now)
	err := rule(r)
	if !want {
		require.Error(t, err)
		require.False(t, fault.Is(err, fault.Internal), "%v", err)
		return
	}
	require.NoError(t, err)
	m.hear(t, r)
	m.relay = kept(r)
	for _, h := range r.Handoffs {
		if h.ID == m.last.ID || h.ID == r.Task.LastHandoff {
			m.last = h
		}
	}
	then()
}

// hear follows the events as any consumer would.
func (m *machine) hear(t *rapid.T, r *domain.Relay) {
	for _, event := range r.Events {
		m.version++
		var version int64
		switch e := event.(type) {
		case domain.HandoffAccepted:
			m.accepted[e.Handoff.ID]++
			require.Equal(t, 1, m.accepted[e.Handoff.ID])
			version = e.Handoff.Version
		case domain.LegStarted:
			require.False(t, e.Leg.StartTime.Before(m.legEnd), "legs overlap")
			version = e.Task.Version
		case domain.LegEnded:
			m.legEnd, version = e.Leg.EndTime, e.Task.Version
		default:
			version = m.version
		}
		require.Equal(t, m.version, version)
	}
	require.Equal(t, m.version, r.Task.Version)
}

// settle is what every write does first to an offer that time has ended.
func (m *machine) settle() {
	if o := m.model.offer; o != nil && o.state == domain.Offered && !o.open(m.now) {
		o.state = domain.Expired
	}
}

func (m *machine) withdrawn() {
	m.settle()
	if o := m.model.offer; o.open(m.now) {
		o.state = domain.Withdrawn
	}
	m.model.superseded = true
}

func (m *machine) hold(holder, team string) {
	m.model.holder, m.model.team = holder, team
	m.endLeg()
	m.startLeg()
}

func (m *machine) endLeg() {
	if n := len(m.model.legs); n > 0 {
		m.model.legs[n-1].open = false
	}
}

func (m *machine) startLeg() {
	if m.model.holder != "" && !m.model.closed {
		m.model.legs = append(m.model.legs, modelLeg{m.model.holder, true})
	}
}

// Tick lets time pass.
func (m *machine) Tick(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
}

// Claim picks the task up.
func (m *machine) Claim(t *rapid.T) {
	p := m.who(t, "who")
	free := !m.model.closed && m.model.holder == "" && (m.model.team == "" || m.ofTeam(p))
	m.step(t, free || m.model.holder == p, func(r *domain.Relay) error { return r.Claim(m.ids[p], m.ofTeam(p)) }, func() {
		if m.model.holder != p {
			m.model.holder, m.model.team = p, ""
			m.startLeg()
		}
	})
}

// Assign makes somebody the holder, or gives the task to the team.
func (m *machine) Assign(t *rapid.T) {
	p, manager := m.who(t, "to"), rapid.Bool().Draw(t, "manager")
	holder, team, teamID := p, "", uuid.Nil
	if rapid.Bool().Draw(t, "to the team") {
		holder, team, teamID = "", "team", m.teamID
	}
	same := m.model.holder == holder && m.model.team == team
	want := !m.model.closed && (same || m.model.holder == "" || manager)
	m.step(t, want, func(r *domain.Relay) error { return r.Assign(m.ids[holder], teamID, m.ids[p], manager) }, func() {
		if !same {
			if m.model.holder != "" {
				m.withdrawn()
			}
			m.hold(holder, team)
		}
	})
}

// Release puts the task back.
func (m *machine) Release(t *rapid.T) {
	p, manager := m.who(t, "who"), rapid.Bool().Draw(t, "manager")
	want := m.model.holder == p || manager
	m.step(t, want, func(r *domain.Relay) error { return r.Release(m.teamID, m.ids[p], manager) }, func() {
		if m.model.holder == "" && m.model.team == "team" {
			return
		}
		if m.model.holder != "" {
			m.withdrawn()
		}
		m.hold("", "team")
	})
}

// Move takes the task to any state.
func (m *machine) Move(t *rapid.T) {
	s := rapid.SampledFrom(m.flow).Draw(t, "state")
	m.step(t, true, func(r *domain.Relay) error { return r.Update(domain.TaskChange{State: &s.ID}, m.ids["ana"], m.flow) }, func() {
		switch closed := s.Category.Closed(); {
		case closed && !m.model.closed:
			m.withdrawn()
			m.model.closed = true
			m.endLeg()
		case !closed && m.model.closed:
			m.model.closed = false
			m.startLeg()
		}
	})
}

// HandOff offers the baton by any route.
func (m *machine) HandOff(t *rapid.T) {
	by, manager := m.who(t, "by"), rapid.Bool().Draw(t, "manager")
	route := rapid.SampledFrom([]domain.Route{domain.ToMember, domain.ToTeam, domain.Auto}).Draw(t, "route")
	offer := domain.Offer{ID: id(), Route: route, Note: plain(), Team: m.teamID}
	recipient := ""
	if route == domain.ToMember {
		recipient = m.who(t, "to")
		offer.Recipient, offer.Team = m.ids[recipient], uuid.Nil
	}
	giver := m.model.holder
	want := giver != "" && !m.model.closed && (giver == by || manager) && recipient != giver && !m.model.offer.open(m.now)
	receivers := m.idsOf(m.receivers(giver))
	m.step(t, want, func(r *domain.Relay) error {
		_, err := r.HandOff(offer, m.ids[by], manager, receivers)
		return err
	}, func() {
		m.model.offer = &modelOffer{route: route, recipient: recipient, giver: giver, state: domain.Offered}
		m.model.superseded = false
	})
}

// named is the newest offer, as the request that names it finds it.
func (m *machine) named(t *rapid.T) (domain.Handoff, *modelOffer) {
	if m.model.offer == nil {
		t.Skip("nothing was offered yet")
	}
	return m.last, m.model.offer
}

func (o *modelOffer) asked(p string, ofTeam bool) bool {
	if o.route == domain.ToTeam {
		return ofTeam && p != o.giver
	}
	return o.recipient == p
}

// Accept takes the baton.
func (m *machine) Accept(t *rapid.T) {
	h, o := m.named(t)
	p := m.who(t, "who")
	want := o.open(m.now) && o.asked(p, m.ofTeam(p)) && !slices.Contains(o.declined, p)
	m.step(t, want, func(r *domain.Relay) error { _, err := r.Accept(h, m.ids[p], m.ofTeam(p)); return err }, func() {
		o.state = domain.Accepted
		m.hold(p, "")
	})
}

// Decline refuses it.
func (m *machine) Decline(t *rapid.T) {
	h, o := m.named(t)
	p := m.who(t, "who")
	want := o.open(m.now) && o.asked(p, m.ofTeam(p))
	receivers := m.idsOf(m.receivers(o.giver))
	m.step(t, want, func(r *domain.Relay) error {
		_, err := r.Decline(h, m.ids[p], m.ofTeam(p), "No time.", receivers)
		return err
	}, func() {
		if !slices.Contains(o.declined, p) {
			o.declined = append(o.declined, p)
		}
		if o.route != domain.ToTeam || len(o.declined) == len(m.receivers(o.giver)) {
			o.state = domain.Declined
		}
	})
}

// Withdraw takes it back.
func (m *machine) Withdraw(t *rapid.T) {
	h, o := m.named(t)
	p, manager := m.who(t, "who"), rapid.Bool().Draw(t, "manager")
	want := o.open(m.now) && (o.giver == p || manager)
	m.step(t, want, func(r *domain.Relay) error { _, err := r.Withdraw(h, m.ids[p], manager, ""); return err }, func() {
		o.state = domain.Withdrawn
	})
}

// Announce is the expiry's job.
func (m *machine) Announce(t *rapid.T) {
	m.step(t, true, func(r *domain.Relay) error { r.Expire(); return nil }, m.settle)
}

// Route is the routing's job, with whatever availability said.
func (m *machine) Route(t *rapid.T) {
	h, o := m.named(t)
	left := slices.DeleteFunc(m.receivers(o.giver), func(p string) bool { return slices.Contains(o.tried, p) })
	candidate := ""
	if len(left) > 0 && rapid.Bool().Draw(t, "somebody") {
		candidate = rapid.SampledFrom(left).Draw(t, "candidate")
	}
	expire := m.now.Add(time.Duration(rapid.IntRange(-60, 300).Draw(t, "expire")) * time.Minute)
	timing := domain.Timing{Expire: expire}
	clipped := expire
	if clipped.Before(m.now) {
		clipped = m.now
	}
	next := id()
	goesOn := o.route == domain.Auto && (o.state == domain.Declined || o.state == domain.Expired) && !m.model.superseded && !m.returned()
	m.step(t, true, func(r *domain.Relay) error {
		switch {
		case r.Offer.ID != uuid.Nil && !r.Offer.Open(r.Now):
			r.Expire()
		case r.Seeks() && candidate == "":
			r.NotFound()
		case r.Seeks():
			r.Found(m.ids[candidate], r.Now, timing)
		case r.Offer.ID != uuid.Nil:
			r.Retime(timing, m.idsOf(m.receivers(o.giver)))
		case r.GoesOn(h) && candidate == "":
			r.Return(h)
		case r.GoesOn(h):
			r.PassOn(h, next, m.ids[candidate], r.Now, timing)
		}
		require.Equal(t, goesOn, len(r.Events) > 0 && o.state != domain.Offered, "AUTO goes on exactly when it should")
		return nil
	}, func() {
		switch {
		case o.state == domain.Offered && !o.open(m.now):
			m.settle()
		case o.state == domain.Offered && o.route == domain.Auto && o.recipient == "" && candidate == "":
			o.state = domain.Expired
		case o.state == domain.Offered && o.route == domain.Auto && o.recipient == "":
			o.recipient, o.expires, o.tried = candidate, clipped, append(o.tried, candidate)
		case o.state == domain.Offered:
			o.expires = clipped
		case goesOn && candidate != "":
			m.model.offer = &modelOffer{
				route: domain.Auto, recipient: candidate, giver: o.giver, expires: clipped, state: domain.Offered, tried: append(o.tried, candidate),
			}
		}
	})
}

func (m *machine) returned() bool { return m.last.Returned }

// Check holds after every step.
func (m *machine) Check(t *rapid.T) {
	task := m.relay.Task
	require.Equal(t, m.ids[m.model.holder], task.Holder)
	require.Equal(t, m.model.closed, task.Closed())
	require.Equal(t, !task.CompleteTime.IsZero(), task.Closed())
	require.False(t, task.Holder != uuid.Nil && task.Team != uuid.Nil)
	require.EqualValues(t, len(m.model.legs), task.LastLeg)
	going := m.relay.Leg.Number != 0
	require.Equal(t, task.Holder != uuid.Nil && !task.Closed(), going, "a leg goes on exactly while somebody holds what is not done")
	if going {
		require.Equal(t, task.Holder, m.relay.Leg.Holder)
		require.True(t, m.model.legs[len(m.model.legs)-1].open)
	}
	if m.model.offer == nil {
		return
	}
	require.Equal(t, m.model.offer.state, m.last.State)
	require.Equal(t, m.model.offer.open(m.now), m.relay.Offer.Open(m.now))
	require.Equal(t, m.ids[m.model.offer.recipient], m.last.Recipient)
	if m.relay.Offer.Open(m.now) {
		require.Equal(t, task.Holder, m.relay.Offer.Giver, "only what its giver holds is offered")
		require.True(t, going)
	}
	require.Equal(t, m.last.State != domain.Offered, !m.last.EndTime.IsZero())
}

func TestTheRelayFollowsItsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"": m.Check, "tick": m.Tick, "claim": m.Claim, "assign": m.Assign, "release": m.Release, "move": m.Move,
			"hand off": m.HandOff, "accept": m.Accept, "decline": m.Decline, "withdraw": m.Withdraw, "announce": m.Announce, "route": m.Route,
			"tick again": m.Tick, "hand off again": m.HandOff, "route again": m.Route, "route once more": m.Route,
		})
	})
}
