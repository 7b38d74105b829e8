package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func TestARotationSaysWhoIsOn(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo))
	require.EqualValues(t, 1, made.GetTurns().GetEvery())
	require.Equal(t, epoch, made.GetTurns().GetEffectiveTime().AsTime())
	got, err := r.rotations.GetRotation(r.oda.ctx, &availabilityv1.GetRotationRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(made, got))
	require.Equal(t, []string{"01 09:00 02 09:00 amy", "02 09:00 03 09:00 ben", "03 09:00 04 09:00 cleo", "04 09:00 04 12:00 amy"},
		r.listed(made.GetName(), "2026-12-01T00:00:00Z", "2026-12-04T12:00:00Z"), "it begins when it was made")
	require.Nil(t, r.on(made.GetName(), epoch.Add(-time.Second)))
	require.Equal(t, []string{"02 09:00 03 09:00 ben"}, r.lines([]*availabilityv1.Shift{r.on(made.GetName(), at("2026-12-03T08:59:59Z"))}))

	// New turns take over later; what was to take over after them never does.
	update := func(turns *availabilityv1.Turns, effective string) *availabilityv1.Rotation {
		turns.EffectiveTime = stamp(effective)
		updated, err := r.rotations.UpdateRotation(r.boss.ctx, &availabilityv1.UpdateRotationRequest{
			Rotation: &availabilityv1.Rotation{Name: made.GetName(), Turns: turns}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"turns"}},
		})
		require.NoError(t, err)
		return updated
	}
	update(r.daily(r.oda), "2026-12-10T00:00:00Z")
	updated := update(r.daily(r.cleo, r.amy), "2026-12-02T12:00:00Z")
	require.Len(t, updated.GetUpcomingTurns(), 1)
	require.NotEqual(t, made.GetEtag(), updated.GetEtag())
	require.Equal(t, []string{"01 09:00 02 09:00 amy", "02 09:00 02 12:00 ben", "02 12:00 03 09:00 amy", "03 09:00 04 09:00 cleo"},
		r.listed(made.GetName(), "2026-12-01T00:00:00Z", "2026-12-04T09:00:00Z"))
	require.Equal(t, "amy", r.word(r.on(made.GetName(), at("2026-12-12T12:00:00Z")).GetMembers()[0]))
	events := len(r.unpublished())
	again := update(r.daily(r.cleo, r.amy), "2026-12-05T12:00:00Z")
	require.Equal(t, updated.GetEtag(), again.GetEtag(), "the same turns change nothing")
	require.Len(t, r.unpublished(), events)

	// Deleted, it ends; who was on stays.
	r.clock.Advance(48 * time.Hour)
	_, err = r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: made.GetName(), Etag: made.GetEtag()})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	req := &availabilityv1.DeleteRotationRequest{Name: made.GetName(), Etag: updated.GetEtag(), RequestId: uuid.NewString()}
	gone, err := r.rotations.DeleteRotation(r.lead.ctx, req)
	require.NoError(t, err)
	twice, err := r.rotations.DeleteRotation(r.lead.ctx, req)
	require.NoError(t, err)
	require.Equal(t, gone.GetEtag(), twice.GetEtag())
	_, err = r.rotations.GetRotation(r.oda.ctx, &availabilityv1.GetRotationRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = r.rotations.UpdateRotation(r.boss.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: made.GetName(), DisplayName: "x"}})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Equal(t, []string{"02 12:00 03 09:00 amy"}, r.listed(made.GetName(), "2026-12-02T12:00:00Z", "2026-12-20T00:00:00Z"))
	require.Nil(t, r.on(made.GetName(), at("2026-12-03T09:00:00Z")))
}

