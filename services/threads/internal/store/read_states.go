package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// ReadState implements app.ReadStateReader.
func (s *Store) ReadState(ctx context.Context, ws uuid.UUID, key app.ReadStateKey) (app.SeenReadState, error) {
	found, err := readStates(ctx, s.queries(ws), ws, []app.ReadStateKey{key})
	if err != nil {
		return app.SeenReadState{}, err
	}
	state, there := found[key]
	if !there {
		return app.SeenReadState{}, fault.NotFoundName(domain.ReadStateName(ws, key.Thread))
	}
	return state, nil
}

// ReadStates implements app.ReadStateReader.
func (s *Store) ReadStates(ctx context.Context, ws, member uuid.UUID, q app.ReadStateQuery) (page.Result[domain.ReadState, app.ReadStateCursor], error) {
	before := uuid.Max
	if q.Page.After != nil {
		before = q.Page.After.Thread
	}
	rows, err := s.queries(ws).ListReadStates(ctx, db.ListReadStatesParams{
		WorkspaceID: ws, MemberID: member, Before: before, UnreadOnly: q.UnreadOnly,
		MaxRows: int32(min(q.Page.Size, math.MaxInt32-1) + 1),
	})
	if err != nil {
		return page.Result[domain.ReadState, app.ReadStateCursor]{}, fmt.Errorf("list read states: %w", err)
	}
	states := make([]domain.ReadState, len(rows))
	for i, r := range rows {
		states[i] = domain.ReadState{
			Workspace: ws, Member: member, Thread: r.ThreadID, Space: r.SpaceID, Title: r.Title,
			LastSequence: r.LastSequence, ImportedCount: r.ImportedCount, LastRead: r.LastReadSequence,
			ImportedBefore: r.ImportedBefore, Followed: r.Followed, Unfollowed: r.Unfollowed, Muted: r.Muted,
			OwnSequence: r.OwnSequence, Version: r.Version, UpdateTime: value(r.UpdateTime).UTC(),
		}
	}
	return page.Cut(states, q.Page.Size, func(r domain.ReadState) app.ReadStateCursor { return app.ReadStateCursor{Thread: r.Thread} }), nil
}

// SeenReadStates implements app.ReadStateTx.
func (t *tx) SeenReadStates(ctx context.Context, keys []app.ReadStateKey) (map[app.ReadStateKey]app.SeenReadState, error) {
	return readStates(ctx, t.now, t.ws, keys)
}

func readStates(ctx context.Context, q *db.Queries, ws uuid.UUID, keys []app.ReadStateKey) (map[app.ReadStateKey]app.SeenReadState, error) {
	members, threads := columnsOfKeys(keys)
	rows, err := q.ReadStates(ctx, db.ReadStatesParams{WorkspaceID: ws, MemberIds: members, ThreadIds: threads})
	if err != nil {
		return nil, fmt.Errorf("read read states: %w", err)
	}
	found := make(map[app.ReadStateKey]app.SeenReadState, len(rows))
	for _, row := range rows {
		found[app.ReadStateKey{Member: row.MemberID, Thread: row.ThreadID}] = app.SeenReadState{
			Have: auth.Right(row.Have),
			ReadState: domain.ReadState{
				Workspace: ws, Member: row.MemberID, Thread: row.ThreadID, Space: row.SpaceID, Title: row.Title,
				LastSequence: row.LastSequence, ImportedCount: row.ImportedCount, LastRead: row.LastReadSequence,
				ImportedBefore: row.ImportedBefore, Followed: row.Followed, Unfollowed: row.Unfollowed, Muted: row.Muted,
				OwnSequence: row.OwnSequence, Version: row.Version, UpdateTime: value(row.UpdateTime).UTC(),
			},
		}
	}
	return found, nil
}

func columnsOfKeys(keys []app.ReadStateKey) (members, threads []uuid.UUID) {
	members, threads = make([]uuid.UUID, len(keys)), make([]uuid.UUID, len(keys))
	for i, key := range keys {
		members[i], threads[i] = key.Member, key.Thread
	}
	return members, threads
}

// LockReadStates implements app.ReadStateTx. What it returns is read after the locks were taken: whoever held one
// before may have moved the thread on as well.
func (t *tx) LockReadStates(ctx context.Context, keys []app.ReadStateKey) (map[app.ReadStateKey]app.SeenReadState, error) {
	members, threads := columnsOfKeys(keys)
	first := db.New(ahead{t.pg}) // in one round trip with what is read
	if err := first.AddReadStates(ctx, db.AddReadStatesParams{WorkspaceID: t.ws, MemberIds: members, ThreadIds: threads}); err != nil {
		return nil, fmt.Errorf("lay read states: %w", err)
	}
	if err := first.LockReadStates(ctx, db.LockReadStatesParams{WorkspaceID: t.ws, MemberIds: members, ThreadIds: threads}); err != nil {
		return nil, fmt.Errorf("lock read states: %w", err)
	}
	return readStates(ctx, t.now, t.ws, keys)
}

// SaveReadStates implements app.ReadStateTx.
func (t *tx) SaveReadStates(ctx context.Context, states []domain.ReadState, at time.Time) error {
	rows := db.SaveReadStatesParams{WorkspaceID: t.ws, UpdateTime: &at}
	for _, r := range states {
		rows.MemberIds = append(rows.MemberIds, r.Member)
		rows.ThreadIds = append(rows.ThreadIds, r.Thread)
		rows.LastReadSequences = append(rows.LastReadSequences, r.LastRead)
		rows.ImportedBefores = append(rows.ImportedBefores, r.ImportedBefore)
		rows.Followeds = append(rows.Followeds, r.Followed)
		rows.Unfolloweds = append(rows.Unfolloweds, r.Unfollowed)
		rows.Muteds = append(rows.Muteds, r.Muted)
		rows.Versions = append(rows.Versions, r.Version)
	}
	return t.writes.SaveReadStates(ctx, rows)
}

// ImportedThrough implements app.ReadStateTx.
func (t *tx) ImportedThrough(ctx context.Context, through map[uuid.UUID]int64) (map[uuid.UUID]int64, error) {
	asked := db.ImportedThroughParams{WorkspaceID: t.ws}
	for thread, sequence := range through {
		asked.ThreadIds, asked.Sequences = append(asked.ThreadIds, thread), append(asked.Sequences, sequence)
	}
	rows, err := t.now.ImportedThrough(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("count imported messages: %w", err)
	}
	imported := make(map[uuid.UUID]int64, len(rows))
	for _, row := range rows {
		imported[row.ThreadID] = row.Imported
	}
	return imported, nil
}

// TeamMembers implements app.ReadStateTx.
func (t *tx) TeamMembers(ctx context.Context, teams []uuid.UUID) ([]uuid.UUID, error) {
	members, err := t.now.TeamMembers(ctx, db.TeamMembersParams{WorkspaceID: t.ws, TeamIds: teams})
	if err != nil {
		return nil, fmt.Errorf("read the members of teams: %w", err)
	}
	return members, nil
}
