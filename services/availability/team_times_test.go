package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func TestCoreHoursAreWhatCoverageRequires(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	name := domain.CoreHoursName(r.ws, r.team)
	none, err := r.teamTimes.GetCoreHours(r.oda.ctx, &availabilityv1.GetCoreHoursRequest{Name: name})
	require.NoError(t, err)
	require.True(t, proto.Equal(&availabilityv1.CoreHours{Name: name, Etag: `"0"`}, none), "%v", none)
	ask := covered(r.ws, r.team, "2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z")
	before, err := r.ask.GetCoverage(r.oda.ctx, ask)
	require.NoError(t, err)
	require.Empty(t, before.GetCoreHours())
	require.Len(t, before.GetGaps(), 2)
	require.Equal(t, 6*time.Hour, before.GetBuckets()[0].GetRequiredTime().AsDuration())

	req := &availabilityv1.UpdateCoreHoursRequest{
		CoreHours: &availabilityv1.CoreHours{Name: name, TimeZone: "Europe/London", Windows: []*availabilityv1.WeeklyWindow{hours("11:00", "23:00")}, Need: 3, Etag: none.GetEtag()},
		RequestId: uuid.NewString(),
	}
	set, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, req)
	require.NoError(t, err)
	again, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(set, again))
	_, err = r.teamTimes.UpdateCoreHours(r.lead.ctx, &availabilityv1.UpdateCoreHoursRequest{CoreHours: &availabilityv1.CoreHours{Name: name, Need: 5, Etag: none.GetEtag()}})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	events := r.unpublished()
	require.Len(t, events, 1)
	require.True(t, proto.Equal(&availabilityv1.CoreHoursChanged{CoreHours: set, Version: 1}, events[0].payload))

	// Lea and Ben work until 17:00, Cleo from 15:00 to 23:00, Amy until 11:30: 3, 2, 3 and 1 of the 3 who are needed.
	after, err := r.ask.GetCoverage(r.oda.ctx, ask)
	require.NoError(t, err)
	require.Equal(t, set.GetName(), after.GetCoreHours())
	require.Empty(t, after.GetGaps())
	require.EqualValues(t, 1, after.GetThinnestCount())
	require.True(t, proto.Equal(stretch("2026-12-02T17:00:00Z", "2026-12-02T23:00:00Z"), after.GetThinnest()[0]))
	require.InDelta(t, (0.5*3+3.5*2+2*3+6*1)/(12*3), after.GetScore(), 1e-9)
	require.Equal(t, time.Hour, after.GetBuckets()[1].GetRequiredTime().AsDuration())

	// A mask leaves the rest; no windows set them aside.
	cleared, err := r.teamTimes.UpdateCoreHours(r.boss.ctx, &availabilityv1.UpdateCoreHoursRequest{
		CoreHours: &availabilityv1.CoreHours{Name: name}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"windows"}},
	})
	require.NoError(t, err)
	require.Empty(t, cleared.GetWindows())
	require.EqualValues(t, 3, cleared.GetNeed())
	round, err := r.ask.GetCoverage(r.oda.ctx, ask)
	require.NoError(t, err)
	require.True(t, proto.Equal(before, round))
}

