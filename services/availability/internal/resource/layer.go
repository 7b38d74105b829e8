package resource

import (
	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Travel is the resource of a travel.
func Travel(l domain.Layer) *availabilityv1.Travel {
	return &availabilityv1.Travel{
		Name: l.ResourceName(), Uid: l.ID.String(), TimeZone: l.Zone, StartDate: Date(l.First), EndDate: Date(l.Last),
		Etag: etag.Of(domain.LayerRevision), CreateTime: Timestamp(l.CreateTime), DeleteTime: Timestamp(l.DeleteTime),
	}
}

// DateOverride is the resource of a date override.
func DateOverride(l domain.Layer) *availabilityv1.DateOverride {
	out := &availabilityv1.DateOverride{
		Name: l.ResourceName(), Uid: l.ID.String(), Date: Date(l.First),
		Etag: etag.Of(domain.LayerRevision), CreateTime: Timestamp(l.CreateTime), DeleteTime: Timestamp(l.DeleteTime),
	}
	for _, w := range l.Windows {
		out.Windows = append(out.Windows, &availabilityv1.DateWindow{StartTime: clock(w.Start), EndTime: clock(w.End)})
	}
	return out
}

// FocusBlock is the resource of a focus block.
func FocusBlock(l domain.Layer) *availabilityv1.FocusBlock {
	out := &availabilityv1.FocusBlock{
		Name: l.ResourceName(), Uid: l.ID.String(), DisplayName: l.Name,
		Etag: etag.Of(domain.LayerRevision), CreateTime: Timestamp(l.CreateTime), DeleteTime: Timestamp(l.DeleteTime),
	}
	if !l.Dated {
		out.StartTime, out.EndTime = Timestamp(l.Start), Timestamp(l.End)
		return out
	}
	out.Windows, out.StartDate = Windows(l.Windows), Date(l.First)
	if l.Last != 0 {
		out.EndDate = Date(l.Last)
	}
	return out
}

// Preview is the resource of what a change would do; nil for none.
func Preview(p *domain.Preview) *availabilityv1.Preview {
	if p == nil {
		return nil
	}
	out := &availabilityv1.Preview{InheritingMembers: int32(p.Inheriting)}
	for _, c := range p.Changes {
		out.Changes = append(out.Changes, &availabilityv1.PreviewChange{
			StartTime: Timestamp(c.Start), EndTime: Timestamp(c.End), Before: Kind(c.Before), After: Kind(c.After),
		})
	}
	return out
}

// Kind is what a stretch of time is, by the API's word.
func Kind(k worktime.Kind) availabilityv1.AvailabilityInterval_Kind {
	switch k {
	case worktime.Working:
		return availabilityv1.AvailabilityInterval_WORKING
	case worktime.Uninterruptible:
		return availabilityv1.AvailabilityInterval_UNINTERRUPTIBLE
	case worktime.Away:
		return availabilityv1.AvailabilityInterval_TIME_OFF
	case worktime.OnHoliday:
		return availabilityv1.AvailabilityInterval_HOLIDAY
	case worktime.Off:
	}
	return availabilityv1.AvailabilityInterval_OFF
}
