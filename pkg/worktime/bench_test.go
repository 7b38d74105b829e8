package worktime

import (
	"testing"
	"time"
)

func office(b *testing.B) (*Calendar, time.Time) {
	b.Helper()
	zone, err := LoadZone("America/Chicago")
	if err != nil {
		b.Fatal(err)
	}
	days := []time.Weekday{1, 2, 3, 4, 5}
	week, err := NewWeek([]Window{{Days: days, Start: 9 * 60, End: 12 * 60}, {Days: days, Start: 13 * 60, End: 18 * 60}})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 10, 15, 9, 0, 0, 0, time.UTC)
	return NewCalendar(Layers{Hours: []Hours{{Zone: zone, Week: week}}, Absences: []Absence{{AllDay: true, First: zone.DateAt(at) + 5, Last: zone.DateAt(at) + 6}}}), at
}

// A month of one member, over a change of the clocks: less than 20 µs.
func BenchmarkMonth(b *testing.B) {
	c, at := office(b)
	b.ReportAllocs()
	for b.Loop() {
		for range c.Stretches(at, at.AddDate(0, 1, 0)) {
		}
	}
}

// A deadline of three working days: less than 10 µs.
func BenchmarkDeadline(b *testing.B) {
	c, at := office(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Deadline(at, 24*time.Hour); !ok {
			b.Fatal("not reached")
		}
	}
}

// When to reach somebody and when their next day starts, as every notice asks.
func BenchmarkNext(b *testing.B) {
	c, at := office(b)
	b.ReportAllocs()
	for b.Loop() {
		_, reached := c.Next(at)
		_, day := c.NextDay(at)
		if !reached || !day {
			b.Fatal("not reached")
		}
	}
}
