package wire

import (
	"context"
	"fmt"
	"time"

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
		payload, err := payloadOf(event)
		if err != nil {
			return outbox.Message{}, err
		}
		return eventbus.Encode(ctx, host, Service, at, actor, payload)
	}
}

func payloadOf(event domain.Event) (proto.Message, error) {
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
	case domain.DelegationChanged:
		ended := e.Delegation
		if !ended.DeleteTime.IsZero() {
			ended.End = ended.DeleteTime
		}
		return &availabilityv1.DelegationChanged{
			Delegation: resource.Delegation(ended), Member: domain.MemberName(ended.Workspace, ended.Member), Version: e.Version,
		}, nil
	default:
		return nil, fmt.Errorf("wire: the event %T has no message", event)
	}
}
