package worktime

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// turnsAround draws turns around an instant. Who follows the sun has calendars around it too.
func turnsAround(t *rapid.T, zone *Zone, at time.Time) Turns {
	d := drawing{t, zone, at}
	v := Turns{
		From: d.around("from"), Unit: Unit(rapid.IntRange(1, 5).Draw(t, "unit")), Every: rapid.IntRange(1, 5).Draw(t, "every"), Zone: zone,
		First: d.date("first") - Date(rapid.IntRange(0, 400).Draw(t, "earlier")), At: Clock(rapid.IntRange(0, 1439).Draw(t, "at")),
	}
	v.Members = rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 1, 4).Draw(t, "members")
	if v.Unit == FollowTheSun {
		for range v.Members {
			v.Sun = append(v.Sun, NewCalendar(d.layers()))
			d.zone, _ = zoned(t)
		}
	}
	return v
}

func overrideAround(t *rapid.T, d drawing) RotationOverride {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C", "D", "E", ""}), 2, 2, rapid.ID).Draw(t, "names")
	start := d.around("override")
	long := time.Duration(rapid.Int64Range(1, int64(5*24*time.Hour)).Draw(t, "long"))
	return RotationOverride{Start: start, End: start.Add(long), Out: names[0], In: names[1], Known: d.known()}
}

// duty is the parts of a rotation as they were given.
type duty struct {
	turns     []Turns
	overrides []RotationOverride
}

func duties(t *rapid.T) (duty, drawing) {
	zone, at := zoned(t)
	d := drawing{t, zone, at}
	var all duty
	for range rapid.IntRange(1, 3).Draw(t, "versions") {
		all.turns = append(all.turns, turnsAround(t, zone, at))
	}
	for range rapid.IntRange(0, 4).Draw(t, "overrides") {
		all.overrides = append(all.overrides, overrideAround(t, d))
	}
	return all, d
}

func (d duty) rotation(t require.TestingT) *Rotation {
	r, err := NewRotation(d.turns, d.overrides)
	require.NoError(t, err)
	return r
}

// on reads the rules word by word, for one instant.
func (d duty) on(at time.Time) []string {
	var v *Turns
	for i := range d.turns {
		if from := d.turns[i].From; !from.After(at) && (v == nil || !from.Before(v.From)) {
			v = &d.turns[i]
		}
	}
	if v == nil {
		return nil
	}
	order := v.orderAt(at)
	on, out := []string{order[0]}, map[string]bool{}
	for _, o := range d.overrides {
		if !o.at(at) || !within(at, o.Start, o.End) {
			continue
		}
		out[o.Out] = true
		place := slices.Index(on, o.Out)
		switch {
		case o.Out == "" && !slices.Contains(on, o.In):
			on = append(on, o.In)
		case o.Out == "" || place < 0:
		case o.In == "" || slices.Contains(on, o.In):
			on = slices.Delete(on, place, place+1)
		default:
			on[place] = o.In
		}
	}
	for _, next := range order {
		if len(on) == 0 && !out[next] {
			on = append(on, next)
		}
	}
	return on
}

// orderAt are the members as they step in: from the one whose turn has begun last.
func (v *Turns) orderAt(at time.Time) []string {
	if v.Unit == FollowTheSun {
		return v.underTheSun(at)
	}
	// Hand-overs from long before until long after, each by the rule for a point in time.
	now, far := 0, 500
	if v.Unit == ByHour {
		far *= 24
	}
	for k := -far; k <= far; k++ {
		n := k * v.Every
		date, clock := v.First+Date(n), v.At
		switch v.Unit {
		case ByHour:
			hours := int64(v.At)/60 + int64(n)
			date, clock = v.First+Date(days(hours*3600)), Clock(hours*60-days(hours*3600)*24*60)+v.At%60
		case ByWeek:
			date = v.First + Date(7*n)
		case ByMonth:
			year, month, day := v.First.Parts()
			for {
				months := int(month) - 1 + n
				var ok bool
				y := year + int(days(int64(months)*daySeconds/12))
				if date, ok = NewDate(y, time.Month(months-(y-year)*12+1), day); ok {
					break
				}
				day--
			}
		case ByDay, FollowTheSun:
		}
		if date < v.Zone.DateAt(at)-2 {
			now = k
			continue
		}
		if v.Zone.Instant(date, clock).After(at) {
			break
		}
		now = k
	}
	n := len(v.Members)
	first := (now%n + n) % n
	return append(slices.Clone(v.Members[first:]), v.Members[:first]...)
}