func TestCreateRotationHappensOnce(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	req := &availabilityv1.CreateRotationRequest{
		Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "Night", Turns: r.daily(r.amy)}, RequestId: uuid.NewString(),
	}
	made, err := r.rotations.CreateRotation(r.lead.ctx, req)
	require.NoError(t, err)
	again, err := r.rotations.CreateRotation(r.lead.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(made, again))
	r.clock.Advance(time.Minute)
	second := r.rotation(r.daily(r.ben))
	var seen []string
	list := &availabilityv1.ListRotationsRequest{Parent: r.teamName(), PageSize: 1}
	for range 2 {
		found, err := r.rotations.ListRotations(r.oda.ctx, list)
		require.NoError(t, err)
		require.Len(t, found.GetRotations(), 1)
		seen = append(seen, found.GetRotations()[0].GetName())
		list.PageToken = found.GetNextPageToken()
	}
	require.Equal(t, []string{second.GetName(), made.GetName()}, seen)
	require.Empty(t, list.GetPageToken())
	found, err := r.rotations.TeamWhoIsOn(r.oda.ctx, &availabilityv1.TeamWhoIsOnRequest{Name: r.teamName()})
	require.NoError(t, err)
	require.Len(t, found.GetShifts(), 2)
	require.Equal(t, "Night", found.GetShifts()[0].GetDisplayName())
	require.Equal(t, r.ben.name(), found.GetShifts()[1].GetShift().GetMembers()[0])
	found, err = r.rotations.TeamWhoIsOn(r.oda.ctx, &availabilityv1.TeamWhoIsOnRequest{Name: r.teamName(), AtTime: timestamppb.New(epoch)})
	require.NoError(t, err)
	require.Len(t, found.GetShifts(), 1)
}

