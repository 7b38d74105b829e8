// Package outlook draws a team's next days as text, for a terminal of 80 columns or more.
//
// It promises that the same outlook is always the same text, of lines of at most 71 characters but for lists of names. A cell
// is half an hour, and shows what most of it is. A day is as long as it is: 46 cells or 50 where clocks change. Names are put on
// one line and cut, but not made safe for a terminal.
package outlook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

const (
	cell = 30 * time.Minute
	// margin is how wide the names are, most how many of them a list has.
	margin = 20
	most   = 5
)

// mark is what a kind of time looks like.
type mark struct {
	kind availabilityv1.AvailabilityInterval_Kind
	sign rune
	word string
}

// marks are all of them. Of kinds that have the same part of a cell the first is shown.
func marks() []mark {
	return []mark{
		{availabilityv1.AvailabilityInterval_WORKING, '█', "working"},
		{availabilityv1.AvailabilityInterval_UNINTERRUPTIBLE, '▒', "working, uninterruptible"},
		{availabilityv1.AvailabilityInterval_TIME_OFF, 'o', "time off"},
		{availabilityv1.AvailabilityInterval_HOLIDAY, 'H', "holiday"},
		{availabilityv1.AvailabilityInterval_OFF, '·', "off"},
	}
}

const (
	coreSign = '━'
	gapSign  = '!'
)

// Draw draws an outlook: a legend, who is in the team, and a table for each day on which there is something to see. names are
// what members who are not in the team are called.
func Draw(o *availabilityv1.TeamOutlook, names map[string]string) string {
	d := drawing{outlook: o, zone: worktime.UTC(), names: maps.Clone(names)}
	if zone, err := worktime.LoadZone(o.GetTimeZone()); err == nil {
		d.zone = zone
	}
	if d.names == nil {
		d.names = map[string]string{}
	}
	for _, r := range o.GetRows() {
		d.names[r.GetMember()] = r.GetDisplayName()
	}
	d.legend()
	blank := true
	for _, day := range o.GetDays() {
		blank = d.day(day, blank)
	}
	return d.text.String()
}

// drawing is one under way.
type drawing struct {
	outlook *availabilityv1.TeamOutlook
	zone    *worktime.Zone
	names   map[string]string
	text    strings.Builder
}

// line writes a line with a name before it.
func (d *drawing) line(name, rest string) {
	line := fmt.Sprintf("%-*s %s", margin, cut(name), rest)
	d.text.WriteString(strings.TrimRight(line, " ") + "\n")
}

// cut is a name on one line that fits before the cells.
func cut(name string) string {
	name = oneLine(name)
	if runes := []rune(name); len(runes) > margin {
		return string(runes[:margin-1]) + "…"
	}
	return name
}

func oneLine(name string) string { return strings.Join(strings.Fields(name), " ") }

func (d *drawing) legend() {
	days := d.outlook.GetDays()
	fmt.Fprintf(&d.text, "%s to %s in %s\n", dateText(days[0].GetDate()), dateText(days[len(days)-1].GetDate()), d.outlook.GetTimeZone())
	var words []string
	for _, m := range marks() {
		words = append(words, string(m.sign)+" "+m.word)
	}
	d.text.WriteString(strings.Join(words, "   ") + "\n")
	if d.outlook.GetCoreHours() != "" {
		fmt.Fprintf(&d.text, "%c core hours, %d needed   %c core hours, and nobody works\n", coreSign, d.outlook.GetNeed(), gapSign)
	}
	d.text.WriteString("\n")
	for _, r := range d.outlook.GetRows() {
		about := r.GetTimeZone()
		if r.GetDelegate() != "" {
			about += ", " + d.name(r.GetDelegate()) + " acts for them"
		}
		d.line(r.GetDisplayName(), about)
	}
	if len(d.outlook.GetRows()) == 0 {
		d.text.WriteString("nobody is in the team\n")
	}
}

// name is what a member is called; where that is not known, by their id.
func (d *drawing) name(member string) string {
	if name := oneLine(d.names[member]); name != "" {
		return name
	}
	return member[strings.LastIndexByte(member, '/')+1:]
}

// day draws a day, in a line where nobody's time is anything but off. The blank line between is left out between such lines: it
// says whether the next day needs one in any case.
func (d *drawing) day(day *availabilityv1.OutlookDay, full bool) bool {
	free := d.holidays(day.GetDate())
	grid := newGrid(day)
	var rows []string
	idle := true
	for _, r := range d.outlook.GetRows() {
		cells := grid.kinds(r.GetIntervals())
		rows = append(rows, string(cells))
		idle = idle && strings.Trim(string(cells), "·") == ""
	}
	if full || !idle {
		d.text.WriteString("\n")
	}
	title := d.zone.Local(grid.start).Format("Mon 2006-01-02")
	if idle {
		words := "nobody works"
		if len(free) > 0 {
			words += " (" + strings.Join(free, "; ") + ")"
		}
		d.line(title, words)
		return false
	}
	d.line(title, string(grid.clock(d.zone)))
	if core := string(grid.core(d.outlook)); strings.TrimSpace(core) != "" {
		d.line("core hours", core)
	}
	for i, r := range d.outlook.GetRows() {
		d.line(r.GetDisplayName(), rows[i])
	}
	for i, digits := range grid.counts(d.outlook.GetBuckets()) {
		label := ""
		if i == 0 {
			label = "at least at work"
		}
		d.line(label, digits)
	}
	for _, words := range free {
		d.text.WriteString("H " + words + "\n")
	}
	return true
}

