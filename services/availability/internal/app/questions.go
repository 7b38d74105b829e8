package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Query returns each member's time from start until end, in the order of the members.
func (a *App) Query(ctx context.Context, ws uuid.UUID, members []uuid.UUID, start, end time.Time) ([]domain.Availability, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	if err := domain.CheckRange(start, end, len(members)); err != nil {
		return nil, err
	}
	people, err := a.people(ctx, ws, members, start, end)
	if err != nil {
		return nil, err
	}
	answers := make([]domain.Availability, len(members))
	room := domain.MaxIntervals
	for i, member := range members {
		person, ok := people[member]
		if !ok {
			return nil, fault.NotFoundName(domain.MemberName(ws, member))
		}
		if answers[i], ok = person.Availability(start, end, room); !ok {
			return nil, fault.InvalidField("end_time", "must be nearer: the answer would have more than 150000 intervals")
		}
		room -= len(answers[i].Stretches)
	}
	return answers, nil
}

// DeadlineQuery asks when a window that counts from an instant has passed for a member.
type DeadlineQuery struct {
	Member uuid.UUID
	From   time.Time
	Window window.Window
}

// Deadlines answers queries in their order. fields name each in the request.
func (a *App) Deadlines(ctx context.Context, ws uuid.UUID, queries []DeadlineQuery, fields []string) ([]domain.Deadline, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	members := make([]uuid.UUID, len(queries))
	first, last := queries[0].From, queries[0].From
	for i, q := range queries {
		if err := domain.CheckInstant(fields[i]+".start_time", q.From); err != nil {
			return nil, err
		}
		if err := domain.CheckWindow(fields[i]+".window", q.Window); err != nil {
			return nil, err
		}
		members[i] = q.Member
		if q.From.Before(first) {
			first = q.From
		}
		if q.From.After(last) {
			last = q.From
		}
	}
	people, err := a.people(ctx, ws, unique(members), first, last.Add(worktime.Horizon))
	if err != nil {
		return nil, err
	}
	if err := a.delegates(ctx, ws, people, first, last); err != nil {
		return nil, err
	}
	answers := make([]domain.Deadline, len(queries))
	for i, q := range queries {
		answers[i] = people[q.Member].Deadline(q.From, q.Window)
		answers[i].Delegate = people.Resolve(q.Member, domain.Asks, q.From).Delegate()
	}
	return answers, nil
}

// Reaches returns when each member can be reached from an instant on, now when it is zero, in the order of the members.
func (a *App) Reaches(ctx context.Context, ws uuid.UUID, members []uuid.UUID, at time.Time, urgency domain.Urgency) ([]domain.Reach, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = a.now()
	}
	if err := domain.CheckInstant("at_time", at); err != nil {
		return nil, err
	}
	people, err := a.people(ctx, ws, unique(members), at, at.Add(worktime.Horizon))
	if err != nil {
		return nil, err
	}
	answers := make([]domain.Reach, len(members))
	for i, member := range members {
		answers[i] = people[member].Reach(at, urgency)
	}
	return answers, nil
}

// Expect tells a sender what to expect of each recipient now, in their order. Without a window it is the workspace's for
// the urgency.
func (a *App) Expect(
	ctx context.Context, ws uuid.UUID, members []uuid.UUID, urgency domain.Urgency, w window.Window,
) ([]domain.Expectation, error) {
	if _, err := a.caller(ctx, ws); err != nil {
		return nil, err
	}
	if w.None() {
		response, err := a.store.Response(ctx, ws)
		if err != nil {
			return nil, err
		}
		w = window.Working(response[urgency])
	}
	if err := domain.CheckWindow("window", w); err != nil {
		return nil, err
	}
	now := a.now()
	people, err := a.people(ctx, ws, unique(members), now, now.Add(worktime.Horizon))
	if err != nil {
		return nil, err
	}
	if err := a.delegates(ctx, ws, people, now, now); err != nil {
		return nil, err
	}
	answers := make([]domain.Expectation, len(members))
	for i, member := range members {
		person, ok := people[member]
		if !ok {
			return nil, fault.NotFoundName(domain.MemberName(ws, member))
		}
		answers[i] = person.Expect(now, urgency, w)
		if delegate := people.Resolve(member, domain.Asks, now).Delegate(); delegate != uuid.Nil {
			answers[i].Delegated(delegate, people[delegate].Name)
		}
	}
	return answers, nil
}

// unique are the members, each once.
func unique(members []uuid.UUID) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, len(members))
	var all []uuid.UUID
	for _, member := range members {
		if !seen[member] {
			seen[member] = true
			all = append(all, member)
		}
	}
	return all
}
