package outlook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/outlook"
)

const (
	working = availabilityv1.AvailabilityInterval_WORKING
	focus   = availabilityv1.AvailabilityInterval_UNINTERRUPTIBLE
	timeOff = availabilityv1.AvailabilityInterval_TIME_OFF
	holiday = availabilityv1.AvailabilityInterval_HOLIDAY
	off     = availabilityv1.AvailabilityInterval_OFF
)

// span is a stretch of a row, local, from the hour where the one before ended.
type span struct {
	until time.Duration
	kind  availabilityv1.AvailabilityInterval_Kind
}

// days are an outlook's, of London, without rows.
func days(t *testing.T, first string, count int) *availabilityv1.TeamOutlook {
	t.Helper()
	zone, err := worktime.LoadZone("Europe/London")
	require.NoError(t, err)
	from, err := worktime.ParseDate(first)
	require.NoError(t, err)
	o := &availabilityv1.TeamOutlook{TimeZone: zone.Name(), Need: 2}
	for d := from; d < from+worktime.Date(count); d++ {
		year, month, day := d.Parts()
		o.Days = append(o.Days, &availabilityv1.OutlookDay{
			Date:      &date.Date{Year: int32(year), Month: int32(month), Day: int32(day)},
			StartTime: timestamppb.New(zone.StartOf(d)), EndTime: timestamppb.New(zone.StartOf(d + 1)),
		})
	}
	return o
}

// row adds a row whose spans are told by hours from the start of the range.
func row(o *availabilityv1.TeamOutlook, name, zone, delegate string, spans ...span) {
	r := &availabilityv1.OutlookRow{Member: "members/" + name, DisplayName: name, TimeZone: zone, Delegate: delegate}
	start := o.GetDays()[0].GetStartTime().AsTime()
	at := start
	for _, s := range append(spans, span{until: 1000 * time.Hour, kind: off}) {
		end := start.Add(s.until)
		r.Intervals = append(r.Intervals, &availabilityv1.AvailabilityInterval{StartTime: timestamppb.New(at), EndTime: timestamppb.New(end), Kind: s.kind})
		at = end
	}
	o.Rows = append(o.Rows, r)
}

// count adds a bucket for each hour of the range; hours that are not named have none.
func count(o *availabilityv1.TeamOutlook, least map[int]int32) {
	start, end := o.GetDays()[0].GetStartTime().AsTime(), o.GetDays()[len(o.GetDays())-1].GetEndTime().AsTime()
	for i := 0; start.Add(time.Duration(i) * time.Hour).Before(end); i++ {
		o.Buckets = append(o.Buckets, &availabilityv1.CoverageBucket{
			StartTime: timestamppb.New(start.Add(time.Duration(i) * time.Hour)), MinCount: least[i],
		})
	}
}

func stretch(o *availabilityv1.TeamOutlook, from, until time.Duration) *availabilityv1.CoverageInterval {
	start := o.GetDays()[0].GetStartTime().AsTime()
	return &availabilityv1.CoverageInterval{StartTime: timestamppb.New(start.Add(from)), EndTime: timestamppb.New(start.Add(until))}
}

