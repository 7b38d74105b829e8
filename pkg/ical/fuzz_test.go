package ical_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/ical"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// small are limits within which any question is answered at once.
var small = ical.Limits{Bytes: 1 << 20, Line: 16 << 10, Events: 500, Dates: 6000, Zones: 50, Changes: 5_000, Instances: 2_000, Work: 200_000}

// FuzzParse holds any file at all to what is promised: intervals are clipped, in order, apart and never empty; they are
// what the instances cover; and those of two ranges side by side add up to those of both.
func FuzzParse(f *testing.F) {
	for _, e := range expectations(f) {
		f.Add(content(f, e.File), e.Window[0].Unix(), uint32(e.Window[1].Sub(e.Window[0])/time.Second), uint16(500))
	}
	for _, v := range vectors(f) {
		f.Add(calendar("DTSTART:"+v.Start, "DURATION:PT5M", "RRULE:"+v.Rule), at(f, v.Start).Unix(), uint32(40*86400), uint16(300))
	}
	f.Fuzz(func(t *testing.T, data []byte, from int64, length uint32, part uint16) {
		c, err := ical.Parse(bytes.NewReader(data), ical.Options{Limits: small})
		if err != nil {
			requireTyped(t, err)
			return
		}
		for _, wrong := range c.Refused() {
			require.NotZero(t, wrong.Line)
			require.NotEmpty(t, wrong.Property)
			require.NotEmpty(t, wrong.Rule)
		}
		const century = 100 * 366 * 86400
		start := time.Unix(from%(20*century), 0).UTC()
		end := start.Add(time.Duration(length) * time.Second)
		middle := start.Add(end.Sub(start) / 1000 * time.Duration(part%1001))
		requireAddsUp(t, c, zone(t, "America/Santiago"), start, middle, end)
	})
}

// requireTyped holds an error to being one that names what is wrong.
func requireTyped(t require.TestingT, err error) {
	var wrong *ical.Error
	var limit *ical.LimitError
	require.True(t, errors.As(err, &wrong) || errors.As(err, &limit), "%v", err)
}

func requireAddsUp(t require.TestingT, c *ical.Calendar, zone *worktime.Zone, start, middle, end time.Time) {
	whole, err := c.Busy(zone, start, end)
	if err != nil {
		requireTyped(t, err)
		return
	}
	last := start.Add(-time.Second)
	for _, i := range whole {
		require.True(t, i.Start.After(last), "apart and in order")
		require.True(t, i.Start.Before(i.End), "never empty")
		require.False(t, i.Start.Before(start), "clipped")
		require.False(t, i.End.After(end), "clipped")
		require.Equal(t, time.UTC, i.Start.Location())
		require.Equal(t, time.UTC, i.End.Location())
		last = i.End
	}
	first, err := c.Busy(zone, start, middle)
	second, secondErr := c.Busy(zone, middle, end)
	if err = errors.Join(err, secondErr); err != nil {
		requireTyped(t, err) // each question has limits of its own
		return
	}
	require.Equal(t, whole, joined(first, second))
	instances, err := c.Instances(zone, start, end)
	require.NoError(t, err)
	var covered []worktime.Interval
	for _, i := range instances {
		require.True(t, i.Start.Before(end) && i.End.After(start), "within what is asked for")
		covered = joined(covered, []worktime.Interval{{Start: later(i.Start, start), End: earlier(i.End, end)}})
	}
	require.Equal(t, whole, covered, "what the instances cover")
}

// joined are two lists of intervals of which the second starts no earlier than the first ends or starts last, merged.
func joined(a, b []worktime.Interval) []worktime.Interval {
	if n := len(a); n > 0 && len(b) > 0 && !b[0].Start.After(a[n-1].End) {
		a[n-1].End = later(a[n-1].End, b[0].End)
		b = b[1:]
	}
	return append(a, b...)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
