package availability

import (
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
