package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/store/db"
)

// Task implements app.TaskReader.
func (s *Store) Task(ctx context.Context, ws, member, task uuid.UUID, now time.Time) (domain.Task, auth.Right, error) {
	row, err := s.queries(ws).TaskFor(ctx, db.TaskForParams{WorkspaceID: ws, MemberID: member, TaskID: task, Now: now})
	if err != nil {
		return domain.Task{}, auth.NoRight, taskError("read", err, ws, task)
	}
	return taskOf(row.Task, row.OpenID), auth.Right(row.Have), nil
}

// Changes implements app.TaskReader.
func (s *Store) Changes(ctx context.Context, ws, task uuid.UUID, p page.Request[app.NumberCursor]) (page.Result[domain.Change, app.NumberCursor], error) {
	below := int64(math.MaxInt64)
	if p.After != nil {
		below = p.After.Number
	}
	rows, err := s.queries(ws).ListChanges(ctx, db.ListChangesParams{
		WorkspaceID: ws, TaskID: task, Below: below, MaxRows: oneMore(p.Size), MaxBytes: maxPageBytes,
	})
	if err != nil {
		return page.Result[domain.Change, app.NumberCursor]{}, fmt.Errorf("list changes: %w", err)
	}
	l := listed[domain.Change]{}
	for _, row := range rows {
		l.add(domain.Change{
			Number: row.Number, Actor: value(row.ActorID), Field: row.Field, From: row.Was, To: row.Became,
			CreateTime: row.CreateTime.UTC(),
		}, row.Whole)
	}
	return cut(l, p.Size, func(c domain.Change) app.NumberCursor { return app.NumberCursor{Number: c.Number} }), nil
}

// Legs implements app.TaskReader.
func (s *Store) Legs(ctx context.Context, ws, task uuid.UUID, p page.Request[app.NumberCursor]) (page.Result[domain.Leg, app.NumberCursor], error) {
	rows, err := s.queries(ws).ListLegs(ctx, db.ListLegsParams{
		WorkspaceID: ws, TaskID: task, After: value(p.After).Number, MaxRows: oneMore(p.Size),
	})
	if err != nil {
		return page.Result[domain.Leg, app.NumberCursor]{}, fmt.Errorf("list legs: %w", err)
	}
	legs := make([]domain.Leg, len(rows))
	for i, row := range rows {
		legs[i] = legOf(row)
	}
	return page.Cut(legs, p.Size, func(l domain.Leg) app.NumberCursor { return app.NumberCursor{Number: l.Number} }), nil
}

// storyLength is how many entries of a history a draft is made from: the newest.
const storyLength = 500

// Story implements app.TaskReader.
func (s *Store) Story(ctx context.Context, ws, member, task uuid.UUID) (domain.Story, auth.Right, error) {
	q := s.queries(ws)
	row, err := q.StoryOf(ctx, db.StoryOfParams{WorkspaceID: ws, MemberID: member, TaskID: task})
	if err != nil {
		return domain.Story{}, auth.NoRight, taskError("read", err, ws, task)
	}
	story := domain.Story{
		Task: taskOf(row.Task, nil), Since: row.Since.UTC(), Holder: row.HolderName,
		Before: domain.Note{Done: row.Done, NextSteps: row.NextSteps},
	}
	if story.Workflow, err = workflowOf(row.Workflow); err != nil {
		return story, auth.NoRight, err
	}
	if auth.Right(row.Have) < auth.Reader {
		return story, auth.Right(row.Have), nil
	}
	changes, err := q.ChangesSince(ctx, db.ChangesSinceParams{WorkspaceID: ws, TaskID: task, Since: story.Since, MaxRows: storyLength})
	if err != nil && !postgres.IsNoRows(err) {
		return story, auth.NoRight, fmt.Errorf("read what happened on a task: %w", err)
	}
	for _, c := range slices.Backward(changes) {
		story.Changes = append(story.Changes, domain.Change{
			Number: c.Number, Field: c.Field, From: c.Was, To: c.Became, CreateTime: c.CreateTime.UTC(),
		})
	}
	return story, auth.Right(row.Have), nil
}
