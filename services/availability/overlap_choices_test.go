package availability

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func (w *world) choose(by person, start, end string, members ...person) (*availabilityv1.OverlapChoice, error) {
	w.t.Helper()
	req := &availabilityv1.ChooseOverlapRequest{Parent: domain.WorkspaceName(by.Workspace), StartTime: stamp(start), EndTime: stamp(end)}
	for _, m := range members {
		req.Members = append(req.Members, m.name())
	}
	return w.ask.ChooseOverlap(by.ctx, req)
}

// The early and the late meeting ask the same in all; who bore the last one is spared, for ninety days, and no longer when
// the choice is taken back.
func TestWhatWasBorneIsSpreadOverNinetyDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, _ := w.team()
	ada, bo := w.member(ws, auth.Member, "Ada", "UTC"), w.member(ws, auth.Member, "Bo", "UTC")
	w.set(ada, ada.name(), "UTC", "", hours("08:00", "09:00"))
	w.set(bo, bo.name(), "UTC", "", hours("10:00", "11:00"))
	best := func(day string) string {
		found, err := w.ask.FindOverlap(ana.ctx, &availabilityv1.FindOverlapRequest{
			Parent: domain.WorkspaceName(ws), Members: []string{ada.name(), bo.name()}, MinDuration: durationpb.New(time.Hour),
			StartTime: stamp(day + "T08:00:00Z"), EndTime: stamp(day + "T11:00:00Z"),
		})
		require.NoError(t, err)
		return found.GetSlots()[0].GetStartTime().AsTime().Format("15:04")
	}
	require.Equal(t, "08:00", best("2026-12-02"), "the earliest of those that ask as little")
	chosen, err := w.choose(ada, "2026-12-02T08:00:00Z", "2026-12-02T09:00:00Z", ada, bo)
	require.NoError(t, err)
	require.EqualValues(t, 60, chosen.GetOutsideMinutes())
	require.Equal(t, []string{ada.name(), bo.name()}, []string{chosen.GetMembers()[0].GetMember(), chosen.GetMembers()[1].GetMember()})
	require.EqualValues(t, 0, chosen.GetMembers()[0].GetOutsideMinutes())
	require.EqualValues(t, 60, chosen.GetMembers()[1].GetOutsideMinutes())
	require.Equal(t, "10:00", best("2026-12-03"), "Bo bore the last one")

	w.clock.Advance(domain.BurdenMemory - time.Microsecond)
	require.Equal(t, "10:00", best("2027-03-03"))
	w.clock.Advance(time.Microsecond)
	require.Equal(t, "08:00", best("2027-03-03"), "it is ninety days ago")

	chosen, err = w.choose(bo, "2027-03-03T08:00:00Z", "2027-03-03T09:00:00Z", bo)
	require.NoError(t, err)
	require.Equal(t, "10:00", best("2027-03-04"))
	_, err = w.ask.DeleteOverlapChoice(ada.ctx, &availabilityv1.DeleteOverlapChoiceRequest{Name: chosen.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, domain.ReasonNotTheChooser)
	req := &availabilityv1.DeleteOverlapChoiceRequest{Name: chosen.GetName(), RequestId: uuid.NewString()}
	for range 2 {
		_, err = w.ask.DeleteOverlapChoice(bo.ctx, req)
		require.NoError(t, err)
	}
	require.Equal(t, "08:00", best("2027-03-04"))
	_, err = w.ask.GetOverlapChoice(bo.ctx, &availabilityv1.GetOverlapChoiceRequest{Name: chosen.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.ask.DeleteOverlapChoice(ana.ctx, &availabilityv1.DeleteOverlapChoiceRequest{Name: chosen.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	var heard []string
	for _, e := range w.unpublished() {
		switch told := e.payload.(type) {
		case *availabilityv1.OverlapChosen:
			require.Empty(t, told.GetOverlapChoice().GetMembers())
			require.EqualValues(t, 1, told.GetVersion())
			heard = append(heard, "chosen "+told.GetOverlapChoice().GetChooser())
		case *availabilityv1.OverlapWithdrawn:
			require.Equal(t, chosen.GetName(), e.Aggregate)
			require.EqualValues(t, 2, told.GetVersion())
			heard = append(heard, "withdrawn "+told.GetOverlapChoice().GetChooser())
		}
	}
	require.Equal(t, []string{"chosen " + ada.name(), "chosen " + bo.name(), "withdrawn " + bo.name()}, heard)
}

func TestChoicesAreListedAndTheSameTwiceIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	parent := domain.WorkspaceName(ws)
	req := &availabilityv1.ChooseOverlapRequest{
		Parent: parent, Members: []string{ben.name(), ana.name()}, StartTime: stamp("2026-12-02T15:30:00Z"), EndTime: stamp("2026-12-02T17:20:30Z"),
		RequestId: uuid.NewString(),
	}
	first, err := w.ask.ChooseOverlap(ben.ctx, req)
	require.NoError(t, err)
	require.EqualValues(t, 21, first.GetOutsideMinutes(), "a begun minute is a whole one")
	again, err := w.ask.ChooseOverlap(ben.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(first, again))
	w.clock.Advance(36 * time.Hour)
	again, err = w.ask.ChooseOverlap(ben.ctx, req)
	require.NoError(t, err, "when it has passed, too")
	require.True(t, proto.Equal(first, again))
	second, err := w.choose(ana, "2026-12-03T15:00:00Z", "2026-12-03T16:00:00Z", ben)
	require.NoError(t, err)
	one, err := w.ask.ListOverlapChoices(ben.ctx, &availabilityv1.ListOverlapChoicesRequest{Parent: parent, PageSize: 1})
	require.NoError(t, err)
	two, err := w.ask.ListOverlapChoices(ben.ctx, &availabilityv1.ListOverlapChoicesRequest{Parent: parent, PageSize: 1, PageToken: one.GetNextPageToken()})
	require.NoError(t, err)
	second.Members, first.Members = nil, nil // GetOverlapChoice has them
	require.True(t, proto.Equal(second, one.GetOverlapChoices()[0]))
	require.True(t, proto.Equal(first, two.GetOverlapChoices()[0]))
	require.Empty(t, two.GetNextPageToken())
}

func TestWhatIsNoTimeToMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	for _, c := range []struct{ start, end, field string }{
		{"2026-12-02T10:00:00Z", "2026-12-02T10:00:00Z", "end_time"},
		{"2026-12-02T10:00:00Z", "2026-12-03T10:00:01Z", "end_time"},
		{"2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z", "end_time"},
		{"2027-12-03T10:00:00Z", "2027-12-03T11:00:00Z", "start_time"},
	} {
		_, err := w.choose(ana, c.start, c.end, ben)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	_, err := w.choose(ana, "2026-12-02T10:00:00Z", "2026-12-02T11:00:00Z")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "members")
	_, err = w.choose(ana, "2026-12-02T10:00:00Z", "2026-12-02T11:00:00Z", ben, ben)
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "members")
	_, err = w.ask.ChooseOverlap(ana.ctx, &availabilityv1.ChooseOverlapRequest{
		Parent: domain.WorkspaceName(ws), Members: []string{domain.MemberName(ws, uuid.New())},
		StartTime: stamp("2026-12-02T10:00:00Z"), EndTime: stamp("2026-12-02T11:00:00Z"),
	})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Empty(t, w.unpublished())
}
