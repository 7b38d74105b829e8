package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

func taskError(what string, err error, ws, task uuid.UUID) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.TaskName(ws, task))
	}
	return fmt.Errorf("%s task: %w", what, err)
}

// LockRelay implements app.RelayTx.
func (t *tx) LockRelay(ctx context.Context, member, task uuid.UUID) (*domain.Relay, auth.Right, error) {
	row, err := t.now.LockTaskFor(ctx, db.LockTaskForParams{WorkspaceID: t.ws, MemberID: member, TaskID: task})
	if err != nil {
		return nil, auth.NoRight, taskError("lock", err, t.ws, task)
	}
	relays, err := t.relays(ctx, []db.Task{row.Task})
	if err != nil {
		return nil, auth.NoRight, err
	}
	return relays[0], auth.Right(row.Have), nil
}

// LockRelayOf implements app.RelayTx.
func (t *tx) LockRelayOf(ctx context.Context, member, handoff uuid.UUID) (*domain.Relay, domain.Handoff, auth.Right, error) {
	row, err := t.now.LockTaskOfHandoff(ctx, db.LockTaskOfHandoffParams{WorkspaceID: t.ws, MemberID: member, HandoffID: handoff})
	if err != nil {
		return nil, domain.Handoff{}, auth.NoRight, handoffError("lock the task of", err, t.ws, handoff)
	}
	relays, err := t.relays(ctx, []db.Task{row.Task})
	if err != nil {
		return nil, domain.Handoff{}, auth.NoRight, err
	}
	if offer := relays[0].Offer; offer.ID == handoff {
		return relays[0], offer, auth.Right(row.Have), nil
	}
	found, err := t.now.HandoffFor(ctx, db.HandoffForParams{WorkspaceID: t.ws, MemberID: member, HandoffID: handoff})
	if err != nil {
		return nil, domain.Handoff{}, auth.NoRight, handoffError("read", err, t.ws, handoff)
	}
	h, err := handoffOf(found.Handoff, found.TaskKey, found.TaskTitle)
	return relays[0], h, auth.Right(row.Have), err
}

