package ical_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// events is a file of events, each a list of lines, with other lines before them.
func events(before string, all ...string) []byte {
	text := "BEGIN:VCALENDAR\n" + before
	for _, e := range all {
		text += "BEGIN:VEVENT\n" + strings.ReplaceAll(e, " ", "\n") + "\nEND:VEVENT\n"
	}
	return []byte(text + "END:VCALENDAR\n")
}

const eastern = `BEGIN:VTIMEZONE
TZID:US\, Eastern
BEGIN:STANDARD
DTSTART:20071104T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20070311T020000
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
END:DAYLIGHT
END:VTIMEZONE
`

// Each case is one rule of the package's comment, by hand, in Berlin from 1 to 31 October 2025 UTC.
func TestRules(t *testing.T) {
	t.Parallel()
	const daily = "UID:a DTSTART:20251006T090000Z DTEND:20251006T100000Z RRULE:FREQ=DAILY;COUNT=3"
	for name, c := range map[string]struct {
		before string
		events []string
		want   string
	}{
		"floating is in the caller's zone": {"", []string{"DTSTART:20251001T090000 DTEND:20251001T100000"}, "01T07:00-01T08:00"},
		"X-WR-TIMEZONE overrules nothing":  {"X-WR-TIMEZONE:Asia/Tokyo\n", []string{"DTSTART;VALUE=DATE:20251002"}, "01T22:00-02T22:00"},
		"a DATE-TIME without an end":       {"", []string{"DTSTART:20251001T090000"}, ""},
		"what is transparent":              {"", []string{"DTSTART:20251001T090000 DURATION:PT1H TRANSP:TRANSPARENT"}, ""},
		"what is cancelled":                {"", []string{"DTSTART:20251001T090000 DURATION:PT1H STATUS:CANCELLED"}, ""},
		"what is tentative":                {"", []string{"DTSTART:20251001T090000 DURATION:PT1H STATUS:TENTATIVE"}, "01T07:00-01T08:00"},
		"a day of DURATION is nominal":     {"", []string{"DTSTART:20251025T120000 DURATION:P1D"}, "25T10:00-26T11:00"},
		"hours of DURATION are exact":      {"", []string{"DTSTART:20251025T120000 DURATION:PT24H"}, "25T10:00-26T10:00"},
		"both, the days first":             {"", []string{"DTSTART:20251025T120000 DURATION:P1DT1H"}, "25T10:00-26T12:00"},
		"DTEND is exact": {
			"", []string{"DTSTART:20251018T120000 DTEND:20251019T120000 RRULE:FREQ=WEEKLY;COUNT=2"}, "18T10:00-19T10:00 25T10:00-26T10:00",
		},
		"a VTIMEZONE named by TEXT":  {eastern, []string{`DTSTART;TZID="US,_Eastern":20251001T090000 DURATION:PT1H`}, "01T13:00-01T14:00"},
		"from before 1970 there":     {eastern, []string{`DTSTART;TZID="US,_Eastern":19601001T090000 DURATION:PT1H RRULE:FREQ=YEARLY`}, "01T13:00-01T14:00"},
		"a vendor's prefix":          {"", []string{"DTSTART;TZID=/mozilla.org/20050126_1/America/Argentina/Buenos_Aires:20251001T090000 DURATION:PT1H"}, "01T12:00-01T13:00"},
		"a zone of Windows":          {"", []string{"DTSTART;TZID=Tokyo_Standard_Time:20251001T090000 DURATION:PT1H"}, "01T00:00-01T01:00"},
		"a repeated hour, the first": {"", []string{"DTSTART:20251026T023000 DURATION:PT30M"}, "26T00:30-26T01:00"},
		"COUNT before EXDATE":        {"", []string{daily + " EXDATE:20251006T090000Z"}, "07T09:00-07T10:00 08T09:00-08T10:00"},
		"EXDATE by its instant":      {"", []string{daily + " EXDATE;TZID=Asia/Tokyo:20251007T180000"}, "06T09:00-06T10:00 08T09:00-08T10:00"},
		"RDATE of periods":           {"", []string{daily + " RDATE;VALUE=PERIOD:20251010T090000Z/PT2H,20251011T090000Z/20251011T093000Z"}, "06T09:00-06T10:00 07T09:00-07T10:00 08T09:00-08T10:00 10T09:00-10T11:00 11T09:00-11T09:30"},
		"UNTIL in the zone of DTSTART": {
			"", []string{"DTSTART;TZID=Asia/Tokyo:20251001T090000 DURATION:PT1H RRULE:FREQ=DAILY;UNTIL=20251002T090000"}, "01T00:00-01T01:00 02T00:00-02T01:00",
		},
		"UNTIL of a date is all of it":  {"", []string{"DTSTART:20251001T090000 DURATION:PT1H RRULE:FREQ=DAILY;UNTIL=20251002"}, "01T07:00-01T08:00 02T07:00-02T08:00"},
		"what touches the range":        {"", []string{"DTSTART:20250930T230000Z DURATION:PT1H", "DTSTART:20251031T000000Z DURATION:PT1H"}, ""},
		"what passes its ends":          {"", []string{"DTSTART:20250930T230000Z DURATION:PT2H", "DTSTART:20251030T230000Z DURATION:PT2H"}, "01T00:00-01T01:00 30T23:00-31T00:00"},
		"the start off its rule counts": {"", []string{"DTSTART:20251006T090000Z DURATION:PT1H RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2"}, "06T09:00-06T10:00 07T09:00-07T10:00"},
		"an override moves one": {
			"", []string{daily, "UID:a RECURRENCE-ID:20251007T090000Z DTSTART:20251007T150000Z DURATION:PT3H"}, "06T09:00-06T10:00 07T15:00-07T18:00 08T09:00-08T10:00",
		},
		"an override that is free":         {"", []string{daily, "UID:a RECURRENCE-ID:20251007T090000Z DTSTART:20251007T090000Z DURATION:PT1H TRANSP:TRANSPARENT"}, "06T09:00-06T10:00 08T09:00-08T10:00"},
		"a busy override of a free series": {"", []string{daily + " TRANSP:TRANSPARENT", "UID:a RECURRENCE-ID:20251007T090000Z DTSTART:20251007T090000Z DURATION:PT1H"}, "07T09:00-07T10:00"},
		"an override without its series":   {"", []string{"UID:b RECURRENCE-ID:20251007T090000Z DTSTART:20251007T090000Z DURATION:PT1H"}, "07T09:00-07T10:00"},
		"an override moved here from afar": {"", []string{"UID:a DTSTART:20240101T090000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=2", "UID:a RECURRENCE-ID:20240102T090000Z DTSTART:20251007T090000Z DURATION:PT1H"}, "07T09:00-07T10:00"},
		"of two overrides the higher SEQUENCE": {
			"", []string{
				daily, "UID:a SEQUENCE:2 RECURRENCE-ID:20251007T090000Z DTSTART:20251007T150000Z DURATION:PT1H",
				"UID:a SEQUENCE:1 RECURRENCE-ID:20251007T090000Z DTSTART:20251007T180000Z DURATION:PT1H",
			}, "06T09:00-06T10:00 07T15:00-07T16:00 08T09:00-08T10:00",
		},
		"this and all later ones": {
			"", []string{daily, "UID:a RECURRENCE-ID;RANGE=THISANDFUTURE:20251007T090000Z DTSTART:20251007T110000Z DURATION:PT2H"}, "06T09:00-06T10:00 07T11:00-07T13:00 08T11:00-08T13:00",
		},
		"this and all later ones cancelled": {
			"", []string{daily, "UID:a RECURRENCE-ID;RANGE=THISANDFUTURE:20251007T090000Z DTSTART:20251007T110000Z DURATION:PT2H STATUS:CANCELLED"}, "06T09:00-06T10:00",
		},
		"later ones, and one of them again": {
			"", []string{
				daily, "UID:a RECURRENCE-ID;RANGE=THISANDFUTURE:20251007T090000Z DTSTART:20251007T110000Z DURATION:PT2H",
				"UID:a RECURRENCE-ID:20251008T090000Z DTSTART:20251008T200000Z DURATION:PT1H",
			}, "06T09:00-06T10:00 07T11:00-07T13:00 08T20:00-08T21:00",
		},
		"later ones shifted on the clock": {
			"", []string{
				"UID:a DTSTART;TZID=Europe/Berlin:20251020T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=2",
				"UID:a RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20251020T090000 DTSTART;TZID=Europe/Berlin:20251021T100000 DURATION:PT1H",
			}, "21T08:00-21T09:00 28T09:00-28T10:00",
		},
		"those without a UID are apart": {"", []string{"DTSTART:20251001T090000Z DURATION:PT1H", "DTSTART:20251001T090000Z DURATION:PT2H", "RECURRENCE-ID:20251001T090000Z DTSTART:20251003T090000Z DURATION:PT1H"}, "01T09:00-01T11:00 03T09:00-03T10:00"},
		"what touches is merged":        {"", []string{"DTSTART:20251001T090000Z DURATION:PT1H", "DTSTART:20251001T100000Z DURATION:PT1H"}, "01T09:00-01T11:00"},
		"what is folded":                {"", []string{"DTST\n\tART:2025\n\t1001T090000Z DURATION:PT1H"}, "01T09:00-01T10:00"},
		"what is not about events":      {"BEGIN:VTODO\nDTSTART:bad\nEND:VTODO\n", []string{"DTSTART:20251001T090000Z DURATION:PT1H BEGIN:VALARM DTSTART:bad END:VALARM"}, "01T09:00-01T10:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := bytes.ReplaceAll(events(c.before, c.events...), []byte("_Standard_Time"), []byte(" Standard Time"))
			calendar, err := parse(bytes.ReplaceAll(file, []byte("US,_"), []byte("US, ")))
			require.NoError(t, err)
			require.Empty(t, calendar.Refused())
			busy, err := calendar.Busy(zone(t, "Europe/Berlin"), at(t, "20251001"), at(t, "20251031"))
			require.NoError(t, err)
			var got []string
			for _, i := range busy {
				got = append(got, i.Start.Format("02T15:04")+"-"+i.End.Format("02T15:04"))
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

// What cannot be read is refused with its line, its property and the rule, and takes its series with it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const begins = "DTSTART:20251001T090000Z "
	for text, want := range map[string]string{
		"UID:x":                                            "line 4: DTSTART must be there",
		"DTSTART:2025100":                                  "DTSTART must be a date",
		"DTSTART:20251001T240000":                          "DTSTART must be at a time of day",
		"DTSTART;VALUE=DATE:20251001T090000":               "DTSTART must be of the type that its VALUE says",
		"DTSTART;TZID=Mars/Olympus:20251001T090000":        `line 4: TZID must name a VTIMEZONE of the file, a zone of IANA or one of Windows, and is "Mars/Olympus"`,
		"DTSTART;X:20251001":                               "DTSTART must have parameters",
		`DTSTART;X="a:20251001`:                            "DTSTART has a parameter",
		begins + "DTSTART:20251001T090000Z":                "line 6: DTSTART must stand once",
		begins + "DTEND:20250930T090000Z":                  "DTEND must not be before DTSTART",
		begins + "DURATION:-PT1H":                          "DURATION must not be negative",
		begins + "DURATION:PT":                             "DURATION must be a duration",
		begins + "DURATION:P36526D":                        "DURATION must be at most 36525 days",
		begins + "SEQUENCE:x":                              "SEQUENCE must be a number",
		begins + "EXRULE:FREQ=DAILY":                       "EXRULE is no property of RFC 5545",
		begins + "EXDATE:tomorrow":                         "EXDATE must be on a date",
		begins + "RDATE:20251001T090000Z/20250930T090000Z": "RDATE must have periods that do not end before they start",
		begins + "RRULE:INTERVAL=2":                        "RRULE FREQ must be there",
		begins + "RRULE:FREQ=FORTNIGHTLY":                  "RRULE FREQ must be one of",
		begins + "RRULE:FREQ=DAILY;INTERVAL=0":             "line 6: RRULE INTERVAL must be from 1 to 999999999",
		begins + "RRULE:FREQ=DAILY;COUNT=-1":               "RRULE COUNT must be",
		begins + "RRULE:FREQ=DAILY;FREQ=WEEKLY":            `RRULE "FREQ" must stand once`,
		begins + "RRULE:FREQ=DAILY;BYEASTER=1":             `RRULE has a part that is not known: "BYEASTER"`,
		begins + "RRULE:FREQ=DAILY;BYMONTH=13":             "RRULE BYMONTH must be from 1 to 12",
		begins + "RRULE:FREQ=MONTHLY;BYMONTHDAY=0":         "RRULE BYMONTHDAY must be from -31 to 31 and not 0",
		begins + "RRULE:FREQ=MONTHLY;BYDAY=8XX":            "RRULE BYDAY must be days",
		begins + "RRULE:FREQ=WEEKLY;BYDAY=1MO":             "RRULE BYDAY must have numbers with",
		begins + "RRULE:FREQ=WEEKLY;BYMONTHDAY=1":          "RRULE BYMONTHDAY must not stand with FREQ=WEEKLY",
		begins + "RRULE:FREQ=MONTHLY;BYWEEKNO=1":           "RRULE BYWEEKNO must stand with FREQ=YEARLY alone",
		begins + "RRULE:FREQ=MONTHLY;BYYEARDAY=1":          "RRULE BYYEARDAY must not stand with",
		begins + "RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO":  "RRULE BYDAY must not have numbers with BYWEEKNO",
		"DTSTART:20251001 RRULE:FREQ=HOURLY":               "RRULE FREQ must be DAILY or longer",
		begins + "RRULE:FREQ=DAILY;WKST=XX":                "RRULE WKST must be a day",
		begins + "RRULE:FREQ=DAILY;UNTIL=x":                "RRULE UNTIL must be a date",
		begins + "RECURRENCE-ID:x":                         "RECURRENCE-ID must be a date",
	} {
		file := events("", "UID:x "+text, "UID:x DTSTART:20251003T090000Z DURATION:PT1H", "UID:y DTSTART:20251002T090000Z DURATION:PT1H")
		calendar, err := parse(file)
		require.NoError(t, err)
		if strings.HasPrefix(want, "line 4") {
			want = strings.Replace(want, "line 4", "line 2", 1)
		}
		want = strings.Replace(want, "line 6", "line 5", 1)
		require.Len(t, calendar.Refused(), 1, text)
		require.ErrorContains(t, calendar.Refused()[0], want)
		require.Equal(t, "x", calendar.Refused()[0].UID)
		instances, err := calendar.Instances(zone(t, "UTC"), at(t, "20251001"), at(t, "20251031"))
		require.NoError(t, err)
		require.Len(t, instances, 1, text)
		require.Equal(t, "y", instances[0].UID)
	}
}

func TestAVTimezoneThatCannotBeReadRefusesItsEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, want string }{
		{"BEGIN:VTIMEZONE\nTZID:Z\nEND:VTIMEZONE\n", "line 2: VTIMEZONE must have a STANDARD or DAYLIGHT"},
		{strings.Replace(strings.Replace(eastern, `US\, Eastern`, "Z", 1), "-0400", "-4", 1), "TZOFFSETFROM must be an offset"},
		{strings.Replace(strings.Replace(eastern, `US\, Eastern`, "Z", 1), "TZOFFSETTO:-0500\n", "", 1), "VTIMEZONE TZOFFSETTO must be there"},
	} {
		calendar, err := parse(events(c.zone, "UID:x DTSTART;TZID=Z:20251001T090000", "UID:y DTSTART:20251001T090000"))
		require.NoError(t, err)
		require.Len(t, calendar.Refused(), 1)
		require.ErrorContains(t, calendar.Refused()[0], c.want)
		require.Equal(t, "x", calendar.Refused()[0].UID)
	}
}

func TestWhatIsNoCalendar(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           "VCALENDAR must be in the file",
		"\n\n":                       "VCALENDAR must be in the file",
		"hello":                      "line 1: VCALENDAR must be opened before anything else",
		"BEGIN:VEVENT\nEND:VEVENT\n": `VCALENDAR must be opened before "VEVENT"`,
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n": "line 3: END:VEVENT must come before END:VCALENDAR",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\n":                "END:VEVENT is missing: the file is cut off",
		"BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR":  "line 3: VCALENDAR must be opened",
	} {
		_, err := parse([]byte(text))
		var wrong *ical.Error
		require.ErrorAs(t, err, &wrong, text)
		require.ErrorContains(t, err, want)
	}
	for _, text := range []string{"\ufeffBEGIN:VCALENDAR\nEND:VCALENDAR", "begin:vcalendar\r\nend:vcalendar\r\n\r\nBEGIN:VCALENDAR\nEND:VCALENDAR\n"} {
		_, err := parse([]byte(text))
		require.NoError(t, err)
	}
}

