package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func TestOverridesAddRemoveAndReplace(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben))
	r.override(made.GetName(), "2026-12-01T12:00:00Z", "2026-12-01T13:00:00Z", person{}, r.oda)
	r.override(made.GetName(), "2026-12-01T20:00:00Z", "2026-12-01T21:00:00Z", r.amy, person{})
	replaced := r.override(made.GetName(), "2026-11-20T00:00:00Z", "2026-12-02T08:00:00Z", r.amy, r.cleo)
	require.Equal(t, []string{
		"01 09:00 01 12:00 cleo", "01 12:00 01 13:00 cleo+oda", "01 13:00 01 20:00 cleo", "01 20:00 01 21:00 ben", "01 21:00 02 08:00 cleo",
		"02 08:00 02 09:00 amy", "02 09:00 03 09:00 ben",
	}, r.listed(made.GetName(), "2026-12-01T00:00:00Z", "2026-12-03T09:00:00Z"))

	// Taken back, it counts until then.
	r.clock.Advance(4 * time.Hour)
	req := &availabilityv1.DeleteRotationOverrideRequest{Name: replaced.GetName(), Etag: replaced.GetEtag(), RequestId: uuid.NewString()}
	gone, err := r.rotations.DeleteRotationOverride(r.lead.ctx, req)
	require.NoError(t, err)
	again, err := r.rotations.DeleteRotationOverride(r.lead.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(gone, again))
	_, err = r.rotations.DeleteRotationOverride(r.lead.ctx, &availabilityv1.DeleteRotationOverrideRequest{Name: replaced.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Equal(t, []string{"01 09:00 01 12:00 cleo", "01 12:00 01 13:00 cleo+oda", "01 13:00 01 20:00 amy"},
		r.listed(made.GetName(), "2026-12-01T00:00:00Z", "2026-12-01T20:00:00Z"))
	_, err = r.rotations.GetRotationOverride(r.oda.ctx, &availabilityv1.GetRotationOverrideRequest{Name: replaced.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	found, err := r.rotations.ListRotationOverrides(r.oda.ctx, &availabilityv1.ListRotationOverridesRequest{Parent: made.GetName(), PageSize: 1})
	require.NoError(t, err)
	require.Len(t, found.GetRotationOverrides(), 1)
	got, err := r.rotations.GetRotationOverride(r.oda.ctx, &availabilityv1.GetRotationOverrideRequest{Name: found.GetRotationOverrides()[0].GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(found.GetRotationOverrides()[0], got))
	found, err = r.rotations.ListRotationOverrides(r.oda.ctx, &availabilityv1.ListRotationOverridesRequest{Parent: made.GetName(), PageSize: 1, PageToken: found.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, found.GetRotationOverrides(), 1)
	require.Empty(t, found.GetNextPageToken())
}

func TestBadOverrides(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy))
	former := r.memberIn(r.ws, auth.Member, "Fay", "UTC", "DEACTIVATED")
	for name, c := range map[string]struct {
		change      func(*availabilityv1.RotationOverride)
		field, rule string
	}{
		"no start":      {func(o *availabilityv1.RotationOverride) { o.StartTime = nil }, "rotation_override.start_time", "required"},
		"no end":        {func(o *availabilityv1.RotationOverride) { o.EndTime = nil }, "rotation_override.end_time", "required"},
		"an end before": {func(o *availabilityv1.RotationOverride) { o.EndTime = o.GetStartTime() }, "rotation_override.end_time", "after start_time"},
		"367 days":      {func(o *availabilityv1.RotationOverride) { o.EndTime = stamp("2027-12-05T09:00:00Z") }, "rotation_override.end_time", "366 days"},
		"the past": {func(o *availabilityv1.RotationOverride) {
			o.StartTime, o.EndTime = stamp("2026-11-01T09:00:00Z"), stamp("2026-12-01T09:00:00Z")
		}, "rotation_override.end_time", "passed"},
		"nobody":            {func(o *availabilityv1.RotationOverride) { o.InMember, o.OutMember = "", "" }, "rotation_override.in_member", "must be given"},
		"in for themselves": {func(o *availabilityv1.RotationOverride) { o.InMember = o.GetOutMember() }, "rotation_override.in_member", "out_member"},
		"a former member":   {func(o *availabilityv1.RotationOverride) { o.InMember = former.name() }, "rotation_override.in_member", "ACTIVE"},
		"nobody known":      {func(o *availabilityv1.RotationOverride) { o.OutMember = domain.MemberName(r.ws, uuid.New()) }, "rotation_override.out_member", "a member of the workspace"},
	} {
		o := &availabilityv1.RotationOverride{StartTime: stamp("2026-12-03T09:00:00Z"), EndTime: stamp("2026-12-04T09:00:00Z"), OutMember: r.amy.name(), InMember: r.ben.name()}
		c.change(o)
		_, err := r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{Parent: made.GetName(), RotationOverride: o})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
		require.ErrorContains(t, err, c.rule, name)
	}
	r.exec(`INSERT INTO rotation_overrides SELECT $1, $2, gen_random_uuid(), '2027-01-01', '2027-01-02', NULL, $3, NULL, '2026-12-01' FROM generate_series(1, $4::int)`,
		r.ws, uuid.MustParse(made.GetUid()), r.ben.Member, domain.MaxOverrides)
	_, err := r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{Parent: made.GetName(), RotationOverride: &availabilityv1.RotationOverride{
		StartTime: stamp("2026-12-03T09:00:00Z"), EndTime: stamp("2026-12-04T09:00:00Z"), InMember: r.ben.name(),
	}})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonRotationLimit)
}
