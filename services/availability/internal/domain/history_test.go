package domain

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// kept is a member's layers as the store keeps them, with the store's own cutting.
type kept struct {
	Record
	time MemberTime
	ws   WorkspaceTime
	now  time.Time
}

func (k *kept) person(t require.TestingT) Person {
	person, err := k.Lay()
	require.NoError(t, err)
	return person
}

func (k *kept) addSchedule(t require.TestingT, s Schedule) {
	foreseen := k.WithSchedule(s).Schedules
	for i, old := range k.Schedules {
		if old.End.IsZero() || old.End.After(s.Start) {
			k.Schedules[i].End = s.Start
			if old.Start.After(s.Start) {
				k.Schedules[i].End = old.Start
			}
		}
	}
	k.Schedules = append(k.Schedules, s)
	require.Equal(t, k.Schedules, foreseen)
}

func (k *kept) moveZone(zone string) {
	for i := range k.Zones {
		if k.Zones[i].End.IsZero() {
			k.Zones[i].End = k.now
		}
	}
	k.Zones = append(k.Zones, ZonePeriod{Zone: zone, Start: k.now})
}

func drawZone(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"America/Chicago", "Europe/London", "Pacific/Auckland", "Asia/Kolkata", "Pacific/Honolulu", "America/Santiago",
		"Australia/Lord_Howe", "UTC",
	}).Draw(t, "zone")
}

func drawWindows(t *rapid.T) []Window {
	var windows []Window
	for range rapid.IntRange(0, 3).Draw(t, "windows") {
		next := append(slices.Clone(windows), Window{
			Days:  rapid.SliceOfNDistinct(rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6}), 1, 7, rapid.ID).Draw(t, "days"),
			Start: worktime.Clock(rapid.IntRange(0, 1439).Draw(t, "start")), End: worktime.Clock(rapid.IntRange(0, 1440).Draw(t, "end")),
		})
		if _, _, overlap := worktime.Overlapping(next); !overlap {
			windows = next
		}
	}
	return windows
}

func drawRegion(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "DE-BY", "US", "NZ"}).Draw(t, "region")
}

// drawLayer is a layer that may be refused.
func (k *kept) drawLayer(t *rapid.T, today worktime.Date) Layer {
	l := Layer{
		ID: uuid.New(), Kind: rapid.SampledFrom([]LayerKind{Travel, DateOverride, FocusBlock}).Draw(t, "kind"), Name: "n",
		Dated: true, Windows: drawWindows(t), First: today + worktime.Date(rapid.IntRange(0, 9).Draw(t, "first")) - 3,
	}
	l.Last = l.First + worktime.Date(rapid.IntRange(0, 9).Draw(t, "length"))
	switch l.Kind {
	case Travel:
		l.Zone = drawZone(t)
	case DateOverride:
		l.Last = l.First
		for i := range l.Windows {
			l.Windows[i].Days = nil
		}
	case FocusBlock:
		if rapid.Bool().Draw(t, "for ever") {
			l.Last = 0
		}
		if l.Dated = rapid.Bool().Draw(t, "weekly"); !l.Dated {
			l.Windows, l.First, l.Last = nil, 0, 0
			l.Start = k.now.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "hours")) * time.Hour)
			l.End = l.Start.Add(60 * time.Hour)
		}
	}
	return l
}

// taken is a layer of the kind that has one of the dates.
func (k *kept) taken(l Layer) *Layer {
	for _, other := range k.Layers {
		if l.Dated && other.Kind == l.Kind && other.DeleteTime.IsZero() && other.First <= l.Last && l.First <= other.Last {
			return &other
		}
	}
	return nil
}

