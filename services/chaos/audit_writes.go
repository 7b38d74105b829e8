//go:build unix

package main

import (
	"context"
	"strings"
	"time"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// deed is what a write did, as the event tells it: made things are known by their mark, what was done to a thing by the thing
// and the member.
type deed struct {
	act    act
	thing  string
	member string
}

// deedOf is the deed that an event tells of; false for events that no act of a member is the only cause of.
func deedOf(e *event) (deed, bool) {
	switch told := e.payload.(type) {
	case *threadsv1.MessagePosted:
		return deed{act: posting, thing: strings.TrimPrefix(told.GetMessage().GetBody(), "Message ")}, true
	case *threadsv1.AskAnswered:
		return deed{answering, e.Subject, told.GetMember()}, true
	case *threadsv1.AskDeclined:
		return deed{refusing, e.Subject, told.GetMember()}, true
	case *tasksv1.TaskCreated:
		return deed{act: creating, thing: strings.TrimPrefix(told.GetTask().GetTitle(), taskTitle(""))}, true
	case *tasksv1.TaskClaimed:
		return deed{claiming, e.Subject, e.Actor}, true
	case *tasksv1.HandoffOffered:
		// AUTO goes on with the same note: only what a member offered is a member's deed.
		if told.GetHandoff().GetPrevious() != "" {
			return deed{}, false
		}
		return deed{act: offering, thing: told.GetHandoff().GetNote().GetNextSteps()}, true
	case *tasksv1.HandoffAccepted:
		return deed{accepting, e.Subject, e.Actor}, true
	case *tasksv1.HandoffDeclined:
		return deed{declining, e.Subject, e.Actor}, true
	case *tasksv1.HandoffUpdated:
		// One of a team declined, and the others are still asked.
		return deed{declining, e.Subject, e.Actor}, told.GetHandoff().GetResponder() != "" && e.Actor == told.GetHandoff().GetResponder()
	case *tasksv1.HandoffWithdrawn:
		return deed{withdrawing, e.Subject, e.Actor}, true
	case *availabilityv1.ScheduleChanged:
		return deed{act: scheduling, thing: e.Subject}, true
	}
	return deed{}, false
}

// deed is what an entry's write does. The hours that a member sets have no mark, and are known once they are made.
func (e entry) deed() deed {
	switch e.Act {
	case posting, creating, offering:
		return deed{act: e.Act, thing: e.Mark}
	case scheduling:
		return deed{act: e.Act, thing: e.Resource}
	case answering, refusing, claiming, accepting, declining, withdrawing:
	}
	return deed{e.Act, e.Resource, e.Member}
}

// tally is what the ledger says of a deed.
type tally struct {
	acknowledged, unknown int
	last                  entry
}

// writes checks the ledger against the stream: what was acknowledged was done, what was refused was not, nothing was done twice,
// and nothing that nobody did.
func (a *audit) writes(ctx context.Context) error {
	held, err := a.held(ctx)
	if err != nil {
		return err
	}
	did := a.compare(held)
	a.hoursChanged(did)
	return a.rowsOfWrites(ctx)
}

// compare is writes without the tables. It returns the deeds that the stream tells of. held says whether a member held a task
// while an act of theirs went on.
func (a *audit) compare(held func(entry) bool) map[deed][]*event {
	did := map[deed][]*event{}
	for _, e := range a.events {
		if d, ok := deedOf(e); ok {
			did[d] = append(did[d], e)
		}
	}
	tallies := map[deed]tally{}
	for _, e := range a.ledger.all() {
		d := e.deed()
		t := tallies[d]
		t.last = e
		switch e.Outcome {
		case acknowledged:
			t.acknowledged++
		case unknown:
			t.unknown++
		case refused:
		}
		tallies[d] = t
	}
	for d, t := range tallies {
		done := did[d]
		if d.act == claiming && len(done) == 0 && held(t.last) {
			continue // they held it, so that there was nothing to do
		}
		if d.act == scheduling && d.thing == "" {
			continue // of unknown outcome, so that its name is not known: whoChanged counts these
		}
		if len(done) == 0 && t.acknowledged > 0 {
			a.findf("an acknowledged write is not in the stream: %s", t.last)
		}
		if len(done) > t.acknowledged+t.unknown {
			a.findf("a write was done %d times, %d of them acknowledged and %d unknown: %s; the last event of it: %s",
				len(done), t.acknowledged, t.unknown, t.last, done[len(done)-1])
		}
	}
	return did
}

// held answers whether a member held a task while an act of theirs went on.
func (a *audit) held(ctx context.Context) (func(entry) bool, error) {
	type leg struct {
		Task, Holder string
		Start        time.Time
		End          *time.Time
	}
	legs := map[string][]leg{}
	err := each(ctx, a, `SELECT 'workspaces/' || workspace_id || '/tasks/' || task_id,
		'workspaces/' || workspace_id || '/members/' || holder_id, start_time, end_time FROM tasks.legs`, func(l leg) {
		legs[l.Task] = append(legs[l.Task], l)
	})
	return func(e entry) bool {
		for _, l := range legs[e.Resource] {
			if l.Holder == e.Member && l.Start.Before(e.Ended) && (l.End == nil || l.End.After(e.Begun)) {
				return true
			}
		}
		return false
	}, err
}

// hoursChanged checks that no member's hours changed more often than they changed them.
func (a *audit) hoursChanged(did map[deed][]*event) {
	most := map[string]int{}
	for _, e := range a.ledger.all() {
		if e.Act == scheduling && e.Outcome != refused {
			most[e.Member]++
		}
	}
	changed := map[string]int{}
	for d, events := range did {
		if d.act == scheduling {
			changed[events[0].Aggregate] += len(events)
		}
	}
	for member, times := range changed {
		if times > most[member]+1 { // the first were set before the work began
			a.findf("the hours of %s changed %d times, and they changed them at most %d times", member, times, most[member]+1)
		}
	}
}

// rowsOfWrites checks the ledger against the tables of what is made.
func (a *audit) rowsOfWrites(ctx context.Context) error {
	type made struct{ Name, Mark string }
	for _, kind := range []struct {
		act   act
		query string
	}{
		{posting, `SELECT 'workspaces/' || workspace_id || '/threads/' || thread_id || '/messages/' || sequence, substr(body, length('Message ') + 1)
			FROM threads.messages`},
		{creating, `SELECT 'workspaces/' || workspace_id || '/tasks/' || task_id, substr(title, length('Task ') + 1) FROM tasks.tasks`},
		{offering, `SELECT 'workspaces/' || workspace_id || '/handoffs/' || handoff_id, next_steps FROM tasks.handoffs
			WHERE previous_id IS NULL`},
		{scheduling, `SELECT 'workspaces/' || workspace_id || '/members/' || member_id || '/workingSchedules/' || schedule_id, ''
			FROM availability.working_schedules`},
	} {
		rows, names := map[string][]string{}, map[string]bool{}
		if err := each(ctx, a, kind.query, func(row made) {
			rows[row.Mark], names[row.Name] = append(rows[row.Mark], row.Name), true
		}); err != nil {
			return err
		}
		for _, e := range a.ledger.all() {
			if e.Act != kind.act {
				continue
			}
			have := rows[e.Mark]
			switch {
			case e.Outcome == acknowledged && !names[e.Resource]:
				a.findf("an acknowledged write is not in its table: %s", e)
			case len(have) > 1:
				a.findf("a write stands in its table %d times (%s): %s", len(have), some(have), e)
			case e.Outcome == refused && len(have) > 0:
				a.findf("a refused write was done (%s): %s", some(have), e)
			}
		}
	}
	return nil
}
