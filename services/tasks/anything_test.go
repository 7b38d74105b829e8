package tasks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/auth"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// Many people do anything at all with a few tasks, while the clock runs, the workers work, people's hours change and
// availability fails now and then. Afterwards the events of each task, in their order, tell a relay in which at every
// instant at most one held it and at most one offer was open, and every row agrees with them.
func TestAnythingAtAll(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	js := o.broker()
	o.work()
	people := []person{o.ana, o.joins("Ben"), o.joins("Chitra"), o.joins("Dai"), o.member(o.ws, auth.Admin, "Boss")}
	team := o.team(o.ws, "relay", people[1:4]...)
	tasks := make([]string, 4)
	for i := range tasks {
		tasks[i] = o.held(people[i]).GetName()
	}
	for round := range 20 {
		var group errgroup.Group
		for i, p := range people {
			for seed := range 2 {
				group.Go(func() error {
					return o.play(rand.New(rand.NewPCG(uint64(100*round+i), uint64(seed))), p, people, tasks, team, 40)
				})
			}
		}
		require.NoError(t, group.Wait())
		o.allSleep(people, tasks, team)
		if round >= 3 && o.eventful() {
			break
		}
		require.Less(t, round, 19, "hardly anything happened")
	}

	var total int64
	require.NoError(t, o.db.Owner.Pool().QueryRow(o.ctx, `SELECT sum(version) FROM tasks`).Scan(&total))
	events := map[string][]told{}
	for _, e := range o.told(js, int(total)+1) {
		events[e.Aggregate] = append(events[e.Aggregate], e)
	}
	for _, task := range tasks {
		newRetelling(o, task).run(events[task])
	}
}

// allSleep lets everybody hand on to whoever is next, and then days pass in which nobody does anything, so that offers go
// from one to the next and back however slow the workers are beside the people.
func (o *office) allSleep(people []person, tasks []string, team uuid.UUID) {
	o.t.Helper()
	for _, task := range tasks {
		for _, p := range people {
			if o.task(p, task).GetHolder() == p.name() {
				_, err := o.handoffs.HandOff(p.ctx, &tasksv1.HandOffRequest{Name: task, Note: note(), AutoTeam: o.teamName(team)})
				require.Contains(o.t, []codes.Code{codes.OK, codes.FailedPrecondition}, status.Code(err), "%v", err)
			}
		}
	}
	o.rota.setDown(false)
	o.exec(`UPDATE handoffs SET route_lease = NULL`) // what waits for availability need not wait for the machine's time
	for range 4 {
		o.clock.Advance(24 * time.Hour)
		require.Eventually(o.t, func() bool {
			o.settle()
			var waiting int
			require.NoError(o.t, o.db.Owner.Pool().QueryRow(o.ctx, `SELECT count(*) FROM handoffs WHERE route_since IS NOT NULL`).Scan(&waiting))
			return waiting == 0
		}, 60*time.Second, 50*time.Millisecond)
	}
}

// eventful says whether offers have ended in every way, each more than once.
func (o *office) eventful() bool {
	var enough bool
	require.NoError(o.t, o.db.Owner.Pool().QueryRow(o.ctx, `
		SELECT count(*) FILTER (WHERE state = 'ACCEPTED') > 5 AND count(*) FILTER (WHERE state = 'DECLINED') > 3
		   AND count(*) FILTER (WHERE state = 'EXPIRED') > 3 AND count(*) FILTER (WHERE state = 'WITHDRAWN') > 3
		   AND count(next_id) > 2 AND count(*) FILTER (WHERE returned AND route = 'AUTO') > 2 FROM handoffs`).Scan(&enough))
	return enough
}

// disturb moves the clock, changes somebody's hours, or takes availability away or brings it back.
func (o *office) disturb(random *rand.Rand, people []person) error {
	switch random.IntN(8) {
	case 0:
		o.rota.setDown(random.IntN(3) == 0)
	case 1:
		p := people[random.IntN(len(people))]
		from := random.IntN(16)
		o.rota.set(p, hours{from: from, to: from + 8})
		return o.app.OnWorkingTime(o.ctx, o.ws, p.Member)
	default:
		o.clock.Advance(time.Duration(random.IntN(90)) * time.Minute)
	}
	return nil
}

