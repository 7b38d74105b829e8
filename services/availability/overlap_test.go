package availability

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// meeting asks when people may meet for an hour between two instants.
func meeting(start, end string, people ...person) *availabilityv1.FindOverlapRequest {
	req := &availabilityv1.FindOverlapRequest{
		Parent: domain.WorkspaceName(people[0].Workspace), StartTime: stamp(start), EndTime: stamp(end), MinDuration: durationpb.New(time.Hour),
	}
	for _, p := range people {
		req.Members = append(req.Members, p.name())
	}
	return req
}

// overlap asks, and checks that the answer's parts go together.
func (w *world) overlap(by person, req *availabilityv1.FindOverlapRequest) *availabilityv1.FindOverlapResponse {
	w.t.Helper()
	got, err := w.ask.FindOverlap(by.ctx, req)
	require.NoError(w.t, err)
	require.Equal(w.t, worktime.Version(), got.GetTzdataVersion())
	none := got.GetReason() == availabilityv1.FindOverlapResponse_NO_OVERLAP
	require.Equal(w.t, none, len(got.GetWindows()) == 0)
	require.Equal(w.t, none, len(got.GetNextWorkingIntervals()) > 0)
	require.True(w.t, none || len(got.GetSlots()) == 0)
	return got
}

// windows are an answer's, as lines of start and end and the places of who is missing.
func windows(req *availabilityv1.FindOverlapRequest, got *availabilityv1.FindOverlapResponse) []string {
	var all []string
	for _, o := range got.GetWindows() {
		line := o.GetStartTime().AsTime().Format(time.RFC3339) + " " + o.GetEndTime().AsTime().Format(time.RFC3339)
		for _, missing := range o.GetMissingMembers() {
			line += " -" + string(rune('0'+slices.Index(req.GetMembers(), missing)))
		}
		all = append(all, line)
	}
	return all
}

func TestFindOverlapOverThreeZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	noa, kim := w.member(ws, auth.Member, "Noa", "America/New_York"), w.member(ws, auth.Member, "Kim", "Asia/Kolkata")
	req := meeting("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", ana, ben, noa)
	got := w.overlap(ben, req)
	require.Equal(t, []string{"2026-12-01T15:00:00Z 2026-12-01T17:00:00Z"}, windows(req, got))
	require.False(t, got.GetTruncated())
	req.MinDuration = durationpb.New(2 * time.Hour)
	require.Len(t, w.overlap(ben, req).GetWindows(), 1)
	req.MinDuration = durationpb.New(2*time.Hour + time.Minute)
	require.Empty(t, w.overlap(ben, req).GetWindows())

	// A quorum tells who is missing.
	req = meeting("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", ana, ben, kim)
	req.Quorum = 2
	require.Equal(t, []string{"2026-12-01T09:00:00Z 2026-12-01T11:30:00Z -1", "2026-12-01T15:00:00Z 2026-12-01T17:00:00Z -2"}, windows(req, w.overlap(ben, req)))

	// Leave is no working time, and does not say why.
	w.off(kim, "2026-12-02", "2026-12-02")
	req.StartTime, req.EndTime = stamp("2026-12-02T00:00:00Z"), stamp("2026-12-03T00:00:00Z")
	require.Equal(t, []string{"2026-12-02T15:00:00Z 2026-12-02T17:00:00Z -2"}, windows(req, w.overlap(ben, req)))
	req.Quorum = 3
	got = w.overlap(ben, req)
	require.Equal(t, "2026-12-03T03:30:00Z", got.GetNextWorkingIntervals()[2].GetStartTime().AsTime().Format(time.RFC3339))
	for _, word := range []string{"VACATION", "to the sea", "TIME_OFF"} {
		require.NotContains(t, prototext.Format(got), word)
	}
}

// The clocks of Chicago change on 14 March, those of London on 28 March.
func TestFindOverlapOverChangesOfTheClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	req := meeting("2027-03-12T00:00:00Z", "2027-03-30T00:00:00Z", ana, ben)
	found := windows(req, w.overlap(ana, req))
	require.Len(t, found, 12)
	require.Equal(t, "2027-03-12T15:00:00Z 2027-03-12T17:00:00Z", found[0])
	require.Equal(t, "2027-03-15T14:00:00Z 2027-03-15T17:00:00Z", found[1])
	require.Equal(t, "2027-03-26T14:00:00Z 2027-03-26T17:00:00Z", found[10])
	require.Equal(t, "2027-03-29T14:00:00Z 2027-03-29T16:00:00Z", found[11])
}

func TestFindOverlapWhereThereIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	kim, never := w.member(ws, auth.Member, "Kim", "Asia/Kolkata"), w.member(ws, auth.Member, "Nev", "UTC")
	w.set(never, never.name(), "UTC", "")
	got := w.overlap(kim, meeting("2026-12-01T10:00:00Z", "2026-12-02T00:00:00Z", ana, ben, kim, never))
	want := &availabilityv1.FindOverlapResponse{
		Reason: availabilityv1.FindOverlapResponse_NO_OVERLAP, TzdataVersion: worktime.Version(),
		NextWorkingIntervals: []*availabilityv1.NextWorkingInterval{
			{Member: ana.name(), StartTime: stamp("2026-12-01T10:00:00Z"), EndTime: stamp("2026-12-01T17:00:00Z")},
			{Member: ben.name(), StartTime: stamp("2026-12-01T15:00:00Z"), EndTime: stamp("2026-12-01T23:00:00Z")},
			{Member: kim.name(), StartTime: stamp("2026-12-01T10:00:00Z"), EndTime: stamp("2026-12-01T11:30:00Z")},
			{Member: never.name()},
		},
	}
	for _, slot := range []struct {
		start, end string
		minutes    [4]int32
	}{
		{"2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", [4]int32{0, 60, 0, 60}},
		{"2026-12-01T15:00:00Z", "2026-12-01T16:00:00Z", [4]int32{0, 0, 60, 60}},
		{"2026-12-01T16:00:00Z", "2026-12-01T17:00:00Z", [4]int32{0, 0, 60, 60}},
		{"2026-12-01T11:00:00Z", "2026-12-01T12:00:00Z", [4]int32{0, 60, 30, 60}},
		{"2026-12-01T12:00:00Z", "2026-12-01T13:00:00Z", [4]int32{0, 60, 60, 60}},
	} {
		out := &availabilityv1.MeetingSlot{StartTime: stamp(slot.start), EndTime: stamp(slot.end)}
		for i, p := range []person{ana, ben, kim, never} {
			out.OutsideMinutes += slot.minutes[i]
			out.Members = append(out.Members, &availabilityv1.MemberBurden{Member: p.name(), OutsideMinutes: slot.minutes[i]})
		}
		want.Slots = append(want.Slots, out)
	}
	require.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)

	// When each next works may be after the range: a Saturday here.
	got = w.overlap(ana, meeting("2026-05-30T00:00:00Z", "2026-05-30T12:00:00Z", ana, ben))
	require.Equal(t, "2026-06-01T08:00:00Z", got.GetNextWorkingIntervals()[0].GetStartTime().AsTime().Format(time.RFC3339))
	require.Equal(t, "2026-06-01T14:00:00Z", got.GetNextWorkingIntervals()[1].GetStartTime().AsTime().Format(time.RFC3339))
}

func TestWhoMayFindOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	_, boss, _ := w.team()
	gone := w.memberIn(ws, auth.Member, "Gone", "Europe/London", "DEACTIVATED")
	req := meeting("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", ana, ben, gone)
	got := w.overlap(ben, req)
	require.Len(t, got.GetWindows(), 1, "nobody has said since when they are gone")
	same := w.overlap(person{ctx: w.authority.AsService(t, w.ctx, "tasks")}, req)
	require.True(t, proto.Equal(got, same))
	_, err := w.ask.FindOverlap(w.authority.AsService(t, w.ctx, "directory"), req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.ask.FindOverlap(w.member(ws, auth.Guest, "Gil", "UTC").ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.ask.FindOverlap(boss.ctx, req)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	req.Members[2] = domain.MemberName(ws, uuid.New())
	_, err = w.ask.FindOverlap(ben.ctx, req)
	s := rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Contains(t, s.Message(), req.GetMembers()[2])
	req.Members[2] = domain.MemberName(ws, boss.Member)
	_, err = w.ask.FindOverlap(ben.ctx, req)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestTheLimitsOfFindOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	_, boss, _ := w.team()
	many := func(n int) (names []string) {
		for range n {
			names = append(names, domain.MemberName(ana.Workspace, uuid.New()))
		}
		return names
	}
	for name, c := range map[string]struct {
		change      func(*availabilityv1.FindOverlapRequest)
		field, rule string
	}{
		"no members":   {func(r *availabilityv1.FindOverlapRequest) { r.Members = nil }, "members", "1 item"},
		"1001 members": {func(r *availabilityv1.FindOverlapRequest) { r.Members = many(1001) }, "members", "1000 item"},
		"one twice":    {func(r *availabilityv1.FindOverlapRequest) { r.Members = []string{ana.name(), ana.name()} }, "members", "unique"},
		"of another workspace": {
			func(r *availabilityv1.FindOverlapRequest) { r.Members[1] = boss.name() }, "members[1]", "must be of the same workspace",
		},
		"an empty range": {func(r *availabilityv1.FindOverlapRequest) { r.EndTime = r.GetStartTime() }, "end_time", "must be after start_time"},
		"no start":       {func(r *availabilityv1.FindOverlapRequest) { r.StartTime = nil }, "start_time", "required"},
		"367 days": {
			func(r *availabilityv1.FindOverlapRequest) { r.EndTime = stamp("2027-12-03T00:00:00Z") }, "end_time", "at most 366 days",
		},
		"1000 by 41": {func(r *availabilityv1.FindOverlapRequest) {
			r.Members, r.EndTime = many(1000), stamp("2027-01-11T00:00:00Z")
		}, "members", "at most 40000 members times days"},
		"no duration":  {func(r *availabilityv1.FindOverlapRequest) { r.MinDuration = nil }, "min_duration", "required"},
		"59 seconds":   {func(r *availabilityv1.FindOverlapRequest) { r.MinDuration = durationpb.New(59 * time.Second) }, "min_duration", "60s"},
		"over a day":   {func(r *availabilityv1.FindOverlapRequest) { r.MinDuration = durationpb.New(24*time.Hour + 1) }, "min_duration", "86400s"},
		"over a range": {func(r *availabilityv1.FindOverlapRequest) { r.EndTime = stamp("2026-12-01T00:59:00Z") }, "min_duration", "longer than the range"},
		"below none":   {func(r *availabilityv1.FindOverlapRequest) { r.Quorum = -1 }, "quorum", "0"},
		"above all":    {func(r *availabilityv1.FindOverlapRequest) { r.Quorum = 3 }, "quorum", "the number of members, which is 2"},
	} {
		req := meeting("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", ana, ben)
		c.change(req)
		_, err := w.ask.FindOverlap(ana.ctx, req)
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
		require.ErrorContains(t, err, c.rule, name)
	}
}
