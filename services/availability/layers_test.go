package availability

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func toTokyo(first, last string) *availabilityv1.Travel {
	return &availabilityv1.Travel{TimeZone: "Asia/Tokyo", StartDate: day(first), EndDate: day(last)}
}

// on is an override of a date with windows such as 10:00 and 12:00.
func on(date string, clocks ...string) *availabilityv1.DateOverride {
	o := &availabilityv1.DateOverride{Date: day(date)}
	for pair := range slices.Chunk(clocks, 2) {
		o.Windows = append(o.Windows, &availabilityv1.DateWindow{StartTime: timeOfDay(pair[0]), EndTime: timeOfDay(pair[1])})
	}
	return o
}

func weeklyFocus(first string, windows ...*availabilityv1.WeeklyWindow) *availabilityv1.FocusBlock {
	return &availabilityv1.FocusBlock{DisplayName: "the book", StartDate: day(first), Windows: windows}
}

func (w *world) travel(by person, t *availabilityv1.Travel) *availabilityv1.Travel {
	w.t.Helper()
	made, err := w.travels.CreateTravel(by.ctx, &availabilityv1.CreateTravelRequest{Parent: by.name(), Travel: t})
	require.NoError(w.t, err)
	return made
}

func (w *world) override(by person, o *availabilityv1.DateOverride) *availabilityv1.DateOverride {
	w.t.Helper()
	made, err := w.overrides.CreateDateOverride(by.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: by.name(), DateOverride: o})
	require.NoError(w.t, err)
	return made
}

func (w *world) focus(by person, b *availabilityv1.FocusBlock) *availabilityv1.FocusBlock {
	w.t.Helper()
	made, err := w.focuses.CreateFocusBlock(by.ctx, &availabilityv1.CreateFocusBlockRequest{Parent: by.name(), FocusBlock: b})
	require.NoError(w.t, err)
	return made
}

// ranges are the ranges of working time that have been told, as text.
func (w *world) ranges() []string {
	w.t.Helper()
	var all []string
	for _, e := range w.unpublished() {
		if c, ok := e.payload.(*availabilityv1.WorkingTimeChanged); ok {
			line := c.GetStartTime().AsTime().Format(time.RFC3339)
			if c.GetEndTime() != nil {
				line += " " + c.GetEndTime().AsTime().Format(time.RFC3339)
			}
			all = append(all, line)
		}
	}
	return all
}

func TestATravelTakesHoursAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	before := w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-12T00:00:00Z")
	made := w.travel(ben, toTokyo("2026-12-07", "2026-12-09"))
	require.Equal(t, []string{
		"2026-12-04T15:00:00Z 2026-12-04T23:00:00Z", "2026-12-07T00:00:00Z 2026-12-07T08:00:00Z", "2026-12-08T00:00:00Z 2026-12-08T08:00:00Z",
		"2026-12-09T00:00:00Z 2026-12-09T08:00:00Z", "2026-12-09T15:00:00Z 2026-12-09T23:00:00Z",
	}, working(w.timeline(ana, ben.name(), "2026-12-04T00:00:00Z", "2026-12-10T00:00:00Z")))
	require.Equal(t, []string{"2026-12-07T00:00:00Z 2026-12-09T08:00:00Z"}, w.ranges())
	require.Equal(t, "America/Chicago", w.effective(ana, ben.name()).GetTimeZone())
	w.clock.Advance(6 * 24 * time.Hour) // Monday, 18:00 in Tokyo
	require.Equal(t, "Asia/Tokyo", w.effective(ana, ben.name()).GetTimeZone())
	reached, err := w.ask.NextReachable(ana.ctx, &availabilityv1.NextReachableRequest{Parent: domain.WorkspaceName(ben.Workspace), Members: []string{ben.name()}})
	require.NoError(t, err)
	require.Equal(t, "Asia/Tokyo", reached.GetMembers()[0].GetTimeZone())
	require.Equal(t, at("2026-12-08T00:00:00Z"), reached.GetMembers()[0].GetReachableTime().AsTime())

	// Taken back, what has passed stays.
	deleted, err := w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: made.GetName(), Etag: made.GetEtag()})
	require.NoError(t, err)
	require.Equal(t, at("2026-12-07T09:00:00Z"), deleted.GetDeleteTime().AsTime())
	after := w.timeline(ana, ben.name(), "2026-12-01T00:00:00Z", "2026-12-12T00:00:00Z")
	require.Contains(t, after, "2026-12-07T00:00:00Z 2026-12-07T08:00:00Z WORKING")
	require.Equal(t, before[len(before)-8:], after[len(after)-8:])
	require.Equal(t, "2026-12-07T15:00:00Z 2026-12-09T08:00:00Z", w.ranges()[1])
	require.Equal(t, "America/Chicago", w.effective(ana, ben.name()).GetTimeZone())
}

