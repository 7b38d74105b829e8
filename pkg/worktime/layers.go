package worktime

import "time"

// Layers are what a member's calendar is made of. Of two of one kind that contradict each other the later in order holds.
type Layers struct {
	Hours     []Hours
	Travels   []Travel
	Holidays  []Holiday
	Overrides []Override
	Absences  []Absence
	Blocks    []Block
}

// Known clips what a layer does to the time in which it was known: it was set at Since, and changed or taken back at Until.
// So neither changes what had passed by then. Zero clips nothing.
type Known struct{ Since, Until time.Time }

// throughout says whether it was known from lo until hi, between which it was neither set nor taken back. A zero bound is
// since ever or for ever.
func (k Known) throughout(lo, hi time.Time) bool {
	since := k.Since.IsZero() || !lo.IsZero() && !k.Since.After(lo)
	until := k.Until.IsZero() || !hi.IsZero() && !k.Until.Before(hi)
	return since && until
}

// Hours are weekly windows in a zone, in force from an instant until the next ones take over there.
type Hours struct {
	// From is the first instant. The first hours of a calendar hold since ever, whatever it says.
	From time.Time
	Zone *Zone
	Week Week
	// Gone says that nothing is worked while they are in force, whatever lies over them: all is Off.
	Gone bool
}

// Travel is a stay in another zone: from the first instant of First until the last of Last, both dates of that zone.
type Travel struct {
	Zone        *Zone
	First, Last Date
	Known
}

// Holiday is a local date whose weekly windows are not worked.
type Holiday struct {
	Date Date
	Name string
	Known
}

// Override replaces the windows of a local date, of a holiday too. NewOverride makes one.
type Override struct {
	Date    Date
	windows []hours
	Known
}

// NewOverride makes an override of windows that start on the date, and so name no days; without any nobody works then.
// Since and Until are for the caller to set. Its error is a *WindowError.
func NewOverride(date Date, windows []Window) (Override, error) {
	o := Override{Date: date}
	for i, w := range windows {
		if len(w.Days) > 0 {
			return Override{}, &WindowError{i, "days", "must be left out: the date says the day"}
		}
		if err := w.checkTimes(i); err != nil {
			return Override{}, err
		}
		o.windows = append(o.windows, w.hours())
	}
	sortHours(o.windows)
	return o, nil
}

// Absence is time off: whole local dates, in the zone in force, or from one instant until before another.
type Absence struct {
	// AllDay says that First to Last holds, itself included, and else Start to End.
	AllDay      bool
	First, Last Date
	Start, End  time.Time
	Known
}

// Block is time in which a member who works is not to be interrupted: a focus block, or a busy time of their own calendar.
type Block struct {
	// Weekly says that the windows of Week hold, in the zone in force, of the local dates from First to Last, itself
	// included and zero for ever; and else Start to End.
	Weekly      bool
	Week        Week
	First, Last Date
	Start, End  time.Time
	Known
}
