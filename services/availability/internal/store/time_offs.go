package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// TimeOff implements app.Store.
func (s *Store) TimeOff(ctx context.Context, ws, member, timeOff uuid.UUID) (domain.TimeOff, error) {
	return timeOffBy(ctx, s.queries(ws), ws, member, timeOff)
}

// TimeOff implements app.Tx.
func (t *tx) TimeOff(ctx context.Context, member, timeOff uuid.UUID) (domain.TimeOff, error) {
	return timeOffBy(ctx, t.now, t.ws, member, timeOff)
}

func timeOffBy(ctx context.Context, q *db.Queries, ws, member, timeOff uuid.UUID) (domain.TimeOff, error) {
	row, err := q.TimeOff(ctx, db.TimeOffParams{WorkspaceID: ws, MemberID: member, TimeOffID: timeOff})
	if postgres.IsNoRows(err) {
		return domain.TimeOff{}, fault.NotFoundName(domain.TimeOffName(ws, member, timeOff))
	}
	if err != nil {
		return domain.TimeOff{}, fmt.Errorf("read a time off: %w", err)
	}
	return timeOffOf(row.TimeOff), nil
}

// TimeOffs implements app.Store.
func (s *Store) TimeOffs(ctx context.Context, ws, member uuid.UUID, approved bool, p app.Page) (page.Result[domain.TimeOff, app.Cursor], error) {
	found, err := s.queries(ws).ListTimeOffs(ctx, db.ListTimeOffsParams{
		WorkspaceID: ws, MemberID: member, Approved: approved, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.TimeOff, app.Cursor]{}, fmt.Errorf("list a member's times off: %w", err)
	}
	items := make([]domain.TimeOff, len(found))
	for i, row := range found {
		items[i] = timeOffOf(row.TimeOff)
	}
	return cutTimeOffs(items, p), nil
}

// AddTimeOff implements app.Tx.
func (t *tx) AddTimeOff(ctx context.Context, d domain.TimeOff) error {
	lower, upper := d.Reaches()
	row := db.InsertTimeOffParams{
		WorkspaceID: t.ws, MemberID: d.Member, TimeOffID: d.ID, Kind: string(d.Kind), Note: d.Note, State: string(d.State),
		Revision: d.Revision, CreateTime: d.CreateTime, UpdateTime: d.UpdateTime, LowerTime: lower, UpperTime: upper,
		Requested: d.Asked, ManagerID: d.Manager,
	}
	if d.AllDay {
		first, last := dayOf(d.First), dayOf(d.Last)
		row.FirstDate, row.LastDate = &first, &last
	} else {
		row.StartTime, row.EndTime = &d.Start, &d.End
	}
	return t.writes.InsertTimeOff(ctx, row)
}

// SaveTimeOff implements app.Tx.
func (t *tx) SaveTimeOff(ctx context.Context, d domain.TimeOff) error {
	_, upper := d.Reaches()
	return t.writes.SaveTimeOff(ctx, db.SaveTimeOffParams{
		WorkspaceID: t.ws, MemberID: d.Member, TimeOffID: d.ID, State: string(d.State), Revision: d.Revision,
		UpdateTime: d.UpdateTime, CancelTime: nullable(d.CancelTime), UpperTime: upper,
		DecidedByID: nullable(d.DecidedBy), DecideTime: nullable(d.DecideTime), DeclineReason: d.DeclineReason,
		ManagerID: d.Manager,
	})
}

// TimeOffRequests implements app.Store.
func (s *Store) TimeOffRequests(ctx context.Context, ws uuid.UUID, p app.Page) (page.Result[domain.TimeOff, app.Cursor], error) {
	found, err := s.queries(ws).ListTimeOffRequests(ctx, db.ListTimeOffRequestsParams{
		WorkspaceID: ws, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.TimeOff, app.Cursor]{}, fmt.Errorf("list requests for time off: %w", err)
	}
	items := make([]domain.TimeOff, len(found))
	for i, row := range found {
		items[i] = timeOffOf(row.TimeOff)
	}
	return cutTimeOffs(items, p), nil
}

// TimeOffRequestsOf implements app.Store.
func (s *Store) TimeOffRequestsOf(
	ctx context.Context, ws uuid.UUID, managers []uuid.UUID, reader uuid.UUID, p app.Page,
) (page.Result[domain.TimeOff, app.Cursor], error) {
	found, err := s.queries(ws).ListTimeOffRequestsOf(ctx, db.ListTimeOffRequestsOfParams{
		WorkspaceID: ws, ManagerIds: managers, ReaderID: reader, Before: before(p), MaxRows: rows(p),
	})
	if err != nil {
		return page.Result[domain.TimeOff, app.Cursor]{}, fmt.Errorf("list requests for time off of managers: %w", err)
	}
	items := make([]domain.TimeOff, len(found))
	for i, row := range found {
		items[i] = timeOffOf(row.TimeOff)
	}
	return cutTimeOffs(items, p), nil
}

