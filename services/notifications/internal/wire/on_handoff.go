package wire

import (
	"context"
	"errors"
	"strings"

	"github.com/meridianhq/meridian/pkg/eventbus"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

func onHandoffOffered(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffOffered]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffOffered]) error {
		return followed(ctx, a.OnHandoffOffered, e.Meta, e.Payload, e.Payload.GetRecipients())
	}
}

func onHandoffUpdated(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffUpdated]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffUpdated]) error {
		follow := a.OnHandoffUpdated
		if e.Payload.GetRouted() {
			follow = a.OnHandoffOffered
		}
		return followed(ctx, follow, e.Meta, e.Payload, e.Payload.GetRecipients())
	}
}

func onHandoffAccepted(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffAccepted]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffAccepted]) error {
		return followed(ctx, a.OnHandoffAccepted, e.Meta, e.Payload, nil)
	}
}

func onHandoffDeclined(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffDeclined]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffDeclined]) error {
		return followed(ctx, a.OnHandoffDeclined, e.Meta, e.Payload, nil)
	}
}

func onHandoffWithdrawn(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffWithdrawn]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffWithdrawn]) error {
		return followed(ctx, a.OnHandoffChanged, e.Meta, e.Payload, nil)
	}
}

func onHandoffExpired(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffExpired]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffExpired]) error {
		return followed(ctx, a.OnHandoffExpired, e.Meta, e.Payload, nil)
	}
}

func onHandoffRerouted(a *app.App) func(context.Context, eventbus.Event[*tasksv1.HandoffRerouted]) error {
	return func(ctx context.Context, e eventbus.Event[*tasksv1.HandoffRerouted]) error {
		follow := a.OnHandoffChanged
		if e.Payload.GetHandoff().GetReturned() {
			follow = a.OnHandoffReturned
		}
		return followed(ctx, follow, e.Meta, e.Payload, nil)
	}
}

// handoffEvent is what events of a handoff have in common.
type handoffEvent interface {
	GetHandoff() *tasksv1.Handoff
	GetSpace() string
}

// followed reads the handoff of an event and has it followed. It is open for those alone whom the event names.
func followed(
	ctx context.Context, follow func(context.Context, domain.Offering) error, meta eventbus.Meta, e handoffEvent, recipients []string,
) error {
	o, err := offering(meta, e)
	if err != nil {
		return err
	}
	if o.Recipients, err = idsOf("recipients", recipients); err != nil {
		return err
	}
	return follow(ctx, o)
}

func offering(meta eventbus.Meta, e handoffEvent) (domain.Offering, error) {
	h, err := happening(meta, e.GetSpace())
	if err != nil {
		return domain.Offering{}, err
	}
	one := e.GetHandoff()
	if err := errors.Join(eventbus.Known("handoff.state", one.GetState()), eventbus.Known("handoff.route", one.GetRoute())); err != nil {
		return domain.Offering{}, err
	}
	h.Source, h.Context, h.Title = one.GetName(), one.GetTask(), one.GetTaskTitle()
	h.Excerpt = markdown.Excerpt(one.GetNote().GetNextSteps())
	o := domain.Offering{
		Happening: h, Key: one.GetTaskKey(), Auto: one.GetRoute() == tasksv1.Handoff_AUTO, OfTeam: one.GetRoute() == tasksv1.Handoff_TEAM,
		Open: one.GetState() == tasksv1.Handoff_OFFERED, Reply: markdown.Excerpt(one.GetReason()),
		Due: instant(one.GetExpireTime()), Remind: instant(one.GetRemindTime()),
	}
	if !o.Open {
		o.Ended = strings.ToLower(one.GetState().String())
	}
	if o.Giver, err = idOf("handoff.giver", one.GetGiver()); err != nil {
		return o, err
	}
	if o.Delegate, err = optionalID("handoff.delegate", one.GetDelegate()); err != nil {
		return o, err
	}
	if o.ActsFor, err = optionalID("handoff.recipient", one.GetRecipient()); err != nil {
		return o, err
	}
	o.Responder, err = optionalID("handoff.responder", one.GetResponder())
	return o, err
}
