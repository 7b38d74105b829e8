package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// SourceReader reads what stands behind notifications.
type SourceReader interface {
	// HandoffSources returns the handoffs that are there and that their members may read, by the place of their check.
	HandoffSources(ctx context.Context, ws uuid.UUID, checks []Check) (map[int]HandoffSource, error)
	// TaskSources returns the tasks, likewise.
	TaskSources(ctx context.Context, ws uuid.UUID, checks []Check) (map[int]domain.Task, error)
}

// Check asks how a source stands for a member.
type Check struct {
	// Place is where it stands among the checks.
	Place int
	// ID is the handoff's or the task's.
	ID, Member uuid.UUID
}

// HandoffSource is a handoff as a member sees it.
type HandoffSource struct {
	domain.Handoff
	// OfTeam says whether the member is of its team.
	OfTeam bool
	// ResponderName is what the one is called who answered it.
	ResponderName string
}

// SourceState is how a source stands for a member.
type SourceState struct {
	Gone, Waiting bool
	SettledReason string
	DueTime       time.Time
	Title, Text   string
}

// CheckSources tells how handoffs and tasks stand now for members, in the order of the checks: handoffs first, then tasks,
// by their places among so many. What is neither, or cannot be read, is gone.
func (a *App) CheckSources(ctx context.Context, ws uuid.UUID, handoffs, tasks []Check, count int) ([]SourceState, error) {
	if err := a.access.Current(ctx); err != nil {
		return nil, err
	}
	states := make([]SourceState, count)
	for i := range states {
		states[i].Gone = true
	}
	foundHandoffs, err := a.store.HandoffSources(ctx, ws, handoffs)
	if err != nil {
		return nil, err
	}
	now := a.now()
	for _, c := range handoffs {
		if h, ok := foundHandoffs[c.Place]; ok {
			states[c.Place] = h.state(c.Member, now)
		}
	}
	foundTasks, err := a.store.TaskSources(ctx, ws, tasks)
	if err != nil {
		return nil, err
	}
	for _, c := range tasks {
		if t, ok := foundTasks[c.Place]; ok {
			states[c.Place] = SourceState{DueTime: t.DueTime, Title: t.Title, Text: t.Excerpt()}
		}
	}
	return states, nil
}

func (h HandoffSource) state(member uuid.UUID, now time.Time) SourceState {
	at := h.At(now)
	s := SourceState{Title: h.TaskTitle, Text: h.Note.Markdown(), Waiting: at.WaitsFor(member, h.OfTeam, now)}
	if s.Waiting {
		s.DueTime = h.ExpireTime
	} else {
		s.SettledReason = at.SettledReason(member, h.OfTeam, h.ResponderName)
	}
	return s
}
