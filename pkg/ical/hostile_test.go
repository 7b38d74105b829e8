package ical_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// repeated is a reader of a text again and again, so many bytes of it, without holding them.
type repeated struct {
	text string
	left int64
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.left, int64(len(r.text)-r.at)))
	copy(p, r.text[r.at:r.at+n])
	r.at, r.left = (r.at+n)%len(r.text), r.left-int64(n)
	return n, nil
}

const (
	opened      = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"
	closed      = "END:VEVENT\r\nEND:VCALENDAR\r\n"
	starting    = "DTSTART:19700101T000000Z\r\nDURATION:PT1S\r\n"
	allSeconds  = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59"
	everySecond = "RRULE:FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMINUTE=" + allSeconds + ";BYSECOND=" + allSeconds
)

// hostile are files that are made to cost much, each with the limit that refuses it; none where it is answered.
func hostile() map[string]struct {
	file  io.Reader
	limit string
} {
	type file = struct {
		file  io.Reader
		limit string
	}
	text := func(s string) io.Reader { return strings.NewReader(s) }
	many := func(head, body, tail string, bytes int64) io.Reader {
		return io.MultiReader(text(head), &repeated{text: body, left: bytes / int64(len(body)) * int64(len(body))}, text(tail))
	}
	numbered := &strings.Builder{}
	for i := range 20_000 {
		fmt.Fprintf(numbered, "BEGIN:VEVENT\r\nUID:%d\r\n%sRRULE:FREQ=YEARLY;BYYEARDAY=1,2,3,4,5,6,7,8,9\r\nEND:VEVENT\r\n", i, starting)
	}
	zones := &strings.Builder{}
	for i := range 900 {
		fmt.Fprintf(zones, "BEGIN:VTIMEZONE\r\nTZID:%d\r\nBEGIN:STANDARD\r\nDTSTART:00010101T000000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=DAILY\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nDTSTART;TZID=%d:20250610T000000\r\nDURATION:PT1H\r\nEND:VEVENT\r\n", i, i)
	}
	return map[string]file{
		"50 MiB of text":            {many(opened+"DESCRIPTION:", "lorem ipsum\r\n ", "\r\n"+starting+closed, 50<<20), "Bytes"},
		"a line without end":        {many("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nX-A:", "a", "", 1<<40), "Bytes"},
		"no line end at all":        {many("", "a", "", 1<<40), "Bytes"},
		"a UID without end":         {many(opened+"UID:", "a", "", 1<<40), "Line"},
		"a UID folded by letters":   {many(opened+"UID:", "a\r\n ", "", 1<<40), "Line"},
		"blank lines":               {many("", "\r\n", "", 1<<40), "Bytes"},
		"parameters without end":    {many(opened+"DTSTART", ";A=\"b\",c", ":20250101\r\n"+closed, 255<<10), ""},
		"millions of events":        {many("BEGIN:VCALENDAR\r\n", "BEGIN:VEVENT\r\n"+starting+"END:VEVENT\r\n", "END:VCALENDAR\r\n", 1<<40), "Events"},
		"millions of bad events":    {many("BEGIN:VCALENDAR\r\n", "BEGIN:VEVENT\r\nEND:VEVENT\r\n", "END:VCALENDAR\r\n", 1<<40), "Events"},
		"millions of zones":         {many("BEGIN:VCALENDAR\r\n", "BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n", "", 1<<40), "Zones"},
		"millions of dates":         {many(opened+starting, "RDATE:20250601T000000Z,20250601T000000Z\r\n", closed, 1<<40), "Dates"},
		"components in each other":  {many("BEGIN:VCALENDAR\r\n", "BEGIN:VEVENT\r\n", "", 1<<40), "Depth"},
		"millions of todos":         {many("BEGIN:VCALENDAR\r\n", "BEGIN:VTODO\r\nDTSTART:1\r\nEND:VTODO\r\n", "END:VCALENDAR\r\n", 3<<20), ""},
		"every second for ever":     {text(opened + starting + "RRULE:FREQ=SECONDLY\r\n" + closed), "Instances"},
		"every second by parts":     {text(opened + starting + everySecond + "\r\n" + closed), "Instances"},
		"a set of a year's seconds": {text(opened + starting + everySecond + ";BYSETPOS=1,-1\r\n" + closed), ""},
		"a huge COUNT":              {text(opened + starting + "RRULE:FREQ=SECONDLY;COUNT=999999999\r\n" + closed), ""},
		"a huge COUNT by parts":     {text(opened + starting + "RRULE:FREQ=SECONDLY;BYSECOND=1,2,3;COUNT=999999999\r\n" + closed), "Work"},
		"a huge INTERVAL":           {text(opened + starting + "RRULE:FREQ=YEARLY;INTERVAL=999999999\r\n" + closed), ""},
		"an hour that never is":     {text(opened + starting + "RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=5\r\n" + closed), ""},
		"a day that never is":       {text(opened + starting + "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=31\r\n" + closed), ""},
		"a place that never is":     {text(opened + starting + "RRULE:FREQ=DAILY;BYSETPOS=2\r\n" + closed), ""},
		"a day since the year 1":    {text(opened + "DTSTART:00010101T000000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=999999999;BYDAY=MO\r\n" + closed), ""},
		"long ones on each other":   {text(opened + "DTSTART:19300101T000000Z\r\nDURATION:P36525D\r\nRRULE:FREQ=MINUTELY\r\n" + closed), "Instances"},
		"twenty thousand rules":     {io.MultiReader(text("BEGIN:VCALENDAR\r\n"), text(numbered.String()), text("END:VCALENDAR\r\n")), "Work"},
		"zones that always change":  {io.MultiReader(text("BEGIN:VCALENDAR\r\n"), text(zones.String()), text("END:VCALENDAR\r\n")), "Changes"},
		"one override after another": {many("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\n"+starting+"RRULE:FREQ=HOURLY\r\nEND:VEVENT\r\n",
			"BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20250601T000000Z\r\n"+starting+"END:VEVENT\r\n", "END:VCALENDAR\r\n", 3<<20), "Instances"},
	}
}

