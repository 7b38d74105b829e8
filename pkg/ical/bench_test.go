package ical_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/meridianhq/meridian/pkg/ical"
)

// largest is the largest real file: 33 kB of a Google calendar.
const largest = "files/google-makerspace-berlin.ics"

func BenchmarkParse(b *testing.B) {
	data := content(b, largest)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ical.Parse(bytes.NewReader(data), ical.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkYear(b *testing.B) {
	c, err := parse(content(b, largest))
	if err != nil {
		b.Fatal(err)
	}
	berlin, from := zone(b, "Europe/Berlin"), time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if busy, err := c.Busy(berlin, from, from.AddDate(1, 0, 0)); err != nil || len(busy) == 0 {
			b.Fatal("nothing is busy", err)
		}
	}
}
