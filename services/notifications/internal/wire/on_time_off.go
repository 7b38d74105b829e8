package wire

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

func onTimeOffRequested(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.TimeOffRequested]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.TimeOffRequested]) error {
		l, err := leave(e.Meta, e.Payload)
		if err != nil {
			return err
		}
		if l.Due = instant(e.Payload.GetStartTime()); l.Due.IsZero() {
			l.Due = l.Span.Start
		}
		if l.Manager, err = optionalID("manager", e.Payload.GetManager()); err != nil {
			return err
		}
		if l.Delegate, err = optionalID("delegate", e.Payload.GetDelegate()); err != nil {
			return err
		}
		return a.OnLeaveRequested(ctx, l)
	}
}

func onTimeOffApproved(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.TimeOffApproved]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.TimeOffApproved]) error {
		l, err := leave(e.Meta, e.Payload)
		if err != nil || l.DecidedBy == uuid.Nil { // it was never asked for
			return err
		}
		return a.OnLeaveDecided(ctx, l)
	}
}

func onTimeOffDeclined(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.TimeOffDeclined]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.TimeOffDeclined]) error {
		l, err := leave(e.Meta, e.Payload)
		if err != nil {
			return err
		}
		return a.OnLeaveDecided(ctx, l)
	}
}

func onTimeOffCancelled(a *app.App) func(context.Context, eventbus.Event[*availabilityv1.TimeOffCancelled]) error {
	return func(ctx context.Context, e eventbus.Event[*availabilityv1.TimeOffCancelled]) error {
		l, err := leave(e.Meta, e.Payload)
		if err != nil {
			return err
		}
		return a.OnLeaveCancelled(ctx, l)
	}
}

// timeOffEvent is what events of a time off have in common.
type timeOffEvent interface {
	GetTimeOff() *availabilityv1.TimeOff
	GetMember() string
}

func leave(meta eventbus.Meta, e timeOffEvent) (domain.Leave, error) {
	one := e.GetTimeOff()
	if err := eventbus.Known("time_off.state", one.GetState()); err != nil {
		return domain.Leave{}, err
	}
	l := domain.Leave{
		Happening: withoutSpace(meta), Note: markdown.Excerpt(one.GetNote()), DeclineReason: markdown.Excerpt(one.GetDeclineReason()),
		Span: domain.Span{
			Start: instant(one.GetStartTime()), End: instant(one.GetEndTime()), First: day(one.GetStartDate()), Last: day(one.GetEndDate()),
		},
	}
	l.Source, l.Context = one.GetName(), one.GetName()
	if one.GetState() != availabilityv1.TimeOff_REQUESTED {
		l.Ended = strings.ToLower(one.GetState().String())
	}
	var err error
	if l.Subject, err = idOf("member", e.GetMember()); err != nil {
		return l, err
	}
	l.DecidedBy, err = optionalID("time_off.decided_by", one.GetDecidedBy())
	return l, err
}

// day is a date as its midnight in UTC; zero for none.
func day(d *date.Date) time.Time {
	read, ok := worktime.NewDate(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()))
	if !ok {
		return time.Time{}
	}
	return worktime.UTC().StartOf(read)
}