func (v *Turns) underTheSun(at time.Time) []string {
	works := func(c *Calendar, at time.Time) bool { return len(c.working(at, at.Add(1))) > 0 }
	var working, others []string
	last, left := 0, time.Time{}
	for i, c := range v.Sun {
		if works(c, at) {
			working = append(working, v.Members[i])
		} else {
			others = append(others, v.Members[i])
		}
		if before := c.working(at.Add(-Horizon), at); len(before) > 0 && before[len(before)-1].End.After(left) {
			last, left = i, before[len(before)-1].End
		}
	}
	if len(working) == 0 {
		others = append([]string{v.Members[last]}, slices.Delete(slices.Clone(v.Members), last, last+1)...)
	}
	return append(working, others...)
}

func TestRotations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		duty, d := duties(t)
		r := duty.rotation(t)
		start, end := d.at.Add(-12*24*time.Hour), d.at.Add(24*24*time.Hour)
		begins := duty.turns[0].From
		for _, v := range duty.turns {
			begins = earlier(begins, v.From)
		}
		next := later(start, begins)
		var shifts []Shift
		for s := range r.Shifts(start, end) {
			require.Equal(t, next, s.Start, "neither a gap nor a double")
			require.True(t, s.Start.Before(s.End))
			probes := []time.Time{s.Start, s.End.Add(-1)}
			if len(shifts)%8 == 0 {
				probes = append(probes, s.Start.Add(s.Length()/2))
			}
			for _, probe := range probes {
				require.Equal(t, duty.on(probe), s.Members, "%s", probe)
				require.Equal(t, s.Members, r.On(probe))
			}
			if len(shifts) == 40 { // of hourly turns the first ones
				end = s.End
			}
			shifts, next = append(shifts, s), s.End
			if len(shifts) > 40 {
				break
			}
		}
		require.Equal(t, end, later(next, start))
		require.Empty(t, r.On(begins.Add(-1)))

		cut := start.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(start))).Draw(t, "cut")))
		var inside []Shift
		for _, s := range shifts {
			if clipped, ok := s.clip(cut, end); ok {
				inside = append(inside, Shift{clipped, s.Members})
			}
		}
		require.Equal(t, inside, slices.Collect(r.Shifts(cut, end)), "the range only clips")
	})
}

// Turns that take over at an instant and overrides made then leave all before as it was.
func TestTheRotationsPastStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		duty, d := duties(t)
		now := d.around("now")
		before := duty.rotation(t)
		turns := turnsAround(t, d.zone, d.at)
		turns.From = now
		duty.turns = append(slices.Clone(duty.turns), turns)
		duty.overrides = slices.Clone(duty.overrides)
		for i := range duty.overrides {
			if o := &duty.overrides[i]; rapid.Bool().Draw(t, "end it") && (o.Until.IsZero() || o.Until.After(now)) {
				o.Until = now
			}
		}
		override := overrideAround(t, d)
		override.Known = Known{Since: now}
		duty.overrides = append(duty.overrides, override)
		after := duty.rotation(t)
		start := now.Add(-9 * 24 * time.Hour)
		require.Equal(t, slices.Collect(before.Shifts(start, now)), slices.Collect(after.Shifts(start, now)))
		require.Equal(t, before.On(now.Add(-1)), after.On(now.Add(-1)))
	})
}

func handovers(t *testing.T, v Turns, from, to string) (all []string) {
	t.Helper()
	r, err := NewRotation([]Turns{v}, nil)
	require.NoError(t, err)
	for s := range r.Shifts(utc(t, from), utc(t, to)) {
		all = append(all, s.Start.Format("01-02 15:04 ")+s.Members[0])
	}
	return all
}

