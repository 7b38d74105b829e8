package domain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// asked posts a message with one ask and returns the ask.
func asked(t require.TestingT, draft domain.AskDraft) domain.Ask {
	thread := domain.Thread{Workspace: id(), ID: id(), Space: id(), Title: "T", State: domain.Open, LastSequence: 1, Version: 2}
	draft.ID, draft.Kind, draft.Window = id(), domain.AskReply, window.Working(8*time.Hour)
	m, events, err := thread.Post(domain.Draft{ID: id(), Author: id(), Body: "b", Asks: []domain.AskDraft{draft}}, epoch)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, domain.AskOpened{Ask: m.Asks[0], Excerpt: "b"}, events[1])
	return m.Asks[0].At(epoch)
}

// modelled is a person as the rules of asks see them.
type modelled struct {
	state      string
	ofTeam     bool
	due        time.Time // zero: not known
	pending    bool
	round      int64
	told       bool
	answeredBy int
}

// askModel is an ask told as the rules tell it, not as it is written: people by number, the asker is none of them.
type askModel struct {
	people   map[int]*modelled
	everyone bool
	taken    bool // back
	version  int64
	now      time.Time
}

func (m *askModel) waiting() (all []int) {
	for n, p := range m.people {
		if p.state == "OPEN" {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

func (m *askModel) state() string {
	switch {
	case m.taken:
		return "WITHDRAWN"
	case len(m.waiting()) == 0:
		return "SETTLED"
	}
	return "OPEN"
}

func (m *askModel) shown(n int) string {
	p := m.people[n]
	if p.state == "OPEN" && !p.due.IsZero() && !p.due.After(m.now) {
		return "OVERDUE"
	}
	return p.state
}

// refusal is the reason for which one person's doing is refused, or nothing.
func (m *askModel) refusal(by int) string {
	switch p := m.people[by]; {
	case p == nil:
		return domain.ReasonNotAsked
	case p.state != "OPEN":
		return domain.ReasonAskSettled
	}
	return ""
}

// askMachine drives an ask and its model through the same.
type askMachine struct {
	ask     domain.Ask
	model   askModel
	members []uuid.UUID
}

func newAskMachine(t *rapid.T) *askMachine {
	s := &askMachine{model: askModel{people: map[int]*modelled{}, version: 1, now: epoch}}
	for range 6 {
		s.members = append(s.members, id())
	}
	named, team := rapid.IntRange(0, 2).Draw(t, "named"), rapid.IntRange(0, 3).Draw(t, "team")
	if named+team == 0 {
		named = 1
	}
	draft := domain.AskDraft{Members: s.members[:named], Everyone: rapid.Bool().Draw(t, "everyone")}
	s.model.everyone = draft.Everyone
	if team > 0 {
		draft.Team, draft.TeamMembers = id(), s.members[max(named-1, 0):named+team] // one by name is of the team too
	}
	for n := range named + team {
		s.model.people[n] = &modelled{state: "OPEN", ofTeam: n >= named, pending: true, round: 1, answeredBy: -1}
	}
	s.ask = asked(t, draft)
	return s
}

func (s *askMachine) someone(t *rapid.T) int {
	return rapid.IntRange(0, len(s.members)-1).Draw(t, "who")
}

// did checks what came of one's doing: the refusal that the model tells, or one event of the next version.
func (s *askMachine) did(t *rapid.T, refusal string, events []domain.Event, err error) bool {
	if refusal != "" {
		require.True(t, fault.HasReason(err, refusal), "want %s, got %v", refusal, err)
		require.Empty(t, events)
		return false
	}
	require.NoError(t, err)
	require.Len(t, events, 1)
	s.model.version++
	return true
}

func (s *askMachine) Answer(t *rapid.T) {
	by := s.someone(t)
	refusal := s.model.refusal(by)
	events, err := s.ask.Answer(s.members[by], domain.AskAnswer{Message: 7, Comment: "c"}, s.model.now)
	if !s.did(t, refusal, events, err) {
		return
	}
	settled := []int{by}
	for _, n := range s.model.waiting() {
		if n != by && s.model.people[by].ofTeam && s.model.people[n].ofTeam && !s.model.everyone {
			settled = append(settled, n)
		}
	}
	for _, n := range settled {
		p := s.model.people[n]
		p.state, p.pending, p.answeredBy = "ANSWERED", false, by
	}
	answered := events[0].(domain.AskAnswered)
	require.Equal(t, s.members[by], answered.Member)
	require.ElementsMatch(t, s.ids(settled), answered.Settled)
}

func (s *askMachine) Decline(t *rapid.T) {
	by := s.someone(t)
	refusal := s.model.refusal(by)
	events, err := s.ask.Decline(s.members[by], "r", s.model.now)
	if s.did(t, refusal, events, err) {
		s.model.people[by].state, s.model.people[by].pending = "DECLINED", false
	}
}

func (s *askMachine) Reassign(t *rapid.T) {
	by, to := s.someone(t), s.someone(t)
	refusal := s.model.refusal(by)
	if refusal == "" && by == to {
		refusal = fault.ReasonFieldInvalid
	}
	events, err := s.ask.Reassign(s.members[by], domain.Handover{To: s.members[to]}, s.model.now)
	if !s.did(t, refusal, events, err) {
		return
	}
	from := s.model.people[by]
	from.state, from.pending = "REASSIGNED", false
	switch there := s.model.people[to]; {
	case there == nil:
		s.model.people[to] = &modelled{state: "OPEN", ofTeam: from.ofTeam, pending: true, round: 1, answeredBy: -1}
	case there.state == "DECLINED" || there.state == "REASSIGNED":
		s.model.people[to] = &modelled{state: "OPEN", ofTeam: from.ofTeam, pending: true, round: there.round + 1, answeredBy: -1}
	}
}

func (s *askMachine) Withdraw(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
		return
	}
	by, manager := s.ask.Asker, rapid.Bool().Draw(t, "manager")
	if rapid.Bool().Draw(t, "other") {
		by = id()
	}
	refusal := ""
	switch {
	case by != s.ask.Asker && !manager:
		refusal = domain.ReasonNotAsked
	case s.model.state() != "OPEN":
		refusal = domain.ReasonAskSettled
	}
	waiting := s.model.waiting()
	events, err := s.ask.Withdraw(by, manager, "w", s.model.now)
	if !s.did(t, refusal, events, err) {
		return
	}
	for _, n := range waiting {
		s.model.people[n].state, s.model.people[n].pending = "WITHDRAWN", false
	}
	s.model.taken = true
	require.ElementsMatch(t, s.ids(waiting), events[0].(domain.AskWithdrawn).Members)
}

// Mark is what a change of working time does to one's row.
func (s *askMachine) Mark(t *rapid.T) {
	n := s.someone(t)
	if p := s.model.people[n]; p != nil && p.state == "OPEN" {
		p.pending, p.round = true, p.round+1
		for i := range s.ask.Recipients {
			if r := &s.ask.Recipients[i]; r.Member == s.members[n] {
				r.Pending, r.Round = true, r.Round+1
			}
		}
	}
}

func (s *askMachine) Schedule(t *rapid.T) {
	var dues []domain.ComputedDue
	var changed []int
	taken := false
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(s.members)-1), 1, 4, rapid.ID[int]).Draw(t, "computed") {
		due := s.model.now.Add(time.Duration(rapid.IntRange(-2, 3).Draw(t, "due")) * time.Hour)
		round := int64(rapid.IntRange(1, 3).Draw(t, "round"))
		dues = append(dues, domain.ComputedDue{Member: s.members[n], Round: round, Due: due})
		p := s.model.people[n]
		if p == nil || p.state != "OPEN" || !p.pending || p.round != round {
			continue
		}
		taken, p.pending = true, false
		if p.due.Equal(due) {
			continue
		}
		if p.due = due; due.After(s.model.now) {
			p.told = false
		}
		changed = append(changed, n)
	}
	got, events := s.ask.Schedule(dues, s.model.now)
	require.Equal(t, taken, got)
	if len(changed) == 0 {
		require.Empty(t, events)
		return
	}
	s.did(t, "", events, nil)
	require.ElementsMatch(t, s.ids(changed), events[0].(domain.AskDueChanged).Members)
}