// A change of core hours holds from then on: what is asked about the past is answered with those that were in force.
func TestThePastKeepsItsCoreHours(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	name := domain.CoreHoursName(r.ws, r.team)
	set := func(need int32, windows ...*availabilityv1.WeeklyWindow) {
		t.Helper()
		_, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, &availabilityv1.UpdateCoreHoursRequest{
			CoreHours:  &availabilityv1.CoreHours{Name: name, TimeZone: "UTC", Windows: windows, Need: need},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"time_zone", "windows", "need"}},
		})
		require.NoError(t, err)
	}
	asks := func(start, end string) *availabilityv1.Coverage {
		t.Helper()
		got, err := r.ask.GetCoverage(r.oda.ctx, covered(r.ws, r.team, start, end))
		require.NoError(t, err)
		return got
	}
	required := func(c *availabilityv1.Coverage) time.Duration {
		var all time.Duration
		for _, b := range c.GetBuckets() {
			all += b.GetRequiredTime().AsDuration()
		}
		return all
	}
	r.clock.Advance(15 * time.Hour) // 2 December, 00:00
	unset := asks("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")
	set(3, hours("11:00", "15:00", 1, 2, 3, 4, 5, 6, 7))
	r.clock.Advance(24 * time.Hour)
	first := asks("2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z")
	require.Equal(t, 4*time.Hour, required(first))
	set(1, hours("10:00", "12:00", 1, 2, 3, 4, 5, 6, 7))
	r.clock.Advance(24 * time.Hour)
	second := asks("2026-12-03T00:00:00Z", "2026-12-04T00:00:00Z")
	require.Equal(t, 2*time.Hour, required(second))
	require.InDelta(t, 1, second.GetScore(), 1e-9, "one is enough")
	set(1)
	r.clock.Advance(24 * time.Hour)

	for _, c := range []struct {
		start, end string
		was        *availabilityv1.Coverage
	}{
		{"2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", unset},
		{"2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z", first},
		{"2026-12-03T00:00:00Z", "2026-12-04T00:00:00Z", second},
	} {
		require.True(t, proto.Equal(c.was, asks(c.start, c.end)), "%s as it was", c.start)
	}
	whole := asks("2026-12-01T00:00:00Z", "2026-12-05T00:00:00Z")
	require.Equal(t, (24+4+2+24)*time.Hour, required(whole))
	require.Empty(t, whole.GetCoreHours(), "none are set at its end")
	outlook, err := r.teamTimes.GetTeamOutlook(r.oda.ctx, &availabilityv1.GetTeamOutlookRequest{
		Name: domain.TeamOutlookName(r.ws, r.team), StartTime: stamp("2026-12-01T00:00:00Z"), TimeZone: "UTC", Days: 4,
	})
	require.NoError(t, err)
	require.Len(t, outlook.GetCoreIntervals(), 2)
	require.True(t, proto.Equal(stretch("2026-12-02T11:00:00Z", "2026-12-02T15:00:00Z"), outlook.GetCoreIntervals()[0]))
	require.True(t, proto.Equal(stretch("2026-12-03T10:00:00Z", "2026-12-03T12:00:00Z"), outlook.GetCoreIntervals()[1]))
}

