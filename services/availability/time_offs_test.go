package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func TestTimeOffTakesWorkingTimeAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made := w.off(ben, "2026-12-02", "2026-12-03")
	require.Equal(t, availabilityv1.TimeOff_APPROVED, made.GetState())
	_, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_OTHER, StartTime: stamp("2026-12-04T16:00:00Z"), EndTime: stamp("2026-12-04T17:30:00Z"),
	}})
	require.NoError(t, err)
	require.Equal(t, []string{
		"2026-12-02T06:00:00Z 2026-12-02T15:00:00Z OFF", "2026-12-02T15:00:00Z 2026-12-02T23:00:00Z TIME_OFF",
		"2026-12-02T23:00:00Z 2026-12-03T15:00:00Z OFF", "2026-12-03T15:00:00Z 2026-12-03T23:00:00Z TIME_OFF",
		"2026-12-03T23:00:00Z 2026-12-04T15:00:00Z OFF", "2026-12-04T15:00:00Z 2026-12-04T16:00:00Z WORKING",
		"2026-12-04T16:00:00Z 2026-12-04T17:30:00Z TIME_OFF", "2026-12-04T17:30:00Z 2026-12-04T23:00:00Z WORKING",
		"2026-12-04T23:00:00Z 2026-12-05T00:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2026-12-02T06:00:00Z", "2026-12-05T00:00:00Z"))
}

func TestTimeOffCountsFromNowOnUntilItIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	w.clock.Advance(9 * time.Hour) // Tuesday, 18:00 UTC, 12:00 in Chicago
	made := w.off(ben, "2026-11-30", "2026-12-04")
	w.clock.Advance(24 * time.Hour)
	req := &availabilityv1.CancelTimeOffRequest{Name: made.GetName(), Etag: made.GetEtag(), RequestId: uuid.NewString()}
	cancelled, err := w.timeOffs.CancelTimeOff(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, availabilityv1.TimeOff_CANCELLED, cancelled.GetState())
	require.NotEqual(t, made.GetEtag(), cancelled.GetEtag())
	require.Equal(t, []string{
		"2026-11-30T15:00:00Z 2026-11-30T23:00:00Z WORKING", "2026-11-30T23:00:00Z 2026-12-01T15:00:00Z OFF",
		"2026-12-01T15:00:00Z 2026-12-01T18:00:00Z WORKING", "2026-12-01T18:00:00Z 2026-12-01T23:00:00Z TIME_OFF",
		"2026-12-01T23:00:00Z 2026-12-02T15:00:00Z OFF", "2026-12-02T15:00:00Z 2026-12-02T18:00:00Z TIME_OFF",
		"2026-12-02T18:00:00Z 2026-12-02T23:00:00Z WORKING",
	}, w.timeline(ana, ben.name(), "2026-11-30T15:00:00Z", "2026-12-02T23:00:00Z"))

	// Again, with the same request and with another: it stays as it is.
	events := len(w.unpublished())
	again, err := w.timeOffs.CancelTimeOff(ben.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(cancelled, again))
	again, err = w.timeOffs.CancelTimeOff(ana.ctx, &availabilityv1.CancelTimeOffRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(cancelled, again))
	require.Len(t, w.unpublished(), events)
	_, err = w.timeOffs.CancelTimeOff(ana.ctx, &availabilityv1.CancelTimeOffRequest{Name: made.GetName(), Etag: made.GetEtag()})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
}

func TestWhatIsOverCannotBeTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made := w.off(ben, "2026-12-01", "2026-12-01")
	w.clock.Advance(21*time.Hour - time.Microsecond) // the last of the day in Chicago
	_, err := w.timeOffs.CancelTimeOff(ana.ctx, &availabilityv1.CancelTimeOffRequest{Name: made.GetName(), Etag: `"7"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	w.clock.Advance(time.Microsecond)
	_, err = w.timeOffs.CancelTimeOff(ana.ctx, &availabilityv1.CancelTimeOffRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTimeOffPast)
	_, err = w.timeOffs.CancelTimeOff(ana.ctx, &availabilityv1.CancelTimeOffRequest{Name: domain.TimeOffName(ben.Workspace, ben.Member, uuid.New())})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

// All days are those of the zone in force: one who moves keeps their days.
func TestAllDaysAreOfTheZoneInForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	w.off(ben, "2026-12-07", "2026-12-07")
	w.set(ben, ben.name(), "Pacific/Auckland", "2026-12-06", hours("09:00", "17:00"))
	require.Equal(t, []string{
		"2026-12-06T20:00:00Z 2026-12-07T04:00:00Z TIME_OFF", "2026-12-07T04:00:00Z 2026-12-07T20:00:00Z OFF",
		"2026-12-07T20:00:00Z 2026-12-08T04:00:00Z WORKING",
	}, w.timeline(ana, ben.name(), "2026-12-06T20:00:00Z", "2026-12-08T04:00:00Z"))
}

func TestWhySomebodyIsOffIsTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	gil := w.member(ws, auth.Guest, "Gil", "UTC")
	made := w.off(ben, "2026-12-02", "2026-12-03")
	require.Equal(t, "to the sea", made.GetNote())
	for who, sees := range map[*person]bool{&ana: true, &ben: true, &cleo: false} {
		got, err := w.timeOffs.GetTimeOff(who.ctx, &availabilityv1.GetTimeOffRequest{Name: made.GetName()})
		require.NoError(t, err)
		listed, err := w.timeOffs.ListTimeOffs(who.ctx, &availabilityv1.ListTimeOffsRequest{Parent: ben.name()})
		require.NoError(t, err)
		require.Len(t, listed.GetTimeOffs(), 1)
		for _, seen := range []*availabilityv1.TimeOff{got, listed.GetTimeOffs()[0]} {
			want := proto.CloneOf(made)
			if !sees {
				want.Kind, want.Note = availabilityv1.TimeOff_KIND_UNSPECIFIED, ""
				want.Etag, want.UpdateTime = "", nil
			}
			require.True(t, proto.Equal(want, seen), "%v", seen)
		}
	}
	_, err := w.timeOffs.GetTimeOff(gil.ctx, &availabilityv1.GetTimeOffRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.timeOffs.CreateTimeOff(cleo.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_SICK, StartDate: day("2026-12-02"), EndDate: day("2026-12-02"),
	}})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.timeOffs.CancelTimeOff(cleo.ctx, &availabilityv1.CancelTimeOffRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
}

func TestTimesOffAreListedTheNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	var want []string
	for range 5 {
		want = append([]string{w.off(ben, "2026-12-02", "2026-12-03").GetName()}, want...)
	}
	var got []string
	req := &availabilityv1.ListTimeOffsRequest{Parent: domain.WorkspaceName(ben.Workspace) + "/members/me", PageSize: 2}
	for pages := 1; ; pages++ {
		page, err := w.timeOffs.ListTimeOffs(ben.ctx, req)
		require.NoError(t, err)
		for _, one := range page.GetTimeOffs() {
			got = append(got, one.GetName())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Equal(t, want, got)
	_, err := w.timeOffs.ListTimeOffs(ana.ctx, &availabilityv1.ListTimeOffsRequest{Parent: ben.name(), PageToken: "x"})
	rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonPageTokenInvalid)
	_, err = w.timeOffs.ListTimeOffs(ana.ctx, &availabilityv1.ListTimeOffsRequest{Parent: ben.name(), PageSize: -1})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "page_size")
}

func TestTimeOffThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	sick := availabilityv1.TimeOff_SICK
	for name, c := range map[string]struct {
		off   *availabilityv1.TimeOff
		field string
	}{
		"nothing":        {&availabilityv1.TimeOff{Kind: sick}, "time_off"},
		"a start alone":  {&availabilityv1.TimeOff{Kind: sick, StartDate: day("2026-12-02")}, "time_off"},
		"an end alone":   {&availabilityv1.TimeOff{Kind: sick, EndTime: stamp("2026-12-02T00:00:00Z")}, "time_off"},
		"a mixture":      {&availabilityv1.TimeOff{Kind: sick, StartDate: day("2026-12-02"), EndTime: stamp("2026-12-03T00:00:00Z")}, "time_off"},
		"both":           {&availabilityv1.TimeOff{Kind: sick, StartDate: day("2026-12-02"), EndDate: day("2026-12-02"), StartTime: stamp("2026-12-02T00:00:00Z"), EndTime: stamp("2026-12-03T00:00:00Z")}, "time_off"},
		"no kind":        {&availabilityv1.TimeOff{StartDate: day("2026-12-02"), EndDate: day("2026-12-02")}, "time_off.kind"},
		"backwards":      {&availabilityv1.TimeOff{Kind: sick, StartDate: day("2026-12-03"), EndDate: day("2026-12-02")}, "time_off.end_date"},
		"times back":     {&availabilityv1.TimeOff{Kind: sick, StartTime: stamp("2026-12-03T00:00:00Z"), EndTime: stamp("2026-12-02T00:00:00Z")}, "time_off.end_time"},
		"empty":          {&availabilityv1.TimeOff{Kind: sick, StartTime: stamp("2026-12-03T00:00:00Z"), EndTime: stamp("2026-12-03T00:00:00Z")}, "time_off.end_time"},
		"over":           {&availabilityv1.TimeOff{Kind: sick, StartDate: day("2026-11-01"), EndDate: day("2026-11-30")}, "time_off.end_date"},
		"just over":      {&availabilityv1.TimeOff{Kind: sick, StartTime: stamp("2026-11-01T00:00:00Z"), EndTime: timestamppb.New(epoch)}, "time_off.end_time"},
		"too long":       {&availabilityv1.TimeOff{Kind: sick, StartDate: day("2026-12-02"), EndDate: day("2029-12-02")}, "time_off.end_date"},
		"times too long": {&availabilityv1.TimeOff{Kind: sick, StartTime: stamp("2026-12-02T00:00:00Z"), EndTime: stamp("2029-12-02T00:00:01Z")}, "time_off.end_time"},
		"no date":        {&availabilityv1.TimeOff{Kind: sick, StartDate: &date.Date{Year: 2026, Month: 13, Day: 1}, EndDate: day("2026-12-02")}, "time_off.start_date"},
		"the far future": {&availabilityv1.TimeOff{Kind: sick, StartDate: day("9998-12-01"), EndDate: day("9998-12-02")}, "time_off.start_date"},
		"a bad time":     {&availabilityv1.TimeOff{Kind: sick, StartTime: &timestamppb.Timestamp{Nanos: -1}, EndTime: stamp("2026-12-02T00:00:00Z")}, "time_off.start_time"},
		"a far time":     {&availabilityv1.TimeOff{Kind: sick, StartTime: stamp("2026-12-02T00:00:00Z"), EndTime: stamp("9999-12-02T00:00:00Z")}, "time_off.end_time"},
	} {
		_, err := w.timeOffs.CreateTimeOff(ben.ctx, &availabilityv1.CreateTimeOffRequest{Parent: ben.name(), TimeOff: c.off})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	require.Empty(t, w.unpublished())
	// The longest there may be.
	w.off(ben, "2026-12-02", "2029-12-01")
}
