package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/outbox"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// Service is the service's name in events.
const Service = "availability"

// Encoder makes the outbox's messages of domain events, under the installation's host name.
func Encoder(host string) func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error) {
	return func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error) {
		payload, err := payloadOf(event, at)
		if err != nil {
			return outbox.Message{}, err
		}
		return eventbus.Encode(ctx, host, Service, at, actor, payload)
	}
}

func payloadOf(event domain.Event, at time.Time) (proto.Message, error) {
	switch e := event.(type) {
	case domain.ScheduleChanged:
		return &availabilityv1.ScheduleChanged{
			WorkingSchedule: resource.Schedule(e.Schedule), Member: domain.MemberName(e.Schedule.Workspace, e.Schedule.Member),
			Version: e.Version,
		}, nil
	case domain.DefaultScheduleChanged:
		return &availabilityv1.DefaultScheduleChanged{
			DefaultSchedule: resource.DefaultSchedule(e.Schedule), Workspace: domain.WorkspaceName(e.Schedule.Workspace),
			Version: e.Version,
		}, nil
	case domain.WorkingTimeChanged:
		return &availabilityv1.WorkingTimeChanged{
			Member: domain.MemberName(e.Workspace, e.Member), StartTime: resource.Timestamp(e.Start),
			EndTime: resource.Timestamp(e.End), Version: e.Version,
		}, nil
	case domain.TimeOffApproved:
		return &availabilityv1.TimeOffApproved{
			TimeOff: resource.TimeOff(e.TimeOff), Member: domain.MemberName(e.TimeOff.Workspace, e.TimeOff.Member), Version: e.Version,
		}, nil
	case domain.TimeOffCancelled:
		return &availabilityv1.TimeOffCancelled{
			TimeOff: resource.TimeOff(e.TimeOff), Member: domain.MemberName(e.TimeOff.Workspace, e.TimeOff.Member), Version: e.Version,
		}, nil
	case domain.LayerCreated:
		return layerCreated(e), nil
	case domain.LayerDeleted:
		return layerDeleted(e), nil
	case domain.TimeOffRequested:
		out := &availabilityv1.TimeOffRequested{
			TimeOff: resource.TimeOff(e.TimeOff), Member: domain.MemberName(e.TimeOff.Workspace, e.TimeOff.Member), Version: e.Version,
			StartTime: resource.Timestamp(e.Start),
		}
		if e.TimeOff.Manager != uuid.Nil {
			out.Manager = domain.MemberName(e.TimeOff.Workspace, e.TimeOff.Manager)
		}
		if e.Delegate != uuid.Nil {
			out.Delegate = domain.MemberName(e.TimeOff.Workspace, e.Delegate)
		}
		return out, nil
	case domain.TimeOffDeclined:
		return &availabilityv1.TimeOffDeclined{
			TimeOff: resource.TimeOff(e.TimeOff), Member: domain.MemberName(e.TimeOff.Workspace, e.TimeOff.Member), Version: e.Version,
		}, nil
	case domain.TimeOffPolicyChanged:
		return &availabilityv1.TimeOffPolicyChanged{
			TimeOffPolicy: resource.TimeOffPolicy(e.Policy), Workspace: domain.WorkspaceName(e.Policy.Workspace), Version: e.Version,
		}, nil
	case domain.OverlapChosen:
		e.Choice.Burdens = nil
		return &availabilityv1.OverlapChosen{OverlapChoice: resource.OverlapChoice(e.Choice), Version: e.Version}, nil
	case domain.OverlapWithdrawn:
		return &availabilityv1.OverlapWithdrawn{OverlapChoice: resource.OverlapChoice(e.Choice), Version: e.Version}, nil
	case domain.DelegationChanged:
		ended := e.Delegation
		if !ended.DeleteTime.IsZero() {
			ended.End = ended.DeleteTime
		}
		return &availabilityv1.DelegationChanged{
			Delegation: resource.Delegation(ended), Member: domain.MemberName(ended.Workspace, ended.Member), Version: e.Version,
		}, nil
	default:
		return rotationPayloadOf(event, at)
	}
}

