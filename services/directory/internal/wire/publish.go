// Package wire gives the directory's facts their published form, as directory.v1 documents it.
package wire

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/outbox"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

// Service is the name under which the directory publishes.
const Service = "directory"

// Encoder returns the function that encodes facts as events of the host. One without a published form is an error:
// a mistake in the program.
func Encoder(host string) func(context.Context, string, time.Time, domain.Event) (outbox.Message, error) {
	return func(ctx context.Context, actor string, at time.Time, fact domain.Event) (outbox.Message, error) {
		payload, err := payloadOf(fact)
		if err != nil {
			return outbox.Message{}, err
		}
		return eventbus.Encode(ctx, host, Service, at, actor, payload)
	}
}

func payloadOf(fact domain.Event) (proto.Message, error) {
	switch f := fact.(type) {
	case domain.WorkspaceCreated:
		return &directoryv1.WorkspaceCreated{Workspace: resource.Workspace(f.Workspace)}, nil
	case domain.WorkspaceUpdated:
		return &directoryv1.WorkspaceUpdated{Workspace: resource.Workspace(f.Workspace), ChangedFields: mask(f.Changed)}, nil
	case domain.WorkspaceRestored:
		return &directoryv1.WorkspaceRestored{
			Workspace: resource.Workspace(f.Workspace), StateTime: timestamppb.New(f.Restore.StateTime),
			VoidTime: timestamppb.New(f.Restore.VoidTime), KeptSequence: int64(f.Restore.KeptSequence),
		}, nil
	case domain.MemberInvited:
		return &directoryv1.MemberInvited{Member: resource.Member(f.Member)}, nil
	case domain.MemberActivated:
		return &directoryv1.MemberActivated{Member: resource.Member(f.Member)}, nil
	case domain.MemberUpdated:
		return &directoryv1.MemberUpdated{Member: resource.Member(f.Member), ChangedFields: mask(f.Changed)}, nil
	case domain.MemberDeactivated:
		return &directoryv1.MemberDeactivated{Member: resource.Member(f.Member)}, nil
	case domain.TokenCreated:
		return &directoryv1.TokenCreated{ApiToken: resource.APIToken(f.Token)}, nil
	case domain.TokenRevoked:
		return &directoryv1.TokenRevoked{ApiToken: resource.APIToken(f.Token)}, nil
	case domain.SubscriptionCreated:
		return &directoryv1.SubscriptionCreated{EventSubscription: resource.EventSubscription(f.Subscription)}, nil
	case domain.SubscriptionDeleted:
		return &directoryv1.SubscriptionDeleted{EventSubscription: resource.EventSubscription(f.Subscription)}, nil
	case domain.AuditRecorded:
		return &directoryv1.AuditRecorded{AuditEvent: resource.AuditEvent(f.Audit)}, nil
	default:
		return groupPayloadOf(fact)
	}
}

// groupPayloadOf is payloadOf for teams and spaces.
func groupPayloadOf(fact domain.Event) (proto.Message, error) {
	switch f := fact.(type) {
	case domain.TeamCreated:
		return &directoryv1.TeamCreated{Team: resource.Team(f.Team)}, nil
	case domain.TeamUpdated:
		return &directoryv1.TeamUpdated{Team: resource.Team(f.Team), ChangedFields: mask(f.Changed)}, nil
	case domain.TeamDeleted:
		return &directoryv1.TeamDeleted{Team: resource.Team(f.Team)}, nil
	case domain.TeamMembersChanged:
		return &directoryv1.TeamMembersChanged{
			Team: resource.Team(f.Team), Changes: resource.Each(f.Changes, resource.TeamMemberChange),
		}, nil
	case domain.SpaceCreated:
		return &directoryv1.SpaceCreated{Space: resource.Space(f.Space)}, nil
	case domain.SpaceUpdated:
		return &directoryv1.SpaceUpdated{Space: resource.Space(f.Space), ChangedFields: mask(f.Changed)}, nil
	case domain.SpaceAccessChanged:
		return &directoryv1.SpaceAccessChanged{
			Space: resource.Space(f.Space), Changes: resource.Each(f.Changes, resource.SpaceAccessChange),
		}, nil
	default:
		return nil, fmt.Errorf("wire: %T has no published form", fact)
	}
}

func mask(paths []string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