// changeLayer lays a layer over the rest, or takes one away.
func (k *kept) changeLayer(t *rapid.T) []Event {
	if n := len(k.Layers); n > 0 && rapid.Bool().Draw(t, "delete") {
		i := rapid.IntRange(0, n-1).Draw(t, "which")
		if !k.Layers[i].DeleteTime.IsZero() {
			return nil
		}
		before := k.Record
		before.Layers = slices.Clone(k.Layers)
		events, err := k.Layers[i].Delete(before, &k.time, k.now)
		require.NoError(t, err)
		return events
	}
	l := k.drawLayer(t, k.person(t).Calendar.ZoneAt(k.now).DateAt(k.now))
	l, events, err := NewLayer(l, k.Record, k.taken(l), &k.time, k.now)
	if err != nil {
		_, refused := errors.AsType[*fault.Error](err)
		require.True(t, refused, "%v", err)
		return nil
	}
	k.Layers = append(k.Layers, l)
	return events
}

// change does one change, of the first so many kinds, and returns the range that it told, which is empty for none.
func (k *kept) change(t *rapid.T, kinds int) (told worktime.Interval) {
	var (
		events []Event
		err    error
	)
	ahead := worktime.Date(rapid.IntRange(0, 9).Draw(t, "days ahead"))
	switch rapid.IntRange(0, kinds-1).Draw(t, "change") {
	case 0, 1:
		zone := drawZone(t)
		date := zoneOf(zone).DateAt(k.now) + ahead
		var s Schedule
		s, events, err = NewSchedule(Schedule{ID: uuid.New(), Zone: zone, Windows: drawWindows(t), Region: drawRegion(t)}, &date, &k.time, k.now)
		k.addSchedule(t, s)
	case 2:
		date := worktime.UTC().DateAt(k.now) + ahead
		var d DefaultSchedule
		d, _, err = NewDefaultSchedule(DefaultSchedule{ID: uuid.New(), Windows: drawWindows(t), Region: drawRegion(t)}, &date, &k.ws, k.now)
		k.Defaults = append(k.Defaults, d)
		// It tells the date alone, which begins first in the zone that is furthest ahead.
		events = []Event{WorkingTimeChanged{Start: worktime.UTC().StartOf(date - 1)}}
	case 3:
		k.moveZone(drawZone(t))
		if until, so := k.Inheriting(k.now); so {
			events = []Event{WorkingTimeChanged{Start: k.now, End: until}}
		}
	case 4:
		off := TimeOff{
			ID: uuid.New(), Kind: Sick, AllDay: rapid.Bool().Draw(t, "all day"), Asked: rapid.Bool().Draw(t, "needs an approval"),
		}
		calendar := k.person(t).Calendar
		off.First = calendar.ZoneAt(k.now).DateAt(k.now) + ahead - 3
		off.Last = off.First + 4
		off.Start = k.now.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "hours")) * time.Hour)
		off.End = off.Start.Add(60 * time.Hour)
		off, events, err = NewTimeOff(off, Person{Calendar: calendar}, uuid.Nil, &k.time, k.now)
		k.TimeOffs = append(k.TimeOffs, off)
	case 5:
		if len(k.TimeOffs) == 0 {
			return told
		}
		i := rapid.IntRange(0, len(k.TimeOffs)-1).Draw(t, "which")
		calendar := k.person(t).Calendar
		switch rapid.IntRange(0, 2).Draw(t, "what of it") {
		case 0:
			events, err = k.TimeOffs[i].Cancel(calendar, &k.time, k.now)
		case 1:
			events, err = k.TimeOffs[i].Approve(uuid.New(), Person{Calendar: calendar}, &k.time, k.now)
		default:
			events, err = k.TimeOffs[i].Decline(uuid.New(), "not then", &k.time, k.now)
		}
		if err != nil {
			return told // it is over, or was decided
		}
	default:
		events = k.changeLayer(t)
	}
	require.NoError(t, err)
	for _, e := range events {
		if changed, ok := e.(WorkingTimeChanged); ok {
			told = worktime.Interval{Start: changed.Start, End: changed.End}
			if told.End.IsZero() {
				told.End = k.now.Add(10_000 * time.Hour)
			}
		}
	}
	return told
}

func stretches(p Person, start, end time.Time) []worktime.Stretch {
	return slices.Collect(p.Calendar.Stretches(start, end))
}

