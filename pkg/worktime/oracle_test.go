package worktime

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// zoned draws a zone and an instant, most of them near a change of its clocks.
func zoned(t *rapid.T) (*Zone, time.Time) {
	zone, err := LoadZone(rapid.SampledFrom(Zones()).Draw(t, "zone"))
	require.NoError(t, err)
	at := time.Date(rapid.IntRange(1990, 2050).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	if changes := zone.changes(1990, 2050); len(changes) > 0 && rapid.IntRange(0, 4).Draw(t, "near") > 0 {
		at = rapid.SampledFrom(changes).Draw(t, "change")
	}
	return zone, instant(at + rapid.Int64Range(-3*daySeconds, 3*daySeconds).Draw(t, "off"))
}

// timed draws windows without days.
func timed(t *rapid.T, label string, most int) []Window {
	var windows []Window
	for range rapid.IntRange(0, most).Draw(t, label+" windows") {
		windows = append(windows, Window{
			Start: Clock(rapid.IntRange(0, 1439).Draw(t, label+" start")), End: Clock(rapid.IntRange(0, 1440).Draw(t, label+" end")),
		})
	}
	return windows
}

func weekly(t *rapid.T, label string) Week {
	all := []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	windows := timed(t, label, 4)
	for i := range windows {
		windows[i].Days = rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 7, rapid.ID).Draw(t, label+" days")
	}
	if rapid.IntRange(0, 9).Draw(t, label+" around") == 0 {
		windows = []Window{{Days: all, Start: 0, End: DayEnd}}
	}
	week, err := NewWeek(windows)
	require.NoError(t, err)
	return week
}

// drawing draws layers around an instant.
type drawing struct {
	*rapid.T
	zone *Zone
	at   time.Time
}

func (d drawing) around(label string) time.Time {
	return d.at.Add(time.Duration(rapid.Int64Range(-int64(10*24*time.Hour), int64(20*24*time.Hour)).Draw(d.T, label)).Truncate(time.Microsecond))
}

func (d drawing) date(label string) Date {
	return d.zone.DateAt(d.at) + Date(rapid.IntRange(-5, 10).Draw(d.T, label))
}

func (d drawing) times(label string) int { return rapid.IntRange(-1, 3).Draw(d.T, label) }

func (d drawing) known() (k Known) {
	if rapid.IntRange(0, 2).Draw(d.T, "clipped") == 0 {
		k.Since = d.around("since")
	}
	if rapid.IntRange(0, 3).Draw(d.T, "taken back") == 0 {
		k.Until = d.around("until")
	}
	return k
}

func (d drawing) absence() Absence {
	a := Absence{AllDay: rapid.Bool().Draw(d.T, "all day"), Start: d.around("off"), Known: d.known()}
	a.First = d.zone.DateAt(a.Start)
	length := rapid.IntRange(0, 6).Draw(d.T, "length")
	a.Last, a.End = a.First+Date(length), a.Start.Add(time.Duration(length+1)*7*time.Hour)
	return a
}

func (d drawing) override() Override {
	o, err := NewOverride(d.date("date"), timed(d.T, "override", 2))
	require.NoError(d.T, err)
	o.Known = d.known()
	return o
}

func (d drawing) block() Block {
	b := Block{Start: d.around("block"), Weekly: rapid.Bool().Draw(d.T, "weekly"), Known: d.known()}
	b.End = b.Start.Add(time.Duration(rapid.Int64Range(1, int64(30*time.Hour)).Draw(d.T, "long")))
	if b.Weekly {
		b.Week, b.First = weekly(d.T, "block"), d.date("first")
		if rapid.Bool().Draw(d.T, "ends") {
			b.Last = b.First + 7
		}
	}
	return b
}

// layers draws up to three hours in zones of their own, and up to three of each other layer, around an instant.
func layers(t *rapid.T) (Layers, time.Time) {
	zone, at := zoned(t)
	return drawing{t, zone, at}.layers(), at
}

