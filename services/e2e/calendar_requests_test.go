package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

func aCalendar() *availabilityv1.Calendar {
	return &availabilityv1.Calendar{DisplayName: "Walked", SourceUrl: "https://calendar.invalid/a.ics"}
}

func aFeed() *availabilityv1.CalendarFeed {
	return &availabilityv1.CalendarFeed{DisplayName: "Walked", Kind: availabilityv1.CalendarFeed_EVENTS}
}

// newCalendar is a calendar of the principal. A member has room for a few only, so it goes with the test.
func (w *world) newCalendar(t *testing.T, p principal) string {
	t.Helper()
	client := availabilityv1.NewCalendarServiceClient(w.conn)
	made, err := client.CreateCalendar(as(t.Context(), w.owner.token), &availabilityv1.CreateCalendarRequest{Parent: own(w, p), Calendar: aCalendar()})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = client.DeleteCalendar(as(context.Background(), w.owner.token), &availabilityv1.DeleteCalendarRequest{Name: made.GetName()})
	})
	return made.GetName()
}

// newFeed is a feed of the principal, and the secret in its URL.
func (w *world) newFeed(t *testing.T, p principal) (name, secret string) {
	t.Helper()
	client := availabilityv1.NewCalendarFeedServiceClient(w.conn)
	made, err := client.CreateCalendarFeed(as(t.Context(), w.owner.token), &availabilityv1.CreateCalendarFeedRequest{Parent: own(w, p), CalendarFeed: aFeed()})
	require.NoError(t, err)
	name = made.GetCalendarFeed().GetName()
	t.Cleanup(func() {
		_, _ = client.DeleteCalendarFeed(as(context.Background(), w.owner.token), &availabilityv1.DeleteCalendarFeedRequest{Name: name})
	})
	_, secret, _ = strings.Cut(made.GetUrl(), "secret=")
	return name, secret
}

// calendarRequests are those of imported calendars and of feeds.
func calendarRequests() map[string]request {
	onCalendar := func(build func(name string) proto.Message) request {
		return func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return build(w.newCalendar(t, p))
		}
	}
	onFeed := func(build func(name, secret string) proto.Message) request {
		return func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return build(w.newFeed(t, p))
		}
	}
	ofMember := func(build func(member string) proto.Message) request {
		return func(_ *testing.T, w *world, p principal) proto.Message { return build(own(w, p)) }
	}
	return map[string]request{
		"GetCalendar":     onCalendar(func(n string) proto.Message { return &availabilityv1.GetCalendarRequest{Name: n} }),
		"ListBusyTimes":   onCalendar(func(n string) proto.Message { return &availabilityv1.ListBusyTimesRequest{Parent: n} }),
		"RefreshCalendar": onCalendar(func(n string) proto.Message { return &availabilityv1.RefreshCalendarRequest{Name: n} }),
		"DeleteCalendar":  onCalendar(func(n string) proto.Message { return &availabilityv1.DeleteCalendarRequest{Name: n} }),
		"UpdateCalendar": onCalendar(func(n string) proto.Message {
			return &availabilityv1.UpdateCalendarRequest{Calendar: &availabilityv1.Calendar{Name: n, DisplayName: "Renamed"}, UpdateMask: mask("display_name")}
		}),
		"ListCalendars": ofMember(func(n string) proto.Message { return &availabilityv1.ListCalendarsRequest{Parent: n} }),
		"CreateCalendar": ofMember(func(n string) proto.Message {
			return &availabilityv1.CreateCalendarRequest{Parent: n, Calendar: aCalendar()}
		}),

		"GetCalendarFeed":    onFeed(func(n, _ string) proto.Message { return &availabilityv1.GetCalendarFeedRequest{Name: n} }),
		"DeleteCalendarFeed": onFeed(func(n, _ string) proto.Message { return &availabilityv1.DeleteCalendarFeedRequest{Name: n} }),
		"GetFeedContent":     onFeed(func(_, secret string) proto.Message { return &availabilityv1.GetFeedContentRequest{Secret: secret} }),
		"ListCalendarFeeds":  ofMember(func(n string) proto.Message { return &availabilityv1.ListCalendarFeedsRequest{Parent: n} }),
		"CreateCalendarFeed": ofMember(func(n string) proto.Message {
			return &availabilityv1.CreateCalendarFeedRequest{Parent: n, CalendarFeed: aFeed()}
		}),
		"GetFreeBusy": ofMember(func(n string) proto.Message {
			return &availabilityv1.GetFreeBusyRequest{
				Name: n, StartTime: timestamppb.New(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)), EndTime: timestamppb.New(time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)),
			}
		}),
	}
}
