package availability

import (
	"fmt"
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

// crew writes a team's rows, as the projection would.
func (w *world) crew(ws uuid.UUID, people ...person) uuid.UUID {
	w.t.Helper()
	team := uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO teams (workspace_id, team_id, display_name, handle, deleted, version) VALUES ($1, $2, 'Crew', 'crew', false, 1)`, ws, team)
	for _, p := range people {
		w.exec(`INSERT INTO team_members (workspace_id, team_id, member_id, lead, removed, version) VALUES ($1, $2, $3, false, false, 1)`, ws, team, p.Member)
	}
	return team
}

// covered asks for a team's coverage in buckets of six hours.
func covered(ws, team uuid.UUID, start, end string) *availabilityv1.GetCoverageRequest {
	return &availabilityv1.GetCoverageRequest{
		Name: domain.CoverageName(ws, team), StartTime: stamp(start), EndTime: stamp(end), Bucket: durationpb.New(6 * time.Hour),
	}
}

func bucketOf(start, end string, least, most int32, worked time.Duration) *availabilityv1.CoverageBucket {
	return &availabilityv1.CoverageBucket{
		StartTime: stamp(start), EndTime: stamp(end), MinCount: least, MaxCount: most, WorkingTime: durationpb.New(worked),
		RequiredTime: durationpb.New(at(end).Sub(at(start))),
	}
}

func stretch(start, end string) *availabilityv1.CoverageInterval {
	return &availabilityv1.CoverageInterval{StartTime: stamp(start), EndTime: stamp(end)}
}

func TestGetCoverage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	kim := w.member(ws, auth.Member, "Kim", "Asia/Kolkata")
	gone, invited := w.memberIn(ws, auth.Member, "Gone", "UTC", "DEACTIVATED"), w.memberIn(ws, auth.Member, "Iva", "UTC", "INVITED")
	former, other := w.member(ws, auth.Member, "Fay", "UTC"), w.member(ws, auth.Member, "Oda", "UTC")
	team := w.crew(ws, ana, ben, kim, gone, invited, former)
	w.exec(`UPDATE team_members SET removed = true WHERE member_id = $1`, former.Member)
	req := covered(ws, team, "2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z")
	got, err := w.ask.GetCoverage(other.ctx, req)
	require.NoError(t, err)
	want := &availabilityv1.Coverage{
		Name: req.GetName(), MemberCount: 3,
		Buckets: []*availabilityv1.CoverageBucket{
			bucketOf("2026-12-02T00:00:00Z", "2026-12-02T06:00:00Z", 0, 1, 2*time.Hour+30*time.Minute),
			bucketOf("2026-12-02T06:00:00Z", "2026-12-02T12:00:00Z", 1, 2, 8*time.Hour+30*time.Minute),
			bucketOf("2026-12-02T12:00:00Z", "2026-12-02T18:00:00Z", 1, 2, 8*time.Hour),
			bucketOf("2026-12-02T18:00:00Z", "2026-12-03T00:00:00Z", 0, 1, 5*time.Hour),
		},
		Gaps: []*availabilityv1.CoverageInterval{
			stretch("2026-12-02T00:00:00Z", "2026-12-02T03:30:00Z"), stretch("2026-12-02T23:00:00Z", "2026-12-03T00:00:00Z"),
		},
		Thinnest: []*availabilityv1.CoverageInterval{
			stretch("2026-12-02T03:30:00Z", "2026-12-02T09:00:00Z"), stretch("2026-12-02T11:30:00Z", "2026-12-02T15:00:00Z"),
			stretch("2026-12-02T17:00:00Z", "2026-12-02T23:00:00Z"),
		},
		ThinnestCount: 1, Score: 0.8125, TzdataVersion: worktime.Version(),
	}
	require.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)

	// Leave is no working time, and does not say why. The last bucket may be shorter.
	w.off(kim, "2026-12-02", "2026-12-02")
	req.Bucket = durationpb.New(9 * time.Hour)
	got, err = w.ask.GetCoverage(ben.ctx, req)
	require.NoError(t, err)
	require.Len(t, got.GetBuckets(), 3)
	require.True(t, proto.Equal(bucketOf("2026-12-02T00:00:00Z", "2026-12-02T09:00:00Z", 0, 0, 0), got.GetBuckets()[0]))
	require.True(t, proto.Equal(bucketOf("2026-12-02T18:00:00Z", "2026-12-03T00:00:00Z", 0, 1, 5*time.Hour), got.GetBuckets()[2]))
	require.EqualValues(t, 3, got.GetMemberCount())
	require.InDelta(t, 14.0/24, got.GetScore(), 1e-9)
	for _, word := range []string{"VACATION", "to the sea", "TIME_OFF"} {
		require.NotContains(t, prototext.Format(got), word)
	}

	// Nobody is a gap from the start to the end.
	got, err = w.ask.GetCoverage(ben.ctx, covered(ws, w.crew(ws), "2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z"))
	require.NoError(t, err)
	require.Len(t, got.GetGaps(), 1)
	require.True(t, proto.Equal(stretch("2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z"), got.GetGaps()[0]))
	require.Empty(t, got.GetThinnest())
	require.Zero(t, got.GetThinnestCount())
	require.Zero(t, got.GetScore())
}

// The clocks of London change on Sunday, 28 March.
func TestGetCoverageOverAChangeOfTheClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	req := covered(ws, w.crew(ws, ana), "2027-03-26T00:00:00Z", "2027-03-30T00:00:00Z")
	req.Bucket = durationpb.New(24 * time.Hour)
	got, err := w.ask.GetCoverage(ana.ctx, req)
	require.NoError(t, err)
	require.Len(t, got.GetBuckets(), 4)
	require.Len(t, got.GetThinnest(), 2)
	require.True(t, proto.Equal(stretch("2027-03-26T09:00:00Z", "2027-03-26T17:00:00Z"), got.GetThinnest()[0]))
	require.True(t, proto.Equal(stretch("2027-03-29T08:00:00Z", "2027-03-29T16:00:00Z"), got.GetThinnest()[1]))
	require.True(t, proto.Equal(bucketOf("2027-03-29T00:00:00Z", "2027-03-30T00:00:00Z", 0, 1, 8*time.Hour), got.GetBuckets()[3]))
}

func TestWhoMayGetCoverage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	foreign, boss, _ := w.team()
	team := w.crew(ws, ana)
	req := covered(ws, team, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")
	got, err := w.ask.GetCoverage(ben.ctx, req)
	require.NoError(t, err)
	same, err := w.ask.GetCoverage(w.authority.AsService(t, w.ctx, "tasks"), req)
	require.NoError(t, err)
	require.True(t, proto.Equal(got, same))
	_, err = w.ask.GetCoverage(w.authority.AsService(t, w.ctx, "directory"), req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.ask.GetCoverage(w.member(ws, auth.Guest, "Gil", "UTC").ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.ask.GetCoverage(boss.ctx, req)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	for _, nowhere := range []uuid.UUID{uuid.New(), w.crew(foreign, boss)} {
		_, err = w.ask.GetCoverage(ana.ctx, covered(ws, nowhere, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"))
		s := rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
		require.Contains(t, s.Message(), domain.TeamName(ws, nowhere))
	}
	w.exec(`UPDATE teams SET deleted = true WHERE team_id = $1`, team)
	_, err = w.ask.GetCoverage(ana.ctx, req)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestTheLimitsOfGetCoverage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	team := w.crew(ws, ana, ben)
	large := func(n int) string {
		id := w.crew(ws)
		w.exec(`INSERT INTO team_members SELECT $1, $2, gen_random_uuid(), false, false, 1 FROM generate_series(1, $3::int)`, ws, id, n)
		w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
			SELECT $1, member_id, 'M', member_id::text, 'UTC', 2, 2, 1, 1 FROM team_members WHERE team_id = $2`, ws, id)
		return domain.CoverageName(ws, id)
	}
	tooLarge, largest := large(1001), large(1000)
	for name, c := range map[string]struct {
		change      func(*availabilityv1.GetCoverageRequest)
		field, rule string
	}{
		"no name":        {func(r *availabilityv1.GetCoverageRequest) { r.Name = "" }, "name", "a name like workspaces/{workspace}/teams/{team}/coverage"},
		"a team":         {func(r *availabilityv1.GetCoverageRequest) { r.Name = domain.TeamName(ws, team) }, "name", "a name like workspaces/{workspace}/teams/{team}/coverage"},
		"no start":       {func(r *availabilityv1.GetCoverageRequest) { r.StartTime = nil }, "start_time", "required"},
		"no end":         {func(r *availabilityv1.GetCoverageRequest) { r.EndTime = nil }, "end_time", "required"},
		"an empty range": {func(r *availabilityv1.GetCoverageRequest) { r.EndTime = r.GetStartTime() }, "end_time", "must be after start_time"},
		"367 days":       {func(r *availabilityv1.GetCoverageRequest) { r.EndTime = stamp("2027-12-03T00:00:00Z") }, "end_time", "at most 366 days"},
		"no bucket":      {func(r *availabilityv1.GetCoverageRequest) { r.Bucket = nil }, "bucket", "required"},
		"a short bucket": {func(r *availabilityv1.GetCoverageRequest) { r.Bucket = durationpb.New(15*time.Minute - 1) }, "bucket", "900s"},
		"a long bucket":  {func(r *availabilityv1.GetCoverageRequest) { r.Bucket = durationpb.New(7*24*time.Hour + 1) }, "bucket", "604800s"},
		"10001 buckets": {func(r *availabilityv1.GetCoverageRequest) {
			r.EndTime, r.Bucket = stamp("2027-03-15T04:15:00Z"), durationpb.New(15*time.Minute)
		}, "bucket", "more than 10000 buckets"},
		"1001 members": {func(r *availabilityv1.GetCoverageRequest) { r.Name = tooLarge }, "name", "at most 1000 active members"},
		"1000 by 41": {func(r *availabilityv1.GetCoverageRequest) {
			r.Name, r.EndTime = largest, stamp("2027-01-11T00:00:00Z")
		}, "end_time", "members times days are at most 40000, and the team has 1000 members"},
	} {
		req := covered(ws, team, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")
		c.change(req)
		_, err := w.ask.GetCoverage(ana.ctx, req)
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
		require.ErrorContains(t, err, c.rule, name)
	}
	req := covered(ws, team, "2026-12-01T00:00:00Z", "2027-03-15T04:00:00Z")
	req.Bucket = durationpb.New(15 * time.Minute)
	got, err := w.ask.GetCoverage(ana.ctx, req)
	require.NoError(t, err)
	require.Len(t, got.GetBuckets(), 10_000)
	req = covered(ws, team, "2026-12-01T00:00:00Z", "2027-01-10T00:00:00Z")
	req.Name = largest
	got, err = w.ask.GetCoverage(ana.ctx, req)
	require.NoError(t, err)
	require.EqualValues(t, 1000, got.GetMemberCount())
}

