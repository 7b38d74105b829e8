package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// someDate is a Monday long after now, another each time.
func (w *world) someDate() *date.Date {
	at := time.Date(2061, 1, 3, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 7*int(w.dates.Add(1)))
	return &date.Date{Year: int32(at.Year()), Month: int32(at.Month()), Day: int32(at.Day())}
}

func (w *world) aTravel() *availabilityv1.Travel {
	on := w.someDate()
	return &availabilityv1.Travel{TimeZone: "Asia/Tokyo", StartDate: on, EndDate: on}
}

func (w *world) aFocusBlock() *availabilityv1.FocusBlock {
	return &availabilityv1.FocusBlock{DisplayName: random("Focus "), StartDate: w.someDate(), Windows: officeHours()}
}

// layerRequests are those of what lies over hours, and of holidays.
func layerRequests() map[string]request {
	travel := func(t *testing.T, w *world, p principal) string {
		t.Helper()
		made, err := availabilityv1.NewTravelServiceClient(w.conn).CreateTravel(as(t.Context(), w.owner.token),
			&availabilityv1.CreateTravelRequest{Parent: own(w, p), Travel: w.aTravel()})
		require.NoError(t, err)
		return made.GetName()
	}
	override := func(t *testing.T, w *world, p principal) string {
		t.Helper()
		made, err := availabilityv1.NewDateOverrideServiceClient(w.conn).CreateDateOverride(as(t.Context(), w.owner.token),
			&availabilityv1.CreateDateOverrideRequest{Parent: own(w, p), DateOverride: &availabilityv1.DateOverride{Date: w.someDate()}})
		require.NoError(t, err)
		return made.GetName()
	}
	focus := func(t *testing.T, w *world, p principal) string {
		t.Helper()
		made, err := availabilityv1.NewFocusBlockServiceClient(w.conn).CreateFocusBlock(as(t.Context(), w.owner.token),
			&availabilityv1.CreateFocusBlockRequest{Parent: own(w, p), FocusBlock: w.aFocusBlock()})
		require.NoError(t, err)
		return made.GetName()
	}
	named := func(name func(*testing.T, *world, principal) string, build func(name string) proto.Message) request {
		return func(t *testing.T, w *world, p principal) proto.Message {
			t.Helper()
			return build(name(t, w, p))
		}
	}
	ofMember := func(build func(w *world, member string) proto.Message) request {
		return func(_ *testing.T, w *world, p principal) proto.Message { return build(w, own(w, p)) }
	}
	return map[string]request{
		"GetTravel":    named(travel, func(n string) proto.Message { return &availabilityv1.GetTravelRequest{Name: n} }),
		"DeleteTravel": named(travel, func(n string) proto.Message { return &availabilityv1.DeleteTravelRequest{Name: n} }),
		"ListTravels":  ofMember(func(_ *world, n string) proto.Message { return &availabilityv1.ListTravelsRequest{Parent: n} }),
		"CreateTravel": ofMember(func(w *world, n string) proto.Message {
			return &availabilityv1.CreateTravelRequest{Parent: n, Travel: w.aTravel()}
		}),

		"GetDateOverride":    named(override, func(n string) proto.Message { return &availabilityv1.GetDateOverrideRequest{Name: n} }),
		"DeleteDateOverride": named(override, func(n string) proto.Message { return &availabilityv1.DeleteDateOverrideRequest{Name: n} }),
		"ListDateOverrides":  ofMember(func(_ *world, n string) proto.Message { return &availabilityv1.ListDateOverridesRequest{Parent: n} }),
		"CreateDateOverride": ofMember(func(w *world, n string) proto.Message {
			return &availabilityv1.CreateDateOverrideRequest{Parent: n, DateOverride: &availabilityv1.DateOverride{Date: w.someDate()}}
		}),

		"GetFocusBlock":    named(focus, func(n string) proto.Message { return &availabilityv1.GetFocusBlockRequest{Name: n} }),
		"DeleteFocusBlock": named(focus, func(n string) proto.Message { return &availabilityv1.DeleteFocusBlockRequest{Name: n} }),
		"ListFocusBlocks":  ofMember(func(_ *world, n string) proto.Message { return &availabilityv1.ListFocusBlocksRequest{Parent: n} }),
		"CreateFocusBlock": ofMember(func(w *world, n string) proto.Message {
			return &availabilityv1.CreateFocusBlockRequest{Parent: n, FocusBlock: w.aFocusBlock()}
		}),

		"ListHolidays": onWorkspace(func(n string) proto.Message {
			return &availabilityv1.ListHolidaysRequest{Parent: n, Region: "DE-BE", Year: 2027}
		}),
		"ListHolidayRegions": onWorkspace(func(n string) proto.Message { return &availabilityv1.ListHolidayRegionsRequest{Parent: n} }),
	}
}