// What is only tried shows what it would do, and leaves nothing.
func TestPreviewsOfRotations(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	req := &availabilityv1.CreateRotationRequest{
		Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "Night", Turns: r.daily(r.amy, r.ben)}, ValidateOnly: true, RequestId: uuid.NewString(),
	}
	tried, err := r.rotations.CreateRotation(r.lead.ctx, req)
	require.NoError(t, err)
	require.Empty(t, tried.GetName()+tried.GetUid(), "it will get another name")
	require.Len(t, tried.GetPreviewShifts(), 28)
	require.Equal(t, []string{"01 09:00 02 09:00 amy", "02 09:00 03 09:00 ben"}, r.lines(tried.GetPreviewShifts()[:2]))
	require.Empty(t, r.unpublished())
	found, err := r.rotations.ListRotations(r.oda.ctx, &availabilityv1.ListRotationsRequest{Parent: r.teamName()})
	require.NoError(t, err)
	require.Empty(t, found.GetRotations())

	req.ValidateOnly = false
	made, err := r.rotations.CreateRotation(r.lead.ctx, req)
	require.NoError(t, err, "the request_id of what was only tried is free")
	require.Empty(t, made.GetPreviewShifts())
	before, events := r.listed(made.GetName(), "2026-12-01T09:00:00Z", "2026-12-09T09:00:00Z"), len(r.unpublished())
	changed, err := r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{
		Rotation: &availabilityv1.Rotation{Name: made.GetName(), Turns: r.daily(r.cleo)}, ValidateOnly: true,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"01 09:00 02 09:00 cleo"}, r.lines(changed.GetPreviewShifts()[:1]))
	o, err := r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{
		Parent: made.GetName(), ValidateOnly: true, RotationOverride: &availabilityv1.RotationOverride{
			StartTime: stamp("2026-12-01T12:00:00Z"), EndTime: stamp("2026-12-01T18:00:00Z"), InMember: r.oda.name(),
		},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"01 12:00 01 18:00 amy+oda", "01 18:00 02 09:00 amy"}, r.lines(o.GetPreviewShifts()[:2]), "from where it begins")
	require.Empty(t, o.GetName()+o.GetUid())
	deleted, err := r.rotations.DeleteRotation(r.lead.ctx, &availabilityv1.DeleteRotationRequest{Name: made.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Empty(t, deleted.GetPreviewShifts())
	require.Equal(t, before, r.listed(made.GetName(), "2026-12-01T09:00:00Z", "2026-12-09T09:00:00Z"))
	require.Len(t, r.unpublished(), events)
}

func TestWhoMayChangeRotations(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben))
	o := r.override(made.GetName(), "2026-12-02T09:00:00Z", "2026-12-03T09:00:00Z", r.ben, r.cleo)
	gil := r.member(r.ws, auth.Guest, "Gil", "UTC")
	_, foreign, _ := r.world.team()
	asked := r.directory.asked
	for who, code := range map[*person]codes.Code{&r.amy: codes.PermissionDenied, &r.oda: codes.PermissionDenied, &gil: codes.PermissionDenied, &foreign: codes.NotFound} {
		for _, err := range []error{
			second(r.rotations.CreateRotation(who.ctx, &availabilityv1.CreateRotationRequest{Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "x", Turns: r.daily(r.amy)}})),
			second(r.rotations.UpdateRotation(who.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: made.GetName(), DisplayName: "x"}})),
			second(r.rotations.DeleteRotation(who.ctx, &availabilityv1.DeleteRotationRequest{Name: made.GetName()})),
			second(r.rotations.CreateRotationOverride(who.ctx, &availabilityv1.CreateRotationOverrideRequest{Parent: made.GetName(), RotationOverride: &availabilityv1.RotationOverride{
				StartTime: stamp("2026-12-05T09:00:00Z"), EndTime: stamp("2026-12-06T09:00:00Z"), InMember: r.amy.name(),
			}})),
			second(r.rotations.DeleteRotationOverride(who.ctx, &availabilityv1.DeleteRotationOverrideRequest{Name: o.GetName()})),
			second(r.teamTimes.UpdateCoreHours(who.ctx, &availabilityv1.UpdateCoreHoursRequest{CoreHours: &availabilityv1.CoreHours{Name: domain.CoreHoursName(r.ws, r.team), Need: 2}})),
		} {
			require.Error(t, err)
			rpctest.Failed(t, err, code, map[codes.Code]string{codes.PermissionDenied: fault.ReasonPermissionDenied, codes.NotFound: fault.ReasonResourceNotFound}[code])
		}
	}
	require.Greater(t, r.directory.asked, asked, "who seems not to lead is put to the directory")
	r.directory.answer = func(uuid.UUID) { r.exec(`UPDATE team_members SET lead = true WHERE member_id = $1`, r.amy.Member) }
	_, err := r.rotations.UpdateRotation(r.amy.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: made.GetName(), DisplayName: "Amy's"}})
	require.NoError(t, err, "which knew better")
	for _, err := range []error{
		second(r.rotations.GetRotation(foreign.ctx, &availabilityv1.GetRotationRequest{Name: made.GetName()})),
		second(r.rotations.WhoIsOn(foreign.ctx, &availabilityv1.WhoIsOnRequest{Name: made.GetName()})),
		second(r.rotations.GetRotation(r.oda.ctx, &availabilityv1.GetRotationRequest{Name: domain.RotationName(r.ws, r.crew(r.ws), uuid.MustParse(made.GetUid()))})),
		second(r.rotations.ListRotations(r.oda.ctx, &availabilityv1.ListRotationsRequest{Parent: domain.TeamName(r.ws, uuid.New())})),
		second(r.rotations.TeamWhoIsOn(r.oda.ctx, &availabilityv1.TeamWhoIsOnRequest{Name: domain.TeamName(r.ws, uuid.New())})),
		second(r.rotations.CreateRotation(r.boss.ctx, &availabilityv1.CreateRotationRequest{Parent: domain.TeamName(r.ws, uuid.New()), Rotation: &availabilityv1.Rotation{DisplayName: "x", Turns: r.daily(r.amy)}})),
	} {
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	}
	_, err = r.rotations.WhoIsOn(r.authority.AsService(t, r.ctx, "notifications"), &availabilityv1.WhoIsOnRequest{Name: made.GetName()})
	require.NoError(t, err)
}

func second[T any](_ T, err error) error { return err }