func (s *askMachine) Announce(t *rapid.T) {
	var late []int
	for _, n := range s.model.waiting() {
		if p := s.model.people[n]; s.model.shown(n) == "OVERDUE" && !p.told && !p.pending {
			p.told = true
			late = append(late, n)
		}
	}
	events := s.ask.Announce(s.model.now)
	if len(late) == 0 {
		require.Empty(t, events)
		return
	}
	s.did(t, "", events, nil)
	require.ElementsMatch(t, s.ids(late), events[0].(domain.AskOverdue).Members)
}

func (s *askMachine) Wait(t *rapid.T) {
	s.model.now = s.model.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
}

func (s *askMachine) ids(numbers []int) (all []uuid.UUID) {
	for _, n := range numbers {
		all = append(all, s.members[n])
	}
	return all
}

// Check compares everything after every step.
func (s *askMachine) Check(t *rapid.T) {
	got := s.ask.At(s.model.now)
	require.Equal(t, s.model.version, got.Version)
	require.Equal(t, s.model.state(), string(got.State))
	require.Len(t, got.Recipients, len(s.model.people))
	var latest time.Time
	unknown := false
	for _, r := range got.Recipients {
		n := slices.Index(s.members, r.Member)
		p := s.model.people[n]
		require.Equal(t, s.model.shown(n), string(r.State), "person %d", n)
		require.Equal(t, p.ofTeam, r.OfTeam)
		require.Equal(t, p.pending, r.Pending)
		require.Equal(t, p.told, r.Told)
		require.True(t, p.due.Equal(r.Due))
		if p.answeredBy >= 0 {
			require.Equal(t, s.members[p.answeredBy], r.AnsweredBy)
		}
		if p.state == "OPEN" {
			unknown = unknown || p.due.IsZero()
			if p.due.After(latest) {
				latest = p.due
			}
		}
	}
	if unknown {
		latest = time.Time{}
	}
	require.True(t, latest.Equal(got.Due()))
}

func TestAsksAreTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newAskMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"answer": s.Answer, "decline": s.Decline, "reassign": s.Reassign, "withdraw": s.Withdraw, "mark": s.Mark,
			"schedule": s.Schedule, "announce": s.Announce, "wait": s.Wait, "": s.Check,
		})
	})
}

// An event holds the ask as it was: what comes after does not change what was told.
func TestEventsKeepWhatTheyTold(t *testing.T) {
	t.Parallel()
	bob, carl := id(), id()
	a := asked(t, domain.AskDraft{Members: []uuid.UUID{bob, carl}})
	declined, err := a.Decline(bob, "no", epoch)
	require.NoError(t, err)
	told := fmt.Sprint(declined)
	_, err = a.Answer(carl, domain.AskAnswer{}, epoch.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, told, fmt.Sprint(declined))
}

func TestReassignRefusals(t *testing.T) {
	t.Parallel()
	bob := id()
	a := asked(t, domain.AskDraft{Members: []uuid.UUID{bob}})
	_, err := a.Reassign(bob, domain.Handover{To: a.Asker}, epoch)
	require.True(t, fault.HasReason(err, fault.ReasonFieldInvalid))
	_, err = a.Reassign(bob, domain.Handover{To: id(), ThreadState: domain.Archived}, epoch)
	require.True(t, fault.HasReason(err, domain.ReasonThreadArchived))
	for len(a.Recipients) < domain.MaxRecipients {
		next := id()
		_, err = a.Reassign(bob, domain.Handover{To: next}, epoch)
		require.NoError(t, err)
		bob = next
	}
	_, err = a.Reassign(bob, domain.Handover{To: id()}, epoch)
	require.True(t, fault.HasReason(err, fault.ReasonTooLarge))
	require.True(t, fault.Is(err, fault.Precondition))
	_, err = a.Reassign(bob, domain.Handover{To: a.Recipients[0].Member}, epoch)
	require.NoError(t, err, "one who had handed it on")
}

func TestUrgencyRules(t *testing.T) {
	t.Parallel()
	require.NoError(t, domain.CheckUrgency("f", domain.Normal, ""))
	require.NoError(t, domain.CheckUrgency("f", domain.Urgent, strings.Repeat("ä", 500)))
	for _, bad := range []string{"", " \t", strings.Repeat("ä", 501), "\xff"} {
		require.True(t, fault.Is(domain.CheckUrgency("f", domain.Urgent, bad), fault.Invalid))
	}
	for _, u := range []domain.Urgency{domain.Low, domain.Normal, domain.High} {
		require.True(t, fault.Is(domain.CheckUrgency("f", u, "reason"), fault.Invalid))
	}
}

func TestExcerptsAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Repeat(rapid.StringN(1, 4, 16).Draw(t, "part"), rapid.IntRange(1, 1500).Draw(t, "times"))
		got := domain.Excerpt(body)
		require.True(t, strings.HasPrefix(body, got))
		require.LessOrEqual(t, len(got), domain.MaxExcerpt)
		require.Equal(t, strings.ToValidUTF8(got, "?"), got)
		if len(body) > domain.MaxExcerpt {
			require.Greater(t, len(got), domain.MaxExcerpt-4)
		} else {
			require.Equal(t, body, got)
		}
	})
}