// What has been never changes, whatever is done in whatever order; and what changes later lies in the range that is told.
func TestThePastNeverChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := &kept{now: time.Date(2026, 10, 28, 0, 0, 0, 0, time.UTC)}
		k.Active, k.Zone = true, "America/Chicago"
		k.Zones = []ZonePeriod{{Zone: "America/Chicago"}}
		begin := k.now.Add(-20 * 24 * time.Hour)
		k.From, k.Until = begin, k.now.Add(200*24*time.Hour)
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			k.now = k.now.Add(time.Duration(rapid.IntRange(0, 100*60).Draw(t, "minutes")) * time.Minute)
			before := k.person(t)
			told := k.change(t, 9)
			after := k.person(t)
			require.Equal(t, stretches(before, begin, k.now), stretches(after, begin, k.now), "the past")
			end := k.now.Add(40 * 24 * time.Hour)
			if told.Start.IsZero() {
				require.Equal(t, stretches(before, k.now, end), stretches(after, k.now, end), "nothing was told")
				continue
			}
			if told.Start.After(k.now) {
				require.Equal(t, stretches(before, k.now, told.Start), stretches(after, k.now, told.Start), "before what was told")
			}
			if told.End.Before(end) {
				require.Equal(t, stretches(before, told.End, end), stretches(after, told.End, end), "after what was told")
			}
		}
	})
}

// The hours in force at every instant are the one answer, whether they are asked for or reckoned with.
func TestWhatHoldsIsWhatIsReckonedWith(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := &kept{now: time.Date(2026, 10, 28, 0, 0, 0, 0, time.UTC)}
		k.Zones = []ZonePeriod{{Zone: "Europe/London"}}
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			k.now = k.now.Add(time.Duration(rapid.IntRange(0, 100*60).Draw(t, "minutes")) * time.Minute)
			k.change(t, 6)
		}
		p := k.person(t)
		at := k.now.Add(time.Duration(rapid.IntRange(-500, 500).Draw(t, "hours")) * time.Hour)
		require.Equal(t, p.Calendar.ZoneAt(at).Name(), p.In(at).Zone)
		require.False(t, p.In(at).From.After(at))
	})
}

// Default hours begin with the date in each member's own zone, and never before they were made.
func TestDefaultHoursBeginWithTheDate(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	today, _ := worktime.NewDate(2026, 12, 1)
	for _, c := range []struct {
		zone string
		date worktime.Date
		want string
	}{
		{"Pacific/Auckland", today, "2026-12-01T09:00:00Z"}, // where it is 22:00
		{"Pacific/Honolulu", today, "2026-12-01T10:00:00Z"}, // where it is still the day before
		{"Pacific/Auckland", today + 1, "2026-12-01T11:00:00Z"},
		{"America/Chicago", today + 1, "2026-12-02T06:00:00Z"},
	} {
		r := Record{Zone: c.zone, Defaults: []DefaultSchedule{{ID: uuid.New(), EffectiveDate: c.date, CreateTime: made}}}
		p, err := r.Lay()
		require.NoError(t, err)
		want, err := time.Parse(time.RFC3339, c.want)
		require.NoError(t, err)
		require.Equal(t, want, p.In(want).From, c.zone)
		require.Equal(t, uuid.Nil, p.In(want.Add(-1)).Schedule)
		require.Equal(t, r.Defaults[0].ID, p.In(want).Schedule)
	}
}

func TestAnUnknownZoneFallsBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ own, workspace, want string }{
		{"Europe/London", "Asia/Kolkata", "Europe/London"},
		{"", "Asia/Kolkata", "Asia/Kolkata"},
		{"Mars/Olympus", "Asia/Kolkata", "Asia/Kolkata"},
		{"Mars/Olympus", "", "UTC"},
		{"Local", "Local", "UTC"},
	} {
		p, err := Record{Zone: c.own, WorkspaceZone: c.workspace}.Lay()
		require.NoError(t, err)
		require.Equal(t, c.want, p.In(time.Unix(0, 0)).Zone)
	}
}
