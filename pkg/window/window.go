// Package window is how long somebody has: a response window, counted in their working time, in their working days or in
// plain elapsed time.
//
// A Window is a value of the domain: it knows no calendar. The instant at which one ends is the availability service's to
// say (package workingtime asks it).
package window

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Unit is what a window is counted in.
type Unit string

const (
	// WorkingTime counts the time in which the recipient works.
	WorkingTime Unit = "working"
	// WorkingDays counts the recipient's working days.
	WorkingDays Unit = "days"
	// ElapsedTime counts all time.
	ElapsedTime Unit = "elapsed"
)

// Window is a response window. The zero value is none.
type Window struct {
	// Unit is what it is counted in; empty for no window.
	Unit Unit
	// Time is its length for WorkingTime and ElapsedTime.
	Time time.Duration
	// Days is its length for WorkingDays.
	Days int
}

// Working is a window of working time.
func Working(d time.Duration) Window { return Window{Unit: WorkingTime, Time: d} }

// Days is a window of n working days.
func Days(n int) Window { return Window{Unit: WorkingDays, Days: n} }

// Elapsed is a window of plain time.
func Elapsed(d time.Duration) Window { return Window{Unit: ElapsedTime, Time: d} }

// None says whether there is no window.
func (w Window) None() bool { return w.Unit == "" }

// ThreeQuarters is the part of the window after which a reminder comes; none where it would not come before the end: a
// window of no length, or of a single working day.
func (w Window) ThreeQuarters() Window {
	switch {
	case w.Unit == WorkingDays && w.Days > 1:
		return Days(w.Days * 3 / 4)
	case w.Unit != WorkingDays && w.Time > 0:
		return Window{Unit: w.Unit, Time: w.Time / 4 * 3}
	}
	return Window{}
}

// String writes the window as it is stored: `working 8h0m0s`, `days 2`, `elapsed 24h0m0s`; empty for none.
func (w Window) String() string {
	switch w.Unit {
	case WorkingDays:
		return string(w.Unit) + " " + strconv.Itoa(w.Days)
	case WorkingTime, ElapsedTime:
		return string(w.Unit) + " " + w.Time.String()
	}
	return ""
}

// Words says it to people: "8 working hours", "2 working days", "24 hours"; empty for none.
func (w Window) Words() string {
	switch w.Unit {
	case WorkingDays:
		return count(w.Days, "working day")
	case WorkingTime:
		return length(w.Time, "working ")
	case ElapsedTime:
		return length(w.Time, "")
	}
	return ""
}

func length(d time.Duration, adjective string) string {
	if d%time.Hour == 0 {
		return count(int(d/time.Hour), adjective+"hour")
	}
	return count(int(d/time.Minute), adjective+"minute")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// Parse reads what String wrote.
func Parse(text string) (Window, error) {
	if text == "" {
		return Window{}, nil
	}
	unit, amount, _ := strings.Cut(text, " ")
	switch Unit(unit) {
	case WorkingDays:
		n, err := strconv.Atoi(amount)
		if err != nil || n < 1 {
			return Window{}, fmt.Errorf("window: %q has no number of days", text)
		}
		return Days(n), nil
	case WorkingTime, ElapsedTime:
		d, err := time.ParseDuration(amount)
		if err != nil || d < 0 {
			return Window{}, fmt.Errorf("window: %q has no duration", text)
		}
		return Window{Unit: Unit(unit), Time: d}, nil
	}
	return Window{}, fmt.Errorf("window: %q has no unit", text)
}