func TestBadRotations(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	former := r.memberIn(r.ws, auth.Member, "Fay", "UTC", "DEACTIVATED")
	_, foreign, _ := r.world.team()
	for name, c := range map[string]struct {
		change      func(*availabilityv1.Rotation)
		field, rule string
	}{
		"no name":         {func(x *availabilityv1.Rotation) { x.DisplayName = "" }, "rotation.display_name", "1 to 100"},
		"a blank name":    {func(x *availabilityv1.Rotation) { x.DisplayName = "  " }, "rotation.display_name", "not all blank"},
		"two lines":       {func(x *availabilityv1.Rotation) { x.DisplayName = "a\nb" }, "rotation.display_name", "on one line"},
		"nobody":          {func(x *availabilityv1.Rotation) { x.Turns.Members = nil }, "rotation.turns.members", "at least 1"},
		"no unit":         {func(x *availabilityv1.Rotation) { x.Turns.Unit = 0 }, "rotation.turns.unit", "must not be in list"},
		"a former member": {func(x *availabilityv1.Rotation) { x.Turns.Members[1] = former.name() }, "rotation.turns.members[1]", "ACTIVE"},
		"a foreigner":     {func(x *availabilityv1.Rotation) { x.Turns.Members[0] = foreign.name() }, "rotation.turns.members[0]", "same workspace"},
		"nobody known":    {func(x *availabilityv1.Rotation) { x.Turns.Members[0] = domain.MemberName(r.ws, uuid.New()) }, "rotation.turns.members[0]", "ACTIVE"},
		"53 weeks":        {func(x *availabilityv1.Rotation) { x.Turns.Unit, x.Turns.Every = availabilityv1.Turns_WEEK, 53 }, "rotation.turns.every", "from 1 to 52"},
		"no zone":         {func(x *availabilityv1.Rotation) { x.Turns.TimeZone = "" }, "rotation.turns.time_zone", "IANA"},
		"no date":         {func(x *availabilityv1.Rotation) { x.Turns.FirstDate = nil }, "rotation.turns.first_date", "must be given"},
		"a wrong date":    {func(x *availabilityv1.Rotation) { x.Turns.FirstDate.Month = 13 }, "rotation.turns.first_date", "that there is"},
		"24:00":           {func(x *availabilityv1.Rotation) { x.Turns.HandOverTime = timeOfDay("24:00") }, "rotation.turns.hand_over_time", "23:59"},
		"the past":        {func(x *availabilityv1.Rotation) { x.Turns.EffectiveTime = stamp("2026-12-01T08:59:59Z") }, "rotation.turns.effective_time", "before now"},
		"a sun with a zone": {func(x *availabilityv1.Rotation) {
			x.Turns = sun(r.amy)
			x.Turns.TimeZone = "UTC"
		}, "rotation.turns.time_zone", "must not be given"},
	} {
		wanted := &availabilityv1.Rotation{DisplayName: "x", Turns: r.daily(r.amy, r.ben)}
		c.change(wanted)
		for _, dry := range []bool{false, true} {
			_, err := r.rotations.CreateRotation(r.lead.ctx, &availabilityv1.CreateRotationRequest{Parent: r.teamName(), Rotation: wanted, ValidateOnly: dry})
			require.Error(t, err, name)
			rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
			require.ErrorContains(t, err, c.rule, name)
		}
	}
	made := r.rotation(r.daily(r.amy))
	_, err := r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{
		Rotation: &availabilityv1.Rotation{Name: made.GetName(), DisplayName: "x"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"etag"}},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "update_mask.paths[0]")
	for i := range domain.MaxUpcoming {
		turns := r.daily(r.amy, r.ben)
		turns.Every, turns.EffectiveTime = int32(i+1), timestamppb.New(epoch.AddDate(0, 0, i+1))
		_, err = r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: made.GetName(), Turns: turns}})
		require.NoError(t, err)
	}
	turns := r.daily(r.cleo)
	turns.EffectiveTime = timestamppb.New(epoch.AddDate(1, 0, 0))
	_, err = r.rotations.UpdateRotation(r.lead.ctx, &availabilityv1.UpdateRotationRequest{Rotation: &availabilityv1.Rotation{Name: made.GetName(), Turns: turns}})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonRotationLimit)
	for range domain.MaxRotations - 1 {
		r.rotation(r.daily(r.amy))
	}
	_, err = r.rotations.CreateRotation(r.lead.ctx, &availabilityv1.CreateRotationRequest{Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "x", Turns: r.daily(r.amy)}})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonRotationLimit)
	_, err = r.rotations.ListShifts(r.oda.ctx, &availabilityv1.ListShiftsRequest{Parent: made.GetName(), StartTime: stamp("2026-12-01T00:00:00Z"), EndTime: stamp("2027-12-03T00:00:00Z")})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "end_time")
}