// play is one person doing anything. What the state refuses is fine; anything else is not.
func (o *office) play(random *rand.Rand, me person, people []person, tasks []string, team uuid.UUID, moves int) error {
	for range moves {
		if err := o.disturb(random, people); err != nil {
			return err
		}
		task := tasks[random.IntN(len(tasks))]
		err := o.move(random, me, people, task, team)
		switch status.Code(err) {
		case codes.OK, codes.FailedPrecondition, codes.PermissionDenied, codes.InvalidArgument:
		default:
			return fmt.Errorf("%s on %s: %w", me.handle, task, err)
		}
	}
	return nil
}

func (o *office) move(random *rand.Rand, me person, people []person, task string, team uuid.UUID) error {
	other := people[random.IntN(len(people))]
	ctx := me.ctx
	open := o.task(me, task).GetOpenHandoff()
	switch pick := random.IntN(14); {
	case pick < 4 && open != "":
		return o.answer(random, me, people, open, pick)
	case pick < 8:
		req := &tasksv1.HandOffRequest{Name: task, Note: note()}
		switch random.IntN(3) {
		case 0:
			req.Recipient = other.name()
		case 1:
			req.Team = o.teamName(team)
		default:
			req.AutoTeam = o.teamName(team)
		}
		_, err := o.handoffs.HandOff(ctx, req)
		return err
	case pick < 10:
		_, err := o.claim(me, task)
		return err
	case pick == 10:
		_, err := o.tasks.ReleaseTask(ctx, &tasksv1.ReleaseTaskRequest{Name: task})
		return err
	case pick == 11:
		_, err := o.tasks.AssignTask(ctx, &tasksv1.AssignTaskRequest{Name: task, Holder: other.name()})
		return err
	default:
		states := []string{"ready", "active", "in-review", "active", "done", "active", "cancelled", "active"}
		_, err := o.moveTo(me, task, states[random.IntN(len(states))])
		return err
	}
}

// answer ends an offer: its recipient, or whoever tries.
func (o *office) answer(random *rand.Rand, me person, people []person, open string, pick int) error {
	recipient := o.handoff(me, open).GetRecipient()
	if i := slices.IndexFunc(people, func(p person) bool { return p.name() == recipient }); i >= 0 && random.IntN(4) > 0 {
		me = people[i]
	}
	var err error
	switch pick {
	case 0, 1:
		_, err = o.accept(me, open)
	case 2:
		_, err = o.decline(me, open)
	default:
		_, err = o.withdraw(me, open)
	}
	return err
}

// retelling tells a task's relay anew from its events, as any consumer would, and compares with what the service says.
type retelling struct {
	o      *office
	name   string
	holder string
	leg    *tasksv1.Leg
	ended  time.Time
	open   string
	legs   map[string]*tasksv1.Leg
	offers map[string]*tasksv1.Handoff
	taken  map[string]int
}

func newRetelling(o *office, name string) *retelling {
	return &retelling{
		o: o, name: name, legs: map[string]*tasksv1.Leg{}, offers: map[string]*tasksv1.Handoff{}, taken: map[string]int{},
	}
}

func (r *retelling) run(events []told) {
	t := r.o.t
	t.Helper()
	for i, e := range events {
		require.EqualValues(t, i+1, e.Version, "%v", events)
		if i > 0 {
			require.False(t, e.Time.Before(events[i-1].Time), "time does not go back")
		}
		r.follow(e)
	}
	task := r.o.task(r.o.ana, r.name)
	require.Equal(t, r.holder, task.GetHolder(), "%v", events)
	require.EqualValues(t, len(events), task.GetVersion())
	if task.GetOpenHandoff() != "" {
		require.Equal(t, r.open, task.GetOpenHandoff())
	}
	closed := task.GetCategory() == tasksv1.WorkflowState_DONE || task.GetCategory() == tasksv1.WorkflowState_CANCELLED
	require.Equal(t, r.holder != "" && !closed, r.leg != nil, "a leg goes on exactly while somebody holds what is not done")
	r.compare()
}

