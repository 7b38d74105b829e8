package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/store/db"
)

// Records implements app.Store.
func (s *Store) Records(ctx context.Context, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (map[uuid.UUID]domain.Record, error) {
	return records(ctx, s.queries(ws), ws, members, from, until)
}

// Records implements app.Tx.
func (t *tx) Records(ctx context.Context, members []uuid.UUID, from, until time.Time) (map[uuid.UUID]domain.Record, error) {
	return records(ctx, t.now, t.ws, members, from, until)
}

// Record implements app.Tx.
func (t *tx) Record(ctx context.Context, member uuid.UUID, from, until time.Time) (domain.Record, error) {
	found, err := records(ctx, t.now, t.ws, []uuid.UUID{member}, from, until)
	if err != nil {
		return domain.Record{}, err
	}
	if record, ok := found[member]; ok {
		return record, nil
	}
	own, err := schedules(ctx, t.now, t.ws, []uuid.UUID{member}, from)
	return domain.Record{Workspace: t.ws, Member: member, Schedules: own[member]}, err
}

// records reads the layers of members. The version comes first: what is read after it may be newer, and then an event
// with a higher version says so.
func records(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (map[uuid.UUID]domain.Record, error) {
	people, err := q.People(ctx, db.PeopleParams{WorkspaceID: ws, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	own, err := schedules(ctx, q, ws, members, from)
	if err != nil {
		return nil, err
	}
	zones, err := zones(ctx, q, ws, members, from)
	if err != nil {
		return nil, err
	}
	off, err := timeOffs(ctx, q, ws, members, from, until)
	if err != nil {
		return nil, err
	}
	busy, err := busyTimes(ctx, q, ws, members, from, until)
	if err != nil {
		return nil, err
	}
	over, err := layers(ctx, q, ws, members, from, until)
	if err != nil {
		return nil, err
	}
	acting, err := delegations(ctx, q, ws, members, from, until)
	if err != nil {
		return nil, err
	}
	left, err := departures(ctx, q, ws, members, from)
	if err != nil {
		return nil, err
	}
	defaults, err := defaults(ctx, q, ws, from)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]domain.Record, len(people))
	for _, p := range people {
		found[p.MemberID] = domain.Record{
			Workspace: ws, Member: p.MemberID, Name: p.DisplayName, Active: p.Active, Manager: p.ManagerID, Version: p.Version,
			Zone: p.TimeZone, WorkspaceZone: p.WorkspaceZone, Zones: zones[p.MemberID], Schedules: own[p.MemberID],
			Defaults: defaults, TimeOffs: off[p.MemberID], BusyTimes: busy[p.MemberID], Delegations: acting[p.MemberID],
			Layers: over[p.MemberID], Guest: p.Guest, Departures: left[p.MemberID], From: from, Until: until,
		}
	}
	return found, nil
}

func schedules(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from time.Time) (map[uuid.UUID][]domain.Schedule, error) {
	rows, err := q.SchedulesFrom(ctx, db.SchedulesFromParams{WorkspaceID: ws, MemberIds: members, FromTime: &from})
	if err != nil {
		return nil, fmt.Errorf("read the hours of members: %w", err)
	}
	found := make(map[uuid.UUID][]domain.Schedule)
	for _, row := range rows {
		schedule, err := scheduleOf(row.WorkingSchedule)
		if err != nil {
			return nil, err
		}
		found[schedule.Member] = append(found[schedule.Member], schedule)
	}
	return found, nil
}

func zones(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from time.Time) (map[uuid.UUID][]domain.ZonePeriod, error) {
	rows, err := q.ZonesFrom(ctx, db.ZonesFromParams{WorkspaceID: ws, MemberIds: members, FromTime: &from})
	if err != nil {
		return nil, fmt.Errorf("read the zones of members: %w", err)
	}
	found := make(map[uuid.UUID][]domain.ZonePeriod)
	for _, row := range rows {
		found[row.MemberID] = append(found[row.MemberID], domain.ZonePeriod{
			Zone: row.TimeZone, Start: row.StartTime.UTC(), End: value(row.EndTime).UTC(), Seen: row.Seen,
		})
	}
	return found, nil
}

func timeOffs(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (map[uuid.UUID][]domain.TimeOff, error) {
	rows, err := q.TimeOffsBetween(ctx, db.TimeOffsBetweenParams{WorkspaceID: ws, MemberIds: members, FromTime: from, UntilTime: until})
	if err != nil {
		return nil, fmt.Errorf("read the times off of members: %w", err)
	}
	found := make(map[uuid.UUID][]domain.TimeOff)
	for _, row := range rows {
		found[row.TimeOff.MemberID] = append(found[row.TimeOff.MemberID], timeOffOf(row.TimeOff))
	}
	return found, nil
}

func layers(ctx context.Context, q *db.Queries, ws uuid.UUID, members []uuid.UUID, from, until time.Time) (map[uuid.UUID][]domain.Layer, error) {
	rows, err := q.LayersBetween(ctx, db.LayersBetweenParams{WorkspaceID: ws, MemberIds: members, FromTime: from, UntilTime: until})
	if err != nil {
		return nil, fmt.Errorf("read the layers of members: %w", err)
	}
	found := make(map[uuid.UUID][]domain.Layer)
	for _, row := range rows {
		layer, err := layerOf(row.Layer)
		if err != nil {
			return nil, err
		}
		found[layer.Member] = append(found[layer.Member], layer)
	}
	return found, nil
}

// defaults are the versions that may matter from an instant on. One made for the day before yesterday, or earlier, has
// taken over in every zone.
func defaults(ctx context.Context, q *db.Queries, ws uuid.UUID, from time.Time) ([]domain.DefaultSchedule, error) {
	rows, err := q.DefaultsFrom(ctx, db.DefaultsFromParams{WorkspaceID: ws, FromTime: from, FromDate: dayOf(dateOf(from) - 1)})
	if err != nil {
		return nil, fmt.Errorf("read the default hours: %w", err)
	}
	found := make([]domain.DefaultSchedule, len(rows))
	for i, row := range rows {
		if found[i], err = defaultOf(row.DefaultSchedule); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Member implements app.Store.
func (s *Store) Member(ctx context.Context, ws, member uuid.UUID) error {
	there, err := s.queries(ws).MemberThere(ctx, db.MemberThereParams{WorkspaceID: ws, MemberID: member})
	if err != nil {
		return fmt.Errorf("read a member: %w", err)
	}
	if !there {
		return fault.NotFoundName(domain.MemberName(ws, member))
	}
	return nil
}

// TeamMembers implements app.Store.
func (s *Store) TeamMembers(ctx context.Context, ws, team uuid.UUID, most int) ([]uuid.UUID, error) {
	if err := s.Team(ctx, ws, team); err != nil {
		return nil, err
	}
	members, err := s.queries(ws).TeamMembers(ctx, db.TeamMembersParams{WorkspaceID: ws, TeamID: team, Most: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("read a team's members: %w", err)
	}
	return members, nil
}

// Response implements app.Store.
func (s *Store) Response(ctx context.Context, ws uuid.UUID) (domain.Windows, error) {
	row, err := s.queries(ws).Response(ctx, ws)
	if postgres.IsNoRows(err) {
		return domain.StandardResponse(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the response windows: %w", err)
	}
	return domain.Windows{
		domain.Low: seconds(row.LowSeconds), domain.Normal: seconds(row.NormalSeconds),
		domain.High: seconds(row.HighSeconds), domain.Urgent: seconds(row.UrgentSeconds),
	}, nil
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