func TestTitlesAreKeptForWhoAsks(t *testing.T) {
	t.Parallel()
	file := []byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\\,b\nSUMMARY;LANGUAGE=en:Lunch\\, late\\n\nDTSTART:20251001T090000Z\nDURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR\n")
	for _, titles := range []bool{true, false} {
		calendar, err := ical.Parse(bytes.NewReader(file), ical.Options{Titles: titles})
		require.NoError(t, err)
		instances, err := calendar.Instances(zone(t, "UTC"), at(t, "20251001"), at(t, "20251002"))
		require.NoError(t, err)
		want := ical.Instance{Interval: interval("2025-10-01T09:00:00Z", time.Hour), UID: "a,b"}
		if titles {
			want.Title = "Lunch, late\n"
		}
		require.Equal(t, []ical.Instance{want}, instances)
	}
}

func TestEveryZoneOfWindowsIsOneOfIANA(t *testing.T) {
	t.Parallel()
	for _, name := range ical.WindowsZones() {
		calendar, err := parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=" + name + ":20251001T090000\nEND:VEVENT\nEND:VCALENDAR\n"))
		require.NoError(t, err)
		require.Empty(t, calendar.Refused(), name)
	}
	require.Len(t, ical.WindowsZones(), 139)
}

// A VTIMEZONE with the rules of a zone of IANA gives the same instants, in gaps and repeated hours too.
func TestAVTimezoneIsAsTheZoneItDescribes(t *testing.T) {
	t.Parallel()
	changes := []string{"20250309T020000", "20251102T010000", "20080309T020000", "20371101T010000"}
	rapid.Check(t, func(t *rapid.T) {
		local := at(t, rapid.SampledFrom(changes).Draw(t, "change")).Add(time.Duration(rapid.IntRange(-3*86400, 3*86400).Draw(t, "off")) * time.Second)
		value := local.Format("20060102T150405")
		ends := []string{`DTSTART;TZID="US, Eastern":`, "DTSTART;TZID=America/New_York:"}
		var got [2][]ical.Instance
		for i, start := range ends {
			file := strings.Replace(string(calendar("DURATION:P1D", start+value)), "BEGIN:VEVENT", eastern+"BEGIN:VEVENT", 1)
			c, err := parse([]byte(file))
			require.NoError(t, err)
			require.Empty(t, c.Refused())
			got[i], err = c.Instances(worktime.UTC(), local.AddDate(0, 0, -4), local.AddDate(0, 0, 4))
			require.NoError(t, err)
			require.Len(t, got[i], 1)
		}
		require.Equal(t, got[1], got[0])
	})
}
