package domain_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

var epoch = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func id() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func project(t require.TestingT) domain.Project {
	p, events, err := domain.NewProject(domain.Project{Workspace: id(), ID: id(), Space: id(), Key: "OPS", DisplayName: "Operations"}, epoch)
	require.NoError(t, err)
	require.Equal(t, []domain.Event{domain.ProjectCreated{Project: p}}, events)
	return p
}

// begin makes a task that somebody holds, its news already kept.
func begin(t require.TestingT, holder uuid.UUID) (*domain.Relay, domain.Project) {
	p := project(t)
	r, err := domain.NewTask{ID: id(), Title: "Replace the pump", Holder: holder, Reporter: id()}.Make(p, 1, epoch)
	require.NoError(t, err)
	return kept(r), p
}

// kept is the relay as it is read after its news were kept.
func kept(r *domain.Relay) *domain.Relay {
	return &domain.Relay{Task: r.Task, Leg: r.Leg, Offer: r.Offer, Now: r.Now}
}

func plain() domain.Note { return domain.Note{NextSteps: "Fit it."} }

func to(member uuid.UUID) domain.Offer {
	return domain.Offer{ID: id(), Route: domain.ToMember, Recipient: member, Note: plain()}
}

func offered(t require.TestingT, r *domain.Relay, o domain.Offer, receivers ...uuid.UUID) domain.Handoff {
	h, err := r.HandOff(o, r.Task.Holder, false, receivers)
	require.NoError(t, err)
	return h
}

func TestEveryEventIsTheNextVersion(t *testing.T) {
	t.Parallel()
	ana, ben := id(), id()
	r, p := begin(t, ana)
	require.EqualValues(t, 2, r.Task.Version)
	r.Begin(epoch.Add(time.Hour))
	h := offered(t, r, to(ben))
	require.EqualValues(t, 3, h.Version)
	require.Equal(t, h.ID, r.Task.OpenHandoff)
	require.Equal(t, []uuid.UUID{h.ID}, r.Route, "its expiry is to be found")
	require.Equal(t, []domain.Event{domain.HandoffOffered{Task: r.Task, Handoff: h, Recipients: []uuid.UUID{ben}}}, r.Events)
	require.EqualValues(t, 1, r.Task.Revision, "an offer is no change of the task's own fields")

	taken, err := r.Accept(h, ben, false)
	require.NoError(t, err)
	require.Equal(t, domain.Accepted, taken.State)
	require.EqualValues(t, 4, taken.Version)
	require.EqualValues(t, 6, r.Task.Version)
	require.EqualValues(t, 2, r.Task.Revision)
	require.Equal(t, ben, r.Task.Holder)
	require.Equal(t, domain.Leg{Number: 2, Holder: ben, Handoff: h.ID, StartTime: epoch.Add(time.Hour)}, r.Leg)
	require.Len(t, r.Handoffs, 1, "a handoff is kept once, as it has become")
	require.Equal(t, taken, r.Handoffs[0])
	require.Len(t, r.Legs, 2)
	require.Equal(t, domain.HandedOff, r.Legs[0].EndReason)

	r = kept(r)
	done := "done"
	require.NoError(t, r.Update(domain.TaskChange{State: &done}, ben, p.Workflow))
	require.IsType(t, domain.TaskUpdated{}, r.Events[0])
	require.IsType(t, domain.TaskStateChanged{}, r.Events[1])
	require.IsType(t, domain.LegEnded{}, r.Events[2])
	require.IsType(t, domain.TaskCompleted{}, r.Events[3])
}

// A machine whose clock is behind does not take a task's time back.
func TestTimeDoesNotGoBack(t *testing.T) {
	t.Parallel()
	ana := id()
	r, _ := begin(t, ana)
	r.Begin(epoch.Add(time.Hour))
	require.NoError(t, r.Release(uuid.Nil, ana, false))
	r = kept(r)
	r.Begin(epoch)
	require.NoError(t, r.Claim(ana, false))
	require.Equal(t, epoch.Add(time.Hour), r.Leg.StartTime)
}

func TestAnExpiryIsNeverWrittenIntoThePast(t *testing.T) {
	t.Parallel()
	ben := id()
	r, _ := begin(t, id())
	offered(t, r, to(ben))
	r = kept(r)
	r.Begin(epoch.Add(5 * time.Hour))
	r.Retime(domain.Timing{Expire: epoch.Add(4 * time.Hour), Remind: epoch.Add(3 * time.Hour)}, nil)
	require.Equal(t, epoch.Add(5*time.Hour), r.Offer.ExpireTime)
	require.Equal(t, epoch.Add(3*time.Hour), r.Offer.RemindTime)
	require.False(t, r.Offer.Open(r.Now))
	events := len(r.Events)
	r.Retime(domain.Timing{Expire: epoch.Add(9 * time.Hour)}, nil)
	require.Len(t, r.Events, events, "what has expired stays so")

	r, _ = begin(t, id())
	offered(t, r, to(ben))
	r.Retime(domain.Timing{Expire: epoch.Add(time.Hour), Remind: epoch.Add(time.Hour)}, nil)
	require.Zero(t, r.Offer.RemindTime, "a reminder comes before the end or not at all")
	r.Retime(domain.Timing{}, nil)
	require.Zero(t, r.Offer.ExpireTime, "they do not work any more")
}

