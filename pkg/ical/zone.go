package ical

import (
	_ "embed" // the names of Windows
	"slices"
	"strings"
	"sync"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// windowsZones maps the names of zones in Windows to those of IANA. Its first line names its source and version.
//
//go:embed windowszones.tsv
var windowsZones string

// windows is the map made of it.
var windows = sync.OnceValue(func() map[string]string { //nolint:gochecknoglobals // a constant that Go cannot declare const
	names := map[string]string{}
	for row := range strings.Lines(windowsZones) {
		if name, iana, ok := strings.Cut(strings.TrimSpace(row), "\t"); ok {
			names[name] = iana
		}
	}
	return names
})

// tzid is what a TZID means: a VTIMEZONE of the file or a zone of IANA, or why it means nothing.
type tzid struct {
	name  string
	own   *timezone
	iana  *worktime.Zone
	wrong *Error // without a line where it is not about a VTIMEZONE
}

// resolve finds the meaning among the zones that the file declares, those of IANA and those of Windows.
func (z *tzid) resolve(declared map[string]*timezone) {
	if own := declared[z.name]; own != nil {
		z.own, z.wrong = own, own.wrong
		if z.wrong == nil && len(own.observances) == 0 {
			z.wrong = &Error{Line: own.line, Property: timezoneName, Rule: "must have a STANDARD or DAYLIGHT"}
		}
		return
	}
	names := []string{z.name}
	if rest, prefixed := strings.CutPrefix(z.name, "/"); prefixed {
		// A vendor's prefix has one part or more, RFC 5545 3.8.3.1; a name of IANA one to three.
		parts := strings.Split(rest, "/")
		for i := max(0, len(parts)-3); i < len(parts); i++ {
			names = append(names, strings.Join(parts[i:], "/"))
		}
	}
	names = append(names, windows()[z.name])
	for _, name := range names {
		if iana, err := worktime.LoadZone(name); err == nil {
			z.iana = iana
			return
		}
	}
	z.wrong = &Error{
		Property: "TZID", Rule: "must name a VTIMEZONE of the file, a zone of IANA or one of Windows, and is " + shown(z.name),
	}
}

// timezone is a VTIMEZONE, RFC 5545 3.6.5.
type timezone struct {
	name        string
	line        int
	observances []observance
	wrong       *Error
}

// observance is a STANDARD or DAYLIGHT: from each of its onsets on clocks are so many seconds ahead of UTC.
type observance struct {
	line     int
	start    moment
	from, to int64
	rules    []*rule
	dates    []moment

	started, fromSet, toSet bool
}

func (o *observance) set(p *parser, property property) (err error) {
	switch property.name {
	case "DTSTART":
		o.started = true
		o.start, err = parseMoment(property.name, property.value, nil)
	case "TZOFFSETFROM":
		o.fromSet = true
		o.from, err = parseOffset(property.name, property.value)
	case "TZOFFSETTO":
		o.toSet = true
		o.to, err = parseOffset(property.name, property.value)
	case "RRULE":
		rule, err := parseRule(property.value, isFloating)
		o.rules = append(o.rules, rule)
		return err
	case "RDATE":
		for text := range strings.SplitSeq(property.value, ",") {
			if err := p.spendDates(o.line); err != nil {
				return err
			}
			begin, _, _ := strings.Cut(text, "/")
			m, err := parseMoment(property.name, begin, nil)
			if err != nil {
				return err
			}
			o.dates = append(o.dates, m)
		}
	}
	return err
}

func (o *observance) check() *refusal {
	var missing string
	switch {
	case !o.started:
		missing = "DTSTART"
	case !o.fromSet:
		missing = "TZOFFSETFROM"
	case !o.toSet:
		missing = "TZOFFSETTO"
	default:
		return nil
	}
	return &refusal{property: timezoneName + " " + missing, rule: "must be there"}
}

// clock turns what clocks show into instants and back, both in seconds.
type clock interface {
	instant(wall int64) int64
	wall(at int64) int64
}

// known is a clock of IANA.
type known struct{ zone *worktime.Zone }

func (k known) instant(wall int64) int64 {
	date := dateOf(wall)
	return k.zone.InstantRFC5545(date, int(wall-int64(date)*day)).Unix()
}

func (k known) wall(at int64) int64 {
	_, offset := k.zone.Local(instant(at)).Zone()
	return at + int64(offset)
}

// change is from when clocks are so many seconds ahead of UTC.
type change struct{ at, offset int64 }

// declared is the clock of a VTIMEZONE. Its changes are reckoned as far as they are asked for.
type declared struct {
	q       *query
	zone    *timezone
	until   int64 // what clocks show where the changes that are known end
	changes []change
}

// reach reckons the changes until clocks show a time, and some way further, as more will be asked for.
func (d *declared) reach(wall int64) {
	if d.changes != nil && wall+2*day <= d.until {
		return
	}
	const further = 40 * 366 * day
	d.until = max(wall+further, d.q.hi+7*day)
	if d.changes == nil {
		d.until = max(wall, d.q.hi) + 7*day
	}
	d.q.spendChanges(d.zone.line, -len(d.changes))
	var onsets []onset
	for i := range d.zone.observances {
		onsets = d.onsets(&d.zone.observances[i], onsets)
	}
	slices.SortStableFunc(onsets, func(a, b onset) int { return compare(a.at, b.at) })
	d.changes = append(d.changes[:0], change{at: -1 << 62, offset: onsets[0].from})
	for _, o := range onsets {
		d.changes = append(d.changes, change{at: o.at, offset: o.to})
	}
}

// onset is when an observance begins.
type onset struct{ at, from, to int64 }

// onsets adds those of an observance. Its times are in terms of the offset before it.
func (d *declared) onsets(o *observance, all []onset) []onset {
	add := func(at int64) bool {
		all = append(all, onset{at: at, from: o.from, to: o.to})
		return d.q.spendChanges(d.zone.line, 1)
	}
	in := func(m moment) int64 {
		if m.form == isUTC {
			return m.wall
		}
		return m.wall - o.from
	}
	add(in(o.start))
	for _, m := range o.dates {
		add(in(m))
	}
	for _, r := range o.rules {
		spend := func(n int) bool { return d.q.spend(d.zone.line, n) }
		r.expand(o.start.wall, o.start.wall, d.until, spend, func(wall int64) bool {
			if at := wall - o.from; r.until == nil || at <= in(*r.until) {
				return add(at)
			}
			return false
		})
	}
	return all
}

// offset is the place of the change in force at an instant.
func (d *declared) place(at int64) int {
	i, found := slices.BinarySearchFunc(d.changes, at, func(c change, at int64) int { return compare(c.at, at) })
	for found && i+1 < len(d.changes) && d.changes[i+1].at == at {
		i++
	}
	if found {
		return i
	}
	return i - 1
}

func (d *declared) instant(wall int64) int64 {
	d.reach(wall)
	for i := d.place(wall - day); ; i++ {
		c := d.changes[i]
		at := max(c.at, wall-c.offset)
		if i+1 < len(d.changes) && at >= d.changes[i+1].at {
			continue
		}
		if at+c.offset != wall {
			at = wall - d.changes[i-1].offset
		}
		return at
	}
}

func (d *declared) wall(at int64) int64 {
	d.reach(at + day)
	return at + d.changes[d.place(at)].offset
}