// LockRelaysIn implements app.RelayTx.
func (t *tx) LockRelaysIn(ctx context.Context, project uuid.UUID, states []string, limit int) ([]*domain.Relay, error) {
	rows, err := t.now.LockTasksIn(ctx, db.LockTasksInParams{
		WorkspaceID: t.ws, ProjectID: project, States: states, MaxRows: int32(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("lock the tasks of a project: %w", err)
	}
	tasks := make([]db.Task, len(rows))
	for i, row := range rows {
		tasks[i] = db.Task(row)
	}
	return t.relays(ctx, tasks)
}

// relays reads what travels with tasks that are locked, which is what keeps it as it is: in statements of their own, so
// that they see what was committed before the lock was had.
func (t *tx) relays(ctx context.Context, tasks []db.Task) ([]*domain.Relay, error) {
	all := make([]*domain.Relay, len(tasks))
	byTask := make(map[uuid.UUID]*domain.Relay, len(tasks))
	ids := make([]uuid.UUID, len(tasks))
	for i, row := range tasks {
		all[i] = &domain.Relay{Task: taskOf(row, nil)}
		byTask[row.TaskID], ids[i] = all[i], row.TaskID
	}
	if len(all) == 0 {
		return nil, nil
	}
	legs, err := t.now.OpenLegs(ctx, db.OpenLegsParams{WorkspaceID: t.ws, Tasks: ids})
	if err != nil {
		return nil, fmt.Errorf("read the legs of tasks: %w", err)
	}
	for _, row := range legs {
		byTask[row.TaskID].Leg = legOf(row)
	}
	offers, err := t.now.OpenOffers(ctx, db.OpenOffersParams{WorkspaceID: t.ws, Tasks: ids})
	if err != nil {
		return nil, fmt.Errorf("read the offers of tasks: %w", err)
	}
	for _, row := range offers {
		if byTask[row.Handoff.TaskID].Offer, err = handoffOf(row.Handoff, row.TaskKey, row.TaskTitle); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// AddRelay implements app.RelayTx.
func (t *tx) AddRelay(ctx context.Context, r *domain.Relay) error {
	d := r.Task
	err := t.writes.InsertTask(ctx, db.InsertTaskParams{
		WorkspaceID: d.Workspace, TaskID: d.ID, ProjectID: d.Project, SpaceID: d.Space, Number: d.Number, Key: d.Key,
		Title: d.Title, Description: d.Description, State: d.State, Category: string(d.Category),
		HolderID: nullable(d.Holder), TeamID: nullable(d.Team), ReporterID: d.Reporter,
		StartDate: dateColumn(d.StartDate), DueDate: dateColumn(d.DueDate), DueTime: nullable(d.DueTime), DueOrder: dueOrder(d),
		Priority: int16(d.Priority), Labels: full(d.Labels), LastLeg: d.LastLeg, LastChange: d.LastChange,
		Revision: d.Revision, Version: d.Version, CreateTime: d.CreateTime, UpdateTime: d.UpdateTime,
		CompleteTime: nullable(d.CompleteTime), ChangeTime: d.ChangeTime,
	})
	if err != nil {
		return err
	}
	return t.saveNews(ctx, r)
}

// SaveRelay implements app.RelayTx.
func (t *tx) SaveRelay(ctx context.Context, r *domain.Relay) error {
	if err := t.saveTask(ctx, r); err != nil {
		return err
	}
	return t.saveNews(ctx, r)
}

func (t *tx) saveTask(ctx context.Context, r *domain.Relay) error {
	d := r.Task
	if !d.UpdateTime.Equal(r.Now) {
		return t.writes.UpdateTaskVersion(ctx, db.UpdateTaskVersionParams{
			WorkspaceID: d.Workspace, TaskID: d.ID, LastHandoffID: nullable(d.LastHandoff), LastChange: d.LastChange,
			Version: d.Version, ChangeTime: d.ChangeTime,
		})
	}
	return t.writes.UpdateTask(ctx, db.UpdateTaskParams{
		WorkspaceID: d.Workspace, TaskID: d.ID, Title: d.Title, Description: d.Description, State: d.State,
		Category: string(d.Category), HolderID: nullable(d.Holder), TeamID: nullable(d.Team),
		StartDate: dateColumn(d.StartDate), DueDate: dateColumn(d.DueDate), DueTime: nullable(d.DueTime), DueOrder: dueOrder(d),
		Priority: int16(d.Priority), Labels: full(d.Labels), LastHandoffID: nullable(d.LastHandoff), LastLeg: d.LastLeg,
		LastChange: d.LastChange, Revision: d.Revision, Version: d.Version, UpdateTime: d.UpdateTime,
		CompleteTime: nullable(d.CompleteTime), ChangeTime: d.ChangeTime,
	})
}

// saveNews keeps what a change brought. What ended goes before what began: a task has one open leg and one open offer.
func (t *tx) saveNews(ctx context.Context, r *domain.Relay) error {
	for _, leg := range r.Legs {
		if err := t.writes.PutLeg(ctx, db.PutLegParams{
			WorkspaceID: t.ws, TaskID: r.Task.ID, Number: leg.Number, HolderID: leg.Holder, HandoffID: nullable(leg.Handoff),
			StartTime: leg.StartTime, EndTime: nullable(leg.EndTime), EndReason: string(leg.EndReason),
		}); err != nil {
			return err
		}
	}
	for _, h := range r.Handoffs {
		if err := t.putHandoff(ctx, h); err != nil {
			return err
		}
	}
	if err := t.addChanges(ctx, r); err != nil {
		return err
	}
	if len(r.Route) == 0 {
		return nil
	}
	return t.writes.MarkRouting(ctx, db.MarkRoutingParams{WorkspaceID: t.ws, Handoffs: r.Route, Now: &r.Now})
}

func (t *tx) putHandoff(ctx context.Context, h domain.Handoff) error {
	return t.writes.PutHandoff(ctx, db.PutHandoffParams{
		WorkspaceID: h.Workspace, HandoffID: h.ID, TaskID: h.Task, SpaceID: h.Space, GiverID: h.Giver, LegNumber: h.Leg,
		Route: string(h.Route), RecipientID: nullable(h.Recipient), TeamID: nullable(h.Team), Done: h.Note.Done,
		NextSteps: h.Note.NextSteps, Blockers: h.Note.Blockers, Links: full(h.Note.Links), Questions: full(h.Note.Questions),
		Response: h.Window.String(), State: string(h.State), StartTime: h.StartTime, ExpireTime: nullable(h.ExpireTime),
		RemindTime: nullable(h.RemindTime), ResponderID: nullable(h.Responder), Reason: h.Reason,
		PreviousID: nullable(h.Previous), NextID: nullable(h.Next), Returned: h.Returned, Decliners: full(h.Decliners),
		Tried: full(h.Tried), Version: h.Version, CreateTime: h.CreateTime, EndTime: nullable(h.EndTime),
		DelegateID: nullable(h.Delegate),
	})
}

func (t *tx) addChanges(ctx context.Context, r *domain.Relay) error {
	n := len(r.Changes)
	if n == 0 {
		return nil
	}
	add := db.InsertChangesParams{
		WorkspaceID: t.ws, TaskID: r.Task.ID, CreateTime: r.Now, Numbers: make([]int64, n), Actors: make([]uuid.UUID, n),
		Fields: make([]string, n), Was: make([]string, n), Became: make([]string, n),
	}
	for i, c := range r.Changes {
		add.Numbers[i], add.Actors[i], add.Fields[i], add.Was[i], add.Became[i] = c.Number, c.Actor, c.Field, c.From, c.To
	}
	return t.writes.InsertChanges(ctx, add)
}

// Routed implements app.RelayTx.
func (t *tx) Routed(ctx context.Context, handoff uuid.UUID, marks int64) error {
	return t.writes.Routed(ctx, db.RoutedParams{WorkspaceID: t.ws, HandoffID: handoff, Marks: marks})
}

// LookAgain implements app.RelayTx.
func (t *tx) LookAgain(ctx context.Context, handoff uuid.UUID) error {
	return t.writes.LookAgain(ctx, db.LookAgainParams{WorkspaceID: t.ws, HandoffID: handoff})
}