func TestAWeekEnd(t *testing.T) {
	t.Parallel()
	const h = time.Hour
	o := days(t, "2026-12-25", 4)
	o.CoreHours = "coreHours"
	row(o, "ada", "Asia/Kolkata", "members/Zoë", span{3*h + 40*time.Minute, off}, span{11*h + 30*time.Minute, timeOff})
	row(o, "Ana", "Europe/London", "", span{9 * h, off}, span{17 * h, holiday}, span{81 * h, off}, span{83 * h, focus}, span{89 * h, working})
	row(o, "Benjamin Bartholomew the Third", "America/Chicago", "members/Ana", span{15 * h, off}, span{23*h + 10*time.Minute, working})
	o.CoreIntervals = []*availabilityv1.CoverageInterval{stretch(o, 10*h, 16*h), stretch(o, 82*h, 88*h)}
	o.Gaps = []*availabilityv1.CoverageInterval{stretch(o, 10*h, 15*h)}
	o.Holidays = []*availabilityv1.OutlookHoliday{
		{Date: o.GetDays()[0].GetDate(), DisplayName: "Christmas Day", Members: []string{"members/Ana"}},
		{Date: o.GetDays()[1].GetDate(), DisplayName: "Boxing Day", Members: []string{"members/Ana"}},
	}
	counts := map[int]int32{}
	for i := 15; i < 23; i++ {
		counts[i] = 1
	}
	for i := 81; i < 89; i++ {
		counts[i] = 12
	}
	count(o, counts)
	want := `
2026-12-25 to 2026-12-28 in Europe/London
█ working   ▒ working, uninterruptible   o time off   H holiday   · off
━ core hours, 2 needed   ! core hours, and nobody works

ada                  Asia/Kolkata, Zoë Zett acts for them
Ana                  Europe/London
Benjamin Bartholome… America/Chicago, Ana acts for them

Fri 2026-12-25       00  02  04  06  08  10  12  14  16  18  20  22
core hours                               !!!!!!!!!!━━
ada                  ·······oooooooooooooooo·························
Ana                  ··················HHHHHHHHHHHHHHHH··············
Benjamin Bartholome… ······························████████████████··
at least at work     · · · · · · · · · · · · · · · 1 1 1 1 1 1 1 1 ·
H Christmas Day: Ana

Sat 2026-12-26       nobody works (Boxing Day: Ana)
Sun 2026-12-27       nobody works

Mon 2026-12-28       00  02  04  06  08  10  12  14  16  18  20  22
core hours                               ━━━━━━━━━━━━
ada                  ················································
Ana                  ··················▒▒▒▒████████████··············
Benjamin Bartholome… ················································
at least at work                       1 1 1 1 1 1 1 1
                     · · · · · · · · · 2 2 2 2 2 2 2 2 · · · · · · ·
`
	require.Equal(t, strings.TrimPrefix(want, "\n"), outlook.Draw(o, map[string]string{"members/Zoë": "Zoë\nZett"}))
}

func TestADayIsAsLongAsItIs(t *testing.T) {
	t.Parallel()
	for first, want := range map[string]string{
		"2027-03-28": `
Sun 2027-03-28       00    04  06  08  10  12  14  16  18  20  22
Ana                  ████··········································
at least at work     1 1 · · · · · · · · · · · · · · · · · · · · ·
`,
		"2027-10-31": `
Sun 2027-10-31       00    02  04  06  08  10  12  14  16  18  20  22
Ana                  ████··············································
at least at work     1 1 · · · · · · · · · · · · · · · · · · · · · · ·
`,
	} {
		o := days(t, first, 1)
		row(o, "Ana", "Europe/London", "", span{2 * time.Hour, working})
		count(o, map[int]int32{0: 1, 1: 1})
		require.True(t, strings.HasSuffix(outlook.Draw(o, nil), want), outlook.Draw(o, nil))
	}
}

func TestLargeTeamsAndNone(t *testing.T) {
	t.Parallel()
	o := days(t, "2026-12-25", 1)
	require.True(t, strings.HasSuffix(outlook.Draw(o, nil), "\nnobody is in the team\n\nFri 2026-12-25       nobody works\n"))
	day := &availabilityv1.OutlookHoliday{Date: o.GetDays()[0].GetDate(), DisplayName: "Christmas Day"}
	for n := range 120 {
		name := fmt.Sprintf("M%d", n)
		row(o, name, "UTC", "members/018f-nobody-knows", span{24 * time.Hour, working})
		day.Members = append(day.Members, "members/"+name)
	}
	o.Holidays = append(o.Holidays, day)
	count(o, map[int]int32{0: 120})
	got := outlook.Draw(o, nil)
	require.Contains(t, got, "M0                   UTC, 018f-nobody-knows acts for them\n")
	require.Contains(t, got, "\nat least at work     1\n                     2\n                     0 · ·")
	require.True(t, strings.HasSuffix(got, "\nH Christmas Day: M0, M1, M2, M3, M4 and 115 more\n"))
	for _, line := range strings.Split(got, "\n") {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 71, line)
	}
}
