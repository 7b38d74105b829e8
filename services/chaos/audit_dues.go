//go:build unix

package main

import (
	"context"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// mostQueries is how many due times are asked for at once.
const mostQueries = 500

// expected is a due time as a service keeps it.
type expected struct {
	Workspace, Member, What, Window string
	Start, Due                      time.Time
}

// dues checks that the due times which services keep are those that availability says now: that every change of somebody's hours
// has reached whoever keeps an instant that came of them.
func (a *audit) dues(ctx context.Context) error {
	kept := map[string][]expected{}
	err := each(ctx, a, `
		SELECT 'workspaces/' || r.workspace_id, 'workspaces/' || r.workspace_id || '/members/' || r.member_id, 'ask ' || r.ask_id,
			k.response_window, r.start_time, r.due_time
		FROM threads.ask_recipients r JOIN threads.asks k USING (workspace_id, ask_id)
		WHERE r.state = 'OPEN' AND NOT r.due_pending AND r.due_time IS NOT NULL AND k.response_window <> ''
		UNION ALL
		SELECT 'workspaces/' || workspace_id, 'workspaces/' || workspace_id || '/members/' || recipient_id, 'handoff ' || handoff_id,
			response, start_time, expire_time
		FROM tasks.handoffs
		WHERE state = 'OFFERED' AND route = 'MEMBER' AND route_since IS NULL AND expire_time IS NOT NULL`, func(e expected) {
		kept[e.Workspace] = append(kept[e.Workspace], e)
	})
	if err != nil {
		return err
	}
	for _, w := range a.workspaces {
		for all := kept[w.name]; len(all) > 0; {
			some := all[:min(mostQueries, len(all))]
			if err := a.askDues(ctx, w, some); err != nil {
				return err
			}
			all = all[len(some):]
		}
	}
	return nil
}

// askDues asks availability for the due times and compares.
func (a *audit) askDues(ctx context.Context, w *workspace, all []expected) error {
	request := &availabilityv1.ComputeDeadlinesRequest{Parent: w.name}
	for _, e := range all {
		span, err := window.Parse(e.Window)
		if err != nil {
			return err
		}
		request.Queries = append(request.Queries, &availabilityv1.DeadlineQuery{
			Member: e.Member, StartTime: timestamppb.New(e.Start), Window: workingtime.Proto(span),
		})
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+w.owner)
	answer, err := availabilityv1.NewAvailabilityServiceClient(a.front.conns[0]).ComputeDeadlines(ctx, request)
	if err != nil {
		return err
	}
	for i, e := range all {
		if now := answer.GetDeadlines()[i].GetDueTime().AsTime(); !now.Equal(e.Due) {
			a.findf("a due time is out of date: %s of %s is due at %s, and %s from %s on ends at %s", e.What, e.Member,
				e.Due.Format(clockTime), e.Window, e.Start.Format(clockTime), now.Format(clockTime))
		}
	}
	return nil
}

// announced checks that each due time was announced once when it had passed, and not before.
func (a *audit) announced(context.Context) error {
	told := map[string]*event{}
	for _, e := range a.events {
		switch payload := e.payload.(type) {
		case *threadsv1.AskDueChanged:
			for _, member := range payload.GetMembers() {
				delete(told, e.Subject+" "+member)
			}
		case *threadsv1.AskOverdue:
			for _, member := range payload.GetMembers() {
				key := e.Subject + " " + member
				if before := told[key]; before != nil {
					a.findf("a due time was announced twice: %s, and before %s", e, before)
				}
				told[key] = e
				a.early(e, payload.GetAsk(), member)
			}
		}
	}
	return nil
}

// early checks that an ask was not announced as overdue before it was.
func (a *audit) early(e *event, ask *threadsv1.Ask, member string) {
	for _, r := range ask.GetRecipients() {
		if due := r.GetDueTime().AsTime(); r.GetMember() == member && e.Time.Before(due) {
			a.findf("an ask was announced as overdue at %s and is due at %s: %s", e.Time.Format(clockTime), due.Format(clockTime), e)
		}
	}
}