func TestBadCoreHours(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	name := domain.CoreHoursName(r.ws, r.team)
	for field, core := range map[string]*availabilityv1.CoreHours{
		"core_hours.time_zone":             {Name: name, Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00")}},
		"core_hours.need":                  {Name: name, Need: 1001},
		"core_hours.windows[1].start_time": {Name: name, TimeZone: "UTC", Windows: []*availabilityv1.WeeklyWindow{hours("09:00", "17:00"), hours("24:00", "18:00")}},
	} {
		_, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, &availabilityv1.UpdateCoreHoursRequest{CoreHours: core})
		require.Error(t, err, field)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	_, err := r.teamTimes.UpdateCoreHours(r.lead.ctx, &availabilityv1.UpdateCoreHoursRequest{
		CoreHours: &availabilityv1.CoreHours{Name: name}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"etag"}},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask.paths[0]")
	for _, err := range []error{
		second(r.teamTimes.GetCoreHours(r.oda.ctx, &availabilityv1.GetCoreHoursRequest{Name: domain.CoreHoursName(r.ws, uuid.New())})),
		second(r.teamTimes.UpdateCoreHours(r.boss.ctx, &availabilityv1.UpdateCoreHoursRequest{CoreHours: &availabilityv1.CoreHours{Name: domain.CoreHoursName(r.ws, uuid.New()), Need: 2}})),
	} {
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	}
	require.Empty(t, r.unpublished())
}

func TestSuggestHandoff(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	req := &availabilityv1.SuggestHandoffRequest{Name: r.teamName(), Giver: r.ben.name(), AtTime: stamp("2026-12-02T16:30:00Z")}
	found, err := r.teamTimes.SuggestHandoff(r.oda.ctx, req)
	require.NoError(t, err)
	var who []string
	for _, c := range found.GetCandidates() {
		who = append(who, r.word(c.GetMember()))
	}
	require.Equal(t, []string{"cleo", "lea", "amy"}, who)
	cleo := found.GetCandidates()[0]
	require.Equal(t, "Cleo works now, for 6h 30m more that day. Cleo overlaps with Ben for 10h.", cleo.GetExplanation())
	require.Equal(t, 6*time.Hour+30*time.Minute, cleo.GetWorkingTime().AsDuration())
	require.Equal(t, 10*time.Hour, cleo.GetOverlapTime().AsDuration())
	require.Contains(t, cleo.GetReasons(), availabilityv1.HandoffCandidate_WORKS_NOW)
	require.Equal(t, "Amy starts Thu 3 Dec 03:30 (Europe/London) and then works for 8h that day. Amy overlaps with Ben for 12h 30m.", found.GetCandidates()[2].GetExplanation())

	// Who has too little of the day left starts tomorrow; who is left out is not asked; who is away does not start.
	r.off(r.amy, "2026-12-02", "2026-12-31")
	req.MinWorkingTime, req.ExcludeMembers = durationpb.New(time.Hour), []string{r.cleo.name()}
	found, err = r.teamTimes.SuggestHandoff(r.oda.ctx, req)
	require.NoError(t, err)
	require.Len(t, found.GetCandidates(), 2)
	require.Equal(t, at("2026-12-03T09:00:00Z"), found.GetCandidates()[0].GetStartTime().AsTime())
	amy := found.GetCandidates()[1]
	require.Nil(t, amy.GetStartTime())
	require.Equal(t, []availabilityv1.HandoffCandidate_Reason{availabilityv1.HandoffCandidate_NO_OVERLAP, availabilityv1.HandoffCandidate_NO_START}, amy.GetReasons())
	require.Equal(t, "Amy does not start within 168h. Amy and Ben have no time together.", amy.GetExplanation())
	_, err = r.teamTimes.SuggestHandoff(r.authority.AsService(t, r.ctx, "tasks"), req)
	require.NoError(t, err)

	// Who asks may say who is asked, whatever the team.
	req = &availabilityv1.SuggestHandoffRequest{
		Name: domain.TeamName(r.ws, uuid.New()), Giver: r.ben.name(), AtTime: stamp("2026-12-02T16:30:00Z"),
		CandidateMembers: []string{r.boss.name(), domain.MemberName(r.ws, uuid.New()), r.ben.name(), r.cleo.name()},
	}
	found, err = r.teamTimes.SuggestHandoff(r.authority.AsService(t, r.ctx, "tasks"), req)
	require.NoError(t, err)
	require.Len(t, found.GetCandidates(), 2)
	for _, c := range found.GetCandidates() {
		require.Contains(t, []string{r.boss.name(), r.cleo.name()}, c.GetMember())
	}

	for field, bad := range map[string]*availabilityv1.SuggestHandoffRequest{
		"giver":            {Name: r.teamName()},
		"horizon":          {Name: r.teamName(), Giver: r.ben.name(), Horizon: durationpb.New(91 * 24 * time.Hour)},
		"min_working_time": {Name: r.teamName(), Giver: r.ben.name(), MinWorkingTime: durationpb.New(25 * time.Hour)},
		"at_time":          {Name: r.teamName(), Giver: r.ben.name(), AtTime: stamp("9999-01-01T00:00:00Z")},
	} {
		_, err := r.teamTimes.SuggestHandoff(r.oda.ctx, bad)
		require.Error(t, err, field)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
	}
	for _, nowhere := range []*availabilityv1.SuggestHandoffRequest{
		{Name: domain.TeamName(r.ws, uuid.New()), Giver: r.ben.name()}, {Name: r.teamName(), Giver: domain.MemberName(r.ws, uuid.New())},
	} {
		_, err := r.teamTimes.SuggestHandoff(r.oda.ctx, nowhere)
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	}
}