func TestHandOversOverAChangeOfTheClocks(t *testing.T) {
	t.Parallel()
	v := Turns{Members: []string{"A", "B", "C"}, Unit: ByDay, Every: 1, Zone: place(t, "America/Chicago"), First: on(t, "2026-03-07"), At: 2*60 + 30}
	require.Equal(t, []string{"03-07 08:30 A", "03-08 08:00 B", "03-09 07:30 C"}, handovers(t, v, "2026-03-07 08:30", "2026-03-10 00:00"), "in a gap")
	v.First, v.At = on(t, "2026-10-31"), 90
	require.Equal(t, []string{"10-31 06:30 A", "11-01 06:30 B", "11-02 07:30 C"}, handovers(t, v, "2026-10-31 06:30", "2026-11-03 00:00"), "in a repeated hour, once")
	v.Unit, v.First, v.At = ByHour, on(t, "2026-03-08"), 0
	require.Equal(t, []string{"03-08 06:00 A", "03-08 07:00 B", "03-08 08:00 A", "03-08 09:00 B"}, handovers(t, v, "2026-03-08 06:00", "2026-03-08 10:00"), "the turn of 02:00 is skipped")
	v.First = on(t, "2026-11-01")
	require.Equal(t, []string{"11-01 05:00 A", "11-01 06:00 B", "11-01 08:00 C"}, handovers(t, v, "2026-11-01 05:00", "2026-11-01 09:00"), "the turn of 01:00 is two hours long")
	v.Unit, v.First, v.At, v.Zone = ByDay, on(t, "2011-12-29"), 9*60, place(t, "Pacific/Apia")
	require.Equal(t, []string{"12-29 19:00 A", "12-30 10:00 B", "12-30 19:00 C"}, handovers(t, v, "2011-12-29 19:00", "2011-12-31 00:00"), "on a date that never was")
	v = Turns{Members: []string{"A"}, Unit: ByWeek, Every: 2, Zone: UTC(), First: on(t, "2026-12-01")}
	require.Equal(t, []string{"12-01 00:00 A", "12-15 00:00 A"}, handovers(t, v, "2026-12-01 00:00", "2026-12-20 00:00"), "one to oneself")
	v = Turns{Members: []string{"A", "B"}, Unit: ByMonth, Every: 1, Zone: UTC(), First: on(t, "2028-01-31")}
	require.Equal(t, []string{"01-31 00:00 A", "02-29 00:00 B", "03-31 00:00 A", "04-30 00:00 B"}, handovers(t, v, "2028-01-31 00:00", "2028-05-01 00:00"))
}

// A year of a weekly rotation with a swap, one more and one put out: each instant has its shift, and only one.
func TestAYearOfARotation(t *testing.T) {
	t.Parallel()
	v := Turns{From: utc(t, "2026-01-01 00:00"), Members: []string{"A", "B", "C"}, Unit: ByWeek, Every: 1, Zone: place(t, "Europe/London"), First: on(t, "2026-01-05"), At: 9 * 60}
	second, third := Interval{utc(t, "2026-03-23 09:00"), utc(t, "2026-03-30 08:00")}, Interval{utc(t, "2026-03-30 08:00"), utc(t, "2026-04-06 08:00")}
	r, err := NewRotation([]Turns{v}, []RotationOverride{
		{Start: second.Start, End: second.End, Out: "C", In: "A"},
		{Start: third.Start, End: third.End, Out: "A", In: "C"},
		{Start: utc(t, "2026-10-24 00:00"), End: utc(t, "2026-10-27 00:00"), In: "D"},
		{Start: utc(t, "2026-12-24 00:00"), End: utc(t, "2026-12-27 00:00"), Out: "A"},
		{Start: utc(t, "2026-12-25 00:00"), End: utc(t, "2026-12-26 00:00"), Out: "B"},
		{Start: utc(t, "2026-12-25 12:00"), End: utc(t, "2026-12-25 13:00"), Out: "C"},
	})
	require.NoError(t, err)
	start, end := utc(t, "2026-01-01 00:00"), utc(t, "2027-01-01 00:00")
	next, alone := start, map[string]int{}
	for s := range r.Shifts(start, end) {
		require.Equal(t, next, s.Start)
		if len(s.Members) == 1 {
			alone[s.Members[0]]++
		}
		next = s.End
	}
	require.Equal(t, end, next)
	require.Equal(t, []string{"A"}, r.On(second.Start))
	require.Equal(t, []string{"C"}, r.On(third.Start))
	require.Equal(t, []string{"A"}, r.On(third.End.Add(-7*24*time.Hour-1)), "the hand-over is at nine by the clocks")
	require.Len(t, r.On(utc(t, "2026-10-25 01:30")), 2)
	require.Contains(t, r.On(utc(t, "2026-10-25 01:30")), "D")
	require.Equal(t, []string{"C"}, r.On(utc(t, "2026-12-24 12:00")), "its fiftieth week is of the third in order")
	require.Empty(t, r.On(utc(t, "2026-12-25 12:30")), "all are put out")
	require.Greater(t, alone["B"], 15)
}

