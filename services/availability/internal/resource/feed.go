package resource

import (
	"github.com/meridianhq/meridian/pkg/etag"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Feed is the resource of a calendar feed.
func Feed(f domain.Feed) *availabilityv1.CalendarFeed {
	return &availabilityv1.CalendarFeed{
		Name: f.Name(), Uid: f.ID.String(), DisplayName: f.DisplayName,
		Kind:    availabilityv1.CalendarFeed_Kind(availabilityv1.CalendarFeed_Kind_value[string(f.Kind)]),
		Creator: domain.MemberName(f.Workspace, f.Creator), Etag: etag.Of(f.Revision()), CreateTime: Timestamp(f.CreateTime),
	}
}
