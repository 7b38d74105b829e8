package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// taskFields are what a list of tasks may be filtered by.
func taskFields() []page.FieldSpec {
	same := []string{"=", "!="}
	ordered := []string{"=", "!=", "<", "<=", ">", ">="}
	categories := make([]string, 0, len(domain.Categories()))
	for _, c := range domain.Categories() {
		categories = append(categories, string(c))
	}
	return []page.FieldSpec{
		{Name: "project", Kind: page.Name, Ops: same, Pattern: projectPattern},
		{Name: "space", Kind: page.Name, Pattern: spacePattern},
		{Name: "team", Kind: page.Name, Ops: same, Pattern: teamPattern},
		{Name: "holder", Kind: page.String, Ops: same},
		{Name: "reporter", Kind: page.String, Ops: same},
		{Name: "state", Kind: page.String, Ops: same},
		{Name: "category", Kind: page.Enum, Ops: same, Enum: categories},
		{Name: "priority", Kind: page.Enum, Ops: ordered, Enum: []string{"LOW", "MEDIUM", "HIGH", "CRITICAL"}},
		{Name: "label", Kind: page.String, Ops: same},
		{Name: "key", Kind: page.String, Ops: same},
		{Name: "due_date", Kind: page.String, Ops: ordered},
		{Name: "due_time", Kind: page.Time, Ops: ordered},
		{Name: "create_time", Kind: page.Time, Ops: ordered},
		{Name: "update_time", Kind: page.Time, Ops: ordered},
	}
}

func taskQuery(ctx context.Context, req *tasksv1.ListTasksRequest) (q app.TaskQuery, fingerprint string, err error) {
	fingerprint = page.Fingerprint(req)
	if q.Page, err = pageOf[app.TaskCursor](req.GetPageSize(), req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	q.Order = page.Order{Field: "create_time", Desc: true}
	orders, err := page.ParseOrderBy(req.GetOrderBy(), []string{"create_time", "update_time", "priority", "due_time"})
	if err != nil {
		return q, "", err
	}
	if len(orders) > 1 {
		return q, "", fault.New(fault.Invalid, fault.ReasonOrderByInvalid, "order_by: takes one field").WithField("order_by", "takes one field")
	}
	if len(orders) == 1 {
		q.Order = orders[0]
	}
	filter, err := page.ParseFilter(req.GetFilter(), taskFields())
	if err != nil {
		return q, "", err
	}
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return q, "", err
	}
	for _, c := range filter.Conditions {
		if c.Field == "space" {
			if q.Space, err = once(c.Field, q.Space, func() (uuid.UUID, error) { return within(spacePattern, "filter", c.Value, ws) }); err != nil {
				return q, "", err
			}
			continue
		}
		value, err := conditionValue(ctx, c, ws)
		if err != nil {
			return q, "", err
		}
		q.Conditions = append(q.Conditions, app.TaskCondition{Field: c.Field, Op: c.Op, Value: value})
	}
	return q, fingerprint, nil
}

// conditionValue reads a filter's value. Names of another workspace match nothing there is, and are refused.
func conditionValue(ctx context.Context, c page.Condition, ws uuid.UUID) (any, error) {
	switch c.Field {
	case "project":
		return within(projectPattern, "filter", c.Value, ws)
	case "team":
		return within(teamPattern, "filter", c.Value, ws)
	case "holder", "reporter":
		return person(ctx, c.Value, ws)
	case "priority":
		return int16(tasksv1.Task_Priority_value[c.Value]), nil
	case "due_date":
		day, err := domain.ParseDate(c.Value)
		if err != nil || day.IsZero() {
			return nil, fault.InvalidField("filter", "due_date is a date such as 2026-12-01")
		}
		return day.Start(), nil
	case "due_time", "create_time", "update_time":
		return c.Time(), nil
	}
	return c.Value, nil
}
