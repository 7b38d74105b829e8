package worktime

import (
	"fmt"
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

// people are calendars of offices in every zone, with a lunch break and a day off.
func people(b *testing.B, n int) ([]*Calendar, time.Time) {
	b.Helper()
	at := time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)
	days := []time.Weekday{1, 2, 3, 4, 5}
	names := Zones()
	all := make([]*Calendar, n)
	for i := range all {
		zone, err := LoadZone(names[i*7%len(names)])
		if err != nil {
			b.Fatal(err)
		}
		start := Clock(7*60 + i%180)
		week, err := NewWeek([]Window{{Days: days, Start: start, End: start + 4*60}, {Days: days, Start: start + 5*60, End: start + 9*60}})
		if err != nil {
			b.Fatal(err)
		}
		first := zone.DateAt(at) + Date(i%28)
		all[i] = NewCalendar(Layers{Hours: []Hours{{Zone: zone, Week: week}}, Absences: []Absence{{AllDay: true, First: first, Last: first}}})
	}
	return all, at
}

// Overlaps of half of them over four weeks: of 1,000 less than 50 ms, and it grows little more than their number.
func BenchmarkOverlap(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all, at := people(b, n)
			b.ReportAllocs()
			for b.Loop() {
				for range Overlaps(all, at, at.AddDate(0, 0, 28), n/2, 30*time.Minute) {
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/member")
		})
	}
}

// What is asked when there is no overlap: the least-bad slots of four weeks.
func BenchmarkLeastBad(b *testing.B) {
	all, at := people(b, 1000)
	q := SlotQuery{Length: time.Hour, Grid: 15 * time.Minute, Borne: make([]int, len(all)), Most: 5}
	b.ReportAllocs()
	for b.Loop() {
		LeastBad(all, at, at.AddDate(0, 0, 28), q)
	}
}

// A team of 200 over two weeks, by the hour.
func BenchmarkCoverage(b *testing.B) {
	all, at := people(b, 200)
	b.ReportAllocs()
	for b.Loop() {
		Cover(all, at, at.AddDate(0, 0, 14), CoverageQuery{Bucket: time.Hour})
	}
}
