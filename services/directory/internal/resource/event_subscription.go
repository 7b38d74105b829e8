package resource

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/etag"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// EventSubscription makes the resource of an event subscription, without its inbox prefix.
func EventSubscription(s domain.Subscription) *directoryv1.EventSubscription {
	return &directoryv1.EventSubscription{
		Name: s.Name(), Uid: s.ID.String(), DisplayName: s.DisplayName, Filters: s.Filters,
		StartTime: moment(s.StartTime), StartSequence: s.StartSequence, Consumer: brokeredge.ConsumerName(s.ID),
		Creator: domain.MemberName(s.Workspace, s.Creator), Version: s.Version, Etag: etag.Of(s.Version),
		CreateTime: timestamppb.New(s.CreateTime),
	}
}
