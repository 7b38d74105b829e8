package ical

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// Feed is a calendar to be written.
type Feed struct {
	// Product says who writes it, as -//Meridian//Availability//EN.
	Product string
	// Name is what clients show for it.
	Name string
	// Stamp is when it was made.
	Stamp   time.Time
	Entries []Entry
}

// Entry is an event of a feed.
type Entry struct {
	worktime.Interval
	// UID stays the same for the same event in every feed, RFC 5545 3.8.4.7.
	UID string
	// Title is the SUMMARY.
	Title      string
	Categories []string
	// Free says that the time is not busy.
	Free bool
}

// Write writes a feed as one VCALENDAR. Times are in UTC and in whole seconds: a part of a second at either end counts as
// a whole one. Its error is the writer's.
func (f Feed) Write(to io.Writer) error {
	w := begin(to, f.Product)
	w.line("METHOD", "PUBLISH")
	w.line("X-WR-CALNAME", escape(f.Name))
	for _, e := range f.Entries {
		w.line("BEGIN", eventName)
		w.line("UID", escape(e.UID))
		w.line("DTSTAMP", utcTime(f.Stamp))
		w.line("DTSTART", utcTime(e.Start))
		w.line("DTEND", utcTime(up(e.End)))
		w.line("SUMMARY", escape(e.Title))
		if len(e.Categories) > 0 {
			names := make([]string, len(e.Categories))
			for i, name := range e.Categories {
				names[i] = escape(name)
			}
			w.line("CATEGORIES", strings.Join(names, ","))
		}
		transparency := "OPAQUE"
		if e.Free {
			transparency = "TRANSPARENT"
		}
		w.line("TRANSP", transparency)
		w.line("END", eventName)
	}
	return w.end()
}

// BusyKind is a FBTYPE, RFC 5545 3.2.9.
type BusyKind string

// The kinds that there are.
const (
	Free        BusyKind = "FREE"
	Busy        BusyKind = "BUSY"
	Unavailable BusyKind = "BUSY-UNAVAILABLE"
	Tentative   BusyKind = "BUSY-TENTATIVE"
)

// BusyTime is an interval of a kind.
type BusyTime struct {
	worktime.Interval
	Kind BusyKind
}

// FreeBusy is somebody's busy time to be written.
type FreeBusy struct {
	// Product, UID and Stamp are as of a Feed and its entries.
	Product, UID string
	Stamp        time.Time
	// Range is the time that it says something of.
	Range worktime.Interval
	Times []BusyTime
}

// Write writes it as one VFREEBUSY, RFC 5545 3.6.4, ordered by time. Times are as those of Feed. Its error is the writer's.
func (f FreeBusy) Write(to io.Writer) error {
	w := begin(to, f.Product)
	w.line("METHOD", "PUBLISH")
	w.line("BEGIN", "VFREEBUSY")
	w.line("UID", escape(f.UID))
	w.line("DTSTAMP", utcTime(f.Stamp))
	w.line("DTSTART", utcTime(f.Range.Start))
	w.line("DTEND", utcTime(up(f.Range.End)))
	times := slices.SortedStableFunc(slices.Values(f.Times), func(a, b BusyTime) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End))
	})
	for _, t := range times {
		w.line("FREEBUSY;FBTYPE="+string(t.Kind), utcTime(t.Start)+"/"+utcTime(up(t.End)))
	}
	w.line("END", "VFREEBUSY")
	return w.end()
}

// writer writes content lines. The buffer keeps the first error.
type writer struct{ out *bufio.Writer }

func begin(to io.Writer, product string) writer {
	w := writer{bufio.NewWriter(to)}
	w.line("BEGIN", calendarName)
	w.line("VERSION", "2.0")
	w.line("PRODID", escape(product))
	return w
}

func (w writer) end() error {
	w.line("END", calendarName)
	return w.out.Flush()
}

// line writes a content line, folded so that none is longer than 75 octets and no character is cut, RFC 5545 3.1. The
// value is escaped where it is text.
func (w writer) line(name, value string) {
	const longest = 75
	text := name + ":" + value
	for room := longest; len(text) > room; room = longest - 1 {
		end := room
		for end > room-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		w.put(text[:end] + "\r\n ")
		text = text[end:]
	}
	w.put(text + "\r\n")
}

func (w writer) put(text string) { _, _ = w.out.WriteString(text) } // Flush tells of its error

// escape is a text as a value of type TEXT, RFC 5545 3.3.11, without the characters that it may not have.
func escape(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\ufffd"))
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(text)
}

func utcTime(at time.Time) string { return at.UTC().Format("20060102T150405Z") }

// up is the instant, or the next whole second.
func up(at time.Time) time.Time {
	if at.Nanosecond() == 0 {
		return at
	}
	return at.Truncate(time.Second).Add(time.Second)
}
