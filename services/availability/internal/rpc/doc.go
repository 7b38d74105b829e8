// Package rpc is the gRPC side of availability: it reads requests into use cases and writes what they return.
//
// It promises to decide nothing: names, windows, dates and page tokens are checked here for their form alone.
package rpc

import (
	"google.golang.org/grpc"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
)

// Register puts the service's RPCs on a server. base is the URL that clients reach the API at, for those that are handed out.
func Register(server grpc.ServiceRegistrar, a *app.App, base string) {
	availabilityv1.RegisterAvailabilityServiceServer(server, &availability{app: a})
	availabilityv1.RegisterCalendarFeedServiceServer(server, &feeds{app: a, base: base})
	availabilityv1.RegisterCalendarServiceServer(server, &calendars{app: a})
	availabilityv1.RegisterScheduleServiceServer(server, &schedules{app: a})
	availabilityv1.RegisterTimeOffServiceServer(server, &timeOffs{app: a})
	availabilityv1.RegisterTravelServiceServer(server, &travels{app: a})
	availabilityv1.RegisterDateOverrideServiceServer(server, &dateOverrides{app: a})
	availabilityv1.RegisterFocusBlockServiceServer(server, &focusBlocks{app: a})
	availabilityv1.RegisterHolidayServiceServer(server, &publicHolidays{})
	availabilityv1.RegisterDelegationServiceServer(server, &delegations{app: a})
	availabilityv1.RegisterRotationServiceServer(server, &rotations{app: a})
	availabilityv1.RegisterTeamTimeServiceServer(server, &teamTimes{app: a})
	notificationsv1.RegisterSourceServiceServer(server, &sources{app: a})
}
