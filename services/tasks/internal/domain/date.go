package domain

import (
	"fmt"
	"time"
)

// Date is a local date, in a zone that is known from elsewhere. The zero value is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

const dateLayout = "2006-01-02"

// ParseDate reads what String wrote; the empty text is no date.
func ParseDate(text string) (Date, error) {
	if text == "" {
		return Date{}, nil
	}
	t, err := time.Parse(dateLayout, text)
	if err != nil {
		return Date{}, fmt.Errorf("domain: %q is no date", text)
	}
	return DateOf(t), nil
}

// DateOf is the date of an instant in its own zone.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{Year: year, Month: month, Day: day}
}

// IsZero says whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Valid says whether there is such a day, from the year 1 to 9999, or no date.
func (d Date) Valid() bool {
	return d.IsZero() || d.Year >= 1 && d.Year <= 9999 && DateOf(d.Start()) == d
}

// Start is the date's first instant in UTC.
func (d Date) Start() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// End is the first instant after the date in UTC.
func (d Date) End() time.Time { return d.Start().AddDate(0, 0, 1) }

// String writes the date as 2026-12-01; nothing for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}
