package mailbox

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// dayFirst is RFC 5322's "17 Nov 2009 15:28:37 +0100", dayLater asctime's "Nov 17 15:28:37 [zone] 2009", and
	// yearFirst ISO 8601's.
	dayFirst  = regexp.MustCompile(`^(\d{1,2})[ -]([A-Za-z]{3,9})\.?,?[ -](\d{2,4}),? (\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?(?:\.\d+)?\s*(.*)$`)
	dayLater  = regexp.MustCompile(`^([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?: ([A-Za-z]{1,5}|[+-]\d{4}))? (\d{4})\s*(.*)$`)
	yearFirst = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:[.,]\d+)?\s*(.*)$`)
	weekday   = regexp.MustCompile(`^(?i)(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? ?`)
	offsetRE  = regexp.MustCompile(`^(?:(?:GMT|UTC|UT)\s*)?([+-])(\d{1,2}):?(\d{2})\b`)
)

// maxOffset bounds the offsets that are believed: no place on earth has ever been further from UTC.
const maxOffset = 16 * time.Hour

// parseDate reads the dates of mail headers and From_ lines. The weekday is not checked, since many are wrong. A
// zone that is not known counts as UTC, as RFC 5322 asks. The result carries the sender's offset.
func parseDate(s string) (time.Time, bool) {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.TrimSpace(weekday.ReplaceAllString(s, ""))
	var year, month, day, hour, minute, second, zone string
	if m := dayFirst.FindStringSubmatch(s); m != nil {
		day, month, year, hour, minute, second, zone = m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	} else if m := dayLater.FindStringSubmatch(s); m != nil {
		month, day, hour, minute, second, year = m[1], m[2], m[3], m[4], m[5], m[7]
		if zone = m[6]; zone == "" {
			zone = m[8]
		}
		if offsetRE.MatchString(m[8]) {
			zone = m[8]
		}
	} else if m := yearFirst.FindStringSubmatch(s); m != nil {
		year, month, day, hour, minute, second, zone = m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	} else if m := takeoutDate.FindStringSubmatch(s); m != nil {
		month, day, hour, minute, second, zone, year = m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	} else {
		return time.Time{}, false
	}
	return assemble(year, month, day, hour, minute, second, zone)
}

// takeoutDate is the form of some exporters: "Nov 23 06:28:51 +0000 2026".
var takeoutDate = regexp.MustCompile(`^([A-Za-z]{3,9}) (\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2}) ([+-]\d{4}) (\d{4})$`)

func assemble(year, month, day, hour, minute, second, zone string) (time.Time, bool) {
	mon, ok := monthOf(month)
	if !ok {
		return time.Time{}, false
	}
	y, d, h, m, s := number(year), number(day), number(hour), number(minute), number(second)
	switch {
	case len(year) == 2 && y < 50:
		y += 2000
	case len(year) < 4:
		y += 1900
	}
	if d < 1 || h > 24 || m > 59 || s > 60 {
		return time.Time{}, false
	}
	offset, ok := zoneOffset(zone)
	if !ok {
		return time.Time{}, false
	}
	loc := time.UTC
	if offset != 0 {
		loc = time.FixedZone("", int(offset/time.Second))
	}
	t := time.Date(y, mon, d, h, m, s, 0, loc)
	// 31 February is no day, but 24:00 and a leap second are times.
	if t.Add(-2*time.Hour).Month() != mon && t.Month() != mon {
		return time.Time{}, false
	}
	return t, true
}

func monthOf(s string) (time.Month, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Month(n), n >= 1 && n <= 12
	}
	if len(s) < 3 {
		return 0, false
	}
	i := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(s[:3]))
	return time.Month(i/3 + 1), i >= 0 && i%3 == 0
}

// zoneMinutes is how far east of UTC the zone names seen in mail are; a name with several meanings has the one RFC
// 5322 gives it, else the most common in mail, and one that is not known is UTC.
func zoneMinutes(name string) int {
	switch name {
	case "hst":
		return -600
	case "akst":
		return -540
	case "akdt", "pst":
		return -480
	case "pdt", "mst":
		return -420
	case "mdt", "cst":
		return -360
	case "cdt", "est":
		return -300
	case "edt":
		return -240
	case "brt":
		return -180
	case "bst", "west", "cet", "met", "mez":
		return 60
	case "cest", "mest", "mesz", "eet", "sast":
		return 120
	case "eest", "msk":
		return 180
	case "msd":
		return 240
	case "hkt", "sgt", "awst":
		return 480
	case "jst", "kst":
		return 540
	case "acst":
		return 570
	case "aest":
		return 600
	case "aedt":
		return 660
	case "nzst":
		return 720
	case "nzdt":
		return 780
	default:
		return 0
	}
}

// zoneOffset reads "+0100", "+01:00", "GMT+1:00" and the names of zones, with or without a comment behind it.
func zoneOffset(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if m := offsetRE.FindStringSubmatch(s); m != nil {
		d := time.Duration(number(m[2]))*time.Hour + time.Duration(number(m[3]))*time.Minute
		if m[1] == "-" {
			d = -d
		}
		return d, number(m[3]) < 60 && d.Abs() <= maxOffset
	}
	name := strings.ToLower(strings.Trim(s, "()\"' "))
	if i := strings.IndexAny(name, " ("); i >= 0 {
		name = name[:i]
	}
	return time.Duration(zoneMinutes(name)) * time.Minute, true
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// plausible says whether t can be when a message of this archive was written: not before there was mail as we know
// it, not after now, and not after it was delivered (with a week for clocks and conversions).
func plausible(t time.Time, delivered, now time.Time) bool {
	if t.Year() < 1975 || t.After(now.Add(24*time.Hour)) {
		return false
	}
	return delivered.IsZero() || delivered.Year() < 1975 || !t.After(delivered.Add(7*24*time.Hour))
}