// A hostile file is refused by the name of a limit, or answered, within two seconds and 64 MiB. Not parallel: it measures.
func TestHostileFiles(t *testing.T) {
	from := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, f := range hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			began := time.Now() //nolint:forbidigo // what is measured is real time
			c, err := ical.Parse(f.file, ical.Options{Titles: true, Limits: ical.Limits{Bytes: mostBytes}})
			if err == nil {
				_, err = c.Busy(worktime.UTC(), from, from.AddDate(1, 0, 0))
			}
			took := time.Since(began) //nolint:forbidigo // as above
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MiB allocated in all, %v", took, (after.TotalAlloc-before.TotalAlloc)>>20, err)
			if f.limit == "" {
				require.NoError(t, err)
			} else {
				var limit *ical.LimitError
				require.ErrorAs(t, err, &limit)
				require.Equal(t, f.limit, limit.Limit)
				require.NotZero(t, limit.Line)
				require.NotZero(t, limit.Max)
			}
			require.Less(t, took, 2*time.Second*slower)
			runtime.KeepAlive(c)
		})
	}
}

// The memory that a file holds is bounded by the limits, whatever is in it.
func TestTheLargestFileAllowedIsSmallInMemory(t *testing.T) {
	var file bytes.Buffer
	file.WriteString("BEGIN:VCALENDAR\r\n")
	for i := range 50_000 {
		fmt.Fprintf(&file, "BEGIN:VEVENT\r\nUID:%d-%s\r\nDTSTART;TZID=Europe/Berlin:20250601T000000\r\nDTEND;TZID=Europe/Berlin:20250601T000100\r\nRRULE:FREQ=WEEKLY;UNTIL=20250607T000000Z;BYDAY=MO,TU\r\nEXDATE:20250601T000000Z,20250608T000000Z\r\nSUMMARY:%s\r\nEND:VEVENT\r\n",
			i, strings.Repeat("u", 40), strings.Repeat("s", 40))
	}
	file.WriteString("END:VCALENDAR\r\n")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c, err := ical.Parse(&file, ical.Options{Titles: true})
	require.NoError(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d MiB", (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>20)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(64<<20))
	runtime.KeepAlive(c)
}
