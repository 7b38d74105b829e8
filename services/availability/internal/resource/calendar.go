package resource

import (
	"github.com/meridianhq/meridian/pkg/etag"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Calendar is the resource of an imported calendar.
func Calendar(c domain.ImportedCalendar) *availabilityv1.Calendar {
	out := &availabilityv1.Calendar{
		Name: domain.CalendarName(c.Workspace, c.Member, c.ID), Uid: c.ID.String(), DisplayName: c.DisplayName, SourceUrl: c.URL,
		KeepTitles: c.Titles, TimeZone: c.Zone, RefusedEventCount: int32(c.RefusedCount), HorizonTime: Timestamp(c.Horizon),
		LastError: c.LastError, LastFetchTime: Timestamp(c.FetchTime), Etag: etag.Of(c.Revision),
		CreateTime: Timestamp(c.CreateTime), UpdateTime: Timestamp(c.UpdateTime),
	}
	if c.URL != "" || c.Hidden {
		out.NextFetchTime = Timestamp(c.DueTime)
	}
	for _, e := range c.Refused {
		out.RefusedEvents = append(out.RefusedEvents, &availabilityv1.Calendar_RefusedEvent{
			Line: int32(e.Line), EventUid: e.UID, Property: e.Property, Rule: e.Rule,
		})
	}
	return out
}

// BusyTime is the resource of a busy time.
func BusyTime(b domain.BusyTime) *availabilityv1.BusyTime {
	return &availabilityv1.BusyTime{StartTime: Timestamp(b.Start), EndTime: Timestamp(b.End), Title: b.Title}
}