func cutTimeOffs(items []domain.TimeOff, p app.Page) page.Result[domain.TimeOff, app.Cursor] {
	return page.Cut(items, p.Size, func(t domain.TimeOff) app.Cursor { return app.Cursor{ID: t.ID} })
}

// Requests implements app.Store.
func (s *Store) Requests(ctx context.Context, ws, member uuid.UUID) ([]domain.TimeOff, error) {
	return requests(ctx, s.queries(ws), ws, member)
}

// Requests implements app.Tx.
func (t *tx) Requests(ctx context.Context, member uuid.UUID) ([]domain.TimeOff, error) {
	return requests(ctx, t.now, t.ws, member)
}

func requests(ctx context.Context, q *db.Queries, ws, member uuid.UUID) ([]domain.TimeOff, error) {
	found, err := q.Requests(ctx, db.RequestsParams{WorkspaceID: ws, MemberID: member})
	if err != nil {
		return nil, fmt.Errorf("list a member's requests for time off: %w", err)
	}
	items := make([]domain.TimeOff, len(found))
	for i, row := range found {
		items[i] = timeOffOf(row.TimeOff)
	}
	return items, nil
}

// Requesters implements app.Tx.
func (t *tx) Requesters(ctx context.Context, manager uuid.UUID) ([]uuid.UUID, error) {
	found, err := t.now.Requesters(ctx, db.RequestersParams{WorkspaceID: t.ws, ManagerID: manager})
	if err != nil {
		return nil, fmt.Errorf("list whose requests for time off wait for a manager: %w", err)
	}
	return found, nil
}

// Reporting implements app.Store.
func (s *Store) Reporting(ctx context.Context, ws, member uuid.UUID) (app.Reporting, error) {
	return reporting(ctx, s.queries(ws), ws, member)
}

// Reporting implements app.Tx.
func (t *tx) Reporting(ctx context.Context, member uuid.UUID) (app.Reporting, error) {
	return reporting(ctx, t.now, t.ws, member)
}

func reporting(ctx context.Context, q *db.Queries, ws, member uuid.UUID) (app.Reporting, error) {
	r := app.Reporting{Workspace: ws, Member: member}
	row, err := q.Manager(ctx, db.ManagerParams{WorkspaceID: ws, MemberID: member})
	if postgres.IsNoRows(err) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read a member's manager: %w", err)
	}
	r.Manager, r.Version = row.ManagerID, row.Version
	return r, nil
}

// TimeOffPolicy implements app.Store.
func (s *Store) TimeOffPolicy(ctx context.Context, ws uuid.UUID) (domain.TimeOffPolicy, error) {
	return policy(ctx, s.queries(ws), ws)
}

// TimeOffPolicy implements app.Tx.
func (t *tx) TimeOffPolicy(ctx context.Context) (domain.TimeOffPolicy, error) {
	return policy(ctx, t.now, t.ws)
}

func policy(ctx context.Context, q *db.Queries, ws uuid.UUID) (domain.TimeOffPolicy, error) {
	p := domain.TimeOffPolicy{Workspace: ws}
	row, err := q.TimeOffPolicy(ctx, ws)
	if postgres.IsNoRows(err) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("read the time-off policy: %w", err)
	}
	for _, kind := range row.TimeOffPolicy.ApprovalKinds {
		p.Approval = append(p.Approval, domain.TimeOffKind(kind))
	}
	p.Revision, p.UpdateTime = row.TimeOffPolicy.Revision, row.TimeOffPolicy.UpdateTime.UTC()
	return p, nil
}

// SaveTimeOffPolicy implements app.Tx.
func (t *tx) SaveTimeOffPolicy(ctx context.Context, p domain.TimeOffPolicy) error {
	kinds := make([]string, len(p.Approval))
	for i, kind := range p.Approval {
		kinds[i] = string(kind)
	}
	return t.writes.SaveTimeOffPolicy(ctx, db.SaveTimeOffPolicyParams{
		WorkspaceID: t.ws, ApprovalKinds: kinds, Revision: p.Revision, UpdateTime: p.UpdateTime,
	})
}