func TestExpiredAsItIsSeen(t *testing.T) {
	t.Parallel()
	r, _ := begin(t, id())
	h := offered(t, r, to(id()))
	h.ExpireTime = epoch.Add(time.Hour)
	require.Equal(t, h, h.At(epoch.Add(time.Hour-1)))
	seen := h.At(epoch.Add(2 * time.Hour))
	require.Equal(t, domain.Expired, seen.State)
	require.Equal(t, h.ExpireTime, seen.EndTime)
	require.True(t, seen.Returned)
	h.Route = domain.Auto
	require.False(t, h.At(epoch.Add(2*time.Hour)).Returned, "AUTO goes on")
}

func TestAutoPassesOnAndReturns(t *testing.T) {
	t.Parallel()
	ana, ben, chitra := id(), id(), id()
	r, _ := begin(t, ana)
	first := offered(t, r, domain.Offer{ID: id(), Route: domain.Auto, Team: id(), Note: plain()}, ben, chitra)
	require.Empty(t, r.Events[0].(domain.HandoffOffered).Recipients, "nobody knows yet")
	require.True(t, r.Seeks())
	r.Found(ben, epoch, domain.Timing{Expire: epoch.Add(time.Hour), Remind: epoch.Add(time.Minute)})
	require.False(t, r.Seeks())
	r.Found(chitra, epoch, domain.Timing{})
	require.Equal(t, ben, r.Offer.Recipient, "one is found once")
	r.NotFound()
	require.Equal(t, first.ID, r.Offer.ID)

	r = kept(r)
	r.Begin(epoch.Add(time.Hour))
	r.Expire()
	require.Equal(t, []uuid.UUID{first.ID}, r.Route)
	h := r.Handoffs[0]
	require.True(t, r.GoesOn(h))
	r = kept(r)
	second := id()
	r.PassOn(h, second, chitra, r.Now, domain.Timing{Expire: r.Now.Add(time.Hour)})
	require.Equal(t, second, r.Handoffs[0].Next)
	require.Equal(t, second, r.Offer.ID)
	require.Equal(t, []uuid.UUID{ben, chitra}, r.Offer.Tried)
	require.Equal(t, first.ID, r.Offer.Previous)
	require.Equal(t, r.Now.Add(time.Hour), r.Offer.ExpireTime)
	require.Empty(t, r.Route, "its times are known")
	require.False(t, r.GoesOn(r.Handoffs[0]))
	events := len(r.Events)
	r.PassOn(r.Handoffs[0], id(), ben, r.Now, domain.Timing{})
	r.Return(r.Handoffs[0])
	require.Len(t, r.Events, events, "AUTO goes on from an offer once")

	declined, err := r.Decline(r.Offer, chitra, false, "No.", nil)
	require.NoError(t, err)
	r.Return(declined)
	require.True(t, r.Handoffs[len(r.Handoffs)-1].Returned)
	require.Equal(t, ana, r.Task.Holder)
}

func TestNotesAreChecked(t *testing.T) {
	t.Parallel()
	big := string(make([]byte, domain.MaxNotePart+1))
	for field, n := range map[string]domain.Note{
		"note.next_steps":   {NextSteps: "\u200b \n"},
		"note.done":         {NextSteps: "x", Done: big},
		"note.blockers":     {NextSteps: "x", Blockers: "a\x00"},
		"note.links":        {NextSteps: "x", Links: make([]string, 51)},
		"note.questions[1]": {NextSteps: "x", Questions: []string{"a", ""}},
	} {
		err := n.Check()
		require.True(t, fault.Is(err, fault.Invalid), field)
		require.Equal(t, field, fault.From(err).Fields[0].Path)
	}
	require.NoError(t, domain.Note{NextSteps: "x", Done: "y", Links: []string{"z"}}.Check())
	require.Equal(t, window.Working(4*time.Hour), domain.DefaultWindow())
}

func TestDates(t *testing.T) {
	t.Parallel()
	day, err := domain.ParseDate("2026-12-01")
	require.NoError(t, err)
	require.Equal(t, "2026-12-01", day.String())
	require.Equal(t, time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC), day.End())
	none, err := domain.ParseDate("")
	require.NoError(t, err)
	require.True(t, none.IsZero() && none.Valid() && none.String() == "")
	for _, bad := range []domain.Date{{2026, 2, 29}, {2026, 13, 1}, {2026, 1, 0}, {0, 1, 1}, {10000, 1, 1}, {-1, 1, 1}} {
		require.False(t, bad.Valid(), "%v", bad)
	}
	_, err = domain.ParseDate("2026-2-1")
	require.Error(t, err)
}

func TestRearrange(t *testing.T) {
	t.Parallel()
	was := domain.DefaultWorkflow()
	next := domain.Workflow{{"ready", "R", domain.Ready}, {"active", "A", domain.Done}}
	plan, err := was.Rearrange(next, []domain.Move{{"backlog", "ready"}, {"done", "active"}})
	require.NoError(t, err)
	require.Equal(t, map[string]domain.State{"backlog": next[0], "done": next[1], "active": next[1]}, plan.Places)
	require.Equal(t, []string{"in-review", "cancelled"}, plan.Homeless)
	require.Equal(t, []string{"active", "backlog", "cancelled", "done", "in-review"}, plan.Affected())
	for _, moves := range [][]domain.Move{{{"ready", "active"}}, {{"x", "ready"}}, {{"done", "x"}}, {{"done", "ready"}, {"done", "active"}}} {
		_, err := was.Rearrange(next, moves)
		require.True(t, fault.Is(err, fault.Invalid), "%v", moves)
	}
	after, ok := was.Next("in-review")
	require.True(t, ok)
	require.Equal(t, "Done", after.DisplayName)
	for _, last := range []string{"done", "cancelled", "nowhere"} {
		_, ok := was.Next(last)
		require.False(t, ok, last)
	}
}