// follow applies an event, and refuses what must never be.
func (r *retelling) follow(e told) {
	t := r.o.t
	t.Helper()
	switch p := e.payload.(type) {
	case *tasksv1.TaskCreated:
		r.holder = p.GetTask().GetHolder()
	case *tasksv1.TaskClaimed:
		require.Empty(t, r.holder, "%s claimed what another holds", e)
		r.holder = p.GetTask().GetHolder()
	case *tasksv1.TaskAssigned:
		require.Equal(t, r.holder, p.GetPreviousHolder(), "%s", e)
		r.holder = p.GetTask().GetHolder()
	case *tasksv1.RelayLegStarted:
		require.Nil(t, r.leg, "%s: two legs", e)
		require.Equal(t, r.holder, p.GetLeg().GetHolder())
		require.False(t, p.GetLeg().GetStartTime().AsTime().Before(r.ended), "%s: legs overlap", e)
		r.leg = p.GetLeg()
		r.legs[r.leg.GetName()] = r.leg
	case *tasksv1.RelayLegEnded:
		require.NotNil(t, r.leg, "%s", e)
		require.Equal(t, r.leg.GetName(), p.GetLeg().GetName())
		r.legs[r.leg.GetName()] = p.GetLeg()
		r.leg, r.ended = nil, p.GetLeg().GetEndTime().AsTime()
	default:
		r.followOffer(e)
	}
}

func (r *retelling) followOffer(e told) {
	t := r.o.t
	t.Helper()
	offer, ok := e.payload.(interface{ GetHandoff() *tasksv1.Handoff })
	if !ok {
		return
	}
	h := offer.GetHandoff()
	switch e.payload.(type) {
	case *tasksv1.HandoffOffered:
		require.Empty(t, r.open, "%s: two open offers", e)
		require.Equal(t, r.holder, h.GetGiver(), "%s", e)
		require.NotNil(t, r.leg, "%s", e)
		r.open = h.GetName()
	case *tasksv1.HandoffUpdated:
		require.Equal(t, r.open, h.GetName(), "%s", e)
	case *tasksv1.HandoffAccepted:
		require.Equal(t, r.open, h.GetName(), "%s", e)
		r.open, r.holder = "", h.GetResponder()
		r.taken[h.GetName()]++
	case *tasksv1.HandoffRerouted:
		require.Empty(t, r.open, "%s", e)
		require.NotEqual(t, h.GetReturned(), h.GetNext() != "", "%s goes on or back", e)
	default:
		require.Equal(t, r.open, h.GetName(), "%s", e)
		r.open = ""
	}
	r.offers[h.GetName()] = h
}

// compare asks the service for every leg and offer.
func (r *retelling) compare() {
	t := r.o.t
	t.Helper()
	legs := r.o.legs(r.o.ana, r.name)
	require.Len(t, legs, len(r.legs))
	for i, leg := range legs {
		require.Equal(t, r.legs[leg.GetName()].String(), leg.String())
		if i > 0 {
			require.False(t, leg.GetStartTime().AsTime().Before(legs[i-1].GetEndTime().AsTime()))
		}
	}
	offers := r.o.listHandoffs(r.o.ana, fmt.Sprintf("task = %q", r.name), 0)
	require.Len(t, offers, len(r.offers))
	for _, h := range offers {
		if h.GetState() == tasksv1.Handoff_ACCEPTED {
			require.Equal(t, 1, r.taken[h.GetName()], "every accepted handoff has exactly one event")
		}
		last := r.offers[h.GetName()]
		if h.GetState() == tasksv1.Handoff_EXPIRED && last.GetState() == tasksv1.Handoff_OFFERED {
			continue // the clock says so, and the job will
		}
		require.Equal(t, last.String(), h.String())
	}
	accepted := slices.DeleteFunc(offers, func(h *tasksv1.Handoff) bool { return h.GetState() != tasksv1.Handoff_ACCEPTED })
	require.Len(t, accepted, len(r.taken))
}
