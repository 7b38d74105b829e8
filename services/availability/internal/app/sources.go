package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// SourceReader reads what stands behind notifications.
type SourceReader interface {
	// TimeOffSources returns the times off that are there, by the place of the check, for members who may decide on such.
	TimeOffSources(ctx context.Context, ws uuid.UUID, checks []TimeOffCheck) (map[int]TimeOffSource, error)
	// SwapSources returns the swaps, likewise.
	SwapSources(ctx context.Context, ws uuid.UUID, checks []SwapCheck) (map[int]domain.Swap, error)
}

// TimeOffCheck asks how a time off of Owner stands for a member.
type TimeOffCheck struct {
	// Place is where it stands among the checks.
	Place             int
	Owner, ID, Member uuid.UUID
}

// TimeOffSource is a time off with how a member stands to it.
type TimeOffSource struct {
	TimeOff domain.TimeOff
	// Manager is that of the one whose it is; uuid.Nil for nobody.
	Manager uuid.UUID
	// Reads says that the member may read the whole of it, whoever they act for.
	Reads bool
}

// SwapCheck asks how a swap stands for a member.
type SwapCheck struct {
	// Place is where it stands among the checks.
	Place      int
	Ref        RotationRef
	ID, Member uuid.UUID
}

// SourceState is how a source stands for a member.
type SourceState struct {
	Gone, Waiting bool
	SettledReason string
	// DueTime is by when it waits; zero for none, and for a time off of whole days.
	DueTime time.Time
}

// CheckSources tells how times off and swaps stand now for members, by the places of their checks among so many. What is
// neither, or cannot be read, is gone.
func (a *App) CheckSources(ctx context.Context, ws uuid.UUID, timeOffs []TimeOffCheck, swaps []SwapCheck, count int) ([]SourceState, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	states := make([]SourceState, count)
	for i := range states {
		states[i].Gone = true
	}
	off, err := a.timeOffSources(ctx, ws, timeOffs)
	if err != nil {
		return nil, err
	}
	for _, c := range timeOffs {
		if t, ok := off[c.Place]; ok {
			states[c.Place] = SourceState{Waiting: t.WaitsFor(c.Member), SettledReason: t.SettledReason(c.Member), DueTime: t.Start}
		}
	}
	offered, err := a.store.SwapSources(ctx, ws, swaps)
	if err != nil {
		return nil, err
	}
	now := a.now()
	for _, c := range swaps {
		if s, ok := offered[c.Place]; ok {
			s = s.At(now)
			states[c.Place] = SourceState{Waiting: s.WaitsFor(c.Member), SettledReason: s.SettledReason(c.Member), DueTime: s.Start}
		}
	}
	return states, nil
}

// timeOffSources are the times off that the members of the checks may read whole, by the place of the check: by themselves, or as
// who acts for the manager now.
func (a *App) timeOffSources(ctx context.Context, ws uuid.UUID, checks []TimeOffCheck) (map[int]domain.TimeOff, error) {
	found, err := a.store.TimeOffSources(ctx, ws, checks)
	if err != nil {
		return nil, err
	}
	readable := make(map[int]domain.TimeOff, len(found))
	var queries []DelegateQuery
	asked := map[uuid.UUID][]TimeOffCheck{}
	for _, c := range checks {
		s, ok := found[c.Place]
		switch {
		case !ok:
		case s.Reads:
			readable[c.Place] = s.TimeOff
		case s.Manager != uuid.Nil:
			if len(asked[s.Manager]) == 0 {
				queries = append(queries, DelegateQuery{Member: s.Manager, Kind: domain.Approvals})
			}
			asked[s.Manager] = append(asked[s.Manager], c)
		}
	}
	if len(queries) == 0 {
		return readable, nil
	}
	acting, err := a.resolve(ctx, ws, queries)
	if err != nil {
		return nil, err
	}
	for i, q := range queries {
		for _, c := range asked[q.Member] {
			if c.Member == acting[i].Delegate() {
				readable[c.Place] = found[c.Place].TimeOff
			}
		}
	}
	return readable, nil
}