// One that changes no working time tells none.
func TestATravelWithinTheSameClocksTellsNoRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.travel(ben, &availabilityv1.Travel{TimeZone: "America/Winnipeg", StartDate: day("2026-12-07"), EndDate: day("2026-12-09")})
	require.Empty(t, w.ranges())
	require.Len(t, w.unpublished(), 1)
}

func TestTravelsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made := w.travel(ben, toTokyo("2026-12-07", "2026-12-09"))
	for name, c := range map[string]struct {
		travel *availabilityv1.Travel
		field  string
	}{
		"an unknown zone": {&availabilityv1.Travel{TimeZone: "Tokyo", StartDate: day("2027-12-07"), EndDate: day("2027-12-09")}, "travel.time_zone"},
		"no zone":         {&availabilityv1.Travel{StartDate: day("2027-12-07"), EndDate: day("2027-12-09")}, "travel.time_zone"},
		"no start":        {&availabilityv1.Travel{TimeZone: "UTC", EndDate: day("2027-12-09")}, "travel.start_date"},
		"no end":          {&availabilityv1.Travel{TimeZone: "UTC", StartDate: day("2027-12-09")}, "travel.end_date"},
		"backwards":       {toTokyo("2027-12-09", "2027-12-08"), "travel.end_date"},
		"367 days":        {toTokyo("2027-01-01", "2028-01-02"), "travel.end_date"},
		"over":            {toTokyo("2026-11-20", "2026-11-30"), "travel.end_date"},
		"the same date":   {toTokyo("2026-12-09", "2026-12-10"), "travel.start_date"},
		"around":          {toTokyo("2026-12-01", "2026-12-30"), "travel.start_date"},
	} {
		_, err := w.travels.CreateTravel(ben.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: c.travel})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	w.travel(ben, toTokyo("2027-01-01", "2028-01-01"))
	w.travel(ben, toTokyo("2026-12-10", "2026-12-10"))
	w.travel(ana, toTokyo("2026-12-07", "2026-12-09"))
	_, err := w.travels.DeleteTravel(ben.ctx, &availabilityv1.DeleteTravelRequest{Name: made.GetName()})
	require.NoError(t, err)
	w.travel(ben, toTokyo("2026-12-06", "2026-12-08"))
	require.Len(t, w.ranges(), 6)
}