func TestFollowTheSun(t *testing.T) {
	t.Parallel()
	office := func(zone string) *Calendar {
		return NewCalendar(Layers{Hours: []Hours{workweek(t, zone, "09:00-17:00")}})
	}
	v := Turns{Members: []string{"Kolkata", "London", "Chicago"}, Unit: FollowTheSun, Sun: []*Calendar{office("Asia/Kolkata"), office("Europe/London"), office("America/Chicago")}}
	require.Equal(t, []string{
		"12-04 00:00 Chicago", "12-04 03:30 Kolkata", "12-04 11:30 London", "12-04 17:00 Chicago", "12-07 03:30 Kolkata", "12-07 11:30 London",
	}, handovers(t, v, "2026-12-04 00:00", "2026-12-07 12:00"), "over the weekend it is who was on last")
	left := Layers{Hours: []Hours{workweek(t, "UTC", "09:00-12:00"), {From: utc(t, "2026-12-01 12:00"), Zone: UTC()}}}
	v.Sun = []*Calendar{NewCalendar(Layers{}), NewCalendar(Layers{}), NewCalendar(left)}
	require.Equal(t, []string{"12-01 00:00 Chicago", "03-01 12:00 Kolkata"}, handovers(t, v, "2026-12-01 00:00", "2027-04-01 00:00"), "for as long as the Horizon")
}

func TestRotationsAreChecked(t *testing.T) {
	t.Parallel()
	good := Turns{Members: []string{"A"}, Unit: ByDay, Every: 1, Zone: UTC()}
	for field, spoil := range map[string]func(*Turns){
		"members": func(v *Turns) { v.Members = nil },
		"unit":    func(v *Turns) { v.Unit = 0 },
		"every":   func(v *Turns) { v.Every = 0 },
		"zone":    func(v *Turns) { v.Zone = nil },
		"at":      func(v *Turns) { v.At = DayEnd },
		"sun":     func(v *Turns) { v.Unit = FollowTheSun },
	} {
		bad := good
		spoil(&bad)
		_, err := NewRotation([]Turns{good, bad}, nil)
		var wrong *RotationError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, [...]any{"turns", 1, field}, [...]any{wrong.Part, wrong.Index, wrong.Field})
		require.Contains(t, err.Error(), field)
	}
	start := utc(t, "2026-12-01 00:00")
	for field, bad := range map[string]RotationOverride{
		"end": {Start: start, End: start, In: "A"}, "in": {Start: start, End: start.Add(1)},
	} {
		_, err := NewRotation([]Turns{good}, []RotationOverride{bad})
		var wrong *RotationError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, [...]any{"overrides", 0, field}, [...]any{wrong.Part, wrong.Index, wrong.Field})
	}
	_, err := NewRotation([]Turns{good}, []RotationOverride{{Start: start, End: start.Add(1), In: "A", Out: "A"}})
	require.Error(t, err)
}
