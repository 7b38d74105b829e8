//go:build unix

package main

import (
	"context"

	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// relay checks the history of every task: one holder and at most one open offer at every instant, legs without overlap, in the
// tables and as the events tell it.
func (a *audit) relay(ctx context.Context) error {
	for what, query := range map[string]string{
		"two legs of a task overlap": `
			SELECT a.task_id || ' legs ' || a.number || ' and ' || b.number
			FROM tasks.legs a JOIN tasks.legs b ON a.workspace_id = b.workspace_id AND a.task_id = b.task_id AND a.number < b.number
			WHERE a.end_time IS NULL OR b.start_time < a.end_time`,
		"a task's holder is not its open leg's": `
			SELECT t.task_id || ' is held by ' || coalesce(t.holder_id::text, 'nobody') || ', its leg by ' || coalesce(l.holder_id::text, 'nobody')
			FROM tasks.tasks t LEFT JOIN tasks.legs l ON l.workspace_id = t.workspace_id AND l.task_id = t.task_id AND l.end_time IS NULL
			WHERE t.holder_id IS DISTINCT FROM l.holder_id`,
		"two offers of a task overlap": `
			SELECT a.task_id || ' handoffs ' || a.handoff_id || ' and ' || b.handoff_id
			FROM tasks.handoffs a JOIN tasks.handoffs b ON a.workspace_id = b.workspace_id AND a.task_id = b.task_id AND a.handoff_id < b.handoff_id
			WHERE tstzrange(a.create_time, coalesce(a.end_time, 'infinity')) && tstzrange(b.create_time, coalesce(b.end_time, 'infinity'))`,
		"an accepted handoff began not one leg": `
			SELECT h.handoff_id || ' began ' || count(l.number)
			FROM tasks.handoffs h LEFT JOIN tasks.legs l ON l.workspace_id = h.workspace_id AND l.handoff_id = h.handoff_id
			WHERE h.state = 'ACCEPTED' GROUP BY h.workspace_id, h.handoff_id HAVING count(l.number) <> 1`,
		"a leg began with an offer that was not accepted": `
			SELECT l.task_id || ' leg ' || l.number FROM tasks.legs l JOIN tasks.handoffs h USING (workspace_id, handoff_id)
			WHERE h.state <> 'ACCEPTED' OR h.responder_id IS DISTINCT FROM l.holder_id`,
	} {
		if err := a.none(ctx, what, query); err != nil {
			return err
		}
	}
	a.told()
	return nil
}

// baton is how a task stands as its events tell.
type baton struct {
	holder, offer string
	leg           *event
}

// told plays the events of every task in the order in which they first stand in the stream.
func (a *audit) told() {
	batons := map[string]*baton{}
	of := func(task string) *baton {
		if batons[task] == nil {
			batons[task] = &baton{}
		}
		return batons[task]
	}
	for _, e := range a.events {
		switch told := e.payload.(type) {
		case *tasksv1.RelayLegStarted:
			b := of(told.GetTask())
			if b.holder != "" {
				a.findf("a leg began while %s held the task since %s: %s", b.holder, b.leg, e)
			}
			b.holder, b.leg = told.GetLeg().GetHolder(), e
		case *tasksv1.RelayLegEnded:
			b := of(told.GetTask())
			if b.holder != told.GetLeg().GetHolder() {
				a.findf("a leg of %s ended while %q held the task: %s", told.GetLeg().GetHolder(), b.holder, e)
			}
			b.holder = ""
		case *tasksv1.HandoffOffered:
			b := of(told.GetHandoff().GetTask())
			if b.offer != "" {
				a.findf("a task was offered while %s was open: %s", b.offer, e)
			}
			b.offer = e.Subject
		case *tasksv1.HandoffAccepted, *tasksv1.HandoffDeclined, *tasksv1.HandoffWithdrawn, *tasksv1.HandoffExpired:
			b := of(e.Aggregate)
			if b.offer != e.Subject {
				a.findf("an offer ended while %q was open: %s", b.offer, e)
			}
			b.offer = ""
		}
	}
}
