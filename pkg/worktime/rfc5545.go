package worktime

import "time"

// InstantRFC5545 is the instant of a local date and a second of its day as calendars in iCalendar mean it (RFC 5545 3.3.5,
// FORM #3): inside a gap it is reckoned with the offset before the gap, so that it lies as far after the change as it is
// past the start of the gap; of a repeated time it is the first occurrence. Seconds past the end of a day count on into
// the next. Everything else of Meridian goes by Instant, which says the first instant after a gap.
func (z *Zone) InstantRFC5545(date Date, second int) time.Time {
	w := wall(date, int64(second))
	r := reckoner{zone: z}
	at, offset := r.first(w)
	if at+offset != w {
		at = w - z.spanAt(at-1).offset
	}
	return instant(at)
}