// holidays are those of a date, each with whose it is.
func (d *drawing) holidays(on *date.Date) []string {
	var all []string
	for _, h := range d.outlook.GetHolidays() {
		if dateText(h.GetDate()) != dateText(on) {
			continue
		}
		var who []string
		for _, member := range h.GetMembers()[:min(most, len(h.GetMembers()))] {
			who = append(who, d.name(member))
		}
		words := oneLine(h.GetDisplayName()) + ": " + strings.Join(who, ", ")
		if more := len(h.GetMembers()) - most; more > 0 {
			words += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, words)
	}
	return all
}

func dateText(d *date.Date) string {
	return fmt.Sprintf("%04d-%02d-%02d", d.GetYear(), d.GetMonth(), d.GetDay())
}

// grid is a day in cells.
type grid struct {
	start time.Time
	cells int
}

func newGrid(day *availabilityv1.OutlookDay) grid {
	start := day.GetStartTime().AsTime()
	return grid{start: start, cells: int((day.GetEndTime().AsTime().Sub(start) + cell - 1) / cell)}
}

// line is an empty line of cells.
func (g grid) line() []rune { return slices.Repeat([]rune{' '}, g.cells) }

// span is a stretch of time of the API.
type span interface {
	GetStartTime() *timestamppb.Timestamp
	GetEndTime() *timestamppb.Timestamp
}

// each gives the cells that a span is in, and how much of each it has.
func (g grid) each(s span, visit func(i int, part time.Duration)) {
	from, to := s.GetStartTime().AsTime().Sub(g.start), s.GetEndTime().AsTime().Sub(g.start)
	for i := max(0, int(from/cell)); i < g.cells && time.Duration(i)*cell < to; i++ {
		begins := time.Duration(i) * cell
		if part := min(to, begins+cell) - max(from, begins); part > 0 {
			visit(i, part)
		}
	}
}

// kinds are the signs of what most of each cell is.
func (g grid) kinds(intervals []*availabilityv1.AvailabilityInterval) []rune {
	parts := map[availabilityv1.AvailabilityInterval_Kind][]time.Duration{}
	for _, interval := range intervals {
		kind := interval.GetKind()
		g.each(interval, func(i int, part time.Duration) {
			if parts[kind] == nil {
				parts[kind] = make([]time.Duration, g.cells)
			}
			parts[kind][i] += part
		})
	}
	line, best := g.line(), make([]time.Duration, g.cells)
	for _, m := range marks() {
		for i, part := range parts[m.kind] {
			if part > best[i] {
				line[i], best[i] = m.sign, part
			}
		}
	}
	return line
}

// core are the core hours, and where in them nobody works, each where it has at least half of a cell.
func (g grid) core(o *availabilityv1.TeamOutlook) []rune {
	line := g.line()
	mark := func(sign rune) func(i int, part time.Duration) {
		return func(i int, part time.Duration) {
			if part >= cell/2 {
				line[i] = sign
			}
		}
	}
	for _, interval := range o.GetCoreIntervals() {
		g.each(interval, mark(coreSign))
	}
	if o.GetCoreHours() != "" { // else all of the time is to be covered, nights too
		for _, gap := range o.GetGaps() {
			g.each(gap, mark(gapSign))
		}
	}
	return line
}

// clock is every second hour of the day, where clocks show it first and there is room.
func (g grid) clock(zone *worktime.Zone) []rune {
	line := g.line()
	shown := -1
	for i := range g.cells {
		local := zone.Local(g.start.Add(time.Duration(i) * cell))
		hour, room := local.Hour(), i == 0 || line[i-1] == ' '
		if local.Minute() == 0 && hour%2 == 0 && hour > shown && room {
			copy(line[i:], []rune(fmt.Sprintf("%02d", hour)))
			shown = hour
		}
	}
	return line
}

// counts are how many work in each hour when the fewest do, a line for each digit of the most of them; a dot is nobody.
func (g grid) counts(buckets []*availabilityv1.CoverageBucket) []string {
	least := map[int]string{} // by cell
	digits := 1
	for _, b := range buckets {
		at := b.GetStartTime().AsTime().Sub(g.start)
		if i := int(at / cell); at >= 0 && i < g.cells {
			least[i] = "·"
			if n := b.GetMinCount(); n > 0 {
				least[i] = fmt.Sprint(n)
				digits = max(digits, len(least[i]))
			}
		}
	}
	var all []string
	for place := digits; place > 0; place-- {
		line := g.line()
		for i, text := range least {
			if runes := []rune(text); len(runes) >= place {
				line[i] = runes[len(runes)-place]
			}
		}
		all = append(all, string(line))
	}
	return all
}