// rotationPayloadOf is payloadOf for the events of rotations and core hours.
func rotationPayloadOf(event domain.Event, at time.Time) (proto.Message, error) {
	switch e := event.(type) {
	case domain.RotationChanged:
		return &availabilityv1.RotationChanged{
			Rotation: resource.Rotation(e.Rotation, at), StartTime: resource.Timestamp(e.Start), EndTime: resource.Timestamp(e.End),
			Deleted: e.Deleted, Version: e.Version,
		}, nil
	case domain.ShiftStarted:
		return &availabilityv1.ShiftStarted{
			Rotation: rotationName(e.Rotation), DisplayName: e.Rotation.Name,
			Shift: resource.Shift(e.Rotation.Workspace, e.Shift), Version: e.Version,
		}, nil
	case domain.ShiftEnded:
		return &availabilityv1.ShiftEnded{
			Rotation: rotationName(e.Rotation), DisplayName: e.Rotation.Name,
			Shift: resource.Shift(e.Rotation.Workspace, e.Shift), Version: e.Version,
		}, nil
	case domain.ShiftSwapped:
		r := e.Rotation
		return &availabilityv1.ShiftSwapped{
			Swap: resource.Swap(r.Workspace, r.Team, r.ID, e.Swap), Rotation: rotationName(r), DisplayName: r.Name, Version: e.Version,
		}, nil
	case domain.SwapChanged:
		r := e.Rotation
		return &availabilityv1.RotationSwapChanged{
			Swap: resource.Swap(r.Workspace, r.Team, r.ID, e.Swap), Rotation: rotationName(r), DisplayName: r.Name, Version: e.Version,
		}, nil
	case domain.CoreHoursChanged:
		return &availabilityv1.CoreHoursChanged{CoreHours: resource.CoreHours(e.CoreHours), Version: e.Version}, nil
	case domain.CoverageGapFound:
		return gapFound(e), nil
	default:
		return nil, fmt.Errorf("wire: the event %T has no message", event)
	}
}

func gapFound(e domain.CoverageGapFound) proto.Message {
	out := &availabilityv1.CoverageGapFound{
		Coverage: domain.CoverageName(e.Workspace, e.Team), Team: domain.TeamName(e.Workspace, e.Team),
		StartTime: resource.Timestamp(e.Gap.Start), EndTime: resource.Timestamp(e.Gap.End),
		HorizonTime: resource.Timestamp(e.Horizon), Version: e.Version,
	}
	if e.Gap.Rotation == uuid.Nil {
		out.CoreHours = domain.CoreHoursName(e.Workspace, e.Team)
	} else {
		out.Rotation = domain.RotationName(e.Workspace, e.Team, e.Gap.Rotation)
	}
	return out
}

func layerCreated(e domain.LayerCreated) proto.Message {
	member := domain.MemberName(e.Layer.Workspace, e.Layer.Member)
	switch e.Layer.Kind {
	case domain.Travel:
		return &availabilityv1.TravelCreated{Travel: resource.Travel(e.Layer), Member: member, Version: e.Version}
	case domain.DateOverride:
		return &availabilityv1.DateOverrideCreated{DateOverride: resource.DateOverride(e.Layer), Member: member, Version: e.Version}
	case domain.FocusBlock:
	}
	return &availabilityv1.FocusBlockCreated{FocusBlock: resource.FocusBlock(e.Layer), Member: member, Version: e.Version}
}

func layerDeleted(e domain.LayerDeleted) proto.Message {
	member := domain.MemberName(e.Layer.Workspace, e.Layer.Member)
	switch e.Layer.Kind {
	case domain.Travel:
		return &availabilityv1.TravelDeleted{Travel: resource.Travel(e.Layer), Member: member, Version: e.Version}
	case domain.DateOverride:
		return &availabilityv1.DateOverrideDeleted{DateOverride: resource.DateOverride(e.Layer), Member: member, Version: e.Version}
	case domain.FocusBlock:
	}
	return &availabilityv1.FocusBlockDeleted{FocusBlock: resource.FocusBlock(e.Layer), Member: member, Version: e.Version}
}

func rotationName(r domain.Rotation) string { return domain.RotationName(r.Workspace, r.Team, r.ID) }