// However the windows lie, an answer fits into a message.
func TestACoverageFitsIntoAMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	var people []person
	for n := range 5 {
		p := w.member(ws, auth.Member, fmt.Sprintf("P%d", n), "UTC")
		var bits []*availabilityv1.WeeklyWindow
		for i := range 50 {
			at := i*20 + n*3
			bits = append(bits, hours(fmt.Sprintf("%02d:%02d", at/60, at%60), fmt.Sprintf("%02d:%02d", at/60, at%60+1), 1, 2, 3, 4, 5, 6, 7))
		}
		w.set(ana, p.name(), "UTC", "", bits...)
		people = append(people, p)
	}
	req := covered(ws, w.crew(ws, people...), "2026-12-02T00:00:00Z", "2027-12-03T00:00:00Z")
	_, err := w.ask.GetCoverage(ana.ctx, req)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "end_time")
	require.ErrorContains(t, err, "more than 150000 intervals")
	req.EndTime = stamp("2027-09-22T00:00:00Z") // 294 days: 147,000 gaps and stretches, and 1,176 buckets
	got, err := w.ask.GetCoverage(ana.ctx, req)
	require.NoError(t, err)
	require.Greater(t, len(got.GetBuckets())+len(got.GetGaps())+len(got.GetThinnest()), 147_000)
}
