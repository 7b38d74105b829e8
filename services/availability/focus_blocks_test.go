package availability

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

func weeklyFocus(first string, windows ...*availabilityv1.WeeklyWindow) *availabilityv1.FocusBlock {
	return &availabilityv1.FocusBlock{DisplayName: "the book", StartDate: day(first), Windows: windows}
}

func (w *world) focus(by person, b *availabilityv1.FocusBlock) *availabilityv1.FocusBlock {
	w.t.Helper()
	made, err := w.focuses.CreateFocusBlock(by.ctx, &availabilityv1.CreateFocusBlockRequest{Parent: by.name(), FocusBlock: b})
	require.NoError(w.t, err)
	return made
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