func TestAnOverrideReplacesADate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made := w.override(ben, on("2026-12-25", "10:00", "12:00", "12:00", "13:00", "22:00", "02:00"))
	w.override(ben, on("2026-12-26", "09:00", "10:00")) // a Saturday
	w.override(ben, on("2026-12-28"))
	want := []string{
		"2026-12-25T16:00:00Z 2026-12-25T19:00:00Z", "2026-12-26T04:00:00Z 2026-12-26T08:00:00Z", "2026-12-26T15:00:00Z 2026-12-26T16:00:00Z",
	}
	require.Equal(t, want, working(w.timeline(ana, ben.name(), "2026-12-25T00:00:00Z", "2026-12-29T00:00:00Z")))
	require.Equal(t, []string{
		"2026-12-25T15:00:00Z 2026-12-26T08:00:00Z", "2026-12-26T15:00:00Z 2026-12-26T16:00:00Z", "2026-12-28T15:00:00Z 2026-12-28T23:00:00Z",
	}, w.ranges())

	_, err := w.overrides.CreateDateOverride(ana.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: on("2026-12-25")})
	s := rpctest.Failed(t, err, codes.AlreadyExists, fault.ReasonAlreadyExists)
	require.Contains(t, s.Message(), made.GetName())
	for name, c := range map[string]struct {
		override *availabilityv1.DateOverride
		field    string
	}{
		"no date":            {&availabilityv1.DateOverride{}, "date_override.date"},
		"yesterday":          {on("2026-11-30"), "date_override.date"},
		"a window twice":     {on("2026-12-30", "09:00", "12:00", "13:00", "14:00", "11:59", "12:30"), "date_override.windows[2]"},
		"after midnight":     {on("2026-12-30", "24:00", "12:00"), "date_override.windows[0].start_time"},
		"a window of itself": {on("2026-12-30", "09:00", "09:00", "10:00", "11:00"), "date_override.windows[1]"},
	} {
		_, err := w.overrides.CreateDateOverride(ben.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: c.override})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}

	_, err = w.overrides.DeleteDateOverride(ben.ctx, &availabilityv1.DeleteDateOverrideRequest{Name: made.GetName()})
	require.NoError(t, err)
	w.override(ben, on("2026-12-25", "11:00", "12:00"))
	require.Equal(t, []string{"2026-12-25T17:00:00Z 2026-12-25T18:00:00Z"},
		working(w.timeline(ana, ben.name(), "2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z")))
}

// Today is that of the zone in force: in Chicago it is still yesterday.
func TestTodayOfAnOverrideIsTheMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	w.clock.Advance(18 * time.Hour) // Wednesday, 03:00 UTC, Tuesday, 21:00 in Chicago
	w.override(ben, on("2026-12-01", "20:00", "22:00"))
	require.Equal(t, []string{"2026-12-02T03:00:00Z 2026-12-02T04:00:00Z"}, w.ranges(), "what has passed does not change")
	w.clock.Advance(3 * time.Hour)
	_, err := w.overrides.CreateDateOverride(ben.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: on("2026-12-01")})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "date_override.date")
}

func TestAFocusBlockLeavesWorkingTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	w.focus(ben, weeklyFocus("2026-12-02", hours("09:00", "11:00", 3), hours("11:00", "11:30", 3)))
	w.focus(ben, &availabilityv1.FocusBlock{DisplayName: "once", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-04T16:00:00Z")})
	require.Equal(t, []string{
		"2026-12-02T12:00:00Z 2026-12-02T15:00:00Z OFF", "2026-12-02T15:00:00Z 2026-12-02T17:30:00Z UNINTERRUPTIBLE",
		"2026-12-02T17:30:00Z 2026-12-02T23:00:00Z WORKING", "2026-12-02T23:00:00Z 2026-12-03T15:00:00Z OFF",
		"2026-12-03T15:00:00Z 2026-12-03T20:00:00Z WORKING", "2026-12-03T20:00:00Z 2026-12-03T23:00:00Z UNINTERRUPTIBLE",
		"2026-12-03T23:00:00Z 2026-12-04T12:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2026-12-02T12:00:00Z", "2026-12-04T12:00:00Z"))
	require.Equal(t, []string{"2026-12-02T15:00:00Z", "2026-12-03T20:00:00Z 2026-12-04T16:00:00Z"}, w.ranges())
	for name, c := range map[string]struct {
		block *availabilityv1.FocusBlock
		field string
	}{
		"nothing":           {&availabilityv1.FocusBlock{DisplayName: "x"}, "focus_block"},
		"both":              {&availabilityv1.FocusBlock{DisplayName: "x", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-03T21:00:00Z"), StartDate: day("2026-12-03")}, "focus_block"},
		"a start alone":     {&availabilityv1.FocusBlock{DisplayName: "x", StartTime: stamp("2026-12-03T20:00:00Z")}, "focus_block"},
		"windows alone":     {&availabilityv1.FocusBlock{DisplayName: "x", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "10:00")}}, "focus_block"},
		"no windows":        {weeklyFocus("2026-12-03"), "focus_block.windows"},
		"no name":           {&availabilityv1.FocusBlock{StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-03T21:00:00Z")}, "focus_block.display_name"},
		"a blank name":      {&availabilityv1.FocusBlock{DisplayName: " ", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-03T21:00:00Z")}, "focus_block.display_name"},
		"two lines":         {&availabilityv1.FocusBlock{DisplayName: "a\nb", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-03T21:00:00Z")}, "focus_block.display_name"},
		"backwards":         {&availabilityv1.FocusBlock{DisplayName: "x", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2026-12-03T20:00:00Z")}, "focus_block.end_time"},
		"over":              {&availabilityv1.FocusBlock{DisplayName: "x", StartTime: stamp("2026-11-03T20:00:00Z"), EndTime: stamp("2026-12-01T09:00:00Z")}, "focus_block.end_time"},
		"longer than years": {&availabilityv1.FocusBlock{DisplayName: "x", StartTime: stamp("2026-12-03T20:00:00Z"), EndTime: stamp("2027-12-05T20:00:00Z")}, "focus_block.end_time"},
		"overlapping":       {weeklyFocus("2026-12-03", hours("09:00", "10:00"), hours("09:30", "11:00", 4)), "focus_block.windows[1]"},
		"weeks backwards":   {&availabilityv1.FocusBlock{DisplayName: "x", StartDate: day("2026-12-03"), EndDate: day("2026-12-02"), Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "10:00")}}, "focus_block.end_date"},
		"weeks over":        {&availabilityv1.FocusBlock{DisplayName: "x", StartDate: day("2026-11-03"), EndDate: day("2026-11-30"), Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "10:00")}}, "focus_block.end_date"},
	} {
		_, err := w.focuses.CreateFocusBlock(ben.ctx, &availabilityv1.CreateFocusBlockRequest{Parent: ben.name(), FocusBlock: c.block})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
}

// What a focus block is for is the member's; when it is may be seen. Whoever is not an administrator changes their own alone.
func TestLayersAreTheMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo, gil := w.member(ws, auth.Member, "Cleo", "UTC"), w.member(ws, auth.Guest, "Gil", "UTC")
	made := w.focus(ben, weeklyFocus("2026-12-02", hours("09:00", "11:00", 3)))
	require.Equal(t, "the book", made.GetDisplayName())
	for who, name := range map[*person]string{&ana: "the book", &ben: "the book", &cleo: ""} {
		got, err := w.focuses.GetFocusBlock(who.ctx, &availabilityv1.GetFocusBlockRequest{Name: made.GetName()})
		require.NoError(t, err)
		require.Equal(t, name, got.GetDisplayName())
		require.NotEmpty(t, got.GetWindows())
		listed, err := w.focuses.ListFocusBlocks(who.ctx, &availabilityv1.ListFocusBlocksRequest{Parent: ben.name()})
		require.NoError(t, err)
		require.True(t, proto.Equal(got, listed.GetFocusBlocks()[0]))
	}
	_, err := w.focuses.GetFocusBlock(gil.ctx, &availabilityv1.GetFocusBlockRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	w.travel(gil, toTokyo("2026-12-02", "2026-12-03"))
	_, err = w.travels.CreateTravel(cleo.ctx, &availabilityv1.CreateTravelRequest{Parent: ben.name(), Travel: toTokyo("2026-12-02", "2026-12-03")})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.focuses.DeleteFocusBlock(cleo.ctx, &availabilityv1.DeleteFocusBlockRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.overrides.CreateDateOverride(ana.ctx, &availabilityv1.CreateDateOverrideRequest{Parent: domain.MemberName(ws, uuid.New()), DateOverride: on("2026-12-02")})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	// A layer of one kind is none of another.
	_, err = w.travels.GetTravel(ana.ctx, &availabilityv1.GetTravelRequest{Name: ben.name() + "/travels/" + made.GetUid()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, boss, _ := w.team()
	_, err = w.focuses.GetFocusBlock(boss.ctx, &availabilityv1.GetFocusBlockRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.focuses.DeleteFocusBlock(ana.ctx, &availabilityv1.DeleteFocusBlockRequest{Name: made.GetName()})
	require.NoError(t, err)
}

func TestLayersAreListedUntilTheyAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	var all []*availabilityv1.DateOverride
	for _, date := range []string{"2026-12-02", "2026-12-03", "2026-12-04"} {
		all = append(all, w.override(ben, on(date)))
	}
	w.travel(ben, toTokyo("2026-12-02", "2026-12-03"))
	list := func(size int32, token string) *availabilityv1.ListDateOverridesResponse {
		listed, err := w.overrides.ListDateOverrides(ana.ctx, &availabilityv1.ListDateOverridesRequest{Parent: ben.name(), PageSize: size, PageToken: token})
		require.NoError(t, err)
		return listed
	}
	listed := list(2, "")
	require.True(t, proto.Equal(all[2], listed.GetDateOverrides()[0]))
	require.True(t, proto.Equal(all[1], listed.GetDateOverrides()[1]))
	listed = list(2, listed.GetNextPageToken())
	require.Len(t, listed.GetDateOverrides(), 1)
	require.Empty(t, listed.GetNextPageToken())

	req := &availabilityv1.DeleteDateOverrideRequest{Name: all[1].GetName(), Etag: `"2"`, RequestId: uuid.NewString()}
	_, err := w.overrides.DeleteDateOverride(ben.ctx, req)
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	req.Etag = all[1].GetEtag()
	deleted, err := w.overrides.DeleteDateOverride(ben.ctx, req)
	require.NoError(t, err)
	events := len(w.unpublished())
	again, err := w.overrides.DeleteDateOverride(ben.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(deleted, again))
	require.Len(t, w.unpublished(), events)
	_, err = w.overrides.DeleteDateOverride(ben.ctx, &availabilityv1.DeleteDateOverrideRequest{Name: all[1].GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.overrides.GetDateOverride(ben.ctx, &availabilityv1.GetDateOverrideRequest{Name: all[1].GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Len(t, list(0, "").GetDateOverrides(), 2)

	// The same request to make one does it once, also when it has been deleted since.
	create := &availabilityv1.CreateDateOverrideRequest{Parent: ben.name(), DateOverride: on("2026-12-08"), RequestId: uuid.NewString()}
	made, err := w.overrides.CreateDateOverride(ben.ctx, create)
	require.NoError(t, err)
	same, err := w.overrides.CreateDateOverride(ben.ctx, create)
	require.NoError(t, err)
	require.True(t, proto.Equal(made, same))
	_, err = w.overrides.DeleteDateOverride(ben.ctx, &availabilityv1.DeleteDateOverrideRequest{Name: made.GetName()})
	require.NoError(t, err)
	same, err = w.overrides.CreateDateOverride(ben.ctx, create)
	require.NoError(t, err)
	require.Equal(t, made.GetName(), same.GetName())
	require.NotNil(t, same.GetDeleteTime())
}

// Each change of a layer tells what it is, and then the range of working time that it changed.
func TestLayersTellWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	var want []proto.Message
	version := int64(0)
	next := func() int64 { version++; return version }
	changed := func(start, end string) {
		e := &availabilityv1.WorkingTimeChanged{Member: ben.name(), StartTime: stamp(start), Version: next()}
		if end != "" {
			e.EndTime = stamp(end)
		}
		want = append(want, e)
		w.clock.Advance(time.Hour)
	}
	travel := w.travel(ben, toTokyo("2026-12-08", "2026-12-08"))
	want = append(want, &availabilityv1.TravelCreated{Travel: travel, Member: ben.name(), Version: next()})
	changed("2026-12-07T15:00:00Z", "2026-12-08T08:00:00Z")
	gone, err := w.travels.DeleteTravel(ana.ctx, &availabilityv1.DeleteTravelRequest{Name: travel.GetName()})
	require.NoError(t, err)
	want = append(want, &availabilityv1.TravelDeleted{Travel: gone, Member: ben.name(), Version: next()})
	changed("2026-12-07T15:00:00Z", "2026-12-08T08:00:00Z")
	override := w.override(ben, on("2026-12-08", "09:00", "12:00"))
	want = append(want, &availabilityv1.DateOverrideCreated{DateOverride: override, Member: ben.name(), Version: next()})
	changed("2026-12-08T18:00:00Z", "2026-12-08T23:00:00Z")
	back, err := w.overrides.DeleteDateOverride(ana.ctx, &availabilityv1.DeleteDateOverrideRequest{Name: override.GetName()})
	require.NoError(t, err)
	want = append(want, &availabilityv1.DateOverrideDeleted{DateOverride: back, Member: ben.name(), Version: next()})
	changed("2026-12-08T18:00:00Z", "2026-12-08T23:00:00Z")
	focus := w.focus(ben, weeklyFocus("2026-12-07", hours("09:00", "10:00")))
	want = append(want, &availabilityv1.FocusBlockCreated{FocusBlock: focus, Member: ben.name(), Version: next()})
	changed("2026-12-07T15:00:00Z", "")
	over, err := w.focuses.DeleteFocusBlock(ana.ctx, &availabilityv1.DeleteFocusBlockRequest{Name: focus.GetName()})
	require.NoError(t, err)
	want = append(want, &availabilityv1.FocusBlockDeleted{FocusBlock: over, Member: ben.name(), Version: next()})
	changed("2026-12-07T15:00:00Z", "")

	heard := w.unpublished()
	require.Len(t, heard, len(want))
	for i, e := range heard {
		require.True(t, proto.Equal(want[i], e.payload), "%s\nwant %v\ngot  %v", e.Type, want[i], e.payload)
		require.Equal(t, ben.name(), e.Aggregate)
		require.EqualValues(t, i+1, e.Version, e.Type)
		switch e.payload.(type) {
		case *availabilityv1.FocusBlockCreated, *availabilityv1.FocusBlockDeleted:
			require.Equal(t, eventbus.AudiencePerson, e.Audience, "what a focus block is for is theirs")
		default:
			require.Equal(t, eventbus.AudienceWorkspace, e.Audience)
		}
	}
	require.Equal(t, version, w.effective(ana, ben.name()).GetVersion())
}

// While a version of hours holds, its region's holidays are not worked; an override wins over one.
func TestHolidaysAreNotWorked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	set := func(region, effective string) {
		_, err := w.schedules.CreateWorkingSchedule(ben.ctx, &availabilityv1.CreateWorkingScheduleRequest{
			Parent: ben.name(), WorkingSchedule: &availabilityv1.WorkingSchedule{
				TimeZone: "Europe/Berlin", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}, HolidayRegion: region, EffectiveDate: day(effective),
			},
		})
		require.NoError(t, err)
	}
	set("DE-BE", "2026-12-01")
	set("DE-BY", "2027-01-01")
	w.override(ben, on("2026-12-25", "10:00", "11:00"))
	require.Equal(t, []string{
		"2026-12-24T16:00:00Z 2026-12-25T09:00:00Z OFF", "2026-12-25T09:00:00Z 2026-12-25T10:00:00Z WORKING", "2026-12-25T10:00:00Z 2026-12-28T08:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2026-12-24T16:00:00Z", "2026-12-28T08:00:00Z"))
	require.Equal(t, []string{ // Epiphany is Bavaria's and not Berlin's
		"2027-01-05T16:00:00Z 2027-01-06T08:00:00Z OFF", "2027-01-06T08:00:00Z 2027-01-06T16:00:00Z HOLIDAY Heilige Drei Könige",
		"2027-01-06T16:00:00Z 2027-01-07T08:00:00Z OFF",
	}, w.timeline(ana, ben.name(), "2027-01-05T16:00:00Z", "2027-01-07T08:00:00Z"))
	require.Equal(t, []string{"2027-03-08T08:00:00Z 2027-03-08T16:00:00Z"}, working(w.timeline(ana, ben.name(), "2027-03-08T00:00:00Z", "2027-03-09T00:00:00Z")), "Berlin's alone")
	require.Equal(t, "DE-BE", w.effective(ana, ben.name()).GetHolidayRegion())

	// And so for those who have the workspace's hours.
	_, err := w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}, HolidayRegion: "GB"},
	})
	require.NoError(t, err)
	require.Equal(t, "GB", w.effective(ben, ana.name()).GetHolidayRegion())
	require.Equal(t, []string{"2026-12-25T09:00:00Z 2026-12-25T17:00:00Z HOLIDAY Christmas Day"}, w.timeline(ben, ana.name(), "2026-12-25T09:00:00Z", "2026-12-25T17:00:00Z"))
	_, err = w.schedules.CreateDefaultSchedule(ana.ctx, &availabilityv1.CreateDefaultScheduleRequest{
		Parent: domain.WorkspaceName(ws), DefaultSchedule: &availabilityv1.DefaultSchedule{HolidayRegion: "UK"},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "default_schedule.holiday_region")
}

func TestHolidaysAndRegionsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	parent := domain.WorkspaceName(ws)
	var all []*availabilityv1.Holiday
	req := &availabilityv1.ListHolidaysRequest{Parent: parent, Region: "DE-BE", Year: 2027, PageSize: 4}
	for pages := 1; ; pages++ {
		listed, err := w.holidays.ListHolidays(ana.ctx, req)
		require.NoError(t, err)
		all = append(all, listed.GetHolidays()...)
		if req.PageToken = listed.GetNextPageToken(); req.GetPageToken() == "" {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Len(t, all, 10)
	require.True(t, proto.Equal(&availabilityv1.Holiday{Date: day("2027-03-08"), DisplayName: "Frauentag"}, all[1]))
	regions, err := w.holidays.ListHolidayRegions(ana.ctx, &availabilityv1.ListHolidayRegionsRequest{Parent: parent, PageSize: 200})
	require.NoError(t, err)
	require.Empty(t, regions.GetNextPageToken())
	require.True(t, slices.ContainsFunc(regions.GetHolidayRegions(), func(r *availabilityv1.HolidayRegion) bool {
		return proto.Equal(&availabilityv1.HolidayRegion{Code: "DE-BE", DisplayName: "Germany: Berlin"}, r)
	}))
	for field, bad := range map[string]*availabilityv1.ListHolidaysRequest{
		"region": {Parent: parent, Region: "DE-XX", Year: 2027}, "year": {Parent: parent, Region: "DE"}, "parent": {Region: "DE", Year: 2027},
	} {
		_, err := w.holidays.ListHolidays(ana.ctx, bad)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	_, err = w.holidays.ListHolidays(ana.ctx, &availabilityv1.ListHolidaysRequest{Parent: parent, Region: "DE", Year: 2027, PageToken: "x"})
	rpctest.Failed(t, err, codes.InvalidArgument, fault.ReasonPageTokenInvalid)
	_, err = w.holidays.ListHolidays(w.member(ws, auth.Guest, "Gil", "UTC").ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
}