func (d drawing) layers() Layers {
	t, zone := d.T, d.zone
	other := func() *Zone {
		if rapid.Bool().Draw(t, "moved") {
			zone, _ := zoned(t)
			return zone
		}
		return zone
	}
	l := Layers{Hours: []Hours{{Zone: zone, Week: weekly(t, "first")}}}
	for range d.times("more hours") {
		l.Hours = append(l.Hours, Hours{From: d.around("from"), Zone: other(), Week: weekly(t, "next")})
	}
	for range d.times("absences") {
		l.Absences = append(l.Absences, d.absence())
	}
	for range d.times("travels") {
		first := d.date("first")
		l.Travels = append(l.Travels, Travel{other(), first, first + Date(rapid.IntRange(-1, 4).Draw(t, "days")), d.known()})
	}
	for range d.times("holidays") {
		l.Holidays = append(l.Holidays, Holiday{d.date("date"), rapid.SampledFrom([]string{"A", "B"}).Draw(t, "name"), d.known()})
	}
	for range d.times("overrides") {
		l.Overrides = append(l.Overrides, d.override())
	}
	for range d.times("blocks") {
		l.Blocks = append(l.Blocks, d.block())
	}
	return l
}

// crew draws up to five calendars around one instant.
func crew(t *rapid.T) ([]*Calendar, time.Time) {
	zone, at := zoned(t)
	var all []*Calendar
	for range rapid.IntRange(1, 5).Draw(t, "members") {
		all = append(all, NewCalendar(drawing{t, zone, at}.layers()))
		zone, _ = zoned(t)
	}
	return all, at
}

func calendar(t *rapid.T) (*oracle, time.Time) {
	l, at := layers(t)
	return &oracle{Layers: l, Calendar: NewCalendar(l)}, at
}

// oracle reads the rules of the package word by word, for one instant at a time.
type oracle struct {
	Layers
	*Calendar
}

func (k Known) at(at time.Time) bool {
	return !at.Before(k.Since) && (k.Until.IsZero() || at.Before(k.Until))
}

func within(at, start, end time.Time) bool { return !at.Before(start) && at.Before(end) }

// in is the zone and the hours in force.
func (o *oracle) in(at time.Time) (*Zone, *Week) {
	hours := slices.Clone(o.Hours)
	slices.SortStableFunc(hours, func(a, b Hours) int { return a.From.Compare(b.From) })
	h := hours[0]
	for _, other := range hours[1:] {
		if !other.From.After(at) {
			h = other
		}
	}
	zone := h.Zone
	for _, t := range o.Travels {
		if t.at(at) && within(at, t.Zone.StartOf(t.First), t.Zone.StartOf(t.Last+1)) {
			zone = t.Zone
		}
	}
	return zone, &h.Week
}

// of are the windows of a date: worked, or those of a holiday.
func (o *oracle) of(d Date, week *Week, at time.Time) (windows []hours, holiday bool) {
	windows = week.days[d.Weekday()]
	for _, h := range o.Holidays {
		holiday = holiday || h.Date == d && h.at(at)
	}
	for _, over := range o.Overrides {
		if over.Date == d && over.at(at) {
			windows, holiday = over.windows, false
		}
	}
	return windows, holiday
}

// kind is what an instant is.
func (o *oracle) kind(at time.Time) Kind {
	zone, week := o.in(at)
	covers := func(d Date, windows []hours) bool {
		return slices.ContainsFunc(windows, func(w hours) bool {
			r := reckoner{zone: zone}
			start, _ := r.first(wall(d, w.start))
			return within(at, instant(start), instant(r.last(wall(d, w.end))))
		})
	}
	kind := Off
	var blocked bool
	for d := zone.DateAt(at) - 3; d <= zone.DateAt(at)+3; d++ {
		windows, holiday := o.of(d, week, at)
		switch {
		case !covers(d, windows):
		case !holiday:
			kind = Working
		case kind == Off:
			kind = OnHoliday
		}
		for _, b := range o.Blocks {
			if b.Weekly && b.at(at) && d >= b.First && (b.Last == 0 || d <= b.Last) {
				blocked = blocked || covers(d, b.Week.days[d.Weekday()])
			}
		}
	}
	if kind != Working {
		return kind
	}
	for _, a := range o.Absences {
		start, end := a.Start, a.End
		if a.AllDay {
			start, end = zone.StartOf(a.First), zone.StartOf(a.Last+1)
		}
		if a.at(at) && within(at, start, end) {
			return Away
		}
	}
	for _, b := range o.Blocks {
		blocked = blocked || !b.Weekly && b.at(at) && within(at, b.Start, b.End)
	}
	if blocked {
		return Uninterruptible
	}
	return Working
}

// works says whether an instant is working time.
func (o *oracle) works(at time.Time) bool {
	kind := o.kind(at)
	return kind == Working || kind == Uninterruptible
}

func total(intervals []Interval) (sum time.Duration) {
	for _, i := range intervals {
		sum += i.Length()
	}
	return sum
}

func (c *Calendar) working(start, end time.Time) []Interval {
	return slices.Collect(c.Working(start, end))
}
