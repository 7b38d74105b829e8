package tasks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

func (w *world) draft(p person, task string) (*tasksv1.HandoffNote, error) {
	draft, err := w.handoffs.GetHandoffDraft(p.ctx, &tasksv1.GetHandoffDraftRequest{Name: task + "/handoffDraft"})
	return draft.GetNote(), err
}

// The draft tells what happened since the leg began, in words, and what is left; and a note made of it can be offered.
func TestDraft(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.joins("Ben")
	task := o.newTask(o.ana, &tasksv1.Task{Title: "Pump", Holder: o.ana.name(), Labels: []string{"night"}}).GetName()
	fresh, err := o.draft(o.ana, task)
	require.NoError(t, err)
	require.Equal(t, "Nothing has changed on the task since Ana took it on 2026-11-23.", fresh.GetDone())
	require.Equal(t, "Go on with “Pump”.\n\nOPS-1 is in Ready; after that comes Active.", fresh.GetNextSteps())

	o.clock.Advance(time.Hour)
	for _, change := range []*tasksv1.Task{
		{State: "active", Title: "Replace the pump", Priority: tasksv1.Task_HIGH},
		{State: "in-review", DueDate: &date.Date{Year: 2026, Month: 12, Day: 1}, Labels: []string{"night", "pump"}},
		{Description: "- [x] Drain it\n- [ ] Fit the seal\n* [ ] Fill it\n- not an item", Priority: tasksv1.Task_CRITICAL},
	} {
		change.Name = task
		_, err := o.tasks.UpdateTask(o.ana.ctx, &tasksv1.UpdateTaskRequest{Task: change})
		require.NoError(t, err)
	}
	note, err := o.draft(ben, task)
	require.NoError(t, err)
	require.Equal(t, `- Moved from Ready to Active to In review.
- Renamed the task from “Pump” to “Replace the pump”.
- Changed the priority from MEDIUM to CRITICAL.
- Set the due date to 2026-12-01.
- Added the labels pump.
- Wrote the description.
- Done: Drain it`, note.GetDone())
	require.Equal(t, `- Fit the seal
- Fill it

OPS-1 is in In review; after that comes Done. It is due on 2026-12-01.`, note.GetNextSteps())
	require.Empty(t, note.GetBlockers())

	h, err := o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{Name: task, Recipient: ben.name(), Note: note})
	require.NoError(t, err)
	o.clock.Advance(time.Hour)
	_, err = o.accept(ben, h.GetName())
	require.NoError(t, err)
	_, err = o.tasks.UpdateTask(ben.ctx, &tasksv1.UpdateTaskRequest{Task: &tasksv1.Task{Name: task, Description: "Plain."}})
	require.NoError(t, err)
	note, err = o.draft(ben, task)
	require.NoError(t, err)
	require.Equal(t, "- Changed the description.", note.GetDone(), "the leg before is told in its own note")
	require.Contains(t, note.GetNextSteps(), "Asked for in the note before:\n\n> - Fit the seal\n> - Fill it")

	guest := o.member(o.ws, auth.Guest, "Guest")
	_, err = o.draft(guest, task)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	unheld, err := o.draft(ben, o.newTask(ben, &tasksv1.Task{}).GetName())
	require.NoError(t, err)
	require.Contains(t, unheld.GetDone(), "Nobody has held the task yet")
}
